//! wu-ftpd's `xferlog`: eighteen fields, no blanks inside any of them.

use wharf_proto::ftp::server::ask::Direction;
use wharf_proto::ftp::server::policy::Class;
use wharf_proto::ftp::server::record::{Record, Transfer};

use super::Whose;
use super::vsftpd::one_word;

/// One line without its end.
pub(super) fn line(date: &[u8], transfer: &Transfer, record: &Record, whose: &Whose) -> Vec<u8> {
    let mut line = date.to_vec();
    let seconds = transfer.took.as_secs().max(1);
    line.extend_from_slice(format!(" {seconds} {} {} ", whose.address, transfer.octets).as_bytes());
    line.extend_from_slice(&word(&transfer.path));
    let kind = if transfer.ascii { 'a' } else { 'b' };
    let direction = match transfer.direction {
        Direction::Upload => 'i',
        Direction::Download => 'o',
    };
    let (access, name) = match transfer.class {
        Class::Anonymous => ('a', transfer.anonymous_password.clone().unwrap_or_default()),
        Class::Guest | Class::PrivilegedGuest => ('g', record.user.clone().unwrap_or_default()),
        Class::Local => ('r', record.user.clone().unwrap_or_default()),
    };
    line.extend_from_slice(format!(" {kind} _ {direction} {access} ").as_bytes());
    line.extend_from_slice(&word(&one_word(&name)));
    let status = if transfer.ok { 'c' } else { 'i' };
    line.extend_from_slice(format!(" ftp 0 * {status}").as_bytes());
    line
}

fn word(text: &[u8]) -> Vec<u8> {
    let mut word = text.to_vec();
    super::printable(&mut word);
    for octet in &mut word {
        if *octet == b' ' {
            *octet = b'_';
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wharf_ipc::SessionId;
    use wharf_proto::ftp::server::record::Event;

    use super::*;

    #[test]
    fn a_line_has_its_eighteen_fields_whatever_the_names() {
        let transfer = Transfer {
            direction: Direction::Download,
            ok: false,
            path: b"/a b\nc".to_vec(),
            octets: 0,
            took: Duration::ZERO,
            ascii: false,
            class: Class::Anonymous,
            anonymous_password: Some(b"me @home".to_vec()),
        };
        let record = Record { user: Some(b"ftp".to_vec()), event: Event::Transfer(transfer.clone()) };
        let whose = Whose { session: SessionId::FIRST, address: "192.0.2.1".into() };
        let line = line(b"Sun Nov 22 07:02:44 2026", &transfer, &record, &whose);
        let line = String::from_utf8(line).unwrap();
        assert_eq!(line, "Sun Nov 22 07:02:44 2026 1 192.0.2.1 0 /a_b?c b _ o a me_@home ftp 0 * i");
        assert_eq!(line.split_whitespace().count(), 18);
    }
}
