//! Rows about guests, also called virtual users.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Guests: users that PAM knows and the system does not, served by one account.
    Guest in guest {
        /// Serves every login that is not anonymous as the account guest_username.
        ///
        /// PAM still judges the name and the password, which need no account then. Guests have the rights of
        /// anonymous users and are shut into their directory, unless virtual_use_local_privs says otherwise.
        /// Simpler than PAM's own data bases is virtual_users_file.
        guest_enable: bool = false, User, NextSession, Same, Done;

        /// The account that guests are served as.
        ///
        /// It must exist. Has no effect unless guest_enable is on.
        guest_username: text = "ftp", User, NextSession, Same, Done;

        /// Gives guests the rights of local users instead of those of anonymous ones.
        ///
        /// Umask, rate and writing then follow the options for local users, and guests are shut into their
        /// directory only when chroot_local_user says so.
        virtual_use_local_privs: bool = false, User, NextSession, Same, Done;

        /// A text that stands for the login name in local_root and in home directories.
        ///
        /// With `$USER` and local_root `/srv/ftp/$USER` each guest gets a directory of the same name. A name
        /// that holds a `/`, or is `.` or `..`, is refused where the token stands.
        user_sub_token: text = UNSET, User, NextSession, Better("names that lead elsewhere are refused"), Done;
    }
}
