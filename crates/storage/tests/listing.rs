//! Listings octet for octet, in order, in bounded memory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use common::{Login, rules, wish};
use wharf_ipc::broker::Rules;
use wharf_proto::entry::Time;
use wharf_proto::failure::Failure;
use wharf_proto::store::{Change, Facts, Format, ListFlags};

const PLAIN: ListFlags =
    ListFlags { all: false, reverse: false, by_time: false, classify: false, recurse: false };

fn dated(login: &mut Login, name: &str, seconds: i64) {
    let modified = Time { seconds, nanoseconds: 0 };
    let change = Change::SetModified { path: common::path(name), modified };
    assert_eq!(login.change(change), wharf_proto::store::Answer::Done);
}

#[test]
fn a_long_listing_is_vsftpds_octet_for_octet() {
    let mut login = Login::with(Rules { hide_owners: true, ..rules() });
    login.write("a.txt", "hello world\n");
    login.write("B", "");
    login.write(".hidden", "");
    dated(&mut login, "/a.txt", 1_580_702_706);
    dated(&mut login, "/B", 0);
    let text = login.list(wish("", Format::Long, PLAIN)).unwrap();
    assert_eq!(
        text,
        "-rw-r--r--    1 ftp      ftp             0 Jan 01  1970 B\r\n\
         -rw-r--r--    1 ftp      ftp            12 Feb 03  2020 a.txt\r\n"
    );
    symlink("a.txt", login.at("link")).unwrap();
    let text = login.list(wish("link", Format::Long, PLAIN)).unwrap();
    assert!(text.starts_with("lrwxrwxrwx    1 ftp      ftp             5 "), "{text}");
    assert!(text.ends_with(" link -> a.txt\r\n"), "{text}");
}

#[test]
fn numbers_stand_for_owners_by_default() {
    let mut login = Login::with(rules());
    login.write("f", "");
    let told = fs::metadata(login.at("f")).unwrap();
    let text = login.list(wish("f", Format::Long, PLAIN)).unwrap();
    assert!(
        text.starts_with(&format!("-rw-r--r--    1 {:<8} {:<8}        0 ", told.uid(), told.gid())),
        "{text}"
    );
}

#[test]
fn names_stand_in_byte_order_with_the_directory_as_typed() {
    let mut login = Login::with(rules());
    login.mkdir("d");
    for name in ["b", "A", "ä", "-dash", ".dot", "in side"] {
        login.write(&format!("d/{name}"), "");
    }
    assert_eq!(login.names("d", PLAIN), ["d/-dash", "d/A", "d/b", "d/in side", "d/ä"]);
    assert_eq!(login.names("./d/", PLAIN)[0], "./d/-dash");
    let all = ListFlags { all: true, ..PLAIN };
    assert_eq!(login.names("d", all), ["d/-dash", "d/.", "d/..", "d/.dot", "d/A", "d/b", "d/in side", "d/ä"]);
    let reversed = ListFlags { reverse: true, ..PLAIN };
    assert_eq!(login.names("d", reversed), ["d/ä", "d/in side", "d/b", "d/A", "d/-dash"]);
    assert_eq!(login.names("", PLAIN), ["d"]);
    assert_eq!(login.names(".", PLAIN), ["d"]);
}

#[test]
fn the_newest_stand_first_when_asked() {
    let mut login = Login::with(rules());
    for (name, time) in [("old", 10), ("new", 30), ("middle", 20)] {
        login.write(name, "");
        dated(&mut login, name, time);
    }
    assert_eq!(login.names("", ListFlags { by_time: true, ..PLAIN }), ["new", "middle", "old"]);
    let turned = ListFlags { by_time: true, reverse: true, ..PLAIN };
    assert_eq!(login.names("", turned), ["old", "middle", "new"]);
}

#[test]
fn patterns_and_files_are_looked_for_in_the_directory_before_the_last_slash() {
    let mut login = Login::with(rules());
    login.mkdir("d");
    for name in ["d/a.txt", "d/b.txt", "d/c", "d/.x", "br{a}ce"] {
        login.write(name, "");
    }
    assert_eq!(login.names("d/*.txt", PLAIN), ["d/a.txt", "d/b.txt"]);
    assert_eq!(login.names("d/{c,a.txt}", PLAIN), ["d/a.txt", "d/c"]);
    assert_eq!(login.names("d/.*", PLAIN), ["d/.x"]);
    assert_eq!(login.names("d/.*", ListFlags { all: true, ..PLAIN }), ["d/.", "d/..", "d/.x"]);
    assert_eq!(login.names("d/c", PLAIN), ["d/c"]);
    assert!(login.names("d/gone", PLAIN).is_empty());
    assert!(login.names("br{a}ce", PLAIN).is_empty(), "braces are a pattern");
    assert_eq!(login.list(wish("gone/x", Format::Long, PLAIN)), Err(Failure::NotFound));
}

