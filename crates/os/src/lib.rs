//! The only room that may say `unsafe`: what Wharf asks of the kernel and of libc.
//!
//! One file per facility, each with a safe face. Nothing here knows FTP, options or users' wishes; the
//! rooms above decide, this one carries out. Systems differ inside this room only.
//!
//! | to do | look in |
//! |---|---|
//! | talk between our processes, pass descriptors | [`channel`], [`epoll`] |
//! | start ourselves in another role | [`spawn`], [`title`], [`signals`] |
//! | stop being root | [`identity`], [`process`] |
//! | open files beneath a directory | [`beneath`], [`file_lock`] |
//! | read a directory | [`directory`] |
//! | move octets without copying them | [`pump`] |
//! | sockets | [`socket`] |
//! | let the asynchronous runtime watch a descriptor | `watched` (feature `tokio`) |
//! | ask PAM, write utmp and wtmp | [`pam`], [`login_record`] |
//! | ask for the name of an address | [`host_name`] |
//! | say something to the administrator | [`voice`] |
//! | shut a process in | [`sandbox`] |

#![deny(unsafe_op_in_unsafe_fn)]

pub mod activation;
pub mod beneath;
pub mod channel;
pub mod directory;
pub mod epoll;
pub mod file_lock;
pub mod host_name;
pub mod identity;
pub mod login_record;
pub mod pam;
pub mod process;
pub mod pump;
pub mod sandbox;
pub mod signals;
pub mod socket;
pub mod spawn;
pub mod title;
pub mod voice;
#[cfg(feature = "tokio")]
pub mod watched;

mod context;

pub use rustix::fs::{Mode, OFlags};
