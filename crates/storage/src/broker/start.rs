//! From a process that may be root to one that is the user, in the user's directory, and cannot go back.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Gid, Uid, getgroups};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use wharf_ipc::broker::{Identity, Start, Started};
use wharf_ipc::link::{self, Link};
use wharf_os::beneath::Root;
use wharf_os::channel::Channel;
use wharf_os::{identity, process};
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;

use super::confine::confine;
use crate::local::Local;
use crate::zone::Zone;
use crate::{failure, owners};

/// A broker that serves from now on.
pub(super) struct Ready {
    pub(super) monitor: Channel,
    pub(super) local: Local,
    pub(super) user: Vec<u8>,
    pub(super) root: Vec<u8>,
}

/// A directory that cannot be used, and why.
struct Unusable {
    directory: Vec<u8>,
    failure: Failure,
}

/// Hears whom to serve, becomes that user, and answers; `None` when the answer was no or the monitor is gone.
pub(super) fn start(monitor: Channel) -> io::Result<Option<Ready>> {
    let link: Link<Started, Start> = Link::new(monitor);
    let Some(received) = link.receive(&mut link::scratch())? else { return Ok(None) };
    let start = received.message;
    process::no_core()?;
    process::raise_descriptor_limit()?;
    match settle(&start)? {
        Ok((local, first)) => {
            link.send(&Started::Ready(first))?;
            let monitor = Channel::from(OwnedFd::from(link));
            Ok(Some(Ready { monitor, local, user: start.user, root: start.root }))
        }
        Err(Unusable { directory, failure }) => {
            link.send(&Started::Unusable { directory, failure })?;
            Ok(None)
        }
    }
}

/// Opens the root with the user's rights, becomes the user, and shuts the door.
fn settle(start: &Start) -> io::Result<Result<(Local, VirtualPath), Unusable>> {
    let zone = if start.rules.local_time { Zone::system() } else { Zone::utc() };
    let owners = owners::load(&start.rules);
    let root = match open_as_user(start)? {
        Ok(root) => root,
        Err(error) => return Ok(Err(unusable(&start.root, error))),
    };
    let root = enter(root, start)?;
    if let Some(Identity { uid, gid, groups }) = &start.identity {
        identity::become_user(*uid, *gid, groups)?;
    }
    process::die_with_parent()?;
    process::not_dumpable()?;
    confine(root.as_fd(), &start.rules)?;
    let local = match Local::new(root, start.rules.clone(), owners, zone) {
        Ok(local) => local,
        Err(failure) => return Ok(Err(Unusable { directory: start.root.clone(), failure })),
    };
    Ok(first_directory(&local, start).map(|first| (local, first)))
}

fn unusable(directory: &[u8], error: io::Error) -> Unusable {
    let shown = String::from_utf8_lossy(directory);
    wharf_os::say!(
        "wharfd: broker: cannot use the directory {shown}: {error}; check that it exists and that the user may enter it"
    );
    Unusable { directory: directory.to_vec(), failure: failure::of(error) }
}

/// Opens the root directory with the user's effective numbers: root itself may be nobody on a network file system.
fn open_as_user(start: &Start) -> io::Result<io::Result<OwnedFd>> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = || {
        let directory = rustix::fs::open(start.root.as_slice(), flags, Mode::empty())?;
        // Opening does not ask for the right to enter; this does.
        rustix::process::fchdir(&directory)?;
        Ok(directory)
    };
    let Some(user) = start.identity.as_ref().filter(|_| identity::is_root()) else { return Ok(open()) };
    let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
    let before = getgroups()?;
    set_thread_groups(&groups)?;
    set_thread_res_gid(None, Gid::from_raw(user.gid), None)?;
    set_thread_res_uid(None, Uid::from_raw(user.uid), None)?;
    let opened = open();
    set_thread_res_uid(None, Uid::ROOT, None)?;
    set_thread_res_gid(None, Gid::ROOT, None)?;
    set_thread_groups(&before)?;
    Ok(opened)
}

/// Makes the directory this process's root where that is possible and means something.
fn enter(directory: OwnedFd, start: &Start) -> io::Result<Root> {
    if !identity::is_root() || VirtualPath::absolute(&start.root).is_ok_and(|root| root.is_root()) {
        return Ok(Root::from_fd(directory));
    }
    process::enter_root(&directory)?;
    Root::open("/")
}

/// Chooses the directory in which logins begin; the last one that was tried is told when there is none.
fn first_directory(local: &Local, start: &Start) -> Result<VirtualPath, Unusable> {
    let root = VirtualPath::absolute(&start.root).unwrap_or_else(|_| VirtualPath::root());
    let mut last = Unusable { directory: start.root.clone(), failure: Failure::NotFound };
    for wish in &start.start {
        match below(&root, wish).and_then(|path| local.enter(&path)) {
            Ok(entered) => return Ok(entered.path),
            Err(failure) => last = Unusable { directory: wish.to_vec(), failure },
        }
    }
    Err(last)
}

/// Turns a host directory into a path below the root.
fn below(root: &VirtualPath, directory: &[u8]) -> Result<VirtualPath, Failure> {
    let directory = VirtualPath::absolute(directory).map_err(|_| Failure::NotFound)?;
    if root.is_root() {
        return Ok(directory);
    }
    match directory.as_bytes().strip_prefix(root.as_bytes()) {
        Some(b"") => Ok(VirtualPath::root()),
        Some(rest) if rest.starts_with(b"/") => VirtualPath::absolute(rest).map_err(|_| Failure::NotFound),
        _ => Err(Failure::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_directory_is_told_from_the_root_and_neighbours_are_not_below() {
        let root = VirtualPath::absolute(b"/srv/j/").unwrap();
        let told = |directory: &str| below(&root, directory.as_bytes()).map(|path| path.as_bytes().to_vec());
        assert_eq!(told("/srv/j/./in/side"), Ok(b"/in/side".to_vec()));
        assert_eq!(told("/srv/j"), Ok(b"/".to_vec()));
        assert_eq!(told("/srv/jail"), Err(Failure::NotFound));
        assert_eq!(told("/srv/j/../x"), Err(Failure::NotFound));
    }
}