#[test]
fn hidden_names_are_left_out_and_denied_ones_are_not() {
    let hide = Some(b"{*.bak,secret}".to_vec().into());
    let mut login =
        Login::with(Rules { hide, deny: Some(b"*.mp3".to_vec().into()), show_dot_files: true, ..rules() });
    for name in ["a", "a.bak", "secret", "x.mp3", ".dot"] {
        login.write(name, "");
    }
    assert_eq!(login.names("", PLAIN), [".dot", "a", "x.mp3"]);
    assert_eq!(login.list(wish("x.mp3", Format::Names, PLAIN)), Err(Failure::Forbidden));
}

#[test]
fn marks_show_directories_and_links() {
    let mut login = Login::with(rules());
    login.mkdir("d");
    symlink("d", login.at("l")).unwrap();
    assert_eq!(login.names("", ListFlags { classify: true, ..PLAIN }), ["d/", "l@"]);
}

#[test]
fn an_unreadable_directory_is_told_as_not_opened() {
    let mut login = Login::with(Rules { world_readable_only: true, ..rules() });
    login.mkdir("d");
    login.chmod("d", 0o711);
    assert_eq!(login.list(wish("d", Format::Long, PLAIN)), Err(Failure::NotFound));
    login.chmod("d", 0o755);
    assert_eq!(login.list(wish("d", Format::Long, PLAIN)), Ok(String::new()));
}

#[test]
fn a_recursive_listing_has_headers_and_is_depth_first() {
    let recurse = ListFlags { recurse: true, ..PLAIN };
    let mut login = Login::with(Rules { recurse: true, ..rules() });
    for directory in ["a/x", "b"] {
        login.mkdir(directory);
    }
    login.write("a/x/f", "");
    symlink("/", login.at("b/loop")).unwrap();
    let text = login.list(wish("", Format::Names, recurse)).unwrap();
    assert_eq!(text.replace("\r\n", "\n"), ".:\na\nb\n\n./a:\n./a/x\n\n./a/x:\n./a/x/f\n\n./b:\n./b/loop\n");
    let mut login = Login::with(rules());
    login.mkdir("a");
    assert_eq!(login.names("", recurse), ["a"], "only with the rule");
}

#[test]
fn facts_follow_links_and_have_no_dot_entries() {
    let mut login = Login::with(rules());
    login.write("f", "abc");
    dated(&mut login, "/f", 1_580_702_706);
    symlink("f", login.at("good")).unwrap();
    symlink("gone", login.at("broken")).unwrap();
    login.mkdir("d");
    let facts = Facts {
        kind: true,
        size: true,
        modify: false,
        perm: true,
        unique: false,
        unix_mode: false,
        unix_owner: false,
        unix_group: false,
        ..Facts::NONE
    };
    let all = ListFlags { all: true, ..PLAIN };
    let text = login.list(wish("", Format::Facts(facts), all)).unwrap();
    let mut lines: Vec<&str> = text.split_terminator("\r\n").collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "type=OS.unix=symlink;size=4;perm=df; broken",
            "type=dir;perm=cdeflmp; d",
            "type=file;size=3;perm=adfrw; f",
            "type=file;size=3;perm=adfrw; good",
        ]
    );
}

#[test]
fn beyond_the_limit_names_come_in_the_order_of_the_directory_unless_asked_for() {
    let mut login = Login::with(Rules { sort_limit: 10, ..rules() });
    let mut expected: Vec<String> = (0..300).map(|number| format!("f{:03}", number * 7 % 300)).collect();
    for name in &expected {
        login.write(name, "");
    }
    let listed = login.names("", PLAIN);
    let raw: Vec<String> = fs::read_dir(login.at(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(listed, raw);
    expected.sort_unstable();
    expected.reverse();
    assert_eq!(login.names("", ListFlags { reverse: true, ..PLAIN }), expected);
}

#[test]
fn what_is_above_the_root_is_not_shown() {
    let mut login = Login::with(rules());
    login.chmod("", 0o751);
    let text = login.list(wish("", Format::Long, ListFlags { all: true, ..PLAIN })).unwrap();
    assert!(text.lines().all(|line| line.starts_with("drwxr-x--x ")), "{text}");
    assert_eq!(text.lines().count(), 2);
}
