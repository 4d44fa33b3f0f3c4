//! Home directories by name, out of the password file that lies below the root: the jail's word, not the machine's.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use rustix::fs::OFlags;
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;

use super::Local;

const PASSWORD_FILE: &[u8] = b"/etc/passwd";

/// How much of it is read. Whoever owns a jail may put anything there, and other logins of the broker wait meanwhile.
const MOST_OCTETS: u64 = 8 << 20;

impl Local {
    /// Finds the home of a user; `None` when the file does not tell one, or is not there.
    ///
    /// Security: it is read anew each time with the user's own rights, so it tells nobody what the user may not read.
    pub(super) fn home(&self, name: &[u8]) -> Result<Option<VirtualPath>, Failure> {
        Self::only_if(self.rules.name_homes)?;
        let path = VirtualPath::absolute(PASSWORD_FILE).map_err(|_| Failure::Broken)?;
        let Ok((file, _)) = self.open_regular(&path, OFlags::RDONLY) else { return Ok(None) };
        let mut lines = BufReader::new(File::from(file).take(MOST_OCTETS)).split(b'\n').map_while(Result::ok);
        let line = lines.find(|line| line.split(|&octet| octet == b':').next() == Some(name));
        Ok(line.and_then(|line| home_in(&line)))
    }
}

/// Takes the sixth of seven fields; a home that is not absolute is none.
fn home_in(line: &[u8]) -> Option<VirtualPath> {
    let mut fields = line.split(|&octet| octet == b':');
    let home = fields.nth(5).filter(|home| home.starts_with(b"/"))?;
    fields.next()?;
    VirtualPath::absolute(home).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(line: &str) -> Option<String> {
        home_in(line.as_bytes()).map(|path| String::from_utf8(path.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn a_whole_line_tells_a_home_that_is_absolute() {
        assert_eq!(home("bob:x:7:7:Bob, B:/home/./bob/:/bin/sh").as_deref(), Some("/home/bob"));
        assert_eq!(home("bob:x:7:7::/home/bob:").as_deref(), Some("/home/bob"));
        for line in ["bob:x:7:7::/home/b", "bob:x:7:7::home:/bin/sh", "bob:x:7:7:::/bin/sh", "bob:x", ""] {
            assert_eq!(home(line), None, "{line}");
        }
    }
}
