//! vsftpd.conf as one table: every option is a row, and everything else follows from the rows.
//!
//! Parser, manual pages, sample file, book chapter, `explain` and the text that carries a
//! configuration between our processes all come from `chapter/*.rs`. Rules that span two options
//! live in `check/`. This room hands out plain values; it starts nothing, opens no socket, and knows
//! neither the protocol nor the other rooms. Only [`load`], [`check_site`] and
//! [`Config::listen_addresses`] look at the machine.

#![forbid(unsafe_code)]

mod address;
mod carry;
mod chapter;
mod check;
mod describe;
mod explain;
mod kind;
mod load;
mod problem;
mod read;
pub mod render;
mod site;
mod spelling;
mod table;

pub use address::BadAddress;
pub use chapter::*;
pub use check::check;
pub use describe::describe;
pub use explain::explain;
pub use kind::Kind;
pub use load::{FILE_LIMIT, Source, load, load_over};
pub use problem::{Problem, Severity};
pub use read::{Loaded, Setting, parse};
pub use site::check_site;
pub use spelling::nearest;
pub use table::{Chapter, Effect, Relation, Row, Scope, State, chapters, row, rows};
