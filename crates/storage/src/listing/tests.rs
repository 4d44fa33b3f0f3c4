//! Listings of odd directories beside what other words for the same facts give.

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use tempfile::TempDir;
use wharf_ipc::broker::Rules;
use wharf_os::beneath::Root;
use wharf_proto::ftp::listing::Owners;
use wharf_proto::ftp::listing::mlsx::push_facts;
use wharf_proto::store::Facts;

use std::time::UNIX_EPOCH;

use super::*;
use crate::zone::Zone;

const PERM: Facts = Facts {
    kind: true,
    size: true,
    modify: true,
    perm: true,
    unique: false,
    unix_mode: true,
    unix_owner: true,
    unix_group: true,
    ..Facts::NONE
};

fn rules() -> Rules {
    let rules =
        Rules { may_read: true, may_list: true, may_create: true, may_append: true, ..Rules::default() };
    Rules { may_overwrite: true, may_make_directory: true, may_remove: true, sort_limit: 1000, ..rules }
}

fn local(directory: &Path, rules: Rules) -> Local {
    Local::new(Root::open(directory).unwrap(), rules, Owners::Numbers, Zone::utc()).unwrap()
}

/// Names and modes that have broken listings elsewhere, of several owners where the test may make them.
fn odd_directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o1777)).unwrap();
    let names: [&[u8]; 9] =
        [b"a\nb", b"a\r\nc", b" in side ", b"-rw", b"\xff\xfe", b"x -> y", b"*", b"a;b", b".dot"];
    let modes = [0o644, 0o600, 0o4755, 0o2711, 0o1644, 0o7644, 0, 0o66, 0o640, 0o604, 0o444];
    for (place, mode) in modes.iter().cycle().take(modes.len() * names.len()).enumerate() {
        let name = [names[place % names.len()], place.to_string().as_bytes()].concat();
        let path = directory.path().join(std::ffi::OsStr::from_bytes(&name));
        let file = File::create(&path).unwrap();
        file.set_len([0, 1, 123_456_789_012][place % 3]).unwrap();
        let age = std::time::Duration::from_secs([0, 1, 1_580_702_706, 4_102_444_800][place % 4]);
        file.set_modified(UNIX_EPOCH + age).unwrap();
        if wharf_os::identity::is_root() {
            let owner = [0, 65_533, 4_000_000_000][place % 3];
            chown(&path, Some(owner), Some(owner)).unwrap();
        }
        fs::set_permissions(&path, Permissions::from_mode(*mode)).unwrap();
    }
    fs::create_dir(directory.path().join("below")).unwrap();
    symlink("below", directory.path().join("link")).unwrap();
    symlink("gone", directory.path().join("broken")).unwrap();
    directory
}

fn listed(local: &mut Local, format: Format, flags: ListFlags) -> Vec<u8> {
    let list = List { path: VirtualPath::root(), prefix: Vec::new(), pattern: false, format, flags };
    let begun = Job::begin(local, list).unwrap();
    let (mut reader, mut job) = (File::from(begun.reader), begun.job.unwrap());
    let (mut octets, mut piece) = (Vec::new(), [0; 4096]);
    while job.step(local, 5) != Progress::Done {
        while let Ok(count @ 1..) = reader.read(&mut piece) {
            octets.extend_from_slice(&piece[..count]);
        }
    }
    drop(job);
    reader.read_to_end(&mut octets).unwrap();
    octets
}

fn clean(name: &[u8]) -> Vec<u8> {
    name.iter().map(|octet| if b"\r\n".contains(octet) { b'?' } else { *octet }).collect()
}

/// All names of a directory in byte order.
fn names(directory: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<Vec<u8>> =
        entries.map(|entry| entry.unwrap().file_name().as_bytes().to_vec()).collect();
    names.sort_unstable();
    names
}

#[test]
fn long_lines_are_what_the_library_tells_of_each_file() {
    let directory = odd_directory();
    let mut local = local(directory.path(), Rules { show_dot_files: true, ..rules() });
    let mut expected = Vec::new();
    for name in names(directory.path()) {
        let path = directory.path().join(std::ffi::OsStr::from_bytes(&name));
        let told = fs::symlink_metadata(&path).unwrap();
        let date = match told.mtime() {
            0 | 1 => "Jan 01  1970".to_owned(),
            1_580_702_706 => "Feb 03  2020".to_owned(),
            4_102_444_800 => "Jan 01  2100".to_owned(),
            now => jiff::Timestamp::from_second(now).unwrap().strftime("%b %d %H:%M").to_string(),
        };
        let mut mode = letters(told.mode());
        mode.push_str(&format!(
            " {:>4} {:<8} {:<8} {:>8} {date} ",
            told.nlink(),
            told.uid(),
            told.gid(),
            told.size()
        ));
        expected.extend_from_slice(mode.as_bytes());
        expected.extend_from_slice(&clean(&name));
        if let Ok(target) = fs::read_link(&path) {
            expected.extend_from_slice(&[b" -> ", target.as_os_str().as_bytes()].concat());
        }
        expected.extend_from_slice(b"\r\n");
    }
    let octets = listed(&mut local, Format::Long, ListFlags::default());
    assert_eq!(String::from_utf8_lossy(&octets), String::from_utf8_lossy(&expected));
}

