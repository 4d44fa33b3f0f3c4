//! Entering directories: the right to, the path with its links resolved, and the message to be shown.

use std::io::Read;
use std::os::fd::OwnedFd;

use rustix::fs::{Access, OFlags, readlinkat};
use rustix::io::Errno;
use wharf_proto::entry::Entry;
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Entered, MESSAGE_OCTETS};

use super::Local;
use super::attributes::{entry_of, is_accessible};

/// How many links in a row are followed; the kernel's number.
const MOST_LINKS: usize = 40;

impl Local {
    /// Finds out whether a directory can be entered, and where it really is.
    ///
    /// # Errors
    /// As the kernel refuses it, or [`Failure::Denied`] by a rule, which also looks at the resolved path.
    pub fn enter(&self, path: &VirtualPath) -> Result<Entered, Failure> {
        self.permit(path)?;
        let directory = self.open(path, OFlags::PATH | OFlags::DIRECTORY)?;
        // Opening does not ask for the right to enter; looking something up in it does.
        Self::only_if(is_accessible(&directory, b".", Access::EXEC_OK))?;
        let physical = self.physical(path, &entry_of(&directory)?).unwrap_or_else(|| path.clone());
        self.permit(&physical)?;
        let message = self.message(&physical);
        Ok(Entered { path: physical, message })
    }

    /// Tells the path of something without links; `None` when something is exchanged meanwhile.
    ///
    /// The kernel would tell the path of the current directory, but there is one of those per process, and it is
    /// the host's path. What is found here counts only if it leads to `expected`.
    pub(super) fn physical(&self, path: &VirtualPath, expected: &Entry) -> Option<VirtualPath> {
        let resolved = self.resolved(path, |_, _| true)?;
        let found = entry_of(self.open(&resolved, OFlags::PATH | OFlags::NOFOLLOW).ok()?).ok()?;
        ((found.device, found.inode) == (expected.device, expected.inode)).then_some(resolved)
    }

    /// Resolves the links of a path, one component after the other; the last one need not exist.
    ///
    /// Told are the directory and name of each link; `None` when one shall not be followed.
    pub(super) fn resolved(
        &self,
        path: &VirtualPath,
        follows: impl Fn(&OwnedFd, &[u8]) -> bool,
    ) -> Option<VirtualPath> {
        let mut rest: Vec<Vec<u8>> = path.components().map(<[u8]>::to_vec).collect();
        rest.reverse();
        let mut resolved = VirtualPath::root();
        let mut links = 0;
        while let Some(component) = rest.pop() {
            let next = VirtualPath::resolve(&resolved, &component).ok()?;
            if matches!(component.as_slice(), b"." | b"..") || next == resolved {
                resolved = next;
                continue;
            }
            let (parent, name) = self.parent(&next).ok()?;
            match readlinkat(&parent, name, Vec::new()) {
                Ok(target) if links < MOST_LINKS && follows(&parent, name) => {
                    links += 1;
                    let target = target.as_bytes();
                    if target.starts_with(b"/") {
                        resolved = VirtualPath::root();
                    }
                    let components = target.split(|&octet| octet == b'/').rev();
                    rest.extend(components.filter(|part| !part.is_empty()).map(<[u8]>::to_vec));
                }
                Err(Errno::INVAL) => resolved = next,
                Err(Errno::NOENT) if rest.is_empty() => resolved = next,
                _ => return None,
            }
        }
        Some(resolved)
    }

    /// Reads the beginning of the message file; anything that goes wrong means that there is none.
    fn message(&self, directory: &VirtualPath) -> Option<Vec<u8>> {
        let name = self.rules.message_file.as_ref()?;
        let path = VirtualPath::resolve(directory, name).ok()?;
        let (file, _) = self.open_regular(&path, OFlags::RDONLY).ok()?;
        let mut message = Vec::new();
        let limit = u64::try_from(MESSAGE_OCTETS).unwrap_or(u64::MAX);
        std::fs::File::from(file).take(limit).read_to_end(&mut message).ok()?;
        Some(message)
    }
}
