//! Rows about logs.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Logs: where they go, and what they say.
    ///
    /// There are two forms. The detailed one has logins, transfers and changes; the standard one, known
    /// from wu-ftpd as xferlog, has transfers only and is read by many statistics programs.
    Log in log {
        /// Writes a log of logins and transfers.
        ///
        /// The detailed form goes to vsftpd_log_file, unless xferlog_std_format asks for the other.
        xferlog_enable: bool = false, Main, NextSession, Same, Done;

        /// Writes the standard form into xferlog_file instead of the detailed form into vsftpd_log_file.
        ///
        /// That form has no logins, refusals, deletions or renames. dual_log_enable writes both.
        xferlog_std_format: bool = false, Main, NextSession, Same, Done;

        /// Writes both forms, even when xferlog_enable is off.
        dual_log_enable: bool = false, Main, NextSession, Same, Done;

        /// Sends the detailed form to syslog, facility ftp, instead of vsftpd_log_file.
        ///
        /// It needs no xferlog_enable.
        syslog_enable: bool = false, Main, NextSession, Better("refusals before the login are logged too"), Done;

        /// The file of the detailed form.
        ///
        /// It is opened again at each reload, so send SIGHUP after a rotation.
        vsftpd_log_file: text = "/var/log/vsftpd.log", Main, Reload, Same, Done;

        /// The file of the standard form.
        ///
        /// It is used only when xferlog_std_format or dual_log_enable is on; the detailed form has its path
        /// in vsftpd_log_file.
        xferlog_file: text = "/var/log/xferlog", Main, Reload, Same, Done;

        /// Logs every command and every reply.
        ///
        /// Useful to find out what a client does. Passwords are not logged. Only the detailed form has them,
        /// so it is silent when the standard form is written alone.
        log_ftp_protocol: bool = false, User, NextSession, Same, Done;

        /// Does not lock the log files while a line is written.
        ///
        /// For file systems where locks hang.
        no_log_lock: bool = false, User, NextSession, Same, Done;

        /// Sends the text of fatal errors to syslog as well.
        ///
        /// Known to the builds of RHEL and Fedora only. Wharf also writes fatal errors to standard error, which
        /// systemd keeps in the journal.
        log_die: bool = false, Main, NextSession, Better("no second is waited for the log"), Done;

        /// Keeps characters outside ASCII in logs when they are printable.
        ///
        /// Known to the builds of RHEL and Fedora only.
        wc_logs_enable: bool = false, User, NextSession, Same, Pointless("logs keep names outside ASCII as they are");
    }
}
