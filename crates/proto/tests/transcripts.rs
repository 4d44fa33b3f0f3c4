//! Dialogues as files: `C:` is said by the client, `S:` by the server, `#` tells why.
//!
//! `@` sets the scene (see [`scene`]); `C+:` is a line that arrives while the next transfer runs, or
//! in clear behind AUTH; `U:` is what the
//! next upload sends and `D:` a line of what the last download brought. `\xHH` stands for an octet.

mod world;

use std::fs;
use std::path::Path;

use wharf_proto::failure::Failure;
use wharf_proto::ftp::server::ask::{NoConnection, NoHandshake, Outcome};
use wharf_proto::ftp::server::policy::{Policy, TlsRules, UserList};
use wharf_proto::ftp::server::session::Welcome;
use world::{Node, World, path, policy, tls};

#[test]
fn every_transcript_is_kept_to() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "transcripts are missing");
    for file in files {
        play(&file.file_name().unwrap().to_string_lossy(), &fs::read_to_string(&file).unwrap());
    }
}

fn play(name: &str, text: &str) {
    let mut rules = policy();
    let mut later = Vec::new();
    for scene in text.lines().filter_map(|line| line.strip_prefix("@ ")) {
        if !rule(&mut rules, scene) {
            later.push(scene);
        }
    }
    let mut world = World::new(rules);
    let mut greeted = false;
    for (index, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", index + 1);
        if let Some(set) = line.strip_prefix("@ ") {
            if later.contains(&set) {
                scene(&mut world, set, &place);
            }
            continue;
        }
        if !greeted && (line.starts_with("C:") || line.starts_with("S:")) {
            greeted = true;
            world.greet(Welcome::Ok);
        }
        match line.split_once(": ").unwrap_or((line.trim_end_matches(':'), "")) {
            ("C", said) => {
                assert_eq!(
                    shown(&take_line(&mut world.output)),
                    "",
                    "{place}: the server said more before this"
                );
                world.send(&octets(said));
            }
            ("S", said) => assert_eq!(shown(&take_line(&mut world.output)), shown(&octets(said)), "{place}"),
            ("C+", said) => world.asides.push_back(octets(said)),
            ("U", sent) => world.to_upload = octets(sent),
            ("D", came) => {
                assert_eq!(shown(&take_line(&mut world.downloaded)), shown(&octets(came)), "{place}");
            }
            _ if line.is_empty() || line.starts_with('#') => {}
            _ => panic!("{place}: what is {line:?}?"),
        }
    }
    assert_eq!(shown(&world.output), "", "{name}: the server said more at the end");
}

/// Rules are set before the session begins, wherever they stand.
fn rule(rules: &mut Policy, scene: &str) -> bool {
    let (word, value) = scene.split_once(' ').unwrap_or((scene, ""));
    let value = value.as_bytes().to_vec();
    match word {
        "read-only" => {
            for rights in [&mut rules.local_rights, &mut rules.anonymous_rights] {
                (rights.upload, rights.append, rights.make_directory) = (false, false, false);
                (rights.remove, rights.set_time, rights.set_mode) = (false, false, false);
                rights.link = false;
            }
        }
        "no-listing" => rules.local_rights.list = false,
        "no-hash" => rules.local_rights.hash = false,
        "no-passive" => rules.local_rights.passive = false,
        "no-active" => rules.local_rights.active = false,
        "no-local" => rules.local = false,
        "no-anonymous" => rules.anonymous = false,
        "no-anonymous-password" => rules.anonymous_without_password = true,
        "deny-command" => rules.commands_denied.push(value),
        "allow-command" => rules.commands_allowed.get_or_insert_default().push(value),
        "deny-file" => rules.deny_file = Some(value),
        "only-download" => rules.download_file = Some(value),
        "only-upload" => rules.upload_file = Some(value),
        "hosts" => rules.hosts = true,
        "anonymous-writes" => {
            let rights = &mut rules.anonymous_rights;
            (rights.overwrite, rights.append, rights.remove) = (true, true, true);
        }
        "charset" => {
            let name = String::from_utf8_lossy(&value).into_owned();
            rules.names.charset = wharf_names::Charset::named(&name).expect("a charset that is known");
        }
        "charset-guessed" => {
            rules.names.is_guessed = true;
            rules.names.country = Some(String::from_utf8_lossy(&value).into_owned());
        }
        "mode-z" => rules.mode_z = true,
        "tilde-user" => rules.tilde_user = true,
        "change-owner" => rules.change_owner = true,
        "allow-user" => rules.user_list = Some(UserList { names: vec![value], deny: false }),
        "deny-user" => rules.user_list = Some(UserList { names: vec![value], deny: true }),
        "missing-is-error" => rules.list_missing_is_error = true,
        "tls" => return tls_rule(rules.tls.get_or_insert_with(tls), &value),
        "ascii" => (rules.ascii_download, rules.ascii_upload) = (true, true),
        _ => return false,
    }
    true
}

