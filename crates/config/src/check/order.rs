//! Files and settings that are read one after another: what overrides what, where that is easily overlooked.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::problem::{Problem, printable};
use crate::read::Setting;

/// Tells that several files make one configuration.
pub(crate) fn several_files(files: &[&Path]) -> Option<Problem> {
    (files.len() > 1).then(|| {
        let message = format!(
            "{} files are read into one configuration; they do not make several servers",
            files.len()
        );
        Problem::note(message).suggest("start one wharfd for each port, each with a file of its own")
    })
}

/// Tells that a later source overrides an earlier one, where that is easily overlooked.
pub(crate) fn overriding(old: &Setting, new: &Setting) -> Option<Problem> {
    let Setting { name, value, .. } = old;
    let value = printable(value);
    let problem = match (&old.file, &new.file) {
        (None, None) => Problem::warning(format!("{name} is set by -o already; the later -o wins"))
            .suggest("keep one of the two"),
        (None, Some(_)) => {
            Problem::warning(format!("-o{name}={value} is read before this file, whose line wins"))
                .suggest(format!("name the file first, then the setting: wharfd FILE -o{name}={value}"))
        }
        (Some(_), None) => return None,
        (Some(file), Some(_)) => {
            let place =
                format!("{}:{}", printable(file.as_os_str().as_bytes()), old.line.unwrap_or_default());
            let message = format!("{name} is set in {place} already; this file is read later and wins");
            let problem =
                if name.starts_with("listen") { Problem::warning(message) } else { Problem::note(message) };
            problem.suggest("keep one of the two, or start one wharfd for each file")
        }
    };
    let text = [name.as_bytes(), b"=", new.value.as_slice()].concat();
    Some(problem.at(new.file.as_deref(), new.line).quote(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(file: Option<&str>, line: Option<usize>, value: &str) -> Setting {
        Setting { name: "max_clients", value: value.into(), file: file.map(Into::into), line }
    }

    #[test]
    fn a_setting_behind_the_file_is_meant_and_one_before_it_is_not() {
        let (of_file, of_line) = (setting(Some("/etc/a"), Some(3), "7"), setting(None, None, "9"));
        assert_eq!(overriding(&of_file, &of_line), None);
        let problem = overriding(&of_line, &of_file).unwrap();
        assert_eq!((problem.file.as_deref(), problem.line), (Some(Path::new("/etc/a")), Some(3)));
        assert_eq!(
            problem.suggestion.unwrap(),
            "name the file first, then the setting: wharfd FILE -omax_clients=9"
        );
    }

    #[test]
    fn both_lines_of_two_files_are_named() {
        let (old, new) = (setting(Some("/etc/a"), Some(3), "7"), setting(Some("/etc/b"), Some(5), "9"));
        let told = overriding(&old, &new).unwrap().to_string();
        assert!(told.starts_with("/etc/b:5: note: max_clients is set in /etc/a:3 already"), "{told}");
    }

    #[test]
    fn one_file_is_no_surprise() {
        assert_eq!(several_files(&[Path::new("/etc/a")]), None);
        assert!(several_files(&[Path::new("/etc/a"), Path::new("/etc/b")]).is_some());
    }
}
