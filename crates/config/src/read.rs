//! Reads the text of a configuration line by line into a [`Config`].
//!
//! The grammar is vsftpd's, with the tolerance of its newest builds: blanks around `=`, blanks and CR
//! at the end, a byte order mark, an indented `#`. What an older build would refuse or read otherwise is
//! told, as a file may have to go back there. Every problem is gathered before any is reported.
//! Opening files is `load.rs`; what a value means is `kind/`; rules across options are `check/`.

mod advice;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::Config;
use crate::kind::Advice;
use crate::problem::{Problem, Severity, printable};
use crate::table::{Row, Scope, row};

/// A configuration, with what there is to say about the text it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Warnings and notes, in the order of the text; never an error.
    pub problems: Vec<Problem>,
    /// The lines that decided, one for each option that was set.
    pub settings: Vec<Setting>,
}

/// Where the value of an option came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The option's proper name.
    pub name: &'static str,
    /// The value as it was written.
    pub value: BString,
    /// The file, or `None` for a setting from the command line.
    pub file: Option<PathBuf>,
    /// The line in the file, counted from 1.
    pub line: Option<usize>,
}

/// Reads the text of a main configuration on top of `base`.
///
/// `file` is only a name for the problems. Fails with every problem found when one of them is an error.
pub fn parse(text: &[u8], file: Option<&Path>, base: &Config) -> Result<Loaded, Vec<Problem>> {
    let mut reader = Reader::new(base.clone(), Scope::Main, file);
    reader.read_text(text);
    reader.finish()
}

/// Reads one `name=value` from the command line on top of `base`.
pub(crate) fn parse_setting(text: &[u8], base: &Config) -> Result<Loaded, Vec<Problem>> {
    let mut reader = Reader::new(base.clone(), Scope::Main, None);
    if text.contains(&b'\n') {
        let problem = Problem::error("a setting is one line").suggest("give each setting an -o of its own");
        reader.loaded.problems.push(problem.quote(text));
    } else {
        reader.read_line(text, None);
    }
    reader.finish()
}

impl Config {
    /// Reads a per-user file on top of this configuration.
    ///
    /// Options that have an effect in the main configuration only are left as they are, with a warning.
    /// Fails with every problem found when one of them is an error.
    pub fn for_user(&self, text: &[u8], file: &Path) -> Result<Loaded, Vec<Problem>> {
        let mut reader = Reader::new(self.clone(), Scope::User, Some(file));
        reader.read_text(text);
        reader.finish()
    }
}

struct Reader<'a> {
    loaded: Loaded,
    /// What kind of file this is; decides which options have an effect.
    layer: Scope,
    file: Option<&'a Path>,
    first_seen: HashMap<&'static str, (Option<usize>, BString)>,
    /// How many lines have blanks that an older build does not take.
    blanks: usize,
}

/// How many lines with such blanks are shown one by one; a file written that way has them everywhere.
const SHOWN_BLANKS: usize = 3;

impl<'a> Reader<'a> {
    fn new(config: Config, layer: Scope, file: Option<&'a Path>) -> Self {
        let loaded = Loaded { config, problems: Vec::new(), settings: Vec::new() };
        Self { loaded, layer, file, first_seen: HashMap::new(), blanks: 0 }
    }

