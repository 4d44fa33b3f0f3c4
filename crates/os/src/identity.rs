//! Who a process is: accounts, becoming one of them for good, and the few capabilities worth keeping.
//!
//! Changes here are process-wide (libc tells all threads) and cannot be taken back. Which account to become is
//! decided elsewhere.

use std::ffi::CString;
use std::io;
use std::path::PathBuf;

use nix::unistd::{Gid, Uid, User, getgrouplist, getresgid, getresuid, setgroups, setresgid, setresuid};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities,
};

use crate::context::Context;

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name as the user data base spells it.
    pub name: Vec<u8>,
    /// The user number.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// All groups, the primary one included.
    pub groups: Vec<u32>,
    /// The home directory.
    pub home: PathBuf,
    /// The login shell.
    pub shell: PathBuf,
}

/// Looks an account up in the system's user data base, groups included.
///
/// `None` says that there is no such account. So does a name that is empty, not UTF-8 or holds a NUL: the data base
/// libraries do not define what they do with those. Asking may block for as long as NSS does.
pub fn lookup(name: &[u8]) -> io::Result<Option<Account>> {
    let (Ok(text), Ok(c_name)) = (std::str::from_utf8(name), CString::new(name)) else { return Ok(None) };
    if text.is_empty() {
        return Ok(None);
    }
    let user = match User::from_name(text) {
        Ok(Some(user)) => user,
        // Name services use these to say "unknown", as getpwnam_r(3) warns.
        Ok(None) | Err(nix::Error::ENOENT | nix::Error::ESRCH) => return Ok(None),
        Err(errno) => return Err(errno).context(|| format!("cannot look up the user '{text}'")),
    };
    let groups =
        getgrouplist(&c_name, user.gid).context(|| format!("cannot look up the groups of '{text}'"))?;
    Ok(Some(Account {
        name: user.name.into_bytes(),
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
        home: user.dir,
        shell: user.shell,
    }))
}

/// Tells whether this process is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Tells this process's user and group numbers.
pub fn current() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// Becomes a user for good, with these groups and no capability.
///
/// Fails when the change could be taken back afterwards; the process must then end. A process that is that user
/// already, and not root, keeps its groups and succeeds: that is how Wharf runs from a terminal.
/// The parent-death signal is forgotten by the kernel here: call [`crate::process::die_with_parent`] after it.
pub fn become_user(uid: u32, gid: u32, groups: &[u32]) -> io::Result<()> {
    become_user_keeping(uid, gid, groups, &[])
}

/// Becomes a user for good and keeps a few capabilities, such as binding port 20.
///
/// As [`become_user`]; call it before threads start, because capabilities belong to threads.
pub fn become_user_keeping(uid: u32, gid: u32, groups: &[u32], keep: &[Capability]) -> io::Result<()> {
    if !is_root() && current() == (uid, gid) {
        return keep_capabilities(keep);
    }
    change(uid, gid, groups, keep).context(|| {
        format!("cannot become user {uid} with group {gid} (the server must be started as root for that)")
    })?;
    keep_capabilities(keep)?;
    let may_change = keep.contains(&Capability::SetUid) || keep.contains(&Capability::SetGid);
    if uid != 0 && !may_change { verify_no_way_back(uid, gid) } else { Ok(()) }
}

fn change(uid: u32, gid: u32, groups: &[u32], keep: &[Capability]) -> io::Result<()> {
    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    set_keep_capabilities(!keep.is_empty())?;
    setgroups(&groups)?;
    let gid = Gid::from_raw(gid);
    setresgid(gid, gid, gid)?;
    let uid = Uid::from_raw(uid);
    setresuid(uid, uid, uid)?;
    set_keep_capabilities(false)?;
    Ok(())
}