/// The ten letters of `ls`, in other words than the listing's own.
fn letters(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        _ => '-',
    };
    let all = "rwxrwxrwx".chars().enumerate();
    let mut text: Vec<char> =
        all.map(|(place, letter)| if mode >> (8 - place) & 1 == 1 { letter } else { '-' }).collect();
    for (bit, place, letter) in [(0o4000, 2, 's'), (0o2000, 5, 's'), (0o1000, 8, 't')] {
        if mode & bit != 0 {
            text[place] = if text[place] == 'x' { letter } else { letter.to_ascii_uppercase() };
        }
    }
    format!("{kind}{}", text.into_iter().collect::<String>())
}

/// An access control list (`linux/posix_acl_xattr.h`): the owner and the mask have `rw-`, a user what is said, and
/// the group and others what is said.
fn set_list(path: &Path, user: (u32, u16), group: u16, others: u16) {
    const NOBODY: u32 = u32::MAX;
    let (whom, may) = user;
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, may, whom) in
        [(1, 6, NOBODY), (2, may, whom), (4, group, NOBODY), (0x10, 6, NOBODY), (0x20, others, NOBODY)]
    {
        list.extend_from_slice(&[u16::to_le_bytes(tag), may.to_le_bytes()].concat());
        list.extend_from_slice(&whom.to_le_bytes());
    }
    let set = rustix::fs::setxattr(path, "system.posix_acl_access", &list, rustix::fs::XattrFlags::empty());
    assert!(matches!(set, Ok(()) | Err(Errno::NOTSUP)), "{set:?}");
}

/// What is remembered from entry to entry must be what a look at each alone gives, whoever looks.
#[test]
fn rights_in_facts_are_those_of_a_look_at_each_entry() {
    let directory = odd_directory();
    compare_rights(directory.path());
    as_others(|| compare_rights(directory.path()));
}

/// Files that look alike, two of them closed to everybody but one user by a list, of which one is opened to that user.
#[test]
fn files_that_look_alike_and_have_different_lists_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    for (name, may) in [("one", 0), ("other", 6)] {
        let path = directory.path().join(name);
        File::create(&path).unwrap();
        set_list(&path, (65_533, may), 0, 0);
    }
    as_others(|| compare_rights(directory.path()));
}

/// The one hint that may promise too much: nobody asks for each file whether a list takes away what everybody has.
#[test]
fn a_file_open_to_everybody_is_told_as_readable_even_where_a_list_closes_it_to_one() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("closed");
    File::create(&path).unwrap();
    set_list(&path, (65_533, 0), 4, 4);
    as_others(|| {
        let mut local = local(directory.path(), rules());
        let octets = listed(&mut local, Format::Facts(PERM), ListFlags::default());
        let told = String::from_utf8(octets).unwrap();
        assert!(told.contains(";perm=r;"), "{told}");
        // The kernel has the last word.
        let is_closed = rustix::process::geteuid().as_raw() == 65_533;
        assert_eq!(File::open(directory.path().join("closed")).is_err(), is_closed);
    });
}

fn compare_rights(directory: &Path) {
    let mut local = local(directory, Rules { show_dot_files: true, ..rules() });
    let mut expected: Vec<Vec<u8>> = Vec::new();
    for name in names(directory) {
        let path = VirtualPath::resolve(&VirtualPath::root(), &name).unwrap();
        let looked = local.look_unasked(&path, true).or_else(|_| local.look_unasked(&path, false)).unwrap();
        let mut line = Vec::new();
        push_facts(&mut line, &PERM, &looked.entry, looked.access, &Owners::Numbers);
        expected.push([line.as_slice(), b" ", &clean(&name), b"\r\n"].concat());
    }
    let octets = listed(&mut local, Format::Facts(PERM), ListFlags::default());
    let mut lines: Vec<Vec<u8>> =
        octets.split_inclusive(|&octet| octet == b'\n').map(<[u8]>::to_vec).collect();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

/// Does something as two ordinary users; nothing where the test may not become one.
fn as_others(what: impl Fn() + Sync) {
    if !wharf_os::identity::is_root() {
        return;
    }
    for user in [65_533, 65_532] {
        // On Linux a thread has numbers of its own, which end with it.
        let (user, group) = (rustix::process::Uid::from_raw(user), rustix::process::Gid::from_raw(user));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                rustix::thread::set_thread_groups(&[]).unwrap();
                rustix::thread::set_thread_res_gid(group, group, group).unwrap();
                rustix::thread::set_thread_res_uid(user, user, user).unwrap();
                what();
            });
        });
    }
}

#[test]
fn the_first_piece_does_not_wait_for_a_full_block() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..50 {
        File::create(directory.path().join(format!("f{number}"))).unwrap();
    }
    let mut local = local(directory.path(), Rules { sort_limit: 1, ..rules() });
    let list = List {
        path: VirtualPath::root(),
        prefix: Vec::new(),
        pattern: false,
        format: Format::Long,
        flags: ListFlags::default(),
    };
    let begun = Job::begin(&local, list).unwrap();
    let mut job = begun.job.unwrap();
    while job.block.is_empty() && !job.has_written {
        assert_eq!(job.step(&mut local, 3), Progress::More);
    }
    let mut piece = [0; 4096];
    assert!(File::from(begun.reader).read(&mut piece).unwrap() > 0);
}

#[test]
fn what_was_typed_stands_before_names_and_in_headers() {
    let both = |typed: &str| {
        let text = |octets| String::from_utf8(octets).unwrap();
        (text(prefix(typed.as_bytes())), text(shown(typed.as_bytes())))
    };
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(both(""), pair("", "."));
    assert_eq!(both("."), pair("", "."));
    assert_eq!(both("d"), pair("d/", "d"));
    assert_eq!(both("./d/"), pair("./d/", "./d"));
    assert_eq!(both("/"), pair("/", "/"));
}