    fn finish(self) -> Result<Loaded, Vec<Problem>> {
        if self.loaded.problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(self.loaded.problems);
        }
        Ok(self.loaded)
    }

    fn read_text(&mut self, text: &[u8]) {
        let body = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        if body.len() < text.len() {
            let problem = Problem::note("the file begins with a byte order mark; vsftpd would refuse it");
            self.tell(problem.suggest("save it as plain UTF-8 without a mark"), Some(1), b"");
        }
        if let Some(at) = body.find("\r\n") {
            let line = body.get(..at).unwrap_or_default().iter().filter(|octet| **octet == b'\n').count() + 1;
            let problem = Problem::note("lines end in CR LF; older builds of vsftpd refuse such a file");
            self.tell(problem.suggest("save it with plain LF line ends"), Some(line), b"");
        }
        for (index, line) in body.split_str("\n").enumerate() {
            self.read_line(line, Some(index + 1));
        }
        if let Some(more @ 1..) = self.blanks.checked_sub(SHOWN_BLANKS) {
            let problem = Problem::warning(format!("{more} more lines have blanks that older builds refuse"));
            self.tell(problem.suggest("remove the blanks around = and at the ends of lines"), None, b"");
        }
    }

    fn read_line(&mut self, line: &[u8], number: Option<usize>) {
        let content = line.trim_with(is_blank);
        if content.is_empty() || line.starts_with(b"#") {
            return;
        }
        if content.starts_with(b"#") {
            let problem = Problem::warning("a comment that does not begin in the first column");
            return self.tell(
                problem.suggest("vsftpd refuses it; remove the blanks before #"),
                number,
                content,
            );
        }
        let (name, value) = match content.split_once_str("=") {
            Some((name, value)) => (name.trim_end_with(is_blank), value.trim_start_with(is_blank)),
            None => (content, &b""[..]),
        };
        match row(name) {
            Some(row) => {
                self.mind_blanks(row, line, number);
                self.read_row(row, value, number, content);
            }
            None => self.refuse_name(name, value, number, content),
        }
    }

    fn read_row(&mut self, row: &'static Row, value: &[u8], number: Option<usize>, content: &[u8]) {
        if value.is_empty() && !row.kind.may_be_empty() {
            let default = row.default_value();
            let problem = Problem::error(format!("missing value in config file for: {}", row.name));
            return self.tell(
                problem.suggest(format!("for instance {}={default}", row.name)),
                number,
                content,
            );
        }
        if self.layer == Scope::User && row.scope == Scope::Main {
            let message = format!("{} has no effect in a per-user file and is ignored", row.name);
            let problem = Problem::warning(message).suggest(advice::in_main(row.name));
            return self.tell(problem, number, content);
        }
        match (row.read)(&mut self.loaded.config, value) {
            Ok((_, advice)) => {
                self.advise(advice, number, content);
                self.note_duplicate(row, number, content);
                self.record(row, value, number);
            }
            Err(advice) => {
                let message = format!("{} in config file for: {}", advice.message, row.name);
                let problem = Problem { suggestion: advice.suggestion, ..Problem::error(message) };
                self.tell(problem, number, content);
            }
        }
    }

    /// Tells about blanks that are ignored here, and are an error or part of the value elsewhere.
    fn mind_blanks(&mut self, row: &'static Row, line: &[u8], number: Option<usize>) {
        let Some(Advice { message, suggestion }) = advice::blanks(row, line) else { return };
        self.blanks += 1;
        if self.blanks <= SHOWN_BLANKS {
            let problem = Problem { suggestion, ..Problem::warning(message) };
            self.tell(problem, number, line.trim_end_with(|character| character == '\r'));
        }
    }

    fn refuse_name(&mut self, name: &[u8], value: &[u8], number: Option<usize>, content: &[u8]) {
        // Compat: vsftpd looks for the value before it looks for the name.
        let what = if value.is_empty() { "missing value" } else { "unrecognised variable" };
        let joint = if value.is_empty() { "config file for:" } else { "config file:" };
        let shown = printable(name);
        let suggestion = advice::meant(name, content);
        let problem = Problem::error(format!("{what} in {joint} {shown}")).suggest(suggestion);
        self.tell(problem, number, content);
    }

    fn advise(&mut self, advice: Option<Advice>, number: Option<usize>, content: &[u8]) {
        if let Some(Advice { message, suggestion }) = advice {
            let problem = Problem { suggestion, ..Problem::warning(message) };
            self.tell(problem, number, content);
        }
    }

    fn note_duplicate(&mut self, row: &'static Row, number: Option<usize>, content: &[u8]) {
        let value = row.value(&self.loaded.config);
        if let Some((first, earlier)) = self.first_seen.insert(row.name, (number, value.clone())) {
            let place = first.map_or_else(String::new, |line| format!(" in line {line}"));
            let problem = if earlier == value {
                Problem::note(format!("{} is set{place} already, to the same value", row.name))
            } else {
                Problem::warning(format!("{} is set{place} already; this line wins", row.name))
            };
            self.tell(problem.suggest("keep one of the two"), number, content);
        }
    }

    fn record(&mut self, row: &'static Row, value: &[u8], line: Option<usize>) {
        self.loaded.settings.retain(|setting| setting.name != row.name);
        self.loaded.settings.push(Setting {
            name: row.name,
            value: value.into(),
            file: self.file.map(Path::to_owned),
            line,
        });
    }

    fn tell(&mut self, problem: Problem, number: Option<usize>, content: &[u8]) {
        self.loaded.problems.push(problem.at(self.file, number).quote(content));
    }
}

