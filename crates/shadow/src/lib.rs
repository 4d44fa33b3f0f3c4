//! Replays one FTP dialogue against two servers and tells where their answers differ.
//!
//! A [`Script`] is what a client says; [`run`] says it to one server and returns a [`Recording`] of what came
//! back; [`compare`] lays two recordings beside each other. What must differ between any two servers, such as
//! the ports of data connections, is masked, and every mask has a name that the caller can show.
//!
//! Plain blocking sockets with a limit on every wait. Nothing here knows how a server works inside, and nothing is
//! printed: what servers say may hold anything, and leaves this room only through [`printable`].

#![forbid(unsafe_code)]

mod compare;
mod control;
mod data;
mod dial;
mod diff;
mod escape;
mod mask;
mod run;
mod script;
mod times;
mod transfer;
mod variables;

pub use compare::{Comparison, Difference, compare};
pub use diff::{Line, Sign, diff};
pub use escape::{octets, printable};
pub use mask::Mask;
pub use run::{Recording, Unreachable, run};
pub use script::{Problem, Script};
pub use variables::Variables;
