//! What every storage backend must do with each request but listings; here for the local one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use common::{Login, path, refused, rules};
use wharf_ipc::broker::Rules;
use wharf_proto::entry::{Access, Kind, Time};
use wharf_proto::failure::Failure;
use wharf_proto::store::{Answer, Change, Fate, Request, Writing};

fn fifo(login: &Login, name: &str) {
    let mode = rustix::fs::Mode::from_raw_mode(0o666);
    rustix::fs::mkfifoat(rustix::fs::CWD, login.at(name), mode).unwrap();
}

#[test]
fn a_file_is_opened_with_its_size() {
    let mut login = Login::with(rules());
    login.write("a", "hello");
    assert_eq!(login.ask(Request::OpenRead(path("/a"))), Answer::Opened { size: 5 });
    assert_eq!(login.read("/a"), Ok("hello".into()));
    assert_eq!(login.read("/b"), Err(Failure::NotFound));
    assert_eq!(login.read("/a/b"), Err(Failure::NotFound));
}

#[test]
fn nothing_but_a_regular_file_is_opened_and_a_fifo_never_waits() {
    let mut login = Login::with(rules());
    login.mkdir("d");
    fifo(&login, "fifo");
    symlink("fifo", login.at("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(login.at("socket")).unwrap();
    for name in ["/d", "/fifo", "/link", "/socket", "/"] {
        assert_eq!(login.read(name), Err(Failure::WrongKind), "{name}");
    }
    for name in ["/d", "/fifo", "/link", "/socket"] {
        let opened = login.open_write(name, Writing::Store, 0o022).map(|_| ());
        assert_eq!(opened, Err(Failure::WrongKind), "{name}");
    }
}

#[test]
fn symbolic_links_do_not_lead_out() {
    let mut login = Login::with(rules());
    fs::write(login.directory.path().join("secret"), "outside").unwrap();
    let outside = login.directory.path().join("secret");
    symlink(&outside, login.at("absolute")).unwrap();
    symlink("../secret", login.at("relative")).unwrap();
    symlink("../../../../../../../../etc/passwd", login.at("chain")).unwrap();
    symlink("/", login.at("slash")).unwrap();
    symlink("loop", login.at("loop")).unwrap();
    for name in ["/absolute", "/relative", "/chain", "/slash/etc/passwd"] {
        assert_eq!(login.read(name), Err(Failure::NotFound), "{name}");
    }
    assert_eq!(login.read("/loop"), Err(Failure::Broken));
    // As after a chroot, `..` stops at the root, and the file is made there.
    assert!(login.open_write("/relative", Writing::Store, 0).is_ok());
    assert!(login.at("secret").exists());
    assert_eq!(fs::read_to_string(&outside).unwrap(), "outside");
    login.write("inside", "in");
    symlink("/inside", login.at("good")).unwrap();
    assert_eq!(login.read("/good"), Ok("in".into()));
    assert_eq!(login.read("/slash/slash/inside"), Ok("in".into()));
}

#[test]
fn a_new_file_has_the_mode_less_the_umask_and_an_old_one_keeps_its_content() {
    let mut login = Login::with(rules());
    let (file, _, created, size) = login.open_write("/new", Writing::Store, 0o027).unwrap();
    assert_eq!((created, size, login.mode("new")), (true, 0, 0o640));
    fs::File::from(file).write_all(b"octets").unwrap();
    assert_eq!(login.finish(Fate::Kept), Answer::Done);
    let (_, _, created, size) = login.open_write("/new", Writing::Store, 0).unwrap();
    assert_eq!((created, size), (false, 6), "nothing is truncated");
    let (_, _, created, size) = login.open_write("/new", Writing::Append, 0).unwrap();
    assert_eq!((created, size), (false, 6));
    assert_eq!(login.mode("new"), 0o640);
}

#[test]
fn without_the_right_to_overwrite_an_existing_name_is_refused() {
    let mut login = Login::with(Rules { may_overwrite: false, may_append: false, ..rules() });
    login.write("a", "old");
    assert_eq!(login.open_write("/a", Writing::Store, 0).unwrap_err(), Failure::Exists);
    assert_eq!(login.open_write("/a", Writing::Append, 0).unwrap_err(), Failure::Denied);
    assert!(login.open_write("/b", Writing::Store, 0).is_ok());
    let mut login = Login::with(Rules { may_create: false, ..rules() });
    login.write("a", "old");
    assert!(login.open_write("/a", Writing::Store, 0).is_ok());
    assert_eq!(login.open_write("/b", Writing::Store, 0).unwrap_err(), Failure::Denied);
    assert!(!login.at("b").exists());
}

#[test]
fn a_unique_name_counts_up() {
    let mut login = Login::with(rules());
    for expected in ["/d/f", "/d/f.1", "/d/f.2"] {
        login.mkdir("d");
        let (_, path, created, _) = login.open_write("/d/f", Writing::Unique, 0).unwrap();
        assert_eq!((path.as_str(), created), (expected, true));
    }
}

#[test]
fn a_unique_name_that_is_taken_gets_a_random_ending_where_that_is_the_rule() {
    let mut login = Login::with(Rules { random_unique: true, ..rules() });
    let mut made = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let (_, path, created, _) = login.open_write("/f", Writing::Unique, 0).unwrap();
        assert!(created && login.at(&path[1..]).exists());
        assert!(made.insert(path), "a name was given twice");
    }
    assert!(made.remove("/f"), "a free name is taken as it is");
    for name in made {
        let ending = name.strip_prefix("/f.").unwrap();
        assert!(ending.len() == 6 && ending.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
    }
}

#[test]
fn a_home_is_told_by_the_password_file_below_the_root() {
    let mut login = Login::with(Rules { name_homes: true, ..rules() });
    let home = |login: &mut Login, name: &str| login.ask(Request::Home { name: name.into() });
    assert_eq!(home(&mut login, "root"), Answer::Home(None), "the machine's own file is another one");
    login.mkdir("etc");
    login.write("etc/passwd", "bob:x:7:7::/home/./bob:/bin/sh\nbo:x:8:8::/b:\nbad:x:1:1::rel:/bin/sh\n");
    assert_eq!(home(&mut login, "bob"), Answer::Home(Some(path("/home/bob"))));
    assert_eq!(home(&mut login, "bo"), Answer::Home(Some(path("/b"))));
    for nobody in ["bad", "b", "root", "bob:x", ""] {
        assert_eq!(home(&mut login, nobody), Answer::Home(None), "{nobody}");
    }
    fs::remove_file(login.at("etc/passwd")).unwrap();
    fifo(&login, "etc/passwd");
    assert_eq!(home(&mut login, "bob"), Answer::Home(None), "a FIFO is not waited for");
    let mut login = Login::with(rules());
    login.mkdir("etc");
    login.write("etc/passwd", "bob:x:7:7::/home/bob:/bin/sh\n");
    assert_eq!(home(&mut login, "bob"), refused(Failure::Denied));
}

#[test]
fn an_upload_through_a_link_is_removed_where_it_really_is() {
    let mut login = Login::with(Rules { delete_broken: true, ..rules() });
    login.mkdir("d");
    login.write("d/real", "old");
    symlink("d/real", login.at("link")).unwrap();
    let (_, told, created, _) = login.open_write("/link", Writing::Store, 0).unwrap();
    assert_eq!((told.as_str(), created), ("/link", false));
    assert_eq!(login.finish(Fate::Broken), Answer::Done);
    assert!(!login.at("d/real").exists());
    assert!(login.at("link").is_symlink());
}

#[test]
fn a_file_is_made_where_a_link_names_one_that_is_not_there() {
    let mut login = Login::with(rules());
    login.mkdir("d/e");
    symlink("/d", login.at("way")).unwrap();
    symlink("way/e/../new", login.at("link")).unwrap();
    let (_, told, created, _) = login.open_write("/link", Writing::Store, 0o022).unwrap();
    assert_eq!((told.as_str(), created, login.mode("d/new")), ("/link", true, 0o644));
    assert_eq!(login.finish(Fate::Unused), Answer::Done);
    assert!(!login.at("d/new").exists() && login.at("link").is_symlink());
    // What leads out is made inside, if it can be.
    symlink("/../../../d/inside", login.at("out")).unwrap();
    login.open_write("/out", Writing::Append, 0).unwrap();
    assert!(login.at("d/inside").exists());
    for (target, link) in [("/nowhere/x", "lost"), ("self", "self"), ("/d/", "slash")] {
        symlink(target, login.at(link)).unwrap();
        assert!(login.open_write(&format!("/{link}"), Writing::Store, 0).is_err(), "{link}");
    }
}

#[test]
fn nothing_is_made_behind_a_link_against_the_rules() {
    let mut login = Login::with(Rules { deny: Some(b"*.exe".to_vec().into()), ..rules() });
    symlink("x.exe", login.at("link")).unwrap();
    assert_eq!(login.open_write("/link", Writing::Store, 0).unwrap_err(), Failure::Forbidden);
    assert!(!login.at("x.exe").exists());
    let mut login = Login::with(Rules { may_overwrite: false, ..rules() });
    symlink("x", login.at("link")).unwrap();
    assert_eq!(login.open_write("/link", Writing::Store, 0).unwrap_err(), Failure::Exists);
    let mut login = Login::with(Rules { may_create: false, ..rules() });
    symlink("x", login.at("link")).unwrap();
    assert_eq!(login.open_write("/link", Writing::Store, 0).unwrap_err(), Failure::Denied);
    assert!(!login.at("x").exists());
    if rustix::process::geteuid().is_root() {
        // A stranger's link, and a chain that ends in one.
        let mut login = Login::with(rules());
        symlink("x", login.at("laid")).unwrap();
        std::os::unix::fs::lchown(login.at("laid"), Some(54_321), None).unwrap();
        symlink("laid", login.at("own")).unwrap();
        for link in ["/laid", "/own"] {
            assert_eq!(login.open_write(link, Writing::Store, 0).unwrap_err(), Failure::NotFound, "{link}");
        }
        assert!(!login.at("x").exists());
    }
}

#[test]
fn an_upload_that_moved_nothing_leaves_nothing_it_made() {
    let mut login = Login::with(rules());
    login.open_write("/new", Writing::Store, 0).unwrap();
    assert_eq!(login.finish(Fate::Unused), Answer::Done);
    assert!(!login.at("new").exists());
    login.write("old", "x");
    login.open_write("/old", Writing::Store, 0).unwrap();
    assert_eq!(login.finish(Fate::Unused), Answer::Done);
    assert!(login.at("old").exists());
}

#[test]
fn a_broken_upload_is_kept_or_removed_as_configured() {
    for delete_broken in [false, true] {
        let mut login = Login::with(Rules { delete_broken, ..rules() });
        login.open_write("/f", Writing::Store, 0).unwrap();
        assert_eq!(login.finish(Fate::Broken), Answer::Done);
        assert_eq!(login.at("f").exists(), !delete_broken);
    }
}

#[test]
fn only_the_very_file_that_broke_off_is_removed() {
    let mut login = Login::with(Rules { delete_broken: true, ..rules() });
    login.open_write("/f", Writing::Store, 0).unwrap();
    fs::rename(login.at("f"), login.at("moved")).unwrap();
    login.write("f", "somebody else's");
    assert_eq!(login.finish(Fate::Broken), Answer::Done);
    assert!(login.at("f").exists() && login.at("moved").exists());
}

#[test]
fn finishing_nothing_is_misconduct() {
    let mut login = Login::with(rules());
    assert!(login.local.serve(Request::Finish(Fate::Kept), &mut login.upload).is_err());
}

#[test]
fn a_locked_file_is_busy_until_its_holder_lets_go() {
    let mut login = Login::with(Rules { lock: true, ..rules() });
    let (file, ..) = login.open_write("/f", Writing::Store, 0).unwrap();
    assert_eq!(login.read("/f"), Err(Failure::Locked));
    drop(file);
    let reader = login.served(Request::OpenRead(path("/f"))).descriptor.unwrap();
    assert_eq!(login.read("/f"), Ok(String::new()), "readers share");
    assert_eq!(login.open_write("/f", Writing::Store, 0).unwrap_err(), Failure::Locked);
    drop(reader);
    assert!(login.open_write("/f", Writing::Store, 0).is_ok());
    assert!(login.at("f").exists());
}

#[test]
fn only_world_readable_things_are_shown_where_that_is_the_rule() {
    let mut login = Login::with(Rules { world_readable_only: true, ..rules() });
    login.write("open", "x");
    login.write("shut", "x");
    login.chmod("shut", 0o640);
    assert_eq!(login.read("/open"), Ok("x".into()));
    assert_eq!(login.read("/shut"), Err(Failure::Denied));
    let Answer::Looked(looked) = login.ask(Request::Look { path: path("/shut"), follow: true }) else {
        panic!()
    };
    assert_eq!((looked.entry.size, looked.access.read), (1, false));
}

#[test]
fn entering_tells_the_path_without_links_and_the_message() {
    let mut login = Login::with(Rules { message_file: Some(b".message".to_vec().into()), ..rules() });
    login.mkdir("a/b");
    symlink("/a/b", login.at("link")).unwrap();
    fs::write(login.at("a/b/.message"), "x".repeat(5000)).unwrap();
    let Answer::Entered(entered) = login.ask(Request::Enter(path("/link"))) else { panic!() };
    assert_eq!(entered.path, path("/a/b"));
    assert_eq!(entered.message.unwrap().len(), 4000);
    fifo(&login, "a/.message");
    let Answer::Entered(entered) = login.ask(Request::Enter(path("/a"))) else { panic!() };
    assert_eq!(entered.message, None, "a FIFO is no message and is not waited for");
    login.write("file", "");
    assert_eq!(login.ask(Request::Enter(path("/file"))), refused(Failure::NotFound));
    let Answer::Entered(root) = login.ask(Request::Enter(path("/"))) else { panic!() };
    assert_eq!(root.path, path("/"));
}

#[test]
fn looking_tells_attributes_and_rights() {
    let mut login = Login::with(rules());
    login.write("f", "12345");
    symlink("f", login.at("link")).unwrap();
    symlink("gone", login.at("broken")).unwrap();
    let look =
        |login: &mut Login, name: &str, follow| match login.ask(Request::Look { path: path(name), follow }) {
            Answer::Looked(looked) => Ok(looked),
            Answer::Refused(failure) => Err(failure),
            other => panic!("{other:?}"),
        };
    let file = look(&mut login, "/f", true).unwrap();
    let told = fs::metadata(login.at("f")).unwrap();
    assert_eq!((file.entry.kind, file.entry.size, file.entry.mode), (Kind::File, 5, 0o644));
    assert_eq!((file.entry.inode, file.entry.device), (told.ino(), told.dev()));
    assert_eq!(file.access, Access { read: true, write: true, execute: false, parent_write: true });
    let linked = look(&mut login, "/link", true).unwrap();
    assert_eq!((linked.entry.inode, linked.access.read), (told.ino(), true));
    assert_eq!(look(&mut login, "/link", false).unwrap().entry.kind, Kind::Symlink);
    assert_eq!(look(&mut login, "/broken", true), Err(Failure::NotFound));
    assert_eq!(look(&mut login, "/broken", false).unwrap().entry.kind, Kind::Symlink);
    let root = look(&mut login, "/", true).unwrap();
    assert_eq!(root.access, Access { read: true, write: true, execute: true, parent_write: false });
}

#[test]
fn rights_are_the_rules_as_well_as_the_kernels() {
    let mut login = Login::with(Rules { may_read: true, may_list: true, ..Rules::default() });
    login.write("f", "");
    let Answer::Looked(looked) = login.ask(Request::Look { path: path("/f"), follow: true }) else {
        panic!()
    };
    assert_eq!(looked.access, Access { read: true, ..Access::default() });
}

#[test]
fn directories_are_made_with_the_umask_and_removed_when_empty() {
    let mut login = Login::with(rules());
    let make = |text| Change::MakeDirectory { path: path(text), umask: 0o077 };
    assert_eq!(login.change(make("/d")), Answer::Done);
    assert_eq!(login.mode("d"), 0o700);
    assert_eq!(login.change(make("/d")), refused(Failure::Exists));
    assert_eq!(login.change(make("/")), refused(Failure::Exists));
    assert_eq!(login.change(make("/x/y")), refused(Failure::NotFound));
    login.write("d/f", "");
    assert_eq!(login.change(Change::RemoveDirectory(path("/d"))), refused(Failure::NotEmpty));
    assert_eq!(login.change(Change::Delete(path("/d"))), refused(Failure::WrongKind));
    assert_eq!(login.change(Change::Delete(path("/d/f"))), Answer::Done);
    assert_eq!(login.change(Change::RemoveDirectory(path("/d"))), Answer::Done);
    assert_eq!(login.change(Change::RemoveDirectory(path("/"))), refused(Failure::Denied));
}

#[test]
fn a_link_is_deleted_itself_and_a_rename_replaces() {
    let mut login = Login::with(rules());
    login.write("f", "f");
    symlink("f", login.at("link")).unwrap();
    assert_eq!(login.change(Change::Delete(path("/link"))), Answer::Done);
    assert!(login.at("f").exists());
    login.write("g", "g");
    let rename = |from, to| Change::Rename { from: path(from), to: path(to) };
    assert_eq!(login.change(rename("/f", "/g")), Answer::Done);
    assert_eq!(login.read("/g"), Ok("f".into()));
    assert_eq!(login.change(rename("/f", "/h")), refused(Failure::NotFound));
    assert_eq!(login.change(rename("/g", "/../../h")), Answer::Done);
    assert!(login.at("h").exists());
}

#[test]
fn modes_are_set_through_links_without_special_bits() {
    let mut login = Login::with(rules());
    login.write("f", "");
    login.mkdir("d");
    symlink("f", login.at("link")).unwrap();
    fifo(&login, "fifo");
    let set = |text, mode| Change::SetMode { path: path(text), mode };
    assert_eq!(login.change(set("/link", 0o7640)), Answer::Done);
    assert_eq!(login.mode("f"), 0o640);
    assert_eq!(login.change(set("/d", 0o711)), Answer::Done);
    assert_eq!(login.mode("d"), 0o711);
    assert_eq!(login.change(set("/fifo", 0o777)), refused(Failure::WrongKind));
}

#[test]
fn times_are_set_on_regular_files_only() {
    let mut login = Login::with(rules());
    login.write("f", "");
    login.mkdir("d");
    let modified = Time { seconds: 1_580_702_706, nanoseconds: 0 };
    assert_eq!(login.change(Change::SetModified { path: path("/f"), modified }), Answer::Done);
    assert_eq!(fs::metadata(login.at("f")).unwrap().mtime(), 1_580_702_706);
    let on_directory = Change::SetModified { path: path("/d"), modified };
    assert_eq!(login.change(on_directory), refused(Failure::WrongKind));
}

#[test]
fn what_the_rules_do_not_allow_is_denied_and_not_done() {
    let mut login = Login::with(Rules::default());
    login.write("f", "");
    login.mkdir("d");
    let denied = [
        Request::OpenRead(path("/f")),
        Request::OpenWrite { path: path("/f"), writing: Writing::Store, umask: 0 },
        Request::OpenWrite { path: path("/f"), writing: Writing::Append, umask: 0 },
        Request::OpenWrite { path: path("/n"), writing: Writing::Unique, umask: 0 },
        Request::List(common::wish("", wharf_proto::store::Format::Long, Default::default())),
        Request::Change(Change::MakeDirectory { path: path("/n"), umask: 0 }),
        Request::Change(Change::RemoveDirectory(path("/d"))),
        Request::Change(Change::Delete(path("/f"))),
        Request::Change(Change::Rename { from: path("/f"), to: path("/n") }),
        Request::Change(Change::SetMode { path: path("/f"), mode: 0 }),
        Request::Change(Change::SetModified { path: path("/f"), modified: Time::default() }),
    ];
    for request in denied {
        assert_eq!(login.ask(request.clone()), refused(Failure::Denied), "{request:?}");
    }
    assert!(login.at("f").exists() && login.at("d").exists() && !login.at("n").exists());
}

#[test]
fn a_denied_name_is_denied_everywhere_in_a_path() {
    let mut login = Login::with(Rules { deny: Some(b"{*.mp3,private}".to_vec().into()), ..rules() });
    login.mkdir("private");
    login.write("private/p", "");
    symlink("private", login.at("way")).unwrap();
    let rename = Change::Rename { from: path("/x"), to: path("/x.mp3") };
    for request in [
        Request::Enter(path("/private/")),
        Request::Enter(path("/way")),
        Request::OpenRead(path("/way/p")),
        Request::OpenRead(path("/private/p")),
        Request::OpenWrite { path: path("/a.mp3"), writing: Writing::Store, umask: 0 },
        Request::Look { path: path("/private"), follow: true },
        Request::Change(rename),
    ] {
        assert_eq!(login.ask(request.clone()), refused(Failure::Forbidden), "{request:?}");
    }
}

#[test]
fn the_kernel_has_the_last_word() {
    if wharf_os::identity::is_root() {
        println!("skipped: root may do everything");
        return;
    }
    let mut login = Login::with(rules());
    login.write("f", "");
    fs::set_permissions(login.at("f"), fs::Permissions::from_mode(0o000)).unwrap();
    assert_eq!(login.read("/f"), Err(Failure::Denied));
}
