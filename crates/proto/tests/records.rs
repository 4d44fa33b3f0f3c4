//! What is logged, and in which order.

mod world;

use wharf_proto::ftp::server::ask::{Direction, NoHandshake, Outcome};
use wharf_proto::ftp::server::policy::TlsRules;
use wharf_proto::ftp::server::record::{Event, Record, Tls, Transfer};
use wharf_proto::ftp::server::session::Welcome;
use world::{Node, World, handshake, path, policy, tls};

fn logged_in(log_protocol: bool) -> World {
    let mut rules = policy();
    rules.log_protocol = log_protocol;
    rules.deny_file = Some(b"forbidden".to_vec());
    let mut world = World::new(rules);
    world.tree.insert(path("/home/u"), Node::Directory { message: None });
    world.tree.insert(path("/home/u/a"), Node::File(b"12345".to_vec()));
    world.greet(Welcome::Ok);
    world.send(b"USER u");
    world.send(b"PASS right");
    world.records.clear();
    world
}

fn events(world: &mut World) -> Vec<Event> {
    world
        .records
        .drain(..)
        .map(|Record { user, event }| {
            assert_eq!(user.as_deref(), Some(&b"u"[..]));
            event
        })
        .collect()
}

fn transfers(world: &mut World) -> Vec<(bool, Vec<u8>, u64)> {
    let transfer = |event| match event {
        Event::Transfer(Transfer { ok, path, octets, .. }) => Some((ok, path, octets)),
        _ => None,
    };
    events(world).into_iter().filter_map(transfer).collect()
}

#[test]
fn a_path_is_logged_as_typed_below_the_current_directory() {
    let mut world = logged_in(false);
    world.send(b"DELE d/../a");
    world.send(b"DELE /gone");
    world.send(b"DELE forbidden");
    assert_eq!(
        events(&mut world),
        [
            Event::Delete(true, b"/home/u/d/../a".to_vec()),
            Event::Delete(false, b"/gone".to_vec()),
            Event::Delete(false, b"/home/u/forbidden".to_vec()),
        ]
    );
}

#[test]
fn a_rename_is_logged_with_both_names_and_its_first_half_only_when_it_fails() {
    let mut world = logged_in(false);
    world.send(b"RNFR gone");
    world.send(b"RNFR a");
    world.send(b"RNTO b");
    assert_eq!(
        events(&mut world),
        [
            Event::Rename(false, b"/home/u/gone".to_vec()),
            Event::Rename(true, b"/home/u/a /home/u/b".to_vec()),
        ]
    );
}

#[test]
fn transfers_are_logged_whether_they_end_well_or_not() {
    let mut world = logged_in(false);
    world.send(b"RETR a");
    assert_eq!(transfers(&mut world), [], "nothing was prepared");
    world.send(b"EPSV");
    world.send(b"RETR gone");
    world.send(b"RETR /home/u");
    world.send(b"RETR forbidden");
    world.send(b"RETR a");
    world.send(b"EPSV");
    world.next_move = Some(Outcome::NetworkFailed);
    world.to_upload = b"xy".to_vec();
    world.send(b"STOU a");
    assert_eq!(
        transfers(&mut world),
        [
            (false, b"/home/u/gone".to_vec(), 0),
            (false, b"/home/u/forbidden".to_vec(), 0),
            (true, b"/home/u/a".to_vec(), 5),
            (false, b"/home/u/a.1".to_vec(), 2),
        ]
    );
}

#[test]
fn a_transfer_stands_between_its_two_replies() {
    let mut world = logged_in(true);
    world.send(b"EPSV");
    world.records.clear();
    world.send(b"retr a");
    let events = events(&mut world);
    let [Event::Command(command), Event::Response(first), Event::Transfer(transfer), Event::Response(last)] =
        &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(command, b"RETR a");
    assert!(first.starts_with(b"150 ") && last.starts_with(b"226 "));
    assert!(transfer.ok && transfer.ascii && transfer.direction == Direction::Download);
}