/// Blanks as C's `isspace` knows them, which is what vsftpd trims.
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | '\x0b' | '\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Loaded, Vec<Problem>> {
        parse(text.as_bytes(), None, &Config::default())
    }

    fn only_error(text: &str) -> Problem {
        let mut problems = read(text).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn a_line_sets_its_option() {
        let loaded = read("# hello\n\nwrite_enable=YES\nftpd_banner=a = b").unwrap();
        assert!(loaded.config.upload.write_enable);
        assert_eq!(loaded.config.messages.ftpd_banner.unwrap(), "a = b");
        assert_eq!(loaded.settings[0].line, Some(3));
        assert!(loaded.problems.is_empty());
    }

    #[test]
    fn blanks_carriage_returns_and_a_mark_are_tolerated() {
        let loaded = read("\u{feff}write_enable = YES \r\n  listen_port= 2121\r\n").unwrap();
        assert!(loaded.config.upload.write_enable);
        assert_eq!(loaded.config.listen.listen_port, 2121);
        assert_eq!(loaded.problems.len(), 4, "mark and CR LF are told once each, blanks by line");
    }

    fn first_told(text: &str) -> (Severity, Option<usize>, String, String) {
        let Problem { severity, line, message, suggestion, .. } = read(text).unwrap().problems.remove(0);
        (severity, line, message, suggestion.unwrap())
    }

    #[test]
    fn a_file_full_of_blanks_is_told_in_few_lines() {
        let loaded = read(&"listen = YES\n".repeat(9)).unwrap();
        let blanks = loaded.problems.iter().filter(|problem| problem.message.contains("blank"));
        assert_eq!(blanks.clone().count(), 4);
        assert!(blanks.clone().next_back().unwrap().message.starts_with("6 more lines"));
    }

    #[test]
    fn the_first_line_that_ends_in_crlf_is_named() {
        let (severity, line, message, _) = first_told("listen=YES\nwrite_enable=YES\r\n");
        assert_eq!((severity, line), (Severity::Note, Some(2)), "{message}");
    }

    #[test]
    fn a_line_that_is_there_twice_is_a_note() {
        let told = first_told("listen=YES\nlisten=yes");
        assert_eq!(
            (told.0, told.1, told.2.as_str()),
            (Severity::Note, Some(2), "listen is set in line 1 already, to the same value")
        );
    }

    #[test]
    fn an_indented_comment_is_a_warning() {
        let loaded = read("   # later").unwrap();
        assert_eq!(loaded.problems[0].severity, Severity::Warning);
    }

    #[test]
    fn the_last_of_two_lines_wins_and_is_told() {
        let loaded = read("ssl_tlsv11=YES\nssl_tlsv1_1=NO").unwrap();
        assert!(!loaded.config.tls.ssl_tlsv1_1);
        assert_eq!(loaded.settings.len(), 1);
        assert!(loaded.problems[0].message.contains("line 1"));
    }

    #[test]
    fn an_unknown_name_is_refused_in_vsftpds_words() {
        let problem = only_error("write_enabled=YES");
        assert_eq!(problem.message, "unrecognised variable in config file: write_enabled");
        assert_eq!(problem.suggestion.unwrap(), "did you mean write_enable?");
        assert_eq!(only_error("nonsense").message, "missing value in config file for: nonsense");
    }

    #[test]
    fn bad_and_missing_values_are_refused_in_vsftpds_words() {
        assert_eq!(only_error("listen=ON").message, "bad bool value in config file for: listen");
        assert_eq!(only_error("listen=").message, "missing value in config file for: listen");
        assert_eq!(only_error("listen_port").message, "missing value in config file for: listen_port");
    }

    #[test]
    fn a_text_without_value_is_not_set() {
        for text in ["xferlog_file=", "xferlog_file", "xferlog_file=   "] {
            assert_eq!(read(text).unwrap().config.log.xferlog_file, None, "{text}");
        }
    }

    #[test]
    fn all_errors_are_gathered_before_any_is_told() {
        assert_eq!(read("a=1\nlisten=ON\nlocal_umask=x").unwrap_err().len(), 3);
    }

    #[test]
    fn a_per_user_file_cannot_change_who_gets_in() {
        let base = Config::default();
        let loaded = base.for_user(b"anonymous_enable=NO\nwrite_enable=YES", Path::new("alice")).unwrap();
        assert!(loaded.config.anonymous.anonymous_enable);
        assert!(loaded.config.upload.write_enable);
        assert_eq!(loaded.problems.len(), 1);
        assert_eq!(loaded.problems[0].severity, Severity::Warning);
    }

    #[test]
    fn a_setting_cannot_smuggle_a_second_line() {
        assert!(parse_setting(b"listen=NO\nlocal_enable=YES", &Config::default()).is_err());
        assert!(parse_setting(b"  listen=NO", &Config::default()).is_ok());
    }
}
