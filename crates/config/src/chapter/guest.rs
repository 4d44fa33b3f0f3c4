//! Rows about guests, also called virtual users.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Guests: users that PAM knows and the system does not, served by one account.
    Guest in guest {
        /// Serves every login that is not anonymous as the account guest_username.
        ///
        /// PAM still judges the name and the password, which need no account then. As long as this is not
        /// carried out, YES is an error: the users would otherwise be served as themselves, with rights you
        /// did not mean to give.
        guest_enable: bool = false, User, NextSession, Same, NotYet("guests (virtual users)");

        /// The account that guests are served as.
        ///
        /// It must exist. Has no effect unless guest_enable is on.
        guest_username: text = "ftp", User, NextSession, Same, NotYet("guests (virtual users)");

        /// Gives guests the rights of local users instead of those of anonymous ones.
        ///
        /// Umask, rate and writing then follow the options for local users, and guests are shut into their
        /// directory only when chroot_local_user says so.
        virtual_use_local_privs: bool = false, User, NextSession, Same, NotYet("guests (virtual users)");

        /// A text that stands for the login name in local_root and in home directories.
        ///
        /// With `$USER` and local_root `/srv/ftp/$USER` each guest gets a directory of the same name.
        user_sub_token: text = UNSET, User, NextSession, Same, NotYet("the login name as part of a path");
    }
}
