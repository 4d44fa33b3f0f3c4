//! Asks the system's PAM whether a name and a password belong together and may log in.
//!
//! The library is loaded when first needed, so the executable starts on machines without it. One attempt is one call,
//! and it may block for seconds: it belongs in a process of its own, which the monitor ends by a timer. A session
//! (`pam_open_session`) lasts as long as that process keeps it.
//!
//! Compat: stages, items and the way prompts are answered are those of vsftpd 3.0.5, so a service file written for it
//! works unchanged.
#![allow(unsafe_code, reason = "libpam is a C library")]

mod library;

use std::ffi::{CStr, CString};
use std::fmt;
use std::path::Path;
use std::ptr;

use library::{Conversation, Library, Message, RawHandle, Response};
use zeroize::{Zeroize, Zeroizing};

/// One attempt to log in.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The service file's name (`pam_service_name`).
    pub service: &'a str,
    /// The name the peer gave.
    pub user: &'a [u8],
    /// The password the peer gave.
    pub password: &'a [u8],
    /// Where the peer is: its numeric address, or its name when names are looked up.
    pub rhost: &'a str,
    /// The terminal to report; `ftp`.
    pub tty: &'a str,
    /// The remote name to report; vsftpd gives the login name.
    pub ruser: &'a [u8],
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("service", &self.service)
            .field("rhost", &self.rhost)
            .finish_non_exhaustive()
    }
}

/// PAM's consent. Dropping it ends PAM's part.
pub struct Verified {
    /// The name to go on with: a module may have replaced the one the peer gave.
    pub user: Vec<u8>,
    pam: Transaction,
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").finish_non_exhaustive()
    }
}

impl Verified {
    /// Opens the user's session with PAM: limits, home directories and whatever else the service file asks for.
    ///
    /// The modules change this process, which is why it is a process of the one login. Blocks as they like.
    pub fn open_session(mut self) -> Result<OpenSession, Refused> {
        // SAFETY: the transaction has begun and has not ended, and owns what its conversation points to.
        let code = unsafe { (self.pam.library.open_session)(self.pam.handle, 0) };
        self.pam.done(Stage::Session, code)?;
        Ok(OpenSession { pam: self.pam })
    }
}

/// An open session with PAM; dropping it closes it.
pub struct OpenSession {
    pam: Transaction,
}

impl fmt::Debug for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSession").finish_non_exhaustive()
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        // SAFETY: opened once, closed only here; the transaction ends after this.
        unsafe {
            (self.pam.library.close_session)(self.pam.handle, 0);
            self.pam.last = (self.pam.library.setcred)(self.pam.handle, library::DELETE_CRED);
        }
    }
}

/// Where an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// PAM is missing, cannot begin, or a value cannot be expressed to it.
    Start,
    /// The name and the password do not belong together, as far as PAM will say.
    Authenticate,
    /// The account may not log in here or now, or its password has expired.
    Account,
    /// The user's credentials could not be set up.
    Credentials,
    /// The session could not be opened.
    Session,
}

/// PAM's refusal, for the log; the peer is only ever told that the login was incorrect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where the attempt ended.
    pub stage: Stage,
    /// PAM's own number; zero when PAM was not asked.
    pub code: i32,
    /// PAM's words, or ours when PAM was not asked.
    pub message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Start => "could not begin",
            Stage::Authenticate => "refused the password",
            Stage::Account => "refused the account",
            Stage::Credentials => "could not set up the credentials",
            Stage::Session => "could not open the session",
        };
        write!(f, "PAM {stage}: {}", self.message)
    }
}

impl std::error::Error for Refused {}

/// Tells whether this machine has PAM.
pub fn available() -> bool {
    Library::load().is_ok()
}

/// Tells whether a service of this name is configured; without a file PAM falls back to the service `other`.
pub fn service_exists(name: &str) -> bool {
    !name.is_empty()
        && !name.contains('/')
        && ["/etc/pam.d", "/usr/lib/pam.d"].iter().any(|place| Path::new(place).join(name).is_file())
}

/// Carries out one attempt: authentication, account management, credentials.
///
/// Prompts that hide what is typed are answered with the password, prompts that show it make the attempt fail, messages
/// are passed over. Blocks for as long as the modules like; usually about two seconds after a wrong password.
pub fn authenticate(request: Request<'_>) -> Result<Verified, Refused> {
    attempt(request, Proven::ByPassword, None)
}

