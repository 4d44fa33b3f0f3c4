//! What every storage backend must do with tasks and with the changes of later standards; here for the local one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, symlink};

use common::{Login, path, refused, rules};
use wharf_ipc::broker::{Rules, decode_finished};
use wharf_proto::entry::Time;
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Algorithm, Answer, Change, Finished, Part, Request, Task};
use wharf_storage::listing::Progress;

fn hash(login: &mut Login, name: &str, algorithm: Algorithm, part: Option<Part>) -> Finished {
    login.work(Task::Hash { path: path(name), algorithm, part })
}

fn hexadecimal(finished: &Finished) -> String {
    let Finished::Digest { octets, .. } = finished else { panic!("{finished:?}") };
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn part(start: u64, end: u64) -> Option<Part> {
    Some(Part { start, end })
}

fn attribute(login: &Login, name: &str) -> Option<String> {
    let mut value = [0; 2048];
    let length = rustix::fs::getxattr(login.at(name), "user.wharf.hash", &mut value[..]).ok()?;
    Some(String::from_utf8(value[..length].to_vec()).unwrap())
}

fn copy(login: &mut Login, from: &str, to: &str) -> Finished {
    login.work(Task::Copy { from: path(from), to: path(to), umask: 0o022 })
}

fn join(login: &mut Login, whole: &str, parts: &[&str]) -> Finished {
    let parts = parts.iter().map(|part| path(part)).collect();
    login.work(Task::Join { whole: path(whole), parts, umask: 0o022 })
}

fn failed(failure: Failure) -> Finished {
    Finished::Failed(failure)
}

#[test]
fn a_hash_is_of_the_whole_file_or_of_a_part() {
    let mut login = Login::with(rules());
    login.write("f", "abc");
    let whole = hash(&mut login, "/f", Algorithm::Md5, None);
    assert_eq!(hexadecimal(&whole), "900150983cd24fb0d6963f7d28e17f72");
    assert!(matches!(whole, Finished::Digest { part: Part { start: 0, end: 3 }, .. }));
    login.write("g", "xabcx");
    assert_eq!(hexadecimal(&hash(&mut login, "/g", Algorithm::Crc32, part(1, 4))), "352441c2");
    let clipped = hash(&mut login, "/g", Algorithm::Crc32, part(4, 900));
    assert!(matches!(clipped, Finished::Digest { part: Part { start: 4, end: 5 }, .. }), "{clipped:?}");
    assert_eq!(hexadecimal(&hash(&mut login, "/g", Algorithm::Crc32, part(5, 5))), "00000000");
    assert_eq!(hash(&mut login, "/g", Algorithm::Md5, part(6, 9)), failed(Failure::WrongKind));
    assert_eq!(hash(&mut login, "/nowhere", Algorithm::Md5, None), failed(Failure::NotFound));
    assert_eq!(hash(&mut login, "/", Algorithm::Md5, None), failed(Failure::WrongKind));
    let mut login = Login::with(Rules { may_read: false, ..rules() });
    login.write("f", "abc");
    assert_eq!(hash(&mut login, "/f", Algorithm::Md5, None), failed(Failure::Denied));
}

#[test]
fn a_hash_is_remembered_until_the_file_changes() {
    let mut login = Login::with(rules());
    login.write("f", "abc");
    if rustix::fs::setxattr(login.at("f"), "user.x", b"", rustix::fs::XattrFlags::empty()).is_err() {
        eprintln!("skipped: no extended attributes here");
        return;
    }
    let first = hash(&mut login, "/f", Algorithm::Sha256, None);
    let kept = attribute(&login, "f").unwrap();
    assert!(kept.contains("SHA-256:ba7816bf"), "{kept}");
    hash(&mut login, "/f", Algorithm::Crc32, None);
    let both = attribute(&login, "f").unwrap();
    assert!(both.contains("SHA-256:ba7816bf") && both.contains("CRC32:352441c2"), "{both}");
    // What is asked again comes out of the attribute: a lie in it is told.
    let lie = both.replace("SHA-256:ba7816bf", "SHA-256:00000000");
    rustix::fs::setxattr(login.at("f"), "user.wharf.hash", lie.as_bytes(), rustix::fs::XattrFlags::empty())
        .unwrap();
    let again = hash(&mut login, "/f", Algorithm::Sha256, None);
    assert!(hexadecimal(&again).starts_with("00000000"), "{again:?}");
    // A part is never taken out of it, and a change of content ends it.
    assert_eq!(hexadecimal(&hash(&mut login, "/f", Algorithm::Crc32, part(0, 2))), "9e83486d");
    fs::write(login.at("f"), "xyz").unwrap();
    assert_ne!(hexadecimal(&hash(&mut login, "/f", Algorithm::Sha256, None)), hexadecimal(&first));
    assert!(!hexadecimal(&hash(&mut login, "/f", Algorithm::Sha256, None)).starts_with("00000000"));
}

#[test]
fn an_old_modification_time_does_not_bring_an_old_hash_back() {
    let mut login = Login::with(rules());
    login.write("f", "abc");
    let old = Change::SetModified { path: path("/f"), modified: Time { seconds: 1000, nanoseconds: 0 } };
    login.change(old.clone());
    let before = hexadecimal(&hash(&mut login, "/f", Algorithm::Sha1, None));
    let Some(kept) = attribute(&login, "f") else { return };
    // As if the hash had been kept an hour ago.
    let mut words: Vec<String> = kept.split(' ').map(str::to_owned).collect();
    let (seconds, rest) = words[3].split_once('.').unwrap();
    words[3] = format!("{}.{rest}", seconds.parse::<i64>().unwrap() - 3600);
    fs::write(login.at("f"), "xyz").unwrap();
    let text = words.join(" ");
    rustix::fs::setxattr(login.at("f"), "user.wharf.hash", text.as_bytes(), rustix::fs::XattrFlags::empty())
        .unwrap();
    login.change(old);
    assert_ne!(hexadecimal(&hash(&mut login, "/f", Algorithm::Sha1, None)), before);
}

#[test]
fn who_may_change_nothing_leaves_no_attribute_behind() {
    let mut login = Login::with(Rules { may_overwrite: false, ..rules() });
    login.write("f", "abc");
    hash(&mut login, "/f", Algorithm::Sha256, None);
    assert_eq!(attribute(&login, "f"), None);
}

#[test]
fn a_copy_has_the_content_and_the_mode_of_a_new_file() {
    let mut login = Login::with(rules());
    let content: String = (0..50_000).map(|number| char::from(b'a' + (number % 26) as u8)).collect();
    login.write("f", &content);
    login.chmod("f", 0o600);
    assert_eq!(copy(&mut login, "/f", "/g"), Finished::Done);
    assert_eq!(fs::read_to_string(login.at("g")).unwrap(), content);
    assert_eq!(login.mode("g"), 0o644);
    login.write("g", &"x".repeat(90_000));
    assert_eq!(copy(&mut login, "/f", "/g"), Finished::Done);
    assert_eq!(fs::read_to_string(login.at("g")).unwrap(), content, "nothing of the old content is left");
    login.write("empty", "");
    assert_eq!(copy(&mut login, "/empty", "/g"), Finished::Done);
    assert_eq!(fs::read_to_string(login.at("g")).unwrap(), "");
}

#[test]
fn a_file_is_not_copied_onto_itself_and_nothing_against_the_rules() {
    let mut login = Login::with(rules());
    login.write("f", "abc");
    symlink("f", login.at("link")).unwrap();
    fs::hard_link(login.at("f"), login.at("hard")).unwrap();
    for other in ["/f", "/link", "/hard"] {
        assert_eq!(copy(&mut login, "/f", other), failed(Failure::Exists), "{other}");
        assert_eq!(fs::read_to_string(login.at("f")).unwrap(), "abc");
    }
    assert_eq!(copy(&mut login, "/nowhere", "/g"), failed(Failure::NotFound));
    login.mkdir("d");
    assert_eq!(copy(&mut login, "/d", "/g"), failed(Failure::WrongKind));
    assert!(!login.at("g").exists());
    for rules in [
        Rules { may_read: false, ..rules() },
        Rules { may_create: false, ..rules() },
        Rules { deny: Some(b"g".to_vec().into()), ..rules() },
    ] {
        let mut login = Login::with(rules);
        login.write("f", "abc");
        assert!(matches!(copy(&mut login, "/f", "/g"), Finished::Failed(_)));
        assert!(!login.at("g").exists());
    }
}

#[test]
fn a_copy_that_is_broken_off_leaves_nothing() {
    let mut login = Login::with(rules());
    login.write("f", &"abc".repeat(100_000));
    let task = Task::Copy { from: path("/f"), to: path("/g"), umask: 0 };
    let served = login.served(Request::Begin(task));
    let (reader, mut job) = (served.descriptor.unwrap(), served.job.unwrap());
    assert!(login.at("g").exists());
    assert_eq!(job.step(&mut login.local, 1, 1000), Progress::More);
    drop(reader);
    assert_eq!(job.step(&mut login.local, 1, 1000), Progress::Done);
    drop(job);
    assert!(!login.at("g").exists());
}

#[test]
fn parts_become_a_whole_and_are_gone() {
    let mut login = Login::with(rules());
    for (name, content) in [("1", "one "), ("2", "two "), ("3", "three")] {
        login.write(name, content);
    }
    assert_eq!(join(&mut login, "/whole", &["/1", "/2", "/3"]), Finished::Done);
    assert_eq!(fs::read_to_string(login.at("whole")).unwrap(), "one two three");
    assert!(["1", "2", "3"].iter().all(|part| !login.at(part).exists()));
    login.write("more", " four");
    assert_eq!(join(&mut login, "/whole", &["/whole", "/more"]), Finished::Done);
    assert_eq!(fs::read_to_string(login.at("whole")).unwrap(), "one two three four");
}

#[test]
fn nothing_is_joined_when_a_part_is_missing_or_comes_twice() {
    let mut login = Login::with(rules());
    login.write("1", "one");
    login.write("there", "there");
    fs::hard_link(login.at("1"), login.at("other")).unwrap();
    for parts in [&["/1", "/nowhere"][..], &["/1", "/1"], &["/1", "/whole"], &["/1", "/"]] {
        assert!(matches!(join(&mut login, "/whole", parts), Finished::Failed(_)), "{parts:?}");
        assert!(login.at("1").exists() && !login.at("whole").exists(), "{parts:?}");
    }
    assert_eq!(join(&mut login, "/there", &["/1"]), failed(Failure::Exists));
    assert_eq!(fs::read_to_string(login.at("there")).unwrap(), "there");
    assert_eq!(join(&mut login, "/1", &["/1", "/other"]), failed(Failure::WrongKind), "one file, two names");
    assert_eq!(fs::read_to_string(login.at("1")).unwrap(), "one");
}

#[test]
fn a_tree_goes_with_all_that_is_in_it_and_links_lead_nowhere() {
    let mut login = Login::with(rules());
    login.mkdir("keep");
    login.write("keep/f", "safe");
    login.mkdir("d/e/f");
    for number in 0..300 {
        login.write(&format!("d/e/{number}"), "x");
    }
    symlink("../keep", login.at("d/link")).unwrap();
    symlink("keep", login.at("way")).unwrap();
    assert_eq!(login.work(Task::RemoveTree(path("/way"))), failed(Failure::WrongKind));
    assert_eq!(login.work(Task::RemoveTree(path("/d"))), Finished::Done);
    assert!(!login.at("d").exists());
    assert_eq!(fs::read_to_string(login.at("keep/f")).unwrap(), "safe");
    assert_eq!(login.work(Task::RemoveTree(path("/keep/f"))), failed(Failure::WrongKind));
    assert_eq!(login.work(Task::RemoveTree(path("/nowhere"))), failed(Failure::NotFound));
    assert_eq!(login.work(Task::RemoveTree(VirtualPath::root())), failed(Failure::Denied));
}

#[test]
fn what_a_rule_protects_stays_and_is_told() {
    let mut login = Login::with(Rules { deny: Some(b"secret".to_vec().into()), ..rules() });
    login.mkdir("d/e");
    login.write("d/e/secret", "");
    login.write("d/e/other", "");
    login.write("d/last", "");
    assert_eq!(login.work(Task::RemoveTree(path("/d"))), failed(Failure::Forbidden));
    assert!(login.at("d/e/secret").exists());
    assert!(!login.at("d/e/other").exists() && !login.at("d/last").exists());
    let mut login = Login::with(Rules { may_remove: false, ..rules() });
    login.mkdir("d");
    assert_eq!(login.work(Task::RemoveTree(path("/d"))), failed(Failure::Denied));
}

#[test]
fn a_tree_is_measured_without_its_links() {
    let mut login = Login::with(rules());
    login.mkdir("d/e");
    login.write("d/1", "12345");
    login.write("d/e/2", "1234567");
    symlink("1", login.at("d/link")).unwrap();
    symlink(".", login.at("d/loop")).unwrap();
    assert_eq!(login.work(Task::Measure(path("/d"))), Finished::Octets(12));
    assert_eq!(login.work(Task::Measure(VirtualPath::root())), Finished::Octets(12));
    assert_eq!(login.work(Task::Measure(path("/d/1"))), failed(Failure::NotFound));
    let mut login = Login::with(Rules { may_list: false, ..rules() });
    assert_eq!(login.work(Task::Measure(VirtualPath::root())), failed(Failure::Denied));
}

#[test]
fn a_part_of_a_file_comes_through_a_pipe() {
    let mut login = Login::with(rules());
    login.write("f", "0123456789");
    let served = login.served(Request::OpenPart(path("/f"), Part { start: 2, end: 6 }));
    assert_eq!(served.answer, Answer::Opened { size: 4 });
    let (mut reader, mut job) = (fs::File::from(served.descriptor.unwrap()), served.job.unwrap());
    while job.step(&mut login.local, 1, 3) != Progress::Done {}
    drop(job);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "2345");
    let beyond = login.ask(Request::OpenPart(path("/f"), Part { start: 11, end: 12 }));
    assert_eq!(beyond, refused(Failure::WrongKind));
}

