//! Rows about what directory listings show.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Listings: what they show, and in which form.
    Listing in listing {
        /// Allows listings of directories.
        ///
        /// With NO, LIST, NLST and STAT with a pathname are refused. Files can still be fetched by name.
        dirlist_enable: bool = true, User, NextSession, Same, Done;

        /// Shows names that begin with a dot even when the client does not ask for them.
        ///
        /// The entries `.` and `..` are left out all the same.
        force_dot_files: bool = false, User, NextSession, Same, Done;

        /// Names that match this pattern are left out of listings.
        ///
        /// The pattern is that of deny_file. Who knows the name can still access the file; add deny_file
        /// against that.
        hide_file: text = UNSET, User, NextSession, Same, Done;

        /// Shows `ftp` as owner and group of every file.
        ///
        /// Listings then tell strangers nothing about the accounts of the machine.
        hide_ids: bool = false, User, NextSession, Same, Done;

        /// Shows the names of owners and groups instead of numbers.
        ///
        /// The names are looked up outside the jail, so no copy of `/etc/passwd` is needed inside. hide_ids
        /// overrides it.
        text_userdb_names: bool = false, User, NextSession, Better("works in a jail without a copy of /etc/passwd"), Done;

        /// Lets clients list whole trees with the flag R.
        ///
        /// A recursive listing of a large archive costs much work; leave it off on public servers.
        ls_recurse_enable: bool = false, User, NextSession, Same, Done;

        /// Shows times in local time instead of UTC.
        ///
        /// It changes listings and MDTM. Clients expect UTC from MDTM, so tools that compare times may be
        /// misled.
        use_localtime: bool = false, User, NextSession, Better("each file's time has the offset of its own date"), Done;

        /// Expands `~name/` in pathnames to the home directory of that user.
        ///
        /// The directory is that of `/etc/passwd` as the session sees it: in a jail, of a copy inside the jail.
        /// A name that is not in it is taken as it is typed. A plain `~` always means the directory where the
        /// session started.
        tilde_user_enable: bool = false, User, NextSession, Same, Done;

        /// Names UTF8 among the features of the server.
        ///
        /// Known to Debian's builds only. Nothing is converted in any build: names travel as the octets
        /// that stand on the disk.
        utf8_filesystem: bool = false, User, NextSession, Same,
            Pointless("UTF8 is always named among the features, and names travel as they are");
    }
}
