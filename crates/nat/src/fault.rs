//! Why nothing came of a question.

use std::{fmt, io};

/// Why nothing came of a question to a router or a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answered in time.
    Silent,
    /// What came is no answer to the question; the words say what is wrong with it.
    Malformed(&'static str),
    /// The answer is no.
    Refused {
        /// The protocol's number for the reason.
        code: u16,
        /// The protocol's words for it, without control characters.
        reason: String,
    },
    /// The network says no.
    Network(io::ErrorKind),
}

impl Fault {
    pub(crate) fn refused(code: u16, reason: &str) -> Self {
        // What a router says goes to a log: one line, and not a long one.
        let reason = reason.chars().filter(|character| !character.is_control()).take(100).collect();
        Self::Refused { code, reason }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("no answer"),
            Self::Malformed(what) => write!(f, "an answer that makes no sense ({what})"),
            Self::Refused { code, reason } => write!(f, "{reason} ({code})"),
            Self::Network(kind) => write!(f, "{kind}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Silent,
            kind => Self::Network(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_router_says_cannot_begin_a_new_line_of_a_log() {
        let fault = Fault::refused(718, &format!("in use\r\nwharfd: all is well{}", "x".repeat(500)));
        let text = fault.to_string();
        assert!(!text.contains('\n') && text.len() < 130, "{text}");
    }
}