#[test]
fn a_task_that_nobody_waits_for_ends() {
    let mut login = Login::with(rules());
    login.write("f", &"x".repeat(300_000));
    let task = Task::Hash { path: path("/f"), algorithm: Algorithm::Sha256, part: None };
    let served = login.served(Request::Begin(task));
    let mut job = served.job.unwrap();
    assert_eq!(job.step(&mut login.local, 1, 1), Progress::More);
    drop(served.descriptor);
    assert_eq!(job.step(&mut login.local, 1, 1), Progress::Done);
    assert_eq!(decode_finished(b""), None);
}

#[test]
fn both_times_are_set() {
    let mut login = Login::with(rules());
    login.write("f", "");
    let (accessed, modified) = (Time { seconds: 7, nanoseconds: 5 }, Time { seconds: 9, nanoseconds: 0 });
    let change = |name: &str| Change::SetTimes { path: path(name), accessed, modified };
    assert_eq!(login.change(change("/f")), Answer::Done);
    let told = fs::metadata(login.at("f")).unwrap();
    assert_eq!((told.atime(), told.atime_nsec(), told.mtime()), (7, 5, 9));
    assert_eq!(login.change(change("/")), refused(Failure::WrongKind));
    let mut login = Login::with(Rules { may_set_time: false, ..rules() });
    login.write("f", "");
    assert_eq!(login.change(change("/f")), refused(Failure::Denied));
}

