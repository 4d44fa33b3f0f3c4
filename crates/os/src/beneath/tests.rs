//! Both ways of resolving, side by side: whatever the kernel answers, the walk must answer too.

use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FileType, fstat, readlinkat};

const READ: OFlags = OFlags::RDONLY;

struct Tree {
    /// Holds `outside`, and the root beside it.
    _around: tempfile::TempDir,
    outside: std::path::PathBuf,
    root: std::path::PathBuf,
}

impl Tree {
    fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        let outside = around.path().join("outside");
        let root = around.path().join("root");
        fs::create_dir_all(root.join("a/b/c")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "secret").unwrap();
        fs::write(root.join("file"), "in the root").unwrap();
        fs::write(root.join("a/b/file"), "deep").unwrap();
        Self { _around: around, outside, root }
    }

    fn kernel(&self) -> Root {
        Root::open(&self.root).unwrap()
    }

    fn walk(&self) -> Root {
        self.kernel().with_walk()
    }

    fn link(&self, target: &str, name: &str) {
        symlink(target, self.root.join(name)).unwrap();
    }

    /// Resolves both ways and insists on one answer: the same file, or the same errno.
    fn both(&self, path: &str, flags: OFlags) -> Result<(u64, FileType), Errno> {
        let ask = |root: Root| match root.resolve(path.as_bytes(), flags, Mode::from_raw_mode(0o600)) {
            Ok(descriptor) => {
                let stat = fstat(&descriptor).unwrap();
                Ok((stat.st_ino, FileType::from_raw_mode(stat.st_mode)))
            }
            Err(error) => Err(Errno::from_raw_os_error(error.raw_os_error().unwrap())),
        };
        let (kernel, walk) = (ask(self.kernel()), ask(self.walk()));
        assert_eq!(kernel, walk, "kernel and walk differ for {path:?} with {flags:?}");
        kernel
    }

    fn inode(&self, path: &str) -> u64 {
        use std::os::unix::fs::MetadataExt;
        fs::symlink_metadata(self.root.join(path)).unwrap().ino()
    }
}

#[test]
fn dots_and_slashes_end_at_the_root_and_not_above() {
    let tree = Tree::new();
    let root = tree.inode(".");
    for path in
        ["/", ".", "..", "/..", "../../../..", "/a/../..", "a/b/c/../../../../../..", "//", "/./.", "a/.."]
    {
        assert_eq!(tree.both(path, READ).unwrap().0, root, "{path}");
    }
    for path in
        ["/file", "file", "../file", "/a/b/../../file", "//a//../file", "/../../file", "./a/.././file"]
    {
        assert_eq!(tree.both(path, READ).unwrap().0, tree.inode("file"), "{path}");
    }
    assert_eq!(tree.both("/../outside/secret", READ), Err(Errno::NOENT));
    assert_eq!(tree.both("", READ), Err(Errno::NOENT));
    assert_eq!(tree.both("a\0b", READ), Err(Errno::INVAL));
}

#[test]
fn links_stay_inside_wherever_they_point() {
    let tree = Tree::new();
    tree.link("/file", "absolute");
    tree.link("../../../../file", "up");
    tree.link("a/b", "relative");
    tree.link("/a", "a/b/home");
    tree.link(tree.outside.join("secret").to_str().unwrap(), "escape");
    tree.link("../outside/secret", "escape-up");
    tree.link(tree.outside.to_str().unwrap(), "escape-directory");
    let file = tree.inode("file");
    assert_eq!(tree.both("/absolute", READ).unwrap().0, file);
    assert_eq!(tree.both("/up", READ).unwrap().0, file);
    assert_eq!(tree.both("/relative/file", READ).unwrap().0, tree.inode("a/b/file"));
    assert_eq!(tree.both("/relative/../../file", READ).unwrap().0, file);
    assert_eq!(tree.both("/relative/home/b/file", READ).unwrap().0, tree.inode("a/b/file"));
    for path in ["/escape", "/escape-up", "/escape-directory", "/escape-directory/secret"] {
        assert_eq!(tree.both(path, READ), Err(Errno::NOENT), "{path}");
    }
}

