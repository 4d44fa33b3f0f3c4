//! Files and directories as one identity sees them, and the role that serves them: the broker.
//!
//! Requests and answers are those of [`wharf_proto::store`]; no command of any protocol is known here. The broker
//! opens, lists and changes; the session receives descriptors and moves the octets itself.
//!
//! | to do | look in |
//! |---|---|
//! | open, look, enter, change | [`local`] |
//! | write a listing into a pipe | [`listing`] |
//! | hash, copy, join, remove or measure as long as it takes | [`task`] |
//! | run as a process of its own | [`broker`] |
//! | tell an errno as a [`Failure`](wharf_proto::failure::Failure) | [`failure`] |
#![forbid(unsafe_code)]

pub mod broker;
pub mod failure;
pub mod listing;
pub mod local;
pub mod owners;
pub mod task;
pub mod work;
pub mod zone;