#[test]
fn missing_directories_are_made_and_present_ones_are_no_error() {
    let mut login = Login::with(rules());
    let make = |name: &str| Change::MakeDirectories { path: path(name), umask: 0o027 };
    assert_eq!(login.change(make("/a/b/c")), Answer::Done);
    assert_eq!(login.mode("a/b/c"), 0o750);
    assert_eq!(login.change(make("/a/b/c")), Answer::Done);
    assert_eq!(login.change(make("/")), Answer::Done);
    login.write("a/f", "");
    assert_eq!(login.change(make("/a/f")), refused(Failure::Exists));
    assert_eq!(login.change(make("/a/f/g")), refused(Failure::NotFound));
    let mut login = Login::with(Rules { may_make_directory: false, ..rules() });
    assert_eq!(login.change(make("/a")), refused(Failure::Denied));
}

#[test]
fn a_link_is_the_way_to_its_target_inside_the_root() {
    let mut login = Login::with(rules());
    login.mkdir("a/b");
    login.write("f", "content");
    symlink("a/b", login.at("short")).unwrap();
    let link = |target: &str, link: &str| Change::MakeLink { target: path(target), link: path(link) };
    assert_eq!(login.change(link("/f", "/a/b/link")), Answer::Done);
    assert_eq!(fs::read_link(login.at("a/b/link")).unwrap().to_str(), Some("../../f"));
    assert_eq!(login.read("/a/b/link"), Ok("content".into()));
    // Through a link to the directory the way is still the one from where the link really is.
    assert_eq!(login.change(link("/f", "/short/other")), Answer::Done);
    assert_eq!(fs::read_to_string(login.at("a/b/other")).unwrap(), "content");
    assert_eq!(login.change(link("/f", "/a/b/link")), refused(Failure::Exists));
    let mut login = Login::with(Rules { may_link: false, ..rules() });
    assert_eq!(login.change(link("/f", "/g")), refused(Failure::Denied));
}

