//! vsftpd's own log style: `[user] OK DOWNLOAD: Client "192.0.2.1", "/path", 3 bytes, 10.81Kbyte/sec`.

use wharf_proto::ftp::server::ask::Direction;
use wharf_proto::ftp::server::record::{Event, Record};

use super::Whose;

/// Appends the record from the optional `[user]` on.
pub(super) fn text(record: &Record, whose: &Whose, line: &mut Vec<u8>) {
    if let Some(user) = &record.user {
        line.push(b'[');
        line.extend_from_slice(user);
        line.extend_from_slice(b"] ");
    }
    let (ok, kind) = kind(&record.event);
    line.extend_from_slice(match ok {
        Some(true) => b"OK ",
        Some(false) => b"FAIL ",
        None => b"",
    });
    line.extend_from_slice(kind.as_bytes());
    line.extend_from_slice(b": Client \"");
    line.extend_from_slice(whose.address.as_bytes());
    line.push(b'"');
    details(&record.event, line);
}

fn kind(event: &Event) -> (Option<bool>, &'static str) {
    match event {
        Event::Connect { .. } => (None, "CONNECT"),
        Event::Login { ok, .. } => (Some(*ok), "LOGIN"),
        Event::Transfer(transfer) => (
            Some(transfer.ok),
            match transfer.direction {
                Direction::Download => "DOWNLOAD",
                Direction::Upload => "UPLOAD",
            },
        ),
        Event::MakeDirectory(ok, _) => (Some(*ok), "MKDIR"),
        Event::RemoveDirectory(ok, _) => (Some(*ok), "RMDIR"),
        Event::Delete(ok, _) => (Some(*ok), "DELETE"),
        Event::Rename(ok, _) => (Some(*ok), "RENAME"),
        Event::ChangeMode(ok, _) => (Some(*ok), "CHMOD"),
        Event::Changed(what, ok, _) => (Some(*ok), what),
        Event::Command(_) => (None, "FTP command"),
        Event::Response(_) => (None, "FTP response"),
        Event::Tls(_) => (None, "DEBUG"),
    }
}

fn details(event: &Event, line: &mut Vec<u8>) {
    match event {
        Event::Connect { refused } => {
            if let Some(why) = refused {
                quoted(why.as_bytes(), line);
            }
        }
        Event::Login { anonymous_password, .. } => {
            if let Some(password) = anonymous_password {
                line.extend_from_slice(b", anon password \"");
                line.extend_from_slice(&one_word(password));
                line.push(b'"');
            }
        }
        Event::Transfer(transfer) => {
            quoted(&transfer.path, line);
            if transfer.octets > 0 {
                line.extend_from_slice(format!(", {} bytes", transfer.octets).as_bytes());
            }
            let seconds = transfer.took.as_secs_f64();
            let rate = if seconds > 0.0 { transfer.octets as f64 / 1024.0 / seconds } else { 0.0 };
            line.extend_from_slice(format!(", {rate:.2}Kbyte/sec").as_bytes());
        }
        Event::Tls(tls) => quoted(&tls.sentence(), line),
        // Compat: a line without a command has nothing to quote.
        Event::Command(text) if text.is_empty() => {}
        Event::MakeDirectory(_, text)
        | Event::RemoveDirectory(_, text)
        | Event::Delete(_, text)
        | Event::Rename(_, text)
        | Event::ChangeMode(_, text)
        | Event::Changed(_, _, text)
        | Event::Command(text)
        | Event::Response(text) => quoted(text, line),
    }
}

fn quoted(text: &[u8], line: &mut Vec<u8>) {
    line.extend_from_slice(b", \"");
    line.extend_from_slice(text);
    line.push(b'"');
}

/// An anonymous e-mail text as the logs show it: blanks become `_`, nothing becomes `?`.
pub(super) fn one_word(text: &[u8]) -> Vec<u8> {
    if text.is_empty() {
        return b"?".to_vec();
    }
    text.iter().map(|&octet| if octet == b' ' { b'_' } else { octet }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wharf_ipc::SessionId;
    use wharf_proto::ftp::server::policy::Class;
    use wharf_proto::ftp::server::record::Transfer;

    use super::*;

    fn shown(user: Option<&str>, event: Event) -> String {
        let whose = Whose { session: SessionId::FIRST, address: "127.0.0.1".into() };
        let mut line = Vec::new();
        text(&Record { user: user.map(|user| user.as_bytes().to_vec()), event }, &whose, &mut line);
        String::from_utf8(line).unwrap()
    }

    fn transfer(ok: bool, octets: u64) -> Event {
        Event::Transfer(Transfer {
            direction: Direction::Upload,
            ok,
            path: b"/home/a/up 1".to_vec(),
            octets,
            took: Duration::from_secs(1),
            ascii: true,
            class: Class::Local,
            anonymous_password: None,
        })
    }

    #[test]
    fn the_lines_are_those_that_fail2ban_and_panels_read() {
        assert_eq!(shown(None, Event::Connect { refused: None }), r#"CONNECT: Client "127.0.0.1""#);
        let failed = Event::Login { ok: false, anonymous_password: None };
        assert_eq!(shown(Some("a"), failed), r#"[a] FAIL LOGIN: Client "127.0.0.1""#);
        let anonymous = Event::Login { ok: true, anonymous_password: Some(b"me @home".to_vec()) };
        assert_eq!(
            shown(Some("ftp"), anonymous),
            r#"[ftp] OK LOGIN: Client "127.0.0.1", anon password "me_@home""#
        );
        assert_eq!(
            shown(Some("a"), transfer(true, 2048)),
            r#"[a] OK UPLOAD: Client "127.0.0.1", "/home/a/up 1", 2048 bytes, 2.00Kbyte/sec"#
        );
        assert_eq!(
            shown(Some("a"), transfer(false, 0)),
            r#"[a] FAIL UPLOAD: Client "127.0.0.1", "/home/a/up 1", 0.00Kbyte/sec"#
        );
        let renamed = Event::Rename(true, b"/n /m".to_vec());
        assert_eq!(shown(Some("a"), renamed), r#"[a] OK RENAME: Client "127.0.0.1", "/n /m""#);
    }
}
