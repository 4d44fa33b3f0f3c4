//! Rows about everything that changes files.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Writing: the master switch, modes, locks, and what to do when an upload breaks off.
    Upload in upload {
        /// Allows commands that change files; without it the server is read-only.
        ///
        /// It covers uploads, making and removing directories, deleting, renaming, SITE CHMOD and setting
        /// times. Anonymous sessions need the `anon_` options in addition. With NO the file system itself is
        /// opened read-only for the session.
        write_enable: bool = false, User, NextSession, Better("enforced by the kernel as well"), Done;

        /// The permission bits taken away from files and directories that local users make.
        ///
        /// Write it with a leading 0: 022 lets everybody read, 077 only the owner. A plain 22 is a decimal
        /// number and means 026.
        local_umask: octal = 0o077, User, NextSession, Same, Done;

        /// The mode of uploaded files before the umask is applied.
        ///
        /// Write it with a leading 0. Use 0777 when uploaded files should be executable. Directories always
        /// begin with 0777.
        file_open_mode: octal = 0o666, User, NextSession, Same, Done;

        /// Allows SITE CHMOD to users who are not anonymous.
        ///
        /// Needs write_enable. With NO the command disappears from SITE HELP.
        chmod_enable: bool = true, User, NextSession, Same, Done;

        /// Lets MDTM set the time of a file.
        ///
        /// Some clients keep file times this way: `MDTM 20240131120000 name`. Needs write_enable, and
        /// anon_other_write_enable for anonymous sessions. Turn it off when files have names that begin with
        /// fourteen digits and a blank.
        mdtm_write: bool = true, User, NextSession, Same, Done;

        /// Locks files while they are uploaded, and waits for such locks before a download.
        ///
        /// A download of a file that is being uploaded waits until the upload has ended. Turn it off on file
        /// systems where locks hang.
        lock_upload_files: bool = true, User, NextSession, Same, Done;

        /// Deletes a file whose upload broke off.
        ///
        /// Clients that continue broken uploads with REST or APPE need this off.
        delete_failed_uploads: bool = false, User, NextSession, Same, Done;

        /// Only names that match this pattern may be uploaded; not set means any.
        ///
        /// The pattern is that of deny_file, for instance `{*.jpg,*.png}`. Known to Debian's builds only.
        upload_file: text = UNSET, User, NextSession, Same, Done;

        /// Gives STOU names a random ending instead of a counter.
        ///
        /// When `name` is taken, STOU stores under `name.` and six random letters and digits rather than
        /// `name.1`, so that nobody can guess the next one. Known to the builds of RHEL and Fedora only.
        better_stou: bool = false, User, NextSession, Same, Done;
    }
}
