//! MDTM with `use_localtime`.

mod world;

use wharf_proto::ftp::server::session::Welcome;
use world::{Node, World, path, policy};

fn modified(local_time: bool) -> String {
    let mut rules = policy();
    rules.local_time = local_time;
    let mut world = World::new(rules);
    world.tree.insert(path("/home/u"), Node::Directory { message: None });
    world.tree.insert(path("/home/u/a"), Node::File(b"12345".to_vec()));
    world.greet(Welcome::Ok);
    for line in ["USER u", "PASS right", "MDTM a"] {
        world.send(line.as_bytes());
    }
    String::from_utf8_lossy(&world.output).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn times_are_utc_unless_the_site_wants_local_ones() {
    // The world's clock is nine hours ahead of UTC, as Seoul's is.
    assert_eq!(modified(false), "213 20200203040506");
    assert_eq!(modified(true), "213 20200203130506");
}
