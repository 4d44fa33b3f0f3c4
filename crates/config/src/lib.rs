//! vsftpd.conf as one table: every option is a row, and everything else follows from the rows.
//!
//! Parser, manual pages, sample file, book chapter, `explain` and the text that carries a
//! configuration between our processes all come from `chapter/*.rs`. Rules that span two options
//! live in `check/`. This room hands out plain values; it starts nothing, opens no socket, and knows
//! neither the protocol nor the other rooms. Only [`load`], [`check_site`] and
//! [`Config::listen_addresses`] look at the machine.

#![forbid(unsafe_code)]

mod acme;
mod address;
mod carry;
mod cert_dir;
mod cert_user;
mod chapter;
mod check;
mod describe;
mod explain;
mod kind;
mod listen_fds;
mod load;
mod names;
mod nat;
mod problem;
mod proxies;
mod read;
pub mod render;
mod site;
mod spelling;
mod table;

pub use acme::{AcmeChallenge, AcmeOrder};
pub use address::BadAddress;
pub use cert_dir::{MOST_CERTIFICATES, certificate_pairs};
pub use cert_user::{BadRule, CertUsers};
pub use chapter::*;
pub use check::check;
pub use describe::describe;
pub use explain::explain;
pub use kind::Kind;
pub use kind::switch::Switch;
pub use listen_fds::ListenFd;
pub use load::{FILE_LIMIT, Source, load, load_over};
pub use names::ClientCharset;
pub use nat::{ForNetwork, MOST_MAPPED, PortMapping, Server};
pub use problem::{Problem, Severity};
pub use proxies::Network;
pub use read::{Loaded, Setting, parse};
pub use site::check_site;
pub use spelling::nearest;
pub use table::{Chapter, Effect, Relation, Row, Scope, State, chapters, row, rows};
