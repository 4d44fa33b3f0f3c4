//! Rows about processes and accounts of the server itself.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// The server's own processes.
    ///
    /// vsftpd makes two or more processes for each client. Wharf serves many clients from a few
    /// workers that can open nothing themselves, so several switches have lost their meaning.
    Process in process {
        /// The account of processes that need no rights.
        ///
        /// Everything that reads from the network before a login runs as this account. It should be used by
        /// nothing else; the default is shared with other services on many machines.
        nopriv_user: text = "nobody", Main, Restart, Same, Done;

        /// Runs everything as the user who starts the server.
        ///
        /// Needed only to tell that it is meant: without it a start without root is refused.
        /// Sessions are shut in by the kernel all the same. connect_from_port_20 and chown_uploads cannot
        /// work then.
        run_as_launching_user: bool = false, Main, Restart, Better("sessions remain shut into their directory"), Done;

        /// Shows the state of processes in the process list.
        setproctitle_enable: bool = false, Main, Restart, Same, Done;

        /// Filters the system calls of processes that read from the network.
        seccomp_sandbox: bool = true, Main, Restart, Same,
            Pointless("the filter is always on, and tested with each release");

        /// Gives each client process a space of its own for messages and processes.
        isolate: bool = true, Main, Restart, Same,
            Pointless("workers are shut in by the kernel; isolate_sessions gives each connection its own");

        /// Gives each client process an empty network of its own.
        isolate_network: bool = true, Main, Restart, Same,
            Pointless("processes that serve clients can open no sockets at all");

        /// Watches a client process with a tracer.
        ptrace_sandbox: bool = false, Main, Restart, Same,
            Pointless("it worked on 32-bit machines only, and the system call filter does more");

        /// Serves a client with one process instead of two.
        one_process_model: bool = false, Main, Restart, Same,
            Pointless("one worker serves many clients already");

        /// Speaks FTP with clients.
        ftp_enable: bool = true, Main, NextSession, Same,
            Pointless("the server speaks nothing else, so it cannot be turned off");

        /// Answers simple HTTP requests.
        http_enable: bool = false, Main, NextSession, Same,
            Pointless("HTTP is not served; use a web server");
    }
}
