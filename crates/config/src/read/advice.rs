//! Words for single lines: what was probably meant, and blanks that another build reads otherwise.

use bstr::ByteSlice;

use super::is_blank;
use crate::kind::{Advice, Kind};
use crate::problem::printable;
use crate::spelling::nearest;
use crate::table::{Row, row};

/// Finds a blank that is ignored here, and is an error or part of the value in an older build.
pub(super) fn blanks(row: &Row, line: &[u8]) -> Option<Advice> {
    let line = line.strip_suffix(b"\r").unwrap_or(line).trim_start_with(is_blank);
    let (name, value) = line.split_once_str("=").unwrap_or((line, b""));
    let is_text = row.kind.may_be_empty();
    let inner = value.trim_with(is_blank);
    let what = if name.trim_end_with(is_blank).len() < name.len() {
        "a blank before the =; older builds of vsftpd then do not know the name"
    } else if is_text && inner.is_empty() && !value.is_empty() {
        "a value of blanks means not set; older builds of vsftpd take the blanks, or crash"
    } else if value.trim_start_with(is_blank).len() < value.len() {
        if is_text {
            "a blank behind the = is left out here and a part of the value in older builds of vsftpd"
        } else {
            "a blank behind the =; older builds of vsftpd refuse the value or read it as 0"
        }
    } else if value.trim_end_with(is_blank).len() == value.len() {
        return None;
    } else if is_text {
        "a blank at the end is left out here and a part of the value in older builds of vsftpd"
    } else if row.kind == Kind::Bool {
        "a blank at the end; older builds of vsftpd refuse the value"
    } else {
        // Numbers end at the blank in every build.
        return None;
    };
    let whole = format!("write {}={}", printable(name.trim_with(is_blank)), printable(inner));
    Some(Advice::new(what, whole))
}

/// Says what was probably meant by a line whose name is not known.
pub(super) fn meant(name: &[u8], content: &[u8]) -> String {
    if content.starts_with(b";") || content.starts_with(b"//") || content.starts_with(b"[") {
        return "there are no sections; a comment begins with # in the first column".to_owned();
    }
    // `write_enable: YES`, `write_enable YES`, `set write_enable=YES`.
    let mut words = content.fields_with(|c| is_blank(c) || matches!(c, ':' | '='));
    if let Some(row) = words.find_map(row).filter(|row| !row.is_called(name)) {
        return match words.next() {
            Some(value) => format!("write {}={}", row.name, printable(value)),
            None => format!("write {}= and a value", row.name),
        };
    }
    match nearest(&name.to_str_lossy()) {
        Some(near) if near.as_bytes().eq_ignore_ascii_case(name) => {
            format!("names are written in small letters: {near}")
        }
        Some(near) => format!("did you mean {near}?"),
        None => "remove the line, or look for the option in wharfd.conf(5)".to_owned(),
    }
}

/// Says what to do instead of setting an option for one user that can be set for all only.
pub(super) fn in_main(name: &str) -> &'static str {
    match name {
        "chroot_local_user" | "chroot_list_enable" | "chroot_list_file" => {
            "who is shut in is decided before; name the user in chroot_list_file of the main configuration"
        }
        "userlist_enable" | "userlist_deny" | "userlist_file" | "local_enable" => {
            "who comes in is decided before; name the user in userlist_file of the main configuration"
        }
        "setproctitle_enable" => "set it in the main configuration; vsftpd ends the session at this line",
        _ => "set it in the main configuration",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{Config, Problem, Severity, parse};

    fn first_told(text: &str) -> (Severity, Option<usize>, String, String) {
        let mut problems = match parse(text.as_bytes(), None, &Config::default()) {
            Ok(loaded) => loaded.problems,
            Err(problems) => problems,
        };
        let Problem { severity, line, message, suggestion, .. } = problems.remove(0);
        (severity, line, message, suggestion.unwrap())
    }

    #[test]
    fn lines_in_the_form_of_other_programs_are_put_right() {
        for (text, help) in [
            ("WRITE_ENABLE=YES", "names are written in small letters: write_enable"),
            ("write_enable: YES", "write write_enable=YES"),
            ("write_enable YES", "write write_enable=YES"),
            ("set write_enable=YES", "write write_enable=YES"),
            ("; later", "there are no sections; a comment begins with # in the first column"),
            ("[ftp]", "there are no sections; a comment begins with # in the first column"),
        ] {
            assert_eq!(first_told(text).3, help, "{text}");
        }
    }

    #[test]
    fn numbers_that_are_not_read_as_written_are_told() {
        for (text, means) in [
            ("local_umask=22", "026"),
            ("file_open_mode=666", "01232"),
            ("accept_timeout=08", "this means 0"),
            ("accept_timeout=0x10", "this means 0"),
            ("idle_session_timeout=-1", "4294967295"),
            ("local_max_rate=10m", "this means 10"),
            ("accept_timeout=60 # s", "this means 60"),
            ("listen_port=021", "it means 17"),
        ] {
            let (severity, line, message, _) = first_told(text);
            assert_eq!((severity, line), (Severity::Warning, Some(1)), "{text}");
            assert!(message.contains(means), "{text}: {message}");
        }
    }

    #[test]
    fn what_a_user_file_cannot_do_says_where_it_can_be_done() {
        for (text, help) in [
            ("chroot_local_user=YES", "chroot_list_file of the main"),
            ("userlist_deny=NO", "userlist_file of the main"),
            ("setproctitle_enable=YES", "vsftpd ends the session"),
            ("max_clients=3", "set it in the main configuration"),
        ] {
            let loaded = Config::default().for_user(text.as_bytes(), Path::new("alice")).unwrap();
            assert!(loaded.problems[0].suggestion.as_deref().unwrap().contains(help), "{text}");
        }
    }

    #[test]
    fn a_comment_behind_a_value_is_an_error_that_names_the_comment() {
        let (severity, _, message, help) = first_told("write_enable=YES # for the web team");
        assert_eq!(severity, Severity::Error);
        assert_eq!(message, "bad bool value in config file for: write_enable");
        assert!(help.contains("a comment needs a line of its own"));
    }

    #[test]
    fn blanks_that_older_builds_refuse_are_told_with_the_right_line() {
        for (text, told) in [
            ("write_enable =YES", "a blank before the ="),
            ("write_enable= YES", "refuse the value"),
            ("write_enable=YES ", "a blank at the end;"),
            ("listen_port= 21", "or read it as 0"),
            ("local_root= /srv", "a part of the value"),
            ("ftpd_banner=Hello\t", "a part of the value"),
            ("xferlog_file=   ", "means not set"),
        ] {
            let (severity, line, message, help) = first_told(&format!("\n{text}\n"));
            assert_eq!((severity, line), (Severity::Warning, Some(2)), "{text}");
            assert!(message.contains(told), "{text}: {message}");
            let right = text.split('=').map(str::trim).collect::<Vec<_>>().join("=");
            assert_eq!(help, format!("write {right}"));
        }
        for harmless in ["  write_enable=YES", "listen_port=21 ", "ftpd_banner=a b", "write_enable=YES\r"] {
            let loaded = parse(harmless.as_bytes(), None, &Config::default()).unwrap();
            assert!(loaded.problems.is_empty(), "{harmless}");
        }
    }
}