#[test]
fn links_without_end_are_loops_and_forty_are_not() {
    let tree = Tree::new();
    tree.link("self", "self");
    tree.link("pong", "ping");
    tree.link("/ping", "pong");
    tree.link("deeper/x", "deeper");
    for path in ["/self", "/self/x", "/ping", "/ping/..", "/deeper"] {
        assert_eq!(tree.both(path, READ), Err(Errno::LOOP), "{path}");
    }
    tree.link("file", "l1");
    for n in 2..=41 {
        tree.link(&format!("l{}", n - 1), &format!("l{n}"));
    }
    assert_eq!(tree.both("/l40", READ).unwrap().0, tree.inode("file"));
    assert_eq!(tree.both("/l41", READ), Err(Errno::LOOP));
}

#[test]
fn a_trailing_slash_wants_a_directory() {
    let tree = Tree::new();
    tree.link("a", "to-directory");
    tree.link("file", "to-file");
    tree.link("a/", "to-directory-slash");
    tree.link("file/", "to-file-slash");
    for path in ["/a/", "/a/.", "/to-directory/", "/to-directory", "/to-directory-slash", "/to-directory/."] {
        assert_eq!(tree.both(path, READ).unwrap().0, tree.inode("a"), "{path}");
    }
    for path in ["/file/", "/file/.", "/file/..", "/to-file/", "/to-file-slash", "/file/x", "/to-file/x"] {
        assert_eq!(tree.both(path, READ), Err(Errno::NOTDIR), "{path}");
    }
    assert_eq!(tree.both("/a", OFlags::WRONLY), Err(Errno::ISDIR));
    assert_eq!(tree.both("/a/", OFlags::WRONLY), Err(Errno::ISDIR));
    assert_eq!(tree.both("/file", READ | OFlags::DIRECTORY), Err(Errno::NOTDIR));
}

#[test]
fn the_last_link_is_opened_or_refused_as_the_flags_say() {
    let tree = Tree::new();
    tree.link("a", "link");
    let look = OFlags::PATH | OFlags::NOFOLLOW;
    assert_eq!(tree.both("/link", look).unwrap(), (tree.inode("link"), FileType::Symlink));
    assert_eq!(tree.both("/link", READ | OFlags::NOFOLLOW), Err(Errno::LOOP));
    assert_eq!(tree.both("/link/", look).unwrap().1, FileType::Directory);
    assert_eq!(tree.both("/link/b/file", look).unwrap().1, FileType::RegularFile);
    assert_eq!(tree.both("/link", look | OFlags::DIRECTORY), Err(Errno::NOTDIR));
    assert_eq!(tree.both("/link", OFlags::PATH).unwrap(), (tree.inode("a"), FileType::Directory));
}

#[test]
fn creating_goes_through_links_only_inside() {
    let create = OFlags::CREATE | OFlags::WRONLY;
    for walks in [false, true] {
        let tree = Tree::new();
        let open = |path: &str, flags| {
            let root = if walks { tree.walk() } else { tree.kernel() };
            root.resolve(path.as_bytes(), flags, Mode::from_raw_mode(0o640))
                .map_err(|error| Errno::from_raw_os_error(error.raw_os_error().unwrap()))
        };
        tree.link("/a/dangling", "to-new");
        tree.link(tree.outside.join("planted").to_str().unwrap(), "plant");
        open("/new", create).unwrap();
        assert_eq!(fs::metadata(tree.root.join("new")).unwrap().permissions().mode() & 0o777, 0o640);
        open("/to-new", create).unwrap();
        assert!(tree.root.join("a/dangling").exists());
        assert_eq!(open("/plant", create).unwrap_err(), Errno::NOENT);
        assert!(!tree.outside.join("planted").exists());
        assert_eq!(open("/plant", create | OFlags::EXCL).unwrap_err(), Errno::EXIST);
        assert_eq!(open("/file", create | OFlags::EXCL).unwrap_err(), Errno::EXIST);
        assert_eq!(open("/fresh/", create).unwrap_err(), Errno::ISDIR);
        assert_eq!(open("/", create).unwrap_err(), Errno::ISDIR);
        assert_eq!(open("/missing/new", create).unwrap_err(), Errno::NOENT);
    }
}

