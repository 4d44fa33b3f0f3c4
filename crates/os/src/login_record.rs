//! utmp and wtmp: who is logged in, and who was (utmp(5)).
//!
//! The process that writes the record is the one that `who` names, so it must live as long as the login.
#![allow(unsafe_code, reason = "pututxline and updwtmpx have no safe wrapper")]

use std::ffi::CStr;
use std::time::{SystemTime, UNIX_EPOCH};

const WTMP: &CStr = c"/var/log/wtmp";

unsafe extern "C" {
    /// Appends a record to a file, with the file's lock held (GNU libc; updwtmp(3)).
    fn updwtmpx(file: *const libc::c_char, record: *const libc::utmpx);
}

/// A login that stands in the records; dropping it writes the logout.
#[derive(Debug)]
pub struct LoginRecord {
    line: String,
    host: String,
}

impl LoginRecord {
    /// Writes a login. Files that are missing or cannot be written are passed over, as every login program does.
    ///
    /// The line is `vsftpd:PID`, which is what statistics of FTP logins look for. Texts are cut to the fields' sizes.
    pub fn begin(user: &[u8], host: &str) -> Self {
        let login = Self { line: format!("vsftpd:{}", std::process::id()), host: host.to_owned() };
        write(&login.record(libc::USER_PROCESS, user));
        login
    }

    fn record(&self, kind: libc::c_short, user: &[u8]) -> libc::utmpx {
        // SAFETY: all octets zero is a valid utmpx.
        let mut record: libc::utmpx = unsafe { std::mem::zeroed() };
        record.ut_type = kind;
        record.ut_pid = std::process::id().cast_signed();
        fill(&mut record.ut_line, self.line.as_bytes());
        // The identifier only has to be unlike others: the end of the line is.
        let tail = self.line.len().saturating_sub(record.ut_id.len());
        fill(&mut record.ut_id, self.line.as_bytes().get(tail..).unwrap_or_default());
        fill(&mut record.ut_user, user);
        fill(&mut record.ut_host, self.host.as_bytes());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        record.ut_tv.tv_sec = now.as_secs() as _;
        record.ut_tv.tv_usec = now.subsec_micros() as _;
        record
    }
}

impl Drop for LoginRecord {
    fn drop(&mut self) {
        write(&self.record(libc::DEAD_PROCESS, b""));
    }
}

fn fill(field: &mut [libc::c_char], text: &[u8]) {
    for (place, octet) in field.iter_mut().zip(text) {
        *place = octet.cast_signed() as libc::c_char;
    }
}

fn write(record: &libc::utmpx) {
    // SAFETY: the record is valid and only read; the file's name is NUL-terminated. setutxent and endutxent take
    // nothing. These functions share state inside libc; this process has one thread.
    unsafe {
        libc::setutxent();
        libc::pututxline(record);
        libc::endutxent();
        updwtmpx(WTMP.as_ptr(), record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_process_user_and_host_and_cuts_what_is_too_long() {
        let login = LoginRecord { line: format!("vsftpd:{}", std::process::id()), host: "h".repeat(400) };
        let record = login.record(libc::USER_PROCESS, &[b'u'; 40]);
        assert_eq!(record.ut_pid, std::process::id().cast_signed());
        assert!(record.ut_user.iter().all(|octet| *octet as u8 == b'u'));
        assert!(record.ut_host.iter().all(|octet| *octet as u8 == b'h'));
        assert!(record.ut_line.starts_with(&b"vsftpd:".map(|octet| octet as libc::c_char)));
        std::mem::forget(login);
    }
}
