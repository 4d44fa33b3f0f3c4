//! Records become lines in the classic formats, one `write` each, because panels and fail2ban read them.
//!
//! Which sinks there are is the monitor's decision; their descriptors arrive here. A full disk or a gone reader is
//! ignored, as everywhere in this trade: a log must not stop the service.

mod live;
mod vsftpd;
mod xferlog;

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use wharf_ipc::SessionId;
use wharf_proto::ftp::server::record::{Event, Record};

/// Whom a record is about.
#[derive(Debug, Clone)]
pub(crate) struct Whose {
    /// Stands in the `[pid N]` field: one number for a session's whole life.
    pub(crate) session: SessionId,
    /// The peer's address as the log shows it.
    pub(crate) address: String,
}

impl Whose {
    /// `mapped` shows IPv4 peers as vsftpd does on an IPv6 socket, `::ffff:192.0.2.1`.
    pub(crate) fn new(session: SessionId, peer: SocketAddr, mapped: bool) -> Self {
        let address = match peer.ip().to_canonical() {
            IpAddr::V4(ip) if mapped => ip.to_ipv6_mapped().to_string(),
            ip => ip.to_string(),
        };
        Self { session, address }
    }
}

/// Where records go. All of it arrives from the monitor.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    /// `vsftpd_log_file`.
    pub(crate) vsftpd: Option<OwnedFd>,
    /// `xferlog_file`.
    pub(crate) xferlog: Option<OwnedFd>,
    /// A datagram socket to the system's log.
    pub(crate) syslog: Option<OwnedFd>,
    /// The terminal of `wharfd share`.
    pub(crate) live: Option<OwnedFd>,
}

impl Logs {
    /// Writes one record to every sink that shows its kind.
    pub(crate) fn write(&self, zone: &TimeZone, whose: &Whose, record: &Record) {
        if self.vsftpd.is_none() && self.xferlog.is_none() && self.syslog.is_none() && self.live.is_none() {
            return;
        }
        let date = date(zone);
        if let Some(sink) = &self.vsftpd {
            let mut line = date.clone();
            line.extend_from_slice(format!(" [pid {}] ", whose.session.0).as_bytes());
            vsftpd::text(record, whose, &mut line);
            printable(&mut line);
            put(sink, line);
        }
        if let (Some(sink), Event::Transfer(transfer)) = (&self.xferlog, &record.event) {
            put(sink, xferlog::line(&date, transfer, record, whose));
        }
        if let Some(sink) = &self.syslog {
            let _ = rustix::net::send(sink, &syslog(zone, whose, record), rustix::net::SendFlags::NOSIGNAL);
        }
        if let (Some(sink), Some(line)) = (&self.live, live::line(record, whose)) {
            put(sink, line);
        }
    }
}

/// `Sun Nov 22 07:02:39 2026`, as C's `asctime` writes it.
fn date(zone: &TimeZone) -> Vec<u8> {
    Timestamp::now().to_zoned(zone.clone()).strftime("%a %b %e %H:%M:%S %Y").to_string().into_bytes()
}

/// A datagram for `/dev/log`: facility ftp (11), warning for failed logins, info for the rest.
fn syslog(zone: &TimeZone, whose: &Whose, record: &Record) -> Vec<u8> {
    let level = if matches!(record.event, Event::Login { ok: false, .. }) { 4 } else { 6 };
    let date = Timestamp::now().to_zoned(zone.clone()).strftime("%b %e %H:%M:%S").to_string();
    let mut datagram = format!("<{}>{date} vsftpd[{}]: ", 11 * 8 + level, whose.session.0).into_bytes();
    vsftpd::text(record, whose, &mut datagram);
    printable(&mut datagram);
    datagram
}

/// Replaces control characters, one `?` for each; octets of UTF-8 stay.
// Security: a name with a line feed in it must not forge a line.
fn printable(line: &mut [u8]) {
    for octet in line {
        if *octet < b' ' || *octet == 0x7F {
            *octet = b'?';
        }
    }
}

fn put(sink: impl AsFd, mut line: Vec<u8>) {
    line.push(b'\n');
    let _ = rustix::io::retry_on_intr(|| rustix::io::write(&sink, &line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_shown_plainly_unless_wished_otherwise() {
        let peer = "[::ffff:192.0.2.1]:5".parse().unwrap();
        assert_eq!(Whose::new(SessionId::FIRST, peer, false).address, "192.0.2.1");
        assert_eq!(Whose::new(SessionId::FIRST, peer, true).address, "::ffff:192.0.2.1");
    }

    #[test]
    fn a_name_cannot_forge_a_line_and_hangul_stays() {
        let mut line = "항구\nSun".as_bytes().to_vec();
        printable(&mut line);
        assert_eq!(line, "항구?Sun".as_bytes());
    }

    #[test]
    fn the_date_is_that_of_asctime() {
        let date = String::from_utf8(date(&TimeZone::UTC)).unwrap();
        assert_eq!(date.len(), 24, "{date}");
    }
}
