//! The only room that knows the TLS library: FTPS for the server (RFC 4217, RFC 8446, RFC 5246).
//!
//! Octets go in and octets come out; nothing here owns a socket, a clock or a file, and nothing here holds a private
//! key: what must be signed is given to [`Sign`]. A foreign type never leaves this room.
//!
//! ```text
//! Site        certificates, versions, suites, client certificates: one for each configuration
//!   └ ServerSide   one control session: its own ticket key, so that "resumes this session" can be decided
//!       └ Channel  one connection: ciphertext ⇄ plaintext
//! ```
//!
//! Octets that arrived in clear behind `AUTH TLS` must be dropped by the caller before the first octet is given to a
//! [`Channel`]: they were not protected, and whoever put them there wants them taken for commands (CVE-2011-0411).
#![forbid(unsafe_code)]

mod certificates;
mod channel;
mod client_certificate;
mod cut;
mod fault;
mod greeting;
mod hello;
mod holder;
mod proof;
mod recognise;
mod record;
mod server;
mod settings;
mod sign;
mod site;
mod suites;
mod tickets;

pub use certificates::{Certificate, Certificates};
pub use channel::{Channel, Kind};
pub use fault::{Cause, Fault};
pub use holder::{names, subject};
pub use proof::Proof;
pub use recognise::{Look, Offer, look};
pub use record::Frame;
pub use server::{Flow, ServerSide};
pub use settings::{Authorities, ClientCertificate, Revoked, Settings, Version};
pub use sign::{KeyId, Sign};
pub use site::Site;
pub use suites::Suites;
pub use tickets::WhyFull;
