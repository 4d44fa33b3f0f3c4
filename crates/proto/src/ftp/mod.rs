//! The File Transfer Protocol (RFC 959 and the RFCs that extend it).

pub mod address;
pub mod client;
pub mod command;
pub mod line;
pub mod listing;
pub mod reply;
pub mod server;
