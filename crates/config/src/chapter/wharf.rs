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

        /// Descriptors that listen already when the server starts, as NUMBER or NUMBER:data,….
        ///
        /// For supervisors that open sockets and hand them over. `3` is where clients call, `4:data` is a passive port.
        /// These sockets are used instead of listen_address, listen_port and the range of passive ports, and listen may be
        /// off. Not set means the sockets that systemd's socket activation tells of, if there are any.
        listen_fds: list = UNSET, Main, Restart, Own, Done;

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

        /// A directory of further certificates, each shown to clients that ask for a server it is for.
        ///
        /// Needs ssl_enable. Every subdirectory with the files fullchain.pem and privkey.pem counts, so that
        /// /etc/letsencrypt/live can be named, and every file NAME.pem or NAME.crt, whose key stands in NAME.key or in
        /// the file itself. What a certificate is for, it says itself; its file's name does not matter. The name that a
        /// client asks for comes before a wildcard for it. A client that asks for a name without a certificate, or for
        /// none, is shown the one of rsa_cert_file or dsa_cert_file; without these two, the first of the directory.
        /// New and renewed files are noticed within seconds; when one cannot be used that is told, and all stays as it
        /// was.
        ssl_cert_dir: text = UNSET, Main, Reload, Own, Done;

        /// The file of revocation lists that client certificates are checked against, in PEM form.
        ///
        /// Needs validate_cert. A client whose issuer has no list in the file is refused, and so is every client once the
        /// list of its issuer is past its date: keep the file up to date. A changed file is noticed within seconds.
        ca_crl_file: text = UNSET, Main, NextSession, Own, Done;

        /// The file that says which accounts log in by certificate, and by which.
        ///
        /// Needs validate_cert. Each line has the name of an account, blanks, and what the certificate must say:
        /// `subject:/O=Example/CN=Anna Kim` as debug_ssl logs it, or `cn:`, `email:`, `dns:`, `uri:` and one name in the
        /// certificate, or `sha256:` and its fingerprint. `*` stands for every account and `%u` for its name, as in
        /// `* email:%u@example.org`. An account with a line logs in with such a certificate and in no other way; others
        /// as without this file. No password is asked for, unless cert_user_password is on: the client hears 232 to
        /// USER. PAM's account and session modules are asked as always, those of its auth stage are not, as with public
        /// keys in OpenSSH. The file is read at each login; nobody is let in by one that others than root can change.
        cert_user_file: text = UNSET, Main, NextSession, Own, Done;

        /// Asks for the password as well of accounts that log in by certificate.
        ///
        /// See cert_user_file.
        cert_user_password: bool = false, Main, NextSession, Own, Done;

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

        /// The networks of proxies that tell us their clients' addresses in the PROXY protocol, as ADDRESS/LENGTH,….
        ///
        /// For instance `10.0.0.0/8,fd00::/8`. Every connection from there, of either kind, must begin with a header of
        /// version 1 or 2; logs, limits and rules about addresses then go by the client that it names. From other
        /// addresses such a header is not accepted. Security: whoever can connect from these networks can claim any
        /// address, so name the proxies and nothing more.
        proxy_protocol_from: list = UNSET, Main, Reload, Own, Done;

        /// The seconds that a client waits for a passive port when all are in use from its address; 0 means not at all.
        ///
        /// Clients of different addresses share ports and never wait for each other. Those behind one address need a
        /// port each, but only until their data connection has come, and take turns in the order in which they asked.
        /// Encrypted sessions whose client resumes its TLS session for data connections share ports even then. When
        /// the time is over the client is told 425 and can try again. Values above 60 mean 60.
        pasv_wait_timeout: int = 10, User, NextSession, Own, Done;

        /// Answers the listing of a missing directory with an error.
        ///
        /// vsftpd sends an empty listing and a success instead, and some clients rely on it.
        list_missing_is_error: bool = false, User, NextSession, Own, Done;
    }
}
