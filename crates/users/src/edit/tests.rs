//! Edits of real files.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::users::Users;

const HASH: &str = "$5$rounds=1000$salt$jmWlX.WMmU0.rE0RvWQVpnv3gAtcUKsIbtS2DDkjkW.";

struct Place {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn place(text: &str) -> Place {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap().join("users");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Place { _directory: directory, path }
}

impl Place {
    fn edit(&self, change: impl FnOnce(&mut Edit) -> Result<(), Fault>) -> Result<(), String> {
        let mut edit = Edit::begin(&self.path).map_err(|fault| fault.to_string())?;
        change(&mut edit).and_then(|()| edit.commit()).map_err(|fault| fault.to_string())
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    fn neighbours(&self) -> usize {
        fs::read_dir(self.path.parent().unwrap()).unwrap().count()
    }
}

fn user(name: &str) -> User {
    User { name: name.into(), uid: 1001, gid: 1001, comment: String::new(), root: "/srv".into() }
}

#[test]
fn everything_but_the_changed_line_stays_as_it_was() {
    let place = place("# head\n\nann:!:1:1::/a:b\n#bob:x\n  \nbad line\nbob:*:2:2:Bob:/b");
    place.edit(|edit| edit.add(&user("carl"), HASH)).unwrap();
    place.edit(|edit| edit.set_hash("ann", HASH)).unwrap();
    let carl = format!("carl:{HASH}:1001:1001::/srv\n");
    let ann = format!("ann:{HASH}:1:1::/a:b\n");
    assert_eq!(place.text(), format!("# head\n\n{ann}#bob:x\n  \nbad line\nbob:*:2:2:Bob:/b\n{carl}"));
    place.edit(|edit| edit.remove("bob")).unwrap();
    place.edit(|edit| edit.remove("bad line")).unwrap();
    assert_eq!(place.text(), format!("# head\n\n{ann}#bob:x\n  \n{carl}"));
    assert_eq!(place.neighbours(), 1, "nothing may be left beside the file");
}

#[test]
fn wishes_that_cannot_be_fulfilled_change_nothing() {
    let text = "ann:!:1:1::/a\nbob:!:0:1::/b\ncarl:!:1:1::/c\ncarl:!:1:1::/c\n";
    let place = place(text);
    let at = place.path.display();
    let said = |change: &dyn Fn(&mut Edit) -> Result<(), Fault>| place.edit(change).unwrap_err();
    assert_eq!(said(&|edit| edit.add(&user("ann"), HASH)), format!("{at}:1: there is a user ann already"));
    assert_eq!(said(&|edit| edit.add(&user("bob"), HASH)), format!("{at}:2: there is a user bob already"));
    assert_eq!(said(&|edit| edit.add(&user("a:b"), HASH)), "a name holds neither ':' nor '/'");
    assert!(said(&|edit| edit.add(&user("dora"), "plain")).starts_with("the hash is of no kind"));
    let root = User { uid: 0, ..user("dora") };
    assert_eq!(said(&|edit| edit.add(&root, HASH)), "the user number is 0, which is root's: use another");
    assert_eq!(said(&|edit| edit.set_hash("dora", HASH)), format!("{at} knows no user dora"));
    assert_eq!(said(&|edit| edit.remove("dora")), format!("{at} knows no user dora"));
    assert_eq!(
        said(&|edit| edit.set_hash("bob", HASH)),
        format!("{at}:2: the user number is 0, which is root's: use another")
    );
    assert_eq!(
        said(&|edit| edit.set_hash("carl", HASH)),
        format!("{at}:4: line 3 names carl too: remove one of them")
    );
    assert!(said(&|edit| edit.set_hash("ann", "!\nroot:!")).starts_with("a hash holds printable"));
    assert_eq!(place.text(), text);
}

#[test]
fn a_wrong_hash_is_mended_by_a_new_one() {
    let place = place("ann:$1$old$hash:1:1::/a\n");
    place.edit(|edit| edit.set_hash("ann", HASH)).unwrap();
    assert_eq!(place.text(), format!("ann:{HASH}:1:1::/a\n"));
}

#[test]
fn mode_and_group_are_kept_and_a_link_stays_a_link() {
    let place = place("");
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o640)).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(&place.path, None, Some(12345)).unwrap();
    }
    let link = place.path.with_file_name("link");
    symlink(&place.path, &link).unwrap();
    let mut edit = Edit::begin(&link).unwrap();
    edit.add(&user("ann"), "!").unwrap();
    edit.commit().unwrap();
    let metadata = fs::metadata(&place.path).unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o640);
    assert!(!is_root || metadata.gid() == 12345);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(place.text().starts_with("ann:!"));
}

#[test]
fn what_an_edit_that_was_cut_off_left_behind_is_in_nobodys_way() {
    let place = place("");
    let elsewhere = place.path.with_file_name("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, new_name(&place.path)).unwrap();
    place.edit(|edit| edit.add(&user("ann"), "!")).unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    assert_eq!(place.neighbours(), 2);
}

#[test]
fn an_edit_that_cannot_be_written_leaves_the_old_file() {
    let place = place("ann:!:1:1::/a\n");
    fs::create_dir(new_name(&place.path)).unwrap();
    let said = place.edit(|edit| edit.remove("ann")).unwrap_err();
    assert!(said.starts_with(&format!("cannot write {}: ", place.path.display())), "{said}");
    assert!(said.ends_with("; nothing was changed"), "{said}");
    assert_eq!(place.text(), "ann:!:1:1::/a\n");
}

#[test]
fn a_missing_file_is_made_only_when_asked() {
    let place = place("");
    fs::remove_file(&place.path).unwrap();
    assert_eq!(Edit::begin(&place.path).unwrap_err().kind, Kind::Missing);
    let mut edit = Edit::begin_or_make(&place.path).unwrap();
    edit.add(&user("ann"), "!").unwrap();
    edit.commit().unwrap();
    assert_eq!(fs::metadata(&place.path).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn a_lock_on_a_file_that_was_replaced_counts_for_nothing() {
    let place = place("");
    let before = fs::metadata(&place.path).unwrap();
    assert!(is_still_there(&place.path, &before).unwrap());
    place.edit(|edit| edit.add(&user("ann"), "!")).unwrap();
    assert!(!is_still_there(&place.path, &before).unwrap());
    fs::remove_file(&place.path).unwrap();
    assert!(!is_still_there(&place.path, &before).unwrap());
}

#[test]
fn many_who_edit_at_once_lose_nothing_and_readers_see_whole_files() {
    const EACH: usize = 10;
    let place = place("# head\n");
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(Users::read(&place.path).unwrap().list().all(|user| user.is_ok()));
            }
        });
        let add = |thread: usize| {
            for n in 0..EACH {
                place.edit(|edit| edit.add(&user(&format!("u{thread}-{n}")), HASH)).unwrap();
            }
        };
        let writers: Vec<_> = (0..6).map(|thread| scope.spawn(move || add(thread))).collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(Users::read(&place.path).unwrap().list().count(), 6 * EACH);
    assert!(place.text().starts_with("# head\n"));
    assert_eq!(place.neighbours(), 1);
}
