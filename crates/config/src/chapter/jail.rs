//! Rows about where a session starts and whether it is shut in.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Where a session starts, and whether it is shut in there.
    Jail in jail {
        /// Shuts local users into their home directory, or into local_root.
        ///
        /// They see it as `/` and cannot leave it. chroot_list_enable makes exceptions. It may be
        /// writable for them. It is decided before the per-user file is read, so it has no effect there.
        chroot_local_user: bool = false, Main, NextSession, Same, Done;

        /// Makes chroot_list_file the list of exceptions to chroot_local_user.
        ///
        /// Beware: the meaning turns round. With chroot_local_user off, the listed users are shut in; with it
        /// on, the listed users are those who are not.
        chroot_list_enable: bool = false, Main, NextSession, Same, Done;

        /// The file of names for chroot_list_enable, one on each line.
        ///
        /// A line must be the name and nothing else: no blanks, no comment. When the file cannot be read,
        /// logins are refused.
        chroot_list_file: text = "/etc/vsftpd.chroot_list", Main, NextSession, Same, Done;

        /// Admits local users whose directory is both their jail and writable for them.
        ///
        /// vsftpd refuses such a login without it, as programs that load files from a writable root have been
        /// broken into that way. Wharf loads nothing and executes nothing after the login, and the kernel
        /// keeps it from doing so; the login is admitted either way.
        allow_writeable_chroot: bool = false, User, NextSession, Better("a writable jail is safe here"),
            Pointless("a writable jail is safe here and needs no permission");

        /// The directory where local users start, instead of their home directory.
        ///
        /// When the user is shut in, this directory becomes `/`, and a missing directory refuses the login;
        /// otherwise the user starts at home when it is missing.
        local_root: text = UNSET, User, NextSession, Same, Done;

        /// Splits a home directory at `/./` into the jail and the start directory.
        ///
        /// A home of `/srv/site/./incoming` shuts the user into `/srv/site` and starts in `/incoming`. It
        /// overrides local_root for users with such a home, and makes no jail by itself.
        passwd_chroot_enable: bool = false, User, NextSession, Same, Done;

        /// The empty directory that processes without need of files are shut into.
        ///
        /// Wharf makes such a directory at each start and removes it again while it is in use, so that
        /// nobody can ever put a file there. The option is read and not needed.
        secure_chroot_dir: text = "/usr/share/empty", Main, Restart, Better("no directory has to exist"),
            Pointless("each process gets an empty root that exists nowhere else");
    }
}
