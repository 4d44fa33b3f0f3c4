//! `posix_spawn` and its attributes, which own memory that must be given back.
#![allow(unsafe_code, reason = "posix_spawn has no safe wrapper")]

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;

use rustix::process::Pid;

/// Clears the way for an exec: whatever has no name in the launch is closed by it.
pub(super) fn close_the_rest_on_exec() {
    // SAFETY: close_range with CLOSE_RANGE_CLOEXEC closes nothing now; it only sets a flag on descriptors
    // of this process. Kernels before 5.11 refuse the flag, and then only what others left open remains.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            super::FIRST as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
}

/// `posix_spawn_file_actions_t`, destroyed when dropped.
pub(super) struct FileActions(libc::posix_spawn_file_actions_t);

impl FileActions {
    pub(super) fn new() -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: init fills in the structure it is given and is called once for it.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        // SAFETY: init succeeded.
        Ok(Self(unsafe { actions.assume_init() }))
    }

    pub(super) fn open_null(&mut self, target: RawFd) -> io::Result<()> {
        // SAFETY: the structure is initialised; the path is copied by the call.
        check(unsafe {
            libc::posix_spawn_file_actions_addopen(
                &raw mut self.0,
                target,
                c"/dev/null".as_ptr(),
                libc::O_RDONLY,
                0,
            )
        })
    }

    pub(super) fn put(&mut self, source: BorrowedFd<'_>, target: RawFd) -> io::Result<()> {
        // SAFETY: the structure is initialised; numbers are only recorded here.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.0, source.as_raw_fd(), target) })
    }
}

impl Drop for FileActions {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`, destroyed only here.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

/// `posix_spawnattr_t`, destroyed when dropped.
pub(super) struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    /// Nothing blocked, nothing ignored, whatever we have done to our own signals.
    pub(super) fn fresh_signals() -> io::Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: init fills in the structure it is given and is called once for it.
        check(unsafe { libc::posix_spawnattr_init(raw.as_mut_ptr()) })?;
        // SAFETY: init succeeded. From here on dropping destroys it.
        let mut attributes = Self(unsafe { raw.assume_init() });
        let (none, mut all) = (nix::sys::signal::SigSet::empty(), nix::sys::signal::SigSet::all());
        // Their dispositions cannot be changed, and asking for it fails the whole start.
        all.remove(nix::sys::signal::SIGKILL);
        all.remove(nix::sys::signal::SIGSTOP);
        let flags = (libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF) as libc::c_short;
        // SAFETY: the structure is initialised; the sets are complete and copied by the calls.
        unsafe {
            check(libc::posix_spawnattr_setsigmask(&raw mut attributes.0, none.as_ref()))?;
            check(libc::posix_spawnattr_setsigdefault(&raw mut attributes.0, all.as_ref()))?;
            check(libc::posix_spawnattr_setflags(&raw mut attributes.0, flags))?;
        }
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised by `fresh_signals`, destroyed only here.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

pub(super) fn posix_spawn(
    path: &CString,
    actions: &FileActions,
    attributes: &Attributes,
    arguments: &[CString],
    environment: &[CString],
) -> io::Result<Pid> {
    let pointers = |strings: &[CString]| -> Vec<*mut libc::c_char> {
        strings.iter().map(|s| s.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
    };
    let (argv, envp) = (pointers(arguments), pointers(environment));
    let mut pid = 0;
    // SAFETY: every pointer refers to a live, NUL-terminated string or to an initialised structure, both arrays
    // end with a null pointer, and posix_spawn does not write through argv or envp.
    check(unsafe {
        libc::posix_spawn(
            &raw mut pid,
            path.as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            argv.as_ptr(),
            envp.as_ptr(),
        )
    })?;
    Pid::from_raw(pid).ok_or_else(|| io::Error::other("the new process has no number"))
}

/// Turns the returned error number of the posix_spawn family into an error.
fn check(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}