/// Carries out one attempt of somebody whose name was proven otherwise, by a certificate: account management and
/// credentials. No module is asked about the password, which may be empty.
///
/// Modules of the stage `auth` have no say, as with public keys in OpenSSH.
pub fn admit(request: Request<'_>) -> Result<Verified, Refused> {
    attempt(request, Proven::Otherwise, None)
}

/// What proves a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proven {
    ByPassword,
    Otherwise,
}

fn attempt(request: Request<'_>, proven: Proven, configuration: Option<&Path>) -> Result<Verified, Refused> {
    let library = Library::load().map_err(|message| Refused { stage: Stage::Start, code: 0, message })?;
    let mut pam = Transaction::begin(library, &request, configuration)?;
    pam.set(library::RHOST, &c_text(request.rhost.as_bytes(), "remote host")?)?;
    pam.set(library::TTY, &c_text(request.tty.as_bytes(), "terminal")?)?;
    pam.set(library::RUSER, &c_text(request.ruser, "remote user")?)?;
    if proven == Proven::ByPassword {
        // SAFETY: the three calls take the handle of a transaction that has begun and has not ended, and flags; `pam`
        // owns what its conversation points to.
        let code = unsafe { (library.authenticate)(pam.handle, 0) };
        pam.done(Stage::Authenticate, code)?;
    }
    let user = pam.user()?;
    // SAFETY: as above.
    unsafe {
        let code = (library.acct_mgmt)(pam.handle, 0);
        pam.done(Stage::Account, code)?;
        let code = (library.setcred)(pam.handle, library::ESTABLISH_CRED);
        pam.done(Stage::Credentials, code)?;
    }
    Ok(Verified { user, pam })
}

/// The password as C wants it; wiped when dropped.
fn c_password(password: &[u8]) -> Result<Box<Zeroizing<Vec<u8>>>, Refused> {
    if password.contains(&0) {
        return Err(refused_at_start("the password holds a NUL, which PAM cannot be told"));
    }
    // Room for the end from the beginning: growing would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(password.len() + 1));
    text.extend_from_slice(password);
    text.push(0);
    Ok(Box::new(text))
}

fn c_text(value: &[u8], what: &str) -> Result<CString, Refused> {
    CString::new(value)
        .map_err(|_| refused_at_start(format!("the {what} holds a NUL, which PAM cannot be told")))
}

fn refused_at_start(message: impl Into<String>) -> Refused {
    Refused { stage: Stage::Start, code: 0, message: message.into() }
}

/// A transaction with PAM, ended when dropped, with the outcome of its last call.
struct Transaction {
    library: &'static Library,
    handle: *mut RawHandle,
    last: i32,
    /// What the conversation points to: boxed, so that it stays where it is when the transaction moves.
    _password: Box<Zeroizing<Vec<u8>>>,
}

impl Transaction {
    fn begin(
        library: &'static Library,
        request: &Request<'_>,
        configuration: Option<&Path>,
    ) -> Result<Self, Refused> {
        let password = c_password(request.password)?;
        let conversation = Conversation { converse, data: ptr::from_ref(&*password).cast_mut().cast() };
        let service = c_text(request.service.as_bytes(), "service name")?;
        let user = c_text(request.user, "user name")?;
        let mut handle = ptr::null_mut();
        let code = match (configuration, library.start_confdir) {
            // SAFETY: the strings are NUL-terminated and copied by PAM; the conversation is copied too, and its data
            // lives as long as the transaction; the handle is written before it is used.
            (None, _) => unsafe {
                (library.start)(service.as_ptr(), user.as_ptr(), &raw const conversation, &raw mut handle)
            },
            (Some(directory), Some(start_confdir)) => {
                let directory = c_text(directory.as_os_str().as_encoded_bytes(), "directory")?;
                // SAFETY: as above, with one more string.
                unsafe {
                    start_confdir(
                        service.as_ptr(),
                        user.as_ptr(),
                        &raw const conversation,
                        directory.as_ptr(),
                        &raw mut handle,
                    )
                }
            }
            (Some(_), None) => return Err(refused_at_start("this libpam reads /etc/pam.d only")),
        };
        if code != library::SUCCESS || handle.is_null() {
            return Err(Refused {
                stage: Stage::Start,
                code,
                message: format!("pam_start failed with {code} for the service '{}'", request.service),
            });
        }
        Ok(Self { library, handle, last: code, _password: password })
    }

    fn set(&mut self, item: i32, value: &CStr) -> Result<(), Refused> {
        // SAFETY: the transaction is under way, and PAM copies string items.
        let code = unsafe { (self.library.set_item)(self.handle, item, value.as_ptr().cast()) };
        self.done(Stage::Start, code)
    }

