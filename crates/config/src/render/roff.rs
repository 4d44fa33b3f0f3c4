//! Text in the language of manual pages.

use crate::table::row;

/// A manual page that grows from top to bottom.
pub(super) struct Page {
    text: String,
}

impl Page {
    /// Begins a page with its title line and name section.
    pub(super) fn new(title: &str, section: u8, summary: &str) -> Self {
        let name = title.to_ascii_lowercase();
        let title = title.to_ascii_uppercase();
        let mut page = Self { text: format!(".TH {title} {section} \"\" Wharf \"Wharf manual\"\n") };
        page.heading("Name");
        page.text.push_str(&format!("{} \\- {}\n", plain(&name), plain(summary)));
        page
    }

    pub(super) fn heading(&mut self, heading: &str) {
        self.text.push_str(&format!(".SH {}\n", plain(&heading.to_uppercase())));
    }

    pub(super) fn subheading(&mut self, heading: &str) {
        self.text.push_str(&format!(".SS {}\n", plain(heading)));
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.text.push_str(&format!(".PP\n{}\n", line(&prose(text))));
    }

    /// Begins an entry: a bold term, and the text that explains it.
    pub(super) fn entry(&mut self, term: &str, text: &str) {
        self.text.push_str(&format!(".TP\n{}\n{}\n", bold(term), line(&prose(text))));
    }

    /// Continues an entry with another paragraph.
    pub(super) fn more(&mut self, text: &str) {
        self.text.push_str(&format!(".IP\n{}\n", line(&prose(text))));
    }

    /// Shows lines as they are.
    pub(super) fn example(&mut self, lines: &[&str]) {
        self.text.push_str(".PP\n.RS 4\n.nf\n");
        lines.iter().for_each(|text| self.text.push_str(&format!("{}\n", line(&plain(text)))));
        self.text.push_str(".fi\n.RE\n");
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Makes text bold; it is to be typed as it stands, so no word of it is hyphenated.
fn bold(text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(|word| format!("\\%{}", plain(word))).collect();
    format!("\\fB{}\\fR", words.join(" "))
}

/// Makes names of options and text in backticks bold.
fn prose(text: &str) -> String {
    text.split('`')
        .enumerate()
        .map(|(index, piece)| if index % 2 == 1 { bold(piece) } else { names_in_bold(piece) })
        .collect()
}

fn names_in_bold(text: &str) -> String {
    let is_name_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let length = rest.find(|c| !is_name_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let is_option = word.contains('_') && row(word.as_bytes()).is_some();
        out.push_str(&if is_option { bold(word) } else { plain(word) });
        let length = after.find(is_name_part).unwrap_or(after.len());
        let (between, after) = after.split_at(length);
        out.push_str(&plain(between));
        rest = after;
    }
    out
}

/// Escapes what roff would understand.
fn plain(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('`', "\\(ga")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti")
}

/// Keeps a line from being a request, should it begin with a dot.
fn line(text: &str) -> String {
    if text.starts_with('.') { format!("\\&{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roffs_own_characters_are_escaped() {
        assert_eq!(line(&plain(".a\\n-b'c~")), "\\&.a\\en\\-b\\(aqc\\(ti");
    }

    #[test]
    fn options_and_quoted_text_are_bold() {
        assert_eq!(prose("With write_enable and `YES`."), "With \\fB\\%write_enable\\fR and \\fB\\%YES\\fR.");
        assert_eq!(prose("a listen word, not_an_option"), "a listen word, not_an_option");
    }
}