#[test]
fn a_group_is_one_of_the_users_own() {
    let mut login = Login::with(rules());
    login.write("f", "");
    let own = rustix::process::getegid().as_raw().to_string();
    let group = |name: &str| Change::SetGroup { path: path("/f"), group: name.into() };
    assert_eq!(login.change(group(&own)), Answer::Done);
    for nobody in ["", "nosuch", "-1", "4294967295", "99999999999"] {
        assert_eq!(login.change(group(nobody)), refused(Failure::NotFound), "{nobody}");
    }
    let mut login = Login::with(Rules { may_set_mode: false, ..rules() });
    login.write("f", "");
    assert_eq!(login.change(group(&own)), refused(Failure::Denied));
}

#[test]
fn room_is_told_of_what_is_there_or_would_be() {
    let mut login = Login::with(rules());
    let Answer::Room(octets) = login.ask(Request::Room(VirtualPath::root())) else { panic!("no room") };
    assert!(octets > 0);
    assert!(matches!(login.ask(Request::Room(path("/new"))), Answer::Room(_)));
    assert_eq!(login.ask(Request::Room(path("/no/where"))), refused(Failure::NotFound));
}

#[test]
fn a_birth_is_told_where_the_file_system_knows_it() {
    let mut login = Login::with(rules());
    login.write("f", "");
    let Answer::Looked(looked) = login.ask(Request::Look { path: path("/f"), follow: true }) else {
        panic!("not looked")
    };
    let told = fs::metadata(login.at("f")).unwrap().created().ok();
    assert_eq!(looked.entry.created.is_some(), told.is_some());
}
