//! Rows about who may log in.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Who may log in, and how passwords are judged.
    ///
    /// Anonymous logins have a chapter of their own.
    Access in access {
        /// Lets users with an account log in.
        ///
        /// Passwords are judged by PAM; see pam_service_name. When it is off, every name except the
        /// anonymous ones is refused. At least one of local_enable and anonymous_enable must be on.
        local_enable: bool = false, Main, NextSession, Same, Done;

        /// The PAM service that judges names and passwords.
        ///
        /// The service is the file of this name in `/etc/pam.d`. When there is none, PAM falls back to the
        /// service `other`, which refuses everybody on some systems and asks the accounts on others. Packages
        /// ship a file `vsftpd` or `wharfd`; name it here. An empty value makes every login by PAM fail.
        pam_service_name: text = "ftp", Main, NextSession, Same, Done;

        /// Requires a login shell that is listed in `/etc/shells`.
        ///
        /// vsftpd looks at it only when it was built without PAM, which no distribution does. To refuse
        /// accounts by their shell, put a `pam_shells` line into the PAM service.
        check_shell: bool = true, Main, NextSession, Same,
            Pointless("login shells are judged by PAM; put pam_shells into the PAM service");

        /// Opens a PAM session for each login and writes login records.
        ///
        /// Modules that act at the start of a session, such as `pam_mkhomedir` and `pam_limits`, do nothing
        /// while this is off. Each login then keeps a process that closes the session with it. Limits that
        /// modules set hold for that process only.
        session_support: bool = false, Main, NextSession, Same, Done;

        /// Looks up the client's name before PAM is asked, so that PAM rules can use it.
        ///
        /// Known to the builds of RHEL and Fedora only, where it is on unless the file turns it off. Rules with
        /// addresses do not need it, the name is whatever the owner of the address says, and each login waits
        /// for the name server; so it has to be asked for here.
        reverse_lookup_enable: bool = false, Main, NextSession, Better("no login waits for a name server unasked"), Done;

        /// Asks hosts.allow and hosts.deny about each client.
        ///
        /// The first rule that matches decides, under the daemon name vsftpd; hosts.allow comes first, and who
        /// stands in neither comes in. Changes act at once. A rule with `setenv VSFTPD_LOAD_CONF FILE` lets the
        /// client in by that file on top of this configuration. Commands in rules are not run. When a file
        /// cannot be read nobody is let in.
        tcp_wrappers: bool = false, Main, NextSession, Better("no command of a rule is run as root"), Done;

        /// Looks up each name in userlist_file before a password is asked.
        ///
        /// Because the refusal comes before the password, the password never crosses the network. Whether
        /// the list names those to refuse or those to admit is decided by userlist_deny.
        userlist_enable: bool = false, Main, NextSession, Same, Done;

        /// Makes the user list a list of refused names.
        ///
        /// With NO only the names in userlist_file may log in, which is the safer of the two when a machine
        /// has many accounts. Has no effect unless userlist_enable is on.
        userlist_deny: bool = true, Main, NextSession, Same, Done;

        /// The file that userlist_enable looks names up in, one on each line.
        ///
        /// A line must be the name and nothing else: no blanks, no comment. Changes act at once, without a
        /// reload. When the file cannot be read nobody is let in.
        userlist_file: text = "/etc/vsftpd.user_list", Main, NextSession, Same, Done;

        /// Logs each refusal that the user list causes.
        ///
        /// Known to the builds of RHEL and Fedora only.
        userlist_log: bool = false, Main, NextSession, Same, Done;

        /// The directory of per-user files; not set means that there are none.
        ///
        /// After a login the file named after the user is read on top of this configuration, so single
        /// users can have a directory, rights or limits of their own. A missing file is fine. Options that
        /// decide who gets in have no effect there; the entry of each option says so. The file must belong
        /// to root, or to the user who started the server. Anonymous sessions use the file named after
        /// ftp_username.
        user_config_dir: text = UNSET, Main, NextSession, Better("options without effect are warned about"), Done;
    }
}
