//! The types a value can have: how each is read as vsftpd reads it, and how it is written.
//!
//! One file for each type, with the same five items: `Field`, `KIND`, `preset`, `read`, `write`.
//! A `read` sees the bytes behind the `=`, already trimmed, and may accept them with advice.
//! Names of options and lines of files are not known here (`read.rs`).

pub(crate) mod bool;
pub(crate) mod int;
pub(crate) mod list;
pub(crate) mod long;
mod number;
pub(crate) mod octal;
pub(crate) mod port;
pub(crate) mod switch;
pub(crate) mod text;

use std::fmt;

/// The type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `YES` or `NO`.
    Bool,
    /// `YES`, `NO` or `AUTO`.
    Switch,
    /// A number of at most 32 bits.
    Int,
    /// A number of at most 64 bits.
    Long,
    /// File mode bits, written with a leading 0.
    Octal,
    /// A port number.
    Port,
    /// Any text; empty means not set.
    Text,
    /// Names separated by commas; empty means not set.
    List,
}

impl Kind {
    /// Answers whether an empty value is allowed and means "not set".
    pub fn may_be_empty(self) -> bool {
        matches!(self, Self::Text | Self::List)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "YES or NO",
            Self::Switch => "YES, NO or AUTO",
            Self::Int | Self::Long => "number",
            Self::Octal => "octal number",
            Self::Port => "port number",
            Self::Text => "text",
            Self::List => "list separated by commas",
        })
    }
}

/// Something a person should know about a value: what it is, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) message: String,
    pub(crate) suggestion: Option<String>,
}

impl Advice {
    pub(crate) fn new(message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self { message: message.into(), suggestion: Some(suggestion.into()) }
    }
}

/// A value that was read, perhaps with advice; or the advice why it could not be.
///
/// A refusal's message is completed with " in config file for: NAME", the way vsftpd words it.
pub(crate) type Outcome<T> = Result<(T, Option<Advice>), Advice>;
