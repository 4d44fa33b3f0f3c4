//! Opens the file only when nobody else could have written it, and nobody may read the hashes who should not.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::fault::{Fault, Kind};

/// The most octets of the file.
///
/// All of it is read at each login, which takes about 10 ms at this size. A line is about 160 octets long, so that is
/// room for 200,000 users; whoever has more needs a data base.
pub(crate) const LONGEST_FILE: u64 = 32 << 20;

/// How the file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// To look at it.
    Read,
    /// To replace it; the descriptor is writable because a lock needs that.
    Edit,
    /// As [`Access::Edit`], and makes an empty file where there is none.
    Make,
}

/// Opens and judges the file.
pub(crate) fn open(path: &Path, access: Access) -> Result<(File, Metadata), Fault> {
    let flags = match access {
        Access::Read => OFlags::RDONLY,
        Access::Edit => OFlags::RDWR,
        Access::Make => OFlags::RDWR | OFlags::CREATE,
    };
    // Opening a pipe must not wait for its other end.
    let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)
        .map(File::from)
        .map_err(|errno| cannot_open(path, access, &errno.into()))?;
    let metadata = file.metadata().map_err(|error| Fault::system(path, "look at", &error))?;
    judge(path, &metadata)?;
    Ok((file, metadata))
}

/// A file that cannot be made lacks its directory, which is another trouble than lacking the file.
fn cannot_open(path: &Path, access: Access, error: &io::Error) -> Fault {
    if access == Access::Make && error.kind() == io::ErrorKind::NotFound {
        return Fault::new(
            Kind::Broken,
            format!("cannot make {}: its directory does not exist", path.display()),
        );
    }
    Fault::system(path, if access == Access::Make { "make" } else { "open" }, error)
}

fn judge(path: &Path, metadata: &Metadata) -> Result<(), Fault> {
    let shown = path.display();
    let is_unsafe = |text: String| Err(Fault::new(Kind::Unsafe, text));
    if !metadata.is_file() {
        return is_unsafe(format!("{shown} is no regular file"));
    }
    let (ours, theirs) = (rustix::process::geteuid().as_raw(), metadata.uid());
    if theirs != ours {
        return is_unsafe(format!(
            "{shown} belongs to user {theirs}, not to user {ours} who reads it: type 'chown {ours} {shown}'"
        ));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return is_unsafe(format!(
            "{shown} can be written by others than its owner (mode {mode:04o}): type 'chmod 600 {shown}'"
        ));
    }
    if mode & 0o004 != 0 {
        return is_unsafe(format!(
            "{shown} holds hashes and can be read by everybody (mode {mode:04o}): type 'chmod 600 {shown}'"
        ));
    }
    Ok(())
}

/// Reads all of the file.
pub(crate) fn read(path: &Path, file: &File, metadata: &Metadata) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::with_capacity(usize::try_from(metadata.len().min(LONGEST_FILE)).unwrap_or_default());
    file.take(LONGEST_FILE + 1)
        .read_to_end(&mut text)
        .map_err(|error| Fault::system(path, "read", &error))?;
    fits(path, text.len())?;
    Ok(text)
}

/// Refuses a file that no login would read.
pub(crate) fn fits(path: &Path, octets: usize) -> Result<(), Fault> {
    if octets as u64 <= LONGEST_FILE {
        return Ok(());
    }
    Err(Fault::new(Kind::Broken, format!("{} is longer than {} MiB", path.display(), LONGEST_FILE >> 20)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown};

    fn place() -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        fs::write(&path, b"# nobody\n").unwrap();
        (directory, path)
    }

    fn opened_with(path: &Path, mode: u32) -> Result<(), Fault> {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        open(path, Access::Read).map(|_| ())
    }

    #[test]
    fn modes_that_let_others_in_are_refused_with_the_line_to_type() {
        let (_kept, path) = place();
        for mode in [0o600, 0o400, 0o640, 0o440, 0o700] {
            opened_with(&path, mode).unwrap();
        }
        for (mode, what) in [
            (0o644, "read by everybody"),
            (0o604, "read by everybody"),
            (0o620, "written"),
            (0o602, "written"),
        ] {
            let fault = opened_with(&path, mode).unwrap_err();
            assert_eq!(fault.kind, Kind::Unsafe);
            let text = fault.to_string();
            assert!(text.contains(what) && text.contains(&format!("mode {mode:04o}")), "{text}");
            assert!(text.ends_with(&format!("type 'chmod 600 {}'", path.display())), "{text}");
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let (_kept, path) = place();
        chown(&path, Some(12345), None).unwrap();
        let fault = opened_with(&path, 0o600).unwrap_err();
        assert_eq!(fault.kind, Kind::Unsafe);
        let shown = path.display();
        assert_eq!(
            fault.to_string(),
            format!("{shown} belongs to user 12345, not to user 0 who reads it: type 'chown 0 {shown}'")
        );
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let (directory, _) = place();
        let said = |path: &Path| open(path, Access::Read).unwrap_err().to_string();
        assert_eq!(said(directory.path()), format!("{} is no regular file", directory.path().display()));
        let pipe = directory.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        assert_eq!(said(&pipe), format!("{} is no regular file", pipe.display()));
    }

    #[test]
    fn a_file_is_made_for_its_owner_only_and_a_missing_directory_is_told() {
        let (directory, _) = place();
        let new = directory.path().join("new");
        assert_eq!(open(&new, Access::Edit).unwrap_err().kind, Kind::Missing);
        let (_, metadata) = open(&new, Access::Make).unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o600);
        let lost = directory.path().join("no/new");
        let said = open(&lost, Access::Make).unwrap_err().to_string();
        assert_eq!(said, format!("cannot make {}: its directory does not exist", lost.display()));
    }

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        let (_kept, path) = place();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(LONGEST_FILE + 1).unwrap();
        let (file, metadata) = open(&path, Access::Read).unwrap();
        let said = read(&path, &file, &metadata).unwrap_err().to_string();
        assert_eq!(said, format!("{} is longer than 32 MiB", path.display()));
    }
}
