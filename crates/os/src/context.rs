//! Adds to an operating system error what was being done, for the person who reads the log.
//!
//! The kind survives, the errno does not: calls whose caller acts on errno pass it through untouched.

use std::io;

/// Adds a sentence's beginning to an error: "cannot become user 33: Operation not permitted".
pub(crate) trait Context<T> {
    /// Puts `what` before the system's own words.
    fn context(self, what: impl FnOnce() -> String) -> io::Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> io::Result<T> {
        self.map_err(|error| {
            let error = error.into();
            io::Error::new(error.kind(), format!("{}: {error}", what()))
        })
    }
}

/// Reports a caller's mistake.
pub(crate) fn invalid_input(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.into())
}

/// Reports something received that breaks the rules.
pub(crate) fn invalid_data(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_survives_and_the_sentence_begins_with_what_was_tried() {
        let failed: Result<(), io::Error> = Err(io::Error::from_raw_os_error(libc::EPERM));
        let error = failed.context(|| "cannot bind port 21".to_owned()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().starts_with("cannot bind port 21: "));
    }
}
