//! What a process finds when we have started it: its role, its descriptors, its arguments.
#![allow(unsafe_code, reason = "adopting a descriptor by number is unsafe")]

use std::ffi::OsString;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use super::FIRST;
use crate::context::{Context, invalid_input};

static PARENT: OnceLock<u32> = OnceLock::new();

/// What a process was given by [`Launch::start`](super::Launch::start).
#[derive(Debug)]
pub struct Inherited {
    role: String,
    descriptors: Vec<(String, OwnedFd)>,
    arguments: Vec<OsString>,
}

impl Inherited {
    /// Reads a command line, without its first word, and adopts the descriptors it names.
    ///
    /// `None` says that this process was started by a person, not by [`Launch`](super::Launch). Call it first thing in `main`.
    /// Every descriptor is marked close-on-exec. An error says that the command line was not made by us.
    pub fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> io::Result<Option<Self>> {
        let mut words = arguments.into_iter().peekable();
        if words.next_if(|word| word == "--role").is_none() {
            return Ok(None);
        }
        let role = text(words.next(), "--role")?;
        if words.next_if(|word| word == "--parent").is_some() {
            let parent = text(words.next(), "--parent")?;
            let parent = parent.parse().map_err(|_| invalid_input("--parent wants a process number"))?;
            let _ = PARENT.set(parent);
        }
        let mut descriptors = Vec::new();
        if words.next_if(|word| word == "--descriptors").is_some() {
            for entry in text(words.next(), "--descriptors")?.split(',') {
                let (name, number) = entry.split_once('=').unwrap_or((entry, ""));
                let number = number.parse().map_err(|_| invalid_input(format!("'{entry}' has no number")))?;
                descriptors.push((name.to_owned(), adopt(name, number)?));
            }
        }
        Ok(Some(Self { role, descriptors, arguments: words.collect() }))
    }

    /// Tells the role this process was started in.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Takes a descriptor by name; each can be taken once.
    pub fn take(&mut self, name: &str) -> Option<OwnedFd> {
        let at = self.descriptors.iter().position(|(known, _)| known == name)?;
        Some(self.descriptors.swap_remove(at).1)
    }

    /// Takes a descriptor the role cannot do without.
    pub fn require(&mut self, name: &str) -> io::Result<OwnedFd> {
        self.take(name).ok_or_else(|| {
            invalid_input(format!("the role '{}' was started without its descriptor '{name}'", self.role))
        })
    }

    /// Lists the arguments that belong to the role.
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }
}

fn text(word: Option<OsString>, option: &str) -> io::Result<String> {
    word.and_then(|word| word.into_string().ok())
        .ok_or_else(|| invalid_input(format!("{option} wants a value")))
}

/// Takes ownership of an inherited descriptor.
fn adopt(name: &str, number: RawFd) -> io::Result<OwnedFd> {
    if number < FIRST {
        return Err(invalid_input(format!("the descriptor '{name}' has the number of a standard stream")));
    }
    // SAFETY: the borrow is used for one fcntl, which fails cleanly when the number is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let flags =
        fcntl_getfd(borrowed).context(|| format!("the descriptor '{name}' ({number}) is not open"))?;
    if flags.contains(FdFlags::CLOEXEC) {
        return Err(invalid_input(format!(
            "the descriptor '{name}' ({number}) did not come from our parent, or was taken twice"
        )));
    }
    fcntl_setfd(borrowed, FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and nobody else owns it: whatever this process opens itself has close-on-exec set
    // from birth, so a descriptor without the flag came through exec. The flag is set now, so a second
    // adoption is refused above.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Tells who started this process, if [`Launch`](super::Launch) did.
pub(crate) fn parent() -> Option<u32> {
    PARENT.get().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::IntoRawFd;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_command_line_typed_by_a_person_is_not_ours() {
        assert!(Inherited::from_arguments(words("/etc/vsftpd.conf")).unwrap().is_none());
        assert!(Inherited::from_arguments([]).unwrap().is_none());
    }

    #[test]
    fn each_descriptor_can_be_taken_once_and_is_closed_by_the_next_exec() {
        let (reader, _writer) = io::pipe().unwrap();
        // Without close-on-exec, as it would come through an exec.
        let number = rustix::io::dup(&reader).unwrap().into_raw_fd();
        let line = format!("--role session --descriptors monitor={number} extra words");
        let mut inherited = Inherited::from_arguments(words(&line)).unwrap().unwrap();
        assert_eq!(inherited.role(), "session");
        assert_eq!(inherited.arguments(), ["extra", "words"]);
        assert!(Inherited::from_arguments(words(&line)).is_err(), "adopted twice");
        let taken = inherited.require("monitor").unwrap();
        assert!(fcntl_getfd(&taken).unwrap().contains(FdFlags::CLOEXEC));
        assert!(inherited.take("monitor").is_none());
        assert!(inherited.require("log").unwrap_err().to_string().contains("'log'"));
    }

    #[test]
    fn a_descriptor_that_is_not_open_or_is_a_stream_is_refused() {
        for line in ["--role x --descriptors a=999", "--role x --descriptors a=1", "--role x --descriptors a"]
        {
            assert!(Inherited::from_arguments(words(line)).is_err(), "{line}");
        }
        assert!(Inherited::from_arguments(words("--role")).is_err());
    }
}