    /// Reads the name again, after the modules have had their say.
    fn user(&mut self) -> Result<Vec<u8>, Refused> {
        let mut item = ptr::null();
        // SAFETY: the transaction is under way; `item` receives a pointer into PAM's own memory.
        let code = unsafe { (self.library.get_item)(self.handle, library::USER, &raw mut item) };
        self.done(Stage::Authenticate, code)?;
        if item.is_null() {
            return Err(Refused {
                stage: Stage::Authenticate,
                code: 0,
                message: "PAM forgot the user's name".into(),
            });
        }
        // SAFETY: PAM_USER is a NUL-terminated string that lives until the item is set again or the transaction ends;
        // it is copied here.
        Ok(unsafe { CStr::from_ptr(item.cast()) }.to_bytes().to_vec())
    }

    fn done(&mut self, stage: Stage, code: i32) -> Result<(), Refused> {
        self.last = code;
        if code == library::SUCCESS {
            return Ok(());
        }
        // SAFETY: the transaction is under way; the answer is a static string or null.
        let words = unsafe { (self.library.strerror)(self.handle, code) };
        let message = if words.is_null() {
            format!("error {code}")
        } else {
            // SAFETY: not null, and NUL-terminated as pam_strerror(3) promises; copied at once.
            unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned()
        };
        Err(Refused { stage, code, message })
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // SAFETY: begun in `begin`, ended only here.
        unsafe { (self.library.end)(self.handle, self.last) };
    }
}

/// Answers the modules' prompts. PAM calls this, with `data` from our [`Conversation`].
extern "C" fn converse(
    count: i32,
    messages: *const *const Message,
    responses: *mut *mut Response,
    data: *mut libc::c_void,
) -> i32 {
    let Some(length) = usize::try_from(count).ok().filter(|n| (1..=library::MAX_MESSAGES).contains(n)) else {
        return library::CONV_ERR;
    };
    if messages.is_null() || responses.is_null() || data.is_null() {
        return library::CONV_ERR;
    }
    // SAFETY: `data` is the pointer `begin` made from a vector that lives until the transaction has ended.
    let password = unsafe { &*data.cast::<Zeroizing<Vec<u8>>>() };
    // SAFETY: calloc of a small count; zeroed memory is a valid array of Response (null, 0).
    let answers = unsafe { libc::calloc(length, size_of::<Response>()) }.cast::<Response>();
    if answers.is_null() {
        return library::BUF_ERR;
    }
    for at in 0..length {
        // SAFETY: Linux-PAM passes an array of `count` pointers to messages.
        let style = unsafe { (*messages.add(at)).as_ref() }.map_or(0, |message| message.style);
        let outcome = match style {
            library::PROMPT_ECHO_OFF => match copy_for_pam(password) {
                copy if copy.is_null() => Err(library::BUF_ERR),
                copy => {
                    // SAFETY: within the array allocated above.
                    unsafe { (*answers.add(at)).text = copy };
                    Ok(())
                }
            },
            library::ERROR_MSG | library::TEXT_INFO => Ok(()),
            // Compat: vsftpd answers only what a terminal would hide, so one-time codes on visible prompts fail.
            _ => Err(library::CONV_ERR),
        };
        if let Err(code) = outcome {
            discard(answers, at, password.len());
            return code;
        }
    }
    // SAFETY: checked not to be null; PAM takes over the array and frees it.
    unsafe { *responses = answers };
    library::SUCCESS
}

/// Copies NUL-terminated text into memory that PAM will free.
fn copy_for_pam(text: &[u8]) -> *mut libc::c_char {
    // SAFETY: the size is not zero, for the text ends with a NUL, and the copy stays within both.
    unsafe {
        let copy = libc::malloc(text.len());
        if !copy.is_null() {
            ptr::copy_nonoverlapping(text.as_ptr(), copy.cast(), text.len());
        }
        copy.cast()
    }
}

/// Wipes and frees answers that PAM will not get.
fn discard(answers: *mut Response, filled: usize, length: usize) {
    for at in 0..filled {
        // SAFETY: the first `filled` entries hold null or a copy of `length` octets made by `copy_for_pam`.
        unsafe {
            let text = (*answers.add(at)).text;
            if !text.is_null() {
                std::slice::from_raw_parts_mut(text.cast::<u8>(), length).zeroize();
                libc::free(text.cast());
            }
        }
    }
    // SAFETY: allocated by calloc in `converse` and handed to nobody.
    unsafe { libc::free(answers.cast()) };
}

#[cfg(test)]
mod tests;
