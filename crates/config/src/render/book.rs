//! The book's chapter on options, in Markdown.

use crate::explain::facts;
use crate::table::{Row, chapters};

/// Renders the chapter on options, in Markdown.
pub fn book() -> String {
    let mut text = String::from(
        "# Options\n\nEvery option of `vsftpd.conf`, by subject. The names, defaults and texts are those of \
         the server you are reading about.\n",
    );
    for chapter in chapters() {
        let mut paragraphs = chapter.paragraphs().into_iter();
        let heading = paragraphs.next().unwrap_or_default();
        text.push_str(&format!("\n## {}\n", heading.trim_end_matches('.')));
        paragraphs.for_each(|paragraph| text.push_str(&format!("\n{paragraph}\n")));
        chapter.rows.iter().for_each(|row| option(&mut text, row));
    }
    text
}

fn option(text: &mut String, row: &Row) {
    text.push_str(&format!("\n### `{}`\n", row.name));
    for paragraph in row.paragraphs() {
        text.push_str(&format!("\n{paragraph}\n"));
    }
    text.push_str("\n|  |  |\n|---|---|\n");
    for (label, fact) in facts(row) {
        text.push_str(&format!("| {label} | {} |\n", fact.replace('|', "\\|")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;

    #[test]
    fn every_option_has_a_heading() {
        let book = book();
        assert!(rows().all(|row| book.contains(&format!("\n### `{}`\n", row.name))));
    }
}
