//! Users who exist for FTP only: one file beside PAM, read at a login and edited by `wharfd user`.
//!
//! ```text
//! # name:hash:uid:gid:comment:root
//! ann:$argon2id$v=19$m=19456,t=2,p=1$…$…:1001:1001:Ann, accounting:/srv/ftp/ann
//! bob:!:1001:1001:on leave:/srv/ftp/bob
//! ```
//!
//! One line is one user. Empty lines and lines that begin with `#` mean nothing and survive every edit. The root stands
//! last because it is the only field that may hold a `:`, so nothing needs an escape. A line that is wrong shuts out the
//! user it names and nobody else. The limits of the fields are in [`line`], the kinds of hashes in [`hash`].
//!
//! The numbers stand in the file, not the name of an account: what somebody may do is read where they are named, and a
//! login asks no other data base. Which process reads the file, what a root is used for, and in which order this and
//! other sources of accounts are asked, is decided elsewhere.
#![forbid(unsafe_code)]

pub mod edit;
pub mod fault;
mod guard;
pub mod hash;
pub mod line;
pub mod name;
pub mod users;

pub use edit::Edit;
pub use fault::{Fault, Kind};
pub use line::User;
pub use users::{Answer, Users};
