//! Picks elements out of XML by their name, whatever their prefix; no tree is made.

/// Finds what stands inside the elements of a name, in the order of the text. An element inside one of its own name is
/// part of the outer one.
pub(super) fn elements<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((inside, after)) = next(rest, name) {
        found.push(inside);
        rest = after;
    }
    found
}

/// Finds the text of the first element of a name, with the five entities resolved.
pub(super) fn text(document: &str, name: &str) -> Option<String> {
    let (inside, _) = next(document, name)?;
    Some(plain(inside.trim()))
}

fn next<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let (_, mut after) = tag(text, |tag| opens(tag, name))?;
    let begin = after;
    let mut depth = 1_usize;
    loop {
        let (found, rest) = tag(after, |tag| opens(tag, name) || closes(tag, name))?;
        depth = if closes(found, name) { depth - 1 } else { depth + 1 };
        if depth == 0 {
            let length = begin.len().checked_sub(rest.len() + found.len() + 2)?;
            return Some((begin.get(..length)?, rest));
        }
        after = rest;
    }
}

/// Finds the first tag that fits: what stands between its brackets, and what follows it.
fn tag(mut text: &str, fits: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    loop {
        let (_, begins) = text.split_once('<')?;
        if let Some(comment) = begins.strip_prefix("!--") {
            text = comment.split_once("-->")?.1;
            continue;
        }
        let (tag, rest) = begins.split_once('>')?;
        if fits(tag) {
            return Some((tag, rest));
        }
        text = rest;
    }
}

fn opens(tag: &str, name: &str) -> bool {
    !tag.ends_with('/') && local(tag) == name
}

fn closes(tag: &str, name: &str) -> bool {
    tag.strip_prefix('/').is_some_and(|tag| local(tag.trim()) == name)
}

/// The name without its prefix and attributes.
fn local(tag: &str) -> &str {
    let name = tag.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
    name.rsplit(':').next().unwrap_or_default()
}

fn plain(text: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_with_and_without_prefix_and_attributes() {
        let text = "<a><s:b x='1'>one</s:b><!-- <b>no</b> --><b/><b>two</b></a>";
        assert_eq!(elements(text, "b"), ["one", "two"]);
        assert_eq!(super::text("<x> a &amp;lt; b </x>", "x").unwrap(), "a &lt; b");
    }

    #[test]
    fn an_element_inside_one_of_its_name_is_part_of_it() {
        assert_eq!(elements("<d>1<d>2</d>3</d><d>4</d>", "d"), ["1<d>2</d>3", "4"]);
    }

    #[test]
    fn what_is_never_closed_is_not_there() {
        assert_eq!(elements("<d>1<d>2</d>", "d"), Vec::<&str>::new());
        assert_eq!(text("<x", "x"), None);
    }
}