/// Tries to become root again, which must fail.
fn verify_no_way_back(uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid, root) = (Uid::from_raw(uid), Gid::from_raw(gid), Uid::from_raw(0));
    let users = getresuid()?;
    let groups = getresgid()?;
    let is_complete = [users.real, users.effective, users.saved] == [uid; 3]
        && [groups.real, groups.effective, groups.saved] == [gid; 3];
    if !is_complete || setresuid(root, root, root).is_ok() {
        return Err(io::Error::other(format!("dropping to user {uid} did not hold; refusing to go on")));
    }
    Ok(())
}

/// A piece of root's power, by the kernel's names (capabilities(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Send audit records (PAM modules do).
    AuditWrite,
    /// Change a file's owner.
    Chown,
    /// Pass over permission checks on files.
    DacOverride,
    /// Read any file and search any directory.
    DacReadSearch,
    /// Act as the owner of any file.
    Fowner,
    /// Keep set-id bits when files change.
    Fsetid,
    /// Signal processes of other users.
    Kill,
    /// Bind ports below 1024.
    NetBindService,
    /// Change groups.
    SetGid,
    /// Drop capabilities from the bounding set.
    SetPcap,
    /// Change users.
    SetUid,
    /// Enter a root directory.
    SysChroot,
    /// Raise resource limits.
    SysResource,
}

impl Capability {
    fn bit(self) -> CapabilitySet {
        match self {
            Self::AuditWrite => CapabilitySet::AUDIT_WRITE,
            Self::Chown => CapabilitySet::CHOWN,
            Self::DacOverride => CapabilitySet::DAC_OVERRIDE,
            Self::DacReadSearch => CapabilitySet::DAC_READ_SEARCH,
            Self::Fowner => CapabilitySet::FOWNER,
            Self::Fsetid => CapabilitySet::FSETID,
            Self::Kill => CapabilitySet::KILL,
            Self::NetBindService => CapabilitySet::NET_BIND_SERVICE,
            Self::SetGid => CapabilitySet::SETGID,
            Self::SetPcap => CapabilitySet::SETPCAP,
            Self::SetUid => CapabilitySet::SETUID,
            Self::SysChroot => CapabilitySet::SYS_CHROOT,
            Self::SysResource => CapabilitySet::SYS_RESOURCE,
        }
    }
}

/// Gives up every capability that is not listed, in all five sets, for good.
///
/// A capability that the process does not hold is not gained by listing it. What is kept may be used by this thread
/// and given to children that are root; ambient capabilities are always cleared. Call it before threads start.
pub fn keep_capabilities(keep: &[Capability]) -> io::Result<()> {
    let wanted = keep.iter().fold(CapabilitySet::empty(), |set, capability| set | capability.bit());
    trim(wanted).context(|| "cannot give up capabilities".into())
}

fn trim(wanted: CapabilitySet) -> io::Result<()> {
    let held = capabilities(None)?;
    // Kernels before 4.3 have no ambient set, and nothing to clear.
    match clear_ambient_capability_set() {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => return Err(errno.into()),
    }
    if held.effective.contains(CapabilitySet::SETPCAP) {
        shrink_bounding_set(wanted)?;
    }
    let rest = held.permitted & wanted;
    set_capabilities(
        None,
        CapabilitySets { effective: rest, permitted: rest, inheritable: held.inheritable & rest },
    )?;
    Ok(())
}

/// Removes what is not wanted from the set that limits every later exec.
///
/// Without this a program started as root would get everything back.
fn shrink_bounding_set(wanted: CapabilitySet) -> io::Result<()> {
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if wanted.contains(capability) {
            continue;
        }
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // The first number this kernel does not know.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_with_its_group_and_home() {
        let root = lookup(b"root").unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert!(root.home.is_absolute());
    }

    #[test]
    fn names_nobody_can_have_are_unknown_and_not_errors() {
        for name in [b"no-such-account-here".as_slice(), b"", b"a\0b", b"\xff\xfe"] {
            assert_eq!(lookup(name).unwrap(), None, "{name:?}");
        }
    }
}
