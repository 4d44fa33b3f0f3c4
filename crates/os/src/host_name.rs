//! The name of an address, as the system's resolver tells it (getnameinfo(3)).
//!
//! It may ask the network and block for as long as the resolver likes: it belongs in a process that is ended by a timer.
//! What comes back was chosen by whoever owns the address: [`confirmed`] asks the other way round too.
#![allow(unsafe_code, reason = "getnameinfo has no safe wrapper")]

use std::ffi::CStr;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// `NI_MAXHOST`.
const LONGEST: usize = 1025;

/// What is known of an address's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostName {
    /// It has none.
    Unknown,
    /// It has this one, and the name has this address.
    Confirmed(String),
    /// It claims a name that has other addresses, or none.
    Contradicted(String),
}

/// Asks for an address's name; `None` when it has none, or one that is no text.
pub fn claimed(address: IpAddr) -> Option<String> {
    let (storage, length) = as_c(SocketAddr::new(address, 0));
    let mut name = [0u8; LONGEST];
    // SAFETY: the address is a valid sockaddr of the length given, and the buffer is as long as it is said to be; the
    // service is not asked for.
    let code = unsafe {
        libc::getnameinfo(
            (&raw const storage).cast(),
            length,
            name.as_mut_ptr().cast(),
            LONGEST as libc::socklen_t,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    let text = CStr::from_bytes_until_nul(&name).ok().filter(|_| code == 0)?;
    let text = text.to_str().ok()?;
    // Security: a name server may answer anything; only what a host name can be goes on to rules and logs.
    let fits = !text.is_empty()
        && text.len() <= 255
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet));
    fits.then(|| text.trim_end_matches('.').to_owned())
}

/// Asks for an address's name, and for that name's addresses.
pub fn confirmed(address: IpAddr) -> HostName {
    let Some(name) = claimed(address) else { return HostName::Unknown };
    let addresses = (name.as_str(), 0).to_socket_addrs();
    let is_ours = addresses.is_ok_and(|mut found| found.any(|one| one.ip().to_canonical() == address));
    if is_ours { HostName::Confirmed(name) } else { HostName::Contradicted(name) }
}

/// An address as libc takes it, with its length.
fn as_c(address: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all octets zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let length = match address {
        SocketAddr::V4(v4) => {
            let at = (&raw mut storage).cast::<libc::sockaddr_in>();
            let octets = u32::from_ne_bytes(v4.ip().octets());
            // SAFETY: sockaddr_storage is large enough and aligned for every kind of address.
            unsafe {
                (*at).sin_family = libc::AF_INET as libc::sa_family_t;
                (*at).sin_addr.s_addr = octets;
            }
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let at = (&raw mut storage).cast::<libc::sockaddr_in6>();
            // SAFETY: as above.
            unsafe {
                (*at).sin6_family = libc::AF_INET6 as libc::sa_family_t;
                (*at).sin6_addr.s6_addr = v6.ip().octets();
            }
            size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, length as libc::socklen_t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_address_has_the_name_that_the_hosts_file_gives_it() {
        let Ok(hosts) = std::fs::read_to_string("/etc/hosts") else {
            return println!("skipped: no hosts file");
        };
        let line = hosts.lines().find(|line| line.split_whitespace().next() == Some("127.0.0.1"));
        let Some(name) = line.and_then(|line| line.split_whitespace().nth(1)) else {
            return println!("skipped: the hosts file does not name 127.0.0.1");
        };
        assert_eq!(claimed([127, 0, 0, 1].into()).as_deref(), Some(name));
        assert_eq!(confirmed([127, 0, 0, 1].into()), HostName::Confirmed(name.to_owned()));
    }
}
