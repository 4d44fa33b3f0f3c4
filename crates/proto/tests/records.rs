//! What is logged, and in which order.

mod world;

use wharf_proto::ftp::server::ask::{Direction, Outcome};
use wharf_proto::ftp::server::record::{Event, Record, Transfer};
use wharf_proto::ftp::server::session::Welcome;
use world::{Node, World, path, policy};

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
