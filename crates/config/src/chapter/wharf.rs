//! Rows that vsftpd does not know.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Options of Wharf's own.
    ///
    /// vsftpd refuses a file that sets any of them.
    Wharf in wharf {
        /// The number of processes that serve clients; 0 means one for each processor core.
        ///
        /// Has no effect when isolate_sessions is on.
        session_workers: int = 0, Main, Restart, Own, Done;

        /// Gives every connection a process of its own.
        ///
        /// An attacker who took over a process would then hold one session instead of many. It costs memory
        /// and time for each connection.
        isolate_sessions: bool = false, Main, Restart, Own, Done;

        /// The seconds that running transfers get to end when the server is told to stop.
        ///
        /// At SIGTERM nobody new is let in, idle sessions end at once, and transfers are broken off after
        /// this time. Keep it below the time that systemd waits before it kills.
        drain_timeout: int = 30, Main, Reload, Own, Done;

        /// The seconds that the process which opens a user's files stays after the last logout.
        ///
        /// A user who comes back within this time is served faster.
        broker_idle_timeout: int = 60, Main, Reload, Own, Done;

        /// Logs IPv4 clients of an IPv6 socket as `::ffff:192.0.2.1`, the way vsftpd does.
        ///
        /// For log readers that were written for it. Otherwise the plain IPv4 form is logged.
        log_mapped_addresses: bool = false, Main, NextSession, Own, Done;

        /// The file of virtual users; not set means that there are none.
        ///
        /// Each has a password, a user number and a directory of their own there, and needs no account; names
        /// that the file does not have are left to PAM. `wharfd user` edits it. Users of the file are shut into
        /// their directory and follow the options for local users, so local_enable must be on. To admit nobody
        /// else, set pam_service_name to nothing.
        virtual_users_file: text = UNSET, Main, NextSession, Own, Done;

        /// Lets clients take the control connection out of TLS again after the login (CCC, RFC 4217).
        ///
        /// Some firewalls have to read the commands to let data connections through. Everybody on the way can then
        /// read and change the commands; data connections stay encrypted. Needs ssl_enable. Prefer a range of
        /// passive ports that the firewall lets in.
        ccc_enable: bool = false, User, NextSession, Own, Done;

        /// The most entries of a directory that are listed in the order of their names.
        ///
        /// Larger directories are sent in the order of the disk, at once and without being held in memory. When
        /// a client asks for the order of time or for the reverse, 200,000 entries are sorted in any case.
        sorted_listing_limit: int = 20000, User, NextSession, Own, Done;

        /// The most passive ports that are kept open for the next client.
        ///
        /// Ports in use come on top. A small number saves descriptors, a large one saves time when many
        /// clients start transfers at once.
        passive_sockets: int = 64, Main, Restart, Own, Done;

        /// Answers the listing of a missing directory with an error.
        ///
        /// vsftpd sends an empty listing and a success instead, and some clients rely on it.
        list_missing_is_error: bool = false, User, NextSession, Own, Done;
    }
}