#[test]
fn magic_links_lead_nowhere_outside() {
    let root = Root::open("/proc/self").unwrap();
    let held = tempfile::NamedTempFile::new().unwrap();
    let path = format!("/fd/{}", std::os::fd::AsRawFd::as_raw_fd(held.as_file()));
    let error = root.resolve(path.as_bytes(), READ, Mode::empty()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ELOOP));
    // Taken for its text, which names nothing inside /proc/self.
    let error = root.with_walk().resolve(path.as_bytes(), READ, Mode::empty()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn a_parent_is_opened_and_the_name_is_left_alone() {
    let tree = Tree::new();
    tree.link("a/b", "link");
    let inode = |descriptor: &OwnedFd| fstat(descriptor).unwrap().st_ino;
    for root in [tree.kernel(), tree.walk()] {
        for (path, directory, name) in [
            ("/file", ".", "file"),
            ("file", ".", "file"),
            ("/link", ".", "link"),
            ("/link/new", "a/b", "new"),
            ("/a/b/new/", "a/b", "new"),
            ("/a/b/new///", "a/b", "new"),
            ("/../../x", ".", "x"),
            ("/a/b/../y", "a", "y"),
            ("...", ".", "..."),
        ] {
            let (parent, last) = root.parent(path.as_bytes()).unwrap();
            assert_eq!((inode(&parent), last), (tree.inode(directory), name.as_bytes()), "{path}");
        }
        for path in ["", "/", "//", ".", "..", "/a/..", "/a/.", "/a/../", "x\0y"] {
            let error = root.parent(path.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path:?}");
        }
        assert_eq!(root.parent(b"/file/x").unwrap_err().raw_os_error(), Some(libc::ENOTDIR));
    }
}

#[test]
fn what_is_opened_is_closed_by_exec() {
    let tree = Tree::new();
    for root in [tree.kernel(), tree.walk()] {
        for path in ["/file", "/", "/a/.."] {
            let descriptor = root.resolve(path.as_bytes(), READ, Mode::empty()).unwrap();
            let flags = rustix::io::fcntl_getfd(&descriptor).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC), "{path}");
        }
    }
}

#[test]
fn a_directory_that_may_not_be_searched_is_closed_both_ways() {
    let tree = Tree::new();
    let set = |name: &str, mode| {
        fs::set_permissions(tree.root.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for open in [&tree.root, tree.root.parent().unwrap()] {
        fs::set_permissions(open, fs::Permissions::from_mode(0o755)).unwrap();
    }
    set("a", 0o700);
    if !crate::identity::is_root() {
        set("a", 0o000);
    }
    // One thread only becomes another user; the others of this test program stay who they are.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if crate::identity::is_root() {
                let nobody = rustix::fs::Uid::from_raw(65534);
                rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            }
            for path in ["/a/b", "/a/..", "/a/.", "/a/../file", "/a/b/../../file", "/a/missing"] {
                assert_eq!(tree.both(path, OFlags::PATH), Err(Errno::ACCESS), "{path}");
            }
            assert_eq!(tree.both("/a", OFlags::PATH).unwrap().1, FileType::Directory);
        });
    });
    set("a", 0o700);
}

/// An attacker inside swaps a directory for a link to the outside, and moves the directory we stand in upwards,
/// while we resolve: no answer may ever be the file outside.
#[test]
fn renames_under_our_feet_never_lead_outside() {
    let tree = Tree::new();
    let secret = {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(tree.outside.join("secret")).unwrap().ino()
    };
    tree.link("../../../../../../../outside", "a/b/evil");
    tree.link(tree.outside.to_str().unwrap(), "trap");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let at = |name: &str| tree.root.join(name);
            while !done.load(Ordering::Relaxed) {
                // The directory becomes a link and back.
                let _ = rustix::fs::renameat_with(
                    rustix::fs::CWD,
                    at("trap"),
                    rustix::fs::CWD,
                    at("a"),
                    rustix::fs::RenameFlags::EXCHANGE,
                );
                // A directory two levels deep moves to the top, so that its `..` changes.
                let _ = fs::rename(at("a/b/c"), at("moved"));
                let _ = fs::rename(at("moved"), at("a/b/c"));
            }
        });
        for root in [tree.kernel(), tree.walk()] {
            for _ in 0..4000 {
                for path in
                    ["/a/b/c/../../../outside/secret", "/a/secret", "/a/b/evil/secret", "/a/b/c/../../secret"]
                {
                    if let Ok(found) = root.resolve(path.as_bytes(), OFlags::PATH, Mode::empty()) {
                        assert_ne!(fstat(&found).unwrap().st_ino, secret, "{path}");
                    }
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_link_is_read_through_its_parent() {
    let tree = Tree::new();
    tree.link("/a", "link");
    let (parent, name) = tree.kernel().parent(b"/link").map(|(p, n)| (p, n.to_vec())).unwrap();
    assert_eq!(readlinkat(parent, name, Vec::new()).unwrap().as_bytes(), b"/a");
}
