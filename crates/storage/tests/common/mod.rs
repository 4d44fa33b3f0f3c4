//! A directory of real files, and a login that asks about them.
#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;
use wharf_ipc::broker::{Rules, decode_finished};
use wharf_os::beneath::Root;
use wharf_proto::failure::Failure;
use wharf_proto::ftp::listing::Owners;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Answer, Change, Fate, Finished, Format, List, ListFlags, Request, Task, Writing};
use wharf_storage::listing::Progress;
use wharf_storage::local::{Local, Served, Upload};
use wharf_storage::zone::Zone;

/// Everything is allowed that a local user may do by default.
pub(crate) fn rules() -> Rules {
    Rules {
        may_read: true,
        may_list: true,
        may_create: true,
        may_overwrite: true,
        may_append: true,
        may_make_directory: true,
        may_remove: true,
        may_set_mode: true,
        may_set_time: true,
        may_link: true,
        file_mode: 0o666,
        sort_limit: 1000,
        ..Rules::default()
    }
}

pub(crate) fn path(text: &str) -> VirtualPath {
    VirtualPath::absolute(text.as_bytes()).unwrap()
}

/// A login on a directory of its own.
pub(crate) struct Login {
    pub(crate) directory: TempDir,
    pub(crate) local: Local,
    pub(crate) upload: Option<Upload>,
}

impl Login {
    pub(crate) fn with(rules: Rules) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let local = local(&directory.path().join("root"), rules);
        Self { directory, local, upload: None }
    }

    /// A path on this machine.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join("root").join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.at(name), content).unwrap();
        self.chmod(name, 0o644);
    }

    pub(crate) fn mkdir(&self, name: &str) {
        fs::create_dir_all(self.at(name)).unwrap();
        self.chmod(name, 0o755);
    }

    pub(crate) fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.at(name)).unwrap().permissions().mode() & 0o7777
    }

    pub(crate) fn served(&mut self, request: Request) -> Served {
        self.local.serve(request, &mut self.upload).unwrap()
    }

    pub(crate) fn ask(&mut self, request: Request) -> Answer {
        self.served(request).answer
    }

    pub(crate) fn change(&mut self, change: Change) -> Answer {
        self.ask(Request::Change(change))
    }

    pub(crate) fn read(&mut self, name: &str) -> Result<String, Failure> {
        let served = self.served(Request::OpenRead(path(name)));
        match served.answer {
            Answer::Opened { .. } => {
                let mut text = String::new();
                fs::File::from(served.descriptor.unwrap()).read_to_string(&mut text).unwrap();
                Ok(text)
            }
            Answer::Refused(failure) => Err(failure),
            other => panic!("{other:?}"),
        }
    }

    /// Opens for writing: the file, its path, whether it was made, its size.
    pub(crate) fn open_write(
        &mut self,
        name: &str,
        writing: Writing,
        umask: u32,
    ) -> Result<(OwnedFd, String, bool, u64), Failure> {
        let served = self.served(Request::OpenWrite { path: path(name), writing, umask });
        match served.answer {
            Answer::OpenedForWriting(opened) => {
                let path = String::from_utf8(opened.path.as_bytes().to_vec()).unwrap();
                Ok((served.descriptor.unwrap(), path, opened.created, opened.size))
            }
            Answer::Refused(failure) => Err(failure),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn finish(&mut self, fate: Fate) -> Answer {
        self.ask(Request::Finish(fate))
    }

    /// The whole listing as text, or why there is none.
    pub(crate) fn list(&mut self, list: List) -> Result<String, Failure> {
        let served = self.served(Request::List(list));
        if let Answer::Refused(failure) = served.answer {
            return Err(failure);
        }
        let mut reader = fs::File::from(served.descriptor.unwrap());
        let mut octets = Vec::new();
        if let Some(mut job) = served.job {
            assert_eq!(served.answer, Answer::Listing { opened: true });
            while job.step(&mut self.local, 7, 7) != Progress::Done {
                drain(&mut reader, &mut octets);
            }
        } else {
            assert_eq!(served.answer, Answer::Listing { opened: false });
            return Err(Failure::NotFound);
        }
        drain(&mut reader, &mut octets);
        Ok(String::from_utf8(octets).unwrap())
    }

    /// Begins a task and does it to its end, a few octets at a time.
    pub(crate) fn work(&mut self, task: Task) -> Finished {
        let served = self.served(Request::Begin(task));
        if let Answer::Refused(failure) = served.answer {
            return Finished::Failed(failure);
        }
        assert_eq!(served.answer, Answer::Begun);
        let (mut reader, mut job) = (fs::File::from(served.descriptor.unwrap()), served.job.unwrap());
        while job.step(&mut self.local, 1, 1000) != Progress::Done {}
        drop(job);
        let mut octets = Vec::new();
        drain(&mut reader, &mut octets);
        decode_finished(&octets).unwrap()
    }

    /// Bare names of a path as the client typed it.
    pub(crate) fn names(&mut self, typed: &str, flags: ListFlags) -> Vec<String> {
        let text = self.list(wish(typed, Format::Names, flags)).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// Storage on a directory, which is made.
pub(crate) fn local(directory: &std::path::Path, rules: Rules) -> Local {
    fs::create_dir(directory).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    let owners = if rules.hide_owners { Owners::Hidden } else { Owners::Numbers };
    Local::new(Root::open(directory).unwrap(), rules, owners, Zone::utc()).unwrap()
}

pub(crate) fn wish(typed: &str, format: Format, flags: ListFlags) -> List {
    let path = if typed.is_empty() { VirtualPath::root() } else { path(typed) };
    List { path, prefix: typed.as_bytes().to_vec(), pattern: true, format, flags }
}

/// Reads what is there.
pub(crate) fn drain(reader: &mut fs::File, octets: &mut Vec<u8>) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        octets.extend_from_slice(&buffer[..count]);
    }
}

pub(crate) fn refused(failure: Failure) -> Answer {
    Answer::Refused(failure)
}