#[test]
fn an_anonymous_password_goes_into_the_log_and_no_other_does() {
    let mut world = World::new(policy());
    for line in [&b"USER u"[..], b"PASS wrong", b"USER ftp", b"PASS me@home"] {
        world.send(line);
    }
    let logins: Vec<Event> = world.records.into_iter().map(|record| record.event).collect();
    assert_eq!(
        logins,
        [
            Event::Login { ok: false, anonymous_password: None },
            Event::Login { ok: true, anonymous_password: Some(b"me@home".to_vec()) },
        ]
    );
}

fn with_tls(rules: TlsRules) -> World {
    let mut rules_of_the_site = policy();
    rules_of_the_site.tls = Some(rules);
    let mut world = World::new(rules_of_the_site);
    world.tree.insert(path("/a"), Node::File(b"12345".to_vec()));
    world
}

fn tls_events(world: &mut World) -> Vec<Tls> {
    let tls = |record: Record| match record.event {
        Event::Tls(tls) => Some(tls),
        _ => None,
    };
    world.records.drain(..).filter_map(tls).collect()
}

#[test]
fn handshakes_are_recorded_when_wanted_and_their_failures_always() {
    for debug in [true, false] {
        let mut world = with_tls(TlsRules { debug, ..tls() });
        for line in [&b"AUTH TLS-P"[..], b"USER u", b"PASS right", b"EPSV", b"RETR a"] {
            world.send(line);
        }
        let expected =
            if debug { vec![Tls::Secured(handshake()), Tls::Secured(handshake())] } else { vec![] };
        assert_eq!(tls_events(&mut world), expected);
        world.send(b"EPSV");
        world.next_handshake = Some(NoHandshake::NotResumed);
        world.send(b"RETR a");
        assert_eq!(tls_events(&mut world), [Tls::Refused(NoHandshake::NotResumed)]);
    }
}

#[test]
fn what_was_dropped_behind_auth_is_recorded_before_the_handshake_and_counted() {
    let mut world = with_tls(tls());
    world.asides.push_back(b"USER u".to_vec());
    world.next_handshake = Some(NoHandshake::OldVersions);
    world.send(b"AUTH TLS");
    let expected = [Tls::Dropped(8), Tls::Refused(NoHandshake::OldVersions)];
    assert_eq!(tls_events(&mut world), expected);
}

#[test]
fn a_transfer_that_never_came_into_tls_is_a_failed_one() {
    let mut world = with_tls(tls());
    for line in [&b"AUTH SSL"[..], b"USER u", b"PASS right"] {
        world.send(line);
    }
    world.records.clear();
    for line in [&b"RETR a"[..], b"STOR b"] {
        world.send(b"EPSV");
        world.next_handshake = Some(NoHandshake::Failed("no certificate".to_owned()));
        world.send(line);
    }
    assert_eq!(transfers(&mut world), [(false, b"/a".to_vec(), 0), (false, b"/b".to_vec(), 0)]);
}

#[test]
fn an_upload_without_an_end_mark_is_recorded_and_failed_unless_the_site_is_lenient() {
    for strict_read_eof in [true, false] {
        let mut world = with_tls(TlsRules { strict_read_eof, ..tls() });
        for line in [&b"AUTH SSL"[..], b"USER u", b"PASS right", b"EPSV"] {
            world.send(line);
        }
        world.records.clear();
        world.next_move = Some(Outcome::NoEndMark);
        world.to_upload = b"half".to_vec();
        world.send(b"STOR b");
        let events = events(&mut world);
        let [Event::Tls(Tls::UploadWithoutEndMark), Event::Transfer(transfer)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!((transfer.ok, transfer.octets), (!strict_read_eof, 4));
    }
}

#[test]
fn a_control_connection_without_an_end_mark_is_recorded_inside_tls_only() {
    let mut world = with_tls(tls());
    world.session().ended_without_mark();
    world.send(b"AUTH TLS");
    assert_eq!(tls_events(&mut world), []);
    world.session().ended_without_mark();
    world.records = world.session().take_records();
    assert_eq!(tls_events(&mut world), [Tls::ControlWithoutEndMark]);
}
