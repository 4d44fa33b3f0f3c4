//! Reading the files, whole or not at all.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// The most octets of one file: a hundred thousand lines as programs that ban addresses write them.
const LONGEST: u64 = 4 << 20;

/// The most octets of all list files together, so that lists that name lists come to an end.
const LONGEST_TOGETHER: usize = 16 << 20;

/// Reads a file; `None` when there is none.
///
/// # Errors
/// Names the file and what to try: it cannot be read, is longer than 4 MiB, or is something that could block.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    octets(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn octets(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // A link to /dev/null is an old way to say "no rules".
    if !kind.is_file() && !kind.is_char_device() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no file; put a file or nothing there"));
    }
    let mut text = Vec::new();
    fs::File::open(path)?.take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "is longer than 4 MiB; write nets in place of single addresses, or use the firewall",
        ));
    }
    Ok(Some(text))
}

/// Where list files come from: a reader, and how much it may still read.
pub(crate) struct Lists<'a> {
    reader: &'a mut dyn FnMut(&Path) -> io::Result<Option<Vec<u8>>>,
    left: usize,
}

impl<'a> Lists<'a> {
    pub(crate) fn new(reader: &'a mut dyn FnMut(&Path) -> io::Result<Option<Vec<u8>>>) -> Self {
        Self { reader, left: LONGEST_TOGETHER }
    }

    /// Reads one list; `None` when there is no such file.
    pub(crate) fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let Some(text) = (self.reader)(path)? else { return Ok(None) };
        // Each reading costs something, so that empty lists end too.
        let Some(left) = self.left.checked_sub(text.len().max(1024)) else {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!(
                    "{}: the list files are longer than 16 MiB together; name each list once",
                    path.display()
                ),
            ));
        };
        self.left = left;
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_none_and_a_directory_is_an_error_with_its_name() {
        let room = tempfile::tempdir().unwrap();
        assert_eq!(read(&room.path().join("none")).unwrap(), None);
        let error = read(room.path()).unwrap_err().to_string();
        assert!(error.starts_with(&room.path().display().to_string()), "{error}");
    }

    #[test]
    fn what_is_too_long_is_an_error_and_no_cut() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("long");
        fs::write(&path, vec![b'\n'; LONGEST as usize]).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().len() as u64, LONGEST);
        fs::write(&path, vec![b'\n'; LONGEST as usize + 1]).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read(Path::new("/dev/zero")).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn dev_null_holds_no_rules() {
        assert_eq!(read(Path::new("/dev/null")).unwrap(), Some(Vec::new()));
    }

    #[test]
    fn lists_come_to_an_end_even_when_empty() {
        let mut reader = |_: &Path| Ok(Some(Vec::new()));
        let mut lists = Lists::new(&mut reader);
        let readings = (0..).take_while(|_| lists.read(Path::new("/list")).is_ok()).count();
        assert_eq!(readings, LONGEST_TOGETHER / 1024);
    }
}
