//! The shapes and numbers of libpam's interface, and the library itself.
//!
//! From the manual pages pam(3), pam_start(3) and pam_conv(3). The numbers are Linux-PAM's.

use std::sync::OnceLock;

use libc::{c_char, c_int, c_void};

pub(super) const SUCCESS: c_int = 0;
pub(super) const BUF_ERR: c_int = 5;
pub(super) const CONV_ERR: c_int = 19;

pub(super) const USER: c_int = 2;
pub(super) const TTY: c_int = 3;
pub(super) const RHOST: c_int = 4;
pub(super) const RUSER: c_int = 8;

pub(super) const ESTABLISH_CRED: c_int = 2;
pub(super) const DELETE_CRED: c_int = 4;

pub(super) const PROMPT_ECHO_OFF: c_int = 1;
#[cfg(test)]
pub(super) const PROMPT_ECHO_ON: c_int = 2;
pub(super) const ERROR_MSG: c_int = 3;
pub(super) const TEXT_INFO: c_int = 4;

/// `PAM_MAX_NUM_MSG`.
pub(super) const MAX_MESSAGES: usize = 32;

/// `struct pam_message`.
#[repr(C)]
pub(super) struct Message {
    pub(super) style: c_int,
    pub(super) text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
pub(super) struct Response {
    pub(super) text: *mut c_char,
    pub(super) unused: c_int,
}

/// `struct pam_conv`.
#[repr(C)]
pub(super) struct Conversation {
    pub(super) converse:
        extern "C" fn(c_int, *const *const Message, *mut *mut Response, *mut c_void) -> c_int,
    pub(super) data: *mut c_void,
}

/// `pam_handle_t`, which only PAM can look into.
#[repr(C)]
pub(super) struct RawHandle {
    _private: [u8; 0],
}

type Start =
    unsafe extern "C" fn(*const c_char, *const c_char, *const Conversation, *mut *mut RawHandle) -> c_int;
type StartConfdir = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const Conversation,
    *const c_char,
    *mut *mut RawHandle,
) -> c_int;
type WithNumber = unsafe extern "C" fn(*mut RawHandle, c_int) -> c_int;
type SetItem = unsafe extern "C" fn(*mut RawHandle, c_int, *const c_void) -> c_int;
type GetItem = unsafe extern "C" fn(*const RawHandle, c_int, *mut *const c_void) -> c_int;
type Strerror = unsafe extern "C" fn(*mut RawHandle, c_int) -> *const c_char;

/// The functions of libpam that we use.
pub(super) struct Library {
    pub(super) start: Start,
    /// Linux-PAM 1.4 and later.
    pub(super) start_confdir: Option<StartConfdir>,
    pub(super) end: WithNumber,
    pub(super) authenticate: WithNumber,
    pub(super) acct_mgmt: WithNumber,
    pub(super) setcred: WithNumber,
    pub(super) open_session: WithNumber,
    pub(super) close_session: WithNumber,
    pub(super) set_item: SetItem,
    pub(super) get_item: GetItem,
    pub(super) strerror: Strerror,
    /// Keeps the library loaded; the pointers above lead into it.
    _loaded: libloading::Library,
}

impl Library {
    /// Loads libpam once and for good, or tells why it cannot be.
    pub(super) fn load() -> Result<&'static Self, String> {
        static LOADED: OnceLock<Result<Library, String>> = OnceLock::new();
        LOADED
            .get_or_init(|| {
                Self::open().map_err(|error| format!("libpam cannot be used ({error}); is PAM installed?"))
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    fn open() -> Result<Self, libloading::Error> {
        // SAFETY: libpam's start-up code only initialises the library itself.
        let library = unsafe { libloading::Library::new("libpam.so.0") }?;
        // SAFETY: each name is given the type its manual page declares, and the library stays loaded as long as the
        // pointers, in one structure that is never taken apart.
        unsafe {
            Ok(Self {
                start: *library.get(b"pam_start\0")?,
                start_confdir: library.get(b"pam_start_confdir\0").ok().map(|symbol| *symbol),
                end: *library.get(b"pam_end\0")?,
                authenticate: *library.get(b"pam_authenticate\0")?,
                acct_mgmt: *library.get(b"pam_acct_mgmt\0")?,
                setcred: *library.get(b"pam_setcred\0")?,
                open_session: *library.get(b"pam_open_session\0")?,
                close_session: *library.get(b"pam_close_session\0")?,
                set_item: *library.get(b"pam_set_item\0")?,
                get_item: *library.get(b"pam_get_item\0")?,
                strerror: *library.get(b"pam_strerror\0")?,
                _loaded: library,
            })
        }
    }
}
