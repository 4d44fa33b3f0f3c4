//! TLS in this process: what a site has decided, and connections that speak it (RFC 4217).
//!
//! Records, versions and suites are the room `transport`; keys are the keyholder's. Here are the sockets.

mod site;
mod stream;

pub(crate) use site::{Keys, rules};
pub(crate) use stream::{DATA, Stream, receive, shake};
