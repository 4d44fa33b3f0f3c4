//! The sample configuration: every option with its default, commented out.

use crate::explain::{default, state, wrap};
use crate::table::{Row, chapters};

/// Renders a sample configuration that changes nothing as it stands.
///
/// Every option is there, commented out and with its default, behind its manual text.
pub fn sample() -> String {
    let mut text = String::from(
        "# Configuration of wharfd, in the form of vsftpd.conf; see wharfd.conf(5).\n#\n\
         # Every option stands here with its default. To change one, remove the # before it\n\
         # and write the new value. Comments need lines of their own.\n",
    );
    for chapter in chapters() {
        text.push_str("\n\n# ==== ");
        text.push_str(&chapter.paragraphs().join("\n# ").replace('`', ""));
        text.push('\n');
        chapter.rows.iter().for_each(|row| option(&mut text, row));
    }
    text
}

fn option(text: &mut String, row: &Row) {
    text.push('\n');
    for paragraph in row.paragraphs() {
        text.push_str(&wrap(&paragraph.replace('`', ""), "# "));
    }
    if let Some(state) = state(row) {
        text.push_str(&wrap(&format!("({state})"), "# "));
    }
    let value = if row.default_value().is_empty() { String::new() } else { default(row) };
    text.push_str(&format!("#{}={value}\n", row.name));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, parse, rows};

    #[test]
    fn the_sample_changes_nothing_as_it_stands() {
        let loaded = parse(sample().as_bytes(), None, &Config::default()).unwrap();
        assert_eq!((loaded.config, loaded.problems, loaded.settings), (Config::default(), vec![], vec![]));
    }

    #[test]
    fn each_option_can_be_turned_on_by_removing_its_mark() {
        let names: Vec<&str> = rows().map(|row| row.name).collect();
        let is_option = |line: &str| {
            let name = line.strip_prefix('#').and_then(|line| line.split_once('='));
            name.is_some_and(|(name, _)| names.contains(&name))
        };
        let text: String =
            sample().lines().filter(|l| is_option(l)).map(|l| format!("{}\n", &l[1..])).collect();
        let loaded = parse(text.as_bytes(), None, &Config::default()).unwrap();
        assert_eq!(loaded.settings.len(), names.len());
        assert_eq!((loaded.config, loaded.problems), (Config::default(), vec![]));
    }

    #[test]
    fn the_sample_is_short_enough_to_be_read() {
        assert!(sample().len() < crate::FILE_LIMIT);
    }
}