/// `@ tls` offers TLS as `ssl_enable=YES` alone does; a word behind it changes one rule.
fn tls_rule(rules: &mut TlsRules, change: &[u8]) -> bool {
    match change {
        b"" => {}
        b"implicit" => rules.implicit = true,
        b"allow-anonymous" => rules.allow_anonymous = true,
        b"force-anonymous" => (rules.force_anonymous_logins, rules.force_anonymous_data) = (true, true),
        b"clear-logins" => rules.force_local_logins = false,
        b"clear-data" => rules.force_local_data = false,
        b"lenient" => rules.strict_read_eof = false,
        b"strict-downloads" => rules.strict_write_shutdown = true,
        b"ccc" => rules.clear_control = true,
        _ => return false,
    }
    true
}

/// The rest happens where it stands.
fn scene(world: &mut World, scene: &str, place: &str) {
    let mut words = scene.splitn(3, ' ');
    let mut word = || words.next().unwrap_or_default();
    match (word(), word(), word()) {
        ("directory", name, message) => {
            let message = (!message.is_empty()).then(|| octets(message));
            world.tree.insert(path(name), Node::Directory { message });
        }
        ("file", name, content) => {
            world.tree.insert(path(name), Node::File(octets(content)));
        }
        ("gone", name, _) => assert!(!world.tree.contains_key(&path(name)), "{place}"),
        ("holds", name, content) => match world.tree.get(&path(name)) {
            Some(Node::File(held)) => assert_eq!(shown(held), shown(&octets(content)), "{place}"),
            other => panic!("{place}: {other:?}"),
        },
        ("closed", ..) => assert!(world.closed, "{place}: still open"),
        ("open", ..) => assert!(!world.closed, "{place}: closed"),
        ("home", name, home) => {
            world.homes.insert(name.as_bytes().to_vec(), path(home));
        }
        ("host", name, banner) => {
            world.hosts.insert(name.to_owned(), banner.as_bytes().to_vec());
        }
        ("unique-ending", ending, _) => world.unique_ending = ending.to_owned(),
        ("no-ports", ..) => world.ports_left = false,
        ("shared-ports", ..) => world.ports_are_shared = true,
        ("next-connect", "failed", _) => world.next_connect = Some(NoConnection::Failed),
        ("next-connect", "refused", _) => world.next_connect = Some(NoConnection::Refused),
        ("next-connect", "unreachable", _) => world.next_connect = Some(NoConnection::Unreachable),
        ("next-connect", "no-answer", _) => world.next_connect = Some(NoConnection::NoAnswer),
        ("next-connect", "aborted", _) => world.next_connect = Some(NoConnection::Aborted),
        ("next-move", "stalled", _) => world.next_move = Some(Outcome::Stalled),
        ("next-move", "network-failed", _) => world.next_move = Some(Outcome::NetworkFailed),
        ("next-move", "no-space", _) => world.next_move = Some(Outcome::FileFailed(Failure::NoSpace)),
        ("next-move", "no-end-mark", _) => world.next_move = Some(Outcome::NoEndMark),
        ("next-handshake", "failed", _) => {
            world.next_handshake = Some(NoHandshake::Failed("no certificate".to_owned()));
        }
        ("next-handshake", "old", _) => world.next_handshake = Some(NoHandshake::OldVersions),
        ("next-handshake", "not-resumed", _) => world.next_handshake = Some(NoHandshake::NotResumed),
        ("no-end-mark", ..) => world.ends_with_mark = false,
        ("secured", ..) => assert!(world.secured, "{place}: the control connection is in clear"),
        ("in-clear", ..) => assert!(!world.secured, "{place}: the control connection is inside TLS"),
        ("data-protected", ..) => assert!(world.protected, "{place}: the data went in clear"),
        ("data-in-clear", ..) => assert!(!world.protected, "{place}: the data went inside TLS"),
        ("next-task", "too-many", _) => world.next_task = Some(Failure::TooMany),
        ("next-task", "failed", _) => world.next_task = Some(Failure::Broken),
        ("next-move", "file-failed", _) => world.next_move = Some(Outcome::FileFailed(Failure::Broken)),
        _ => panic!("{place}: what is {scene:?}?"),
    }
}

fn take_line(buffer: &mut Vec<u8>) -> Vec<u8> {
    let Some(end) = buffer.windows(2).position(|pair| pair == b"\r\n") else {
        return std::mem::take(buffer);
    };
    let mut line: Vec<u8> = buffer.drain(..end + 2).collect();
    line.truncate(end);
    line
}

fn octets(text: &str) -> Vec<u8> {
    let mut pieces = text.split("\\x");
    let mut octets = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        octets.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
        octets.extend_from_slice(rest.as_bytes());
    }
    octets
}

fn shown(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}
