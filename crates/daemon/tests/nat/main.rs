//! Address translation with real routers: namespaces of the network, nftables, miniupnpd, and a long bad line.
//!
//! | | |
//! |---|---|
//! | the networks | `net.rs` |
//! | which address is told to whom | `address.rs` |
//! | active and passive connections through translations, with and without the kernel's FTP helper | `through.rs` |
//! | ports mapped by PCP, NAT-PMP and UPnP | `mapping.rs` |
//! | `wharfd doctor` | `doctor.rs` |
//! | delay, loss, silence, a cut | `lines.rs` |
//!
//! Needs root, ip, nft and, for some, miniupnpd, curl, python3 and /dev/net/tun; says what it skips. Addresses outside
//! are none of documentation, as miniupnpd refuses to take such for public ones; no packet leaves the namespaces.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops at the line that says why"
)]

mod address;
mod doctor;
mod lines;
mod mapping;
mod net;
mod through;
