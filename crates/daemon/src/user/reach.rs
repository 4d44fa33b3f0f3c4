//! Whether a user could work in a directory: a look at modes, for a warning in good time.
//!
//! The kernel decides at the login. Access control lists may allow more than the modes tell, hence a warning only.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Tells what stands between a user and a root directory; `None` when nothing does.
pub(super) fn obstacle(root: &Path, uid: u32, gid: u32) -> Option<String> {
    let mut above: Vec<&Path> = root.ancestors().collect();
    above.reverse();
    above.into_iter().find_map(|step| match fs::metadata(step) {
        Ok(it) if !it.is_dir() => Some(format!("{} is no directory", step.display())),
        Ok(it) => {
            let (needed, what) = if step == root { (5, "list") } else { (1, "pass through") };
            let is_granted = granted(&it, uid, gid) & needed == needed;
            (!is_granted).then(|| {
                let (step, mode) = (step.display(), it.mode() & 0o7777);
                format!("by its mode ({mode:04o}), user {uid} may not {what} {step}")
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(format!(
            "{} does not exist yet: 'install -d -o {uid} -g {gid} {}' makes a root that the user may write in",
            step.display(),
            root.display()
        )),
        Err(error) => Some(format!("cannot look at {}: {error}", step.display())),
    })
}

/// The three bits of the mode that count for this user.
fn granted(it: &Metadata, uid: u32, gid: u32) -> u32 {
    let shift = match (it.uid() == uid, it.gid() == gid) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    (it.mode() >> shift) & 7
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn each_obstacle_is_told_from_the_top_down() {
        let place = tempfile::tempdir().unwrap();
        set(place.path(), 0o755);
        let (above, root) = (place.path().join("above"), place.path().join("above/root"));
        let stranger = |root: &Path| obstacle(root, 4_000_001, 4_000_002);
        assert_eq!(
            stranger(&root).unwrap(),
            format!(
                "{} does not exist yet: 'install -d -o 4000001 -g 4000002 {}' makes a root that the user may write in",
                above.display(),
                root.display()
            )
        );
        fs::create_dir_all(&root).unwrap();
        set(&above, 0o711);
        set(&root, 0o755);
        assert_eq!(stranger(&root), None);
        set(&root, 0o751);
        let said = format!("by its mode (0751), user 4000001 may not list {}", root.display());
        assert_eq!(stranger(&root).unwrap(), said);
        set(&above, 0o700);
        let said = format!("by its mode (0700), user 4000001 may not pass through {}", above.display());
        assert_eq!(stranger(&root).unwrap(), said);
        let owner = fs::metadata(&root).unwrap().uid();
        assert_eq!(obstacle(&root, owner, 4_000_002), None);
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(stranger(&file).unwrap(), format!("{} is no directory", file.display()));
    }
}
