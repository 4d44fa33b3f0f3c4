//! Rows about anonymous logins and what they may do.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Anonymous logins: whether they exist, what they may read, and what they may write.
    ///
    /// Anonymous sessions are always shut into their directory.
    Anonymous in anonymous {
        /// Lets anybody in under the names `anonymous` and `ftp`, without an account.
        ///
        /// The default is YES, as in vsftpd. A server for known users should say NO in so many words.
        anonymous_enable: bool = true, Main, NextSession, Same, Done;

        /// The account that anonymous sessions run as.
        ///
        /// Its home directory is what they see, unless anon_root names another. The account must exist, and
        /// it should own nothing.
        ftp_username: text = "ftp", Main, NextSession, Same, Done;

        /// The directory that anonymous sessions see; not set means the home of ftp_username.
        ///
        /// The session is shut in there. The directory itself must not be writable by ftp_username; give
        /// uploads a directory below it.
        anon_root: text = UNSET, User, NextSession, Same, Done;

        /// Lets anonymous users in without asking for a password.
        ///
        /// The lists of deny_email_enable and secure_email_list_enable are not asked then.
        no_anon_password: bool = false, Main, NextSession, Same, Done;

        /// Lets anonymous sessions read only what everybody on the machine may read.
        ///
        /// A file needs the read permission for others to be fetched, and a directory to be listed. Together
        /// with anon_umask it keeps uploads of strangers from being fetched by other strangers, so think
        /// twice before you turn it off on a server that takes anonymous uploads.
        anon_world_readable_only: bool = true, User, NextSession, Same, Done;

        /// Lets anonymous sessions upload new files.
        ///
        /// Needs write_enable, and a directory that ftp_username may write to. Existing files are never
        /// overwritten or continued unless anon_other_write_enable is on. See also chown_uploads.
        anon_upload_enable: bool = false, User, NextSession, Same, Done;

        /// Lets anonymous sessions make directories.
        ///
        /// Needs write_enable, and a parent directory that ftp_username may write to.
        anon_mkdir_write_enable: bool = false, User, NextSession, Same, Done;

        /// Lets anonymous sessions delete, rename, overwrite and append, and set file times.
        ///
        /// Needs write_enable. With it any stranger can destroy what another has uploaded. SITE commands
        /// stay forbidden.
        anon_other_write_enable: bool = false, User, NextSession, Same, Done;

        /// The permission bits taken away from files and directories that anonymous sessions make.
        ///
        /// Write it with a leading 0. With 077 only the owner can read an upload, so other anonymous
        /// sessions cannot fetch it while anon_world_readable_only is on; that is the safe arrangement.
        anon_umask: octal = 0o077, User, NextSession, Same, Done;

        /// Gives anonymous uploads to the account chown_username as soon as they are made.
        ///
        /// The uploader then cannot change or fetch them any more, and they take the mode
        /// chown_upload_mode.
        chown_uploads: bool = false, User, NextSession, Better("can be turned on for one user alone"), Done;

        /// The account that receives anonymous uploads when chown_uploads is on.
        ///
        /// An account made for the purpose is better than the default: files that strangers wrote should
        /// not belong to root.
        chown_username: text = "root", Main, NextSession, Same, Done;

        /// The mode that anonymous uploads get when chown_uploads is on.
        ///
        /// Write it with a leading 0.
        chown_upload_mode: octal = 0o600, User, NextSession, Same, Done;

        /// Refuses anonymous users whose password stands in banned_email_file.
        ///
        /// It stops careless robots that always give the same address. It is no protection, as anybody can
        /// give any address.
        deny_email_enable: bool = false, Main, NextSession, Same, Done;

        /// The file of refused anonymous passwords, one on each line.
        ///
        /// A whole line must match, letter for letter. When the file cannot be read and deny_email_enable is
        /// on, nobody is let in.
        banned_email_file: text = "/etc/vsftpd.banned_emails", Main, NextSession, Same, Done;

        /// Admits only anonymous users whose password stands in email_password_file.
        ///
        /// A simple shared password for material that needs little protection. An empty list admits
        /// everybody.
        secure_email_list_enable: bool = false, Main, NextSession, Same, Done;

        /// The file of admitted anonymous passwords, one on each line.
        ///
        /// A whole line must match, letter for letter; an empty password never matches.
        email_password_file: text = "/etc/vsftpd.email_passwords", Main, NextSession, Same, Done;
    }
}
