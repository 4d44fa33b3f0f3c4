//! Blocks of free TCP ports, one for each test that runs at the same time.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// The first port that is given out; above it lie only blocks, below the ports the kernel chooses from.
const FIRST: u16 = 20_000;
const BLOCK: u16 = 40;
const BLOCKS: u16 = 300;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A block of TCP ports that no other test uses: one to listen on, the rest for data connections.
///
/// The claim is a UDP socket on the first port, which stands in no TCP server's way and vanishes with
/// the process that holds it.
#[derive(Debug)]
pub struct Ports {
    first: u16,
    _claim: UdpSocket,
}

impl Ports {
    /// Claims a free block. Panics when the machine has none.
    pub fn claim() -> Self {
        // Test programs that start together begin their search at different places.
        let start = u16::try_from(std::process::id() % u32::from(BLOCKS)).unwrap_or(0).wrapping_mul(7);
        for _ in 0..BLOCKS {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let first = FIRST + (start.wrapping_add(step) % BLOCKS) * BLOCK;
            let Ok(claim) = UdpSocket::bind((Ipv4Addr::LOCALHOST, first)) else { continue };
            let ports = first..first + BLOCK;
            if ports.into_iter().all(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()) {
                return Self { first, _claim: claim };
            }
        }
        panic!("no block of {BLOCK} free ports between {FIRST} and {}", FIRST + BLOCK * BLOCKS);
    }

    /// Returns the port for the control connection.
    pub fn control(&self) -> u16 {
        self.first
    }

    /// Returns the first port for passive data connections.
    pub fn passive_first(&self) -> u16 {
        self.first + 1
    }

    /// Returns the last port for passive data connections.
    pub fn passive_last(&self) -> u16 {
        self.first + BLOCK - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blocks_do_not_overlap() {
        let (one, two) = (Ports::claim(), Ports::claim());
        assert!(one.passive_last() < two.control() || two.passive_last() < one.control());
    }
}
