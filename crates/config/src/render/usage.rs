//! The manual page wharfd(8).

use super::roff::Page;

/// Renders the manual page wharfd(8), in roff.
pub fn man_wharfd() -> String {
    let mut page = Page::new("wharfd", 8, "FTP server that reads vsftpd.conf");
    synopsis(&mut page);
    page.heading("Description");
    page.paragraph(
        "wharfd serves files by FTP. It reads the configuration of vsftpd as it is; see `wharfd.conf`(5). \
         The processes that talk to clients have no rights of their own: they cannot open files, make \
         connections or start programs. Files are opened by a process that runs as the user who logged in \
         and is shut into that user's directory.",
    );
    page.paragraph(
        "wharfd stays in the foreground unless the configuration says background=YES. Errors go to standard \
         error, or in the background to the system's log. With listen and listen_ipv6 off it serves the one \
         connection that inetd hands it. Started by an ordinary user it serves that user's files only, on a port above 1023.",
    );
    commands(&mut page);
    signals(&mut page);
    files(&mut page);
    exit_status(&mut page);
    page.heading("See also");
    page.paragraph("`wharfd.conf`(5), `pam`(8), `systemd.service`(5)");
    page.finish()
}

fn synopsis(page: &mut Page) {
    page.heading("Synopsis");
    for line in [
        "`wharfd` [FILE | `-o`NAME=VALUE | `-v`]...",
        "`wharfd share` DIRECTORY [`--port` N] [`--write`] [`--user` NAME `--password-file` FILE] [`--no-tls`]",
        "`wharfd check` FILE...",
        "`wharfd explain` OPTION",
        "`wharfd user` `add`|`passwd`|`list`|`remove` [NAME] [OPTION]...",
        "`wharfd status` [FILE | `-o`NAME=VALUE]...",
        "`wharfd doctor` [FILE | `-o`NAME=VALUE]... [`--json`]",
        "`wharfd doctor` `--probe` HOST[:PORT] [`--user` NAME `--password-file` FILE] [`--json`]",
        "`wharfd shadow` `--old` HOST:PORT `--new` HOST:PORT SCRIPT",
        "`wharfd --explain-sandbox`",
    ] {
        page.paragraph(line);
    }
}

fn commands(page: &mut Page) {
    page.heading("Commands and options");
    page.entry(
        "FILE",
        "Reads this configuration file. Several files make one configuration, in which later lines win. \
         The file must be regular and belong to the user who starts the server. Without a FILE, \
         `/etc/wharfd.conf` is read, and where there is none, `/etc/vsftpd.conf`.",
    );
    page.entry(
        "-oNAME=VALUE",
        "Sets one option, as a line of a file would. Files and settings may be mixed.",
    );
    page.entry("-v", "Prints the version and ends.");
    page.entry(
        "share DIRECTORY",
        "Shares a directory from a terminal, without a configuration file and without root. It is read-only \
         unless `--write` is given, and open to anybody who reaches the port unless `--user` and \
         `--password-file` are given. `--port` names the port to listen on. Clients that ask for TLS are served \
         encrypted, unless `--no-tls` is given; the certificate is made at the first start and kept in \
         $XDG_STATE_HOME/wharf or ~/.local/state/wharf, and its fingerprint is printed.",
    );
    page.entry(
        "check FILE...",
        "Reads the files and tells everything that is wrong with them, options that have no meaning here, and \
         in plain words what the server would do. Starts nothing.",
    );
    page.entry("explain OPTION", "Prints the manual text of one option.");
    page.entry(
        "user add|passwd|list|remove",
        "Edits the file of virtual users that the option virtual_users_file names, or the one that `--file` \
         names. Passwords are asked for, or read from `--password-file`; they are never taken from the command \
         line. `wharfd user help` has all of it.",
    );
    page.entry(
        "status [FILE]",
        "Shows what the running server listens on, which address it tells clients, and what it had the router \
         forward. It reads the file of status_file.",
    );
    page.entry(
        "doctor [FILE]",
        "Finds out whether clients can reach this server: the address they are told, the ports that must be open, \
         and who blocks them, each trouble with the line that mends it. Changes nothing.",
    );
    page.entry(
        "doctor --probe HOST[:PORT]",
        "Does what a client does, from outside, and explains what it sees. Run it on another machine.",
    );
    page.entry(
        "shadow --old HOST:PORT --new HOST:PORT SCRIPT",
        "Plays a dialogue of FTP commands to two servers and shows where their answers differ. Made for the \
         day before one takes the other's place.",
    );
    page.entry(
        "--explain-sandbox",
        "Tells which walls this machine offers to shut processes in, and which of them are in use.",
    );
}

fn signals(page: &mut Page) {
    page.heading("Signals");
    page.entry(
        "SIGHUP",
        "Reads the configuration anew, with all files and settings of the command line. When it has an error, \
         the error is told and the old configuration stays. Sessions that are running keep theirs.",
    );
    page.entry(
        "SIGTERM",
        "Stops: nobody new is let in, idle sessions end, and running transfers get drain_timeout seconds. A \
         second SIGTERM ends them at once.",
    );
}

fn files(page: &mut Page) {
    page.heading("Files");
    page.entry("/etc/wharfd.conf, /etc/vsftpd.conf", "The configuration.");
    page.entry("/etc/wharfd.users", "The virtual users, where `wharfd user` looks unless told otherwise.");
    page.entry("/etc/hosts.allow, /etc/hosts.deny", "Who may connect, with tcp_wrappers.");
    page.entry("/etc/pam.d", "The PAM services; pam_service_name names the one that is asked.");
    page.entry("/var/log/vsftpd.log, /var/log/xferlog", "The logs, when they are turned on.");
}

fn exit_status(page: &mut Page) {
    page.heading("Exit status");
    page.entry("0", "The server was stopped, or the command did what it should.");
    page.entry("1", "`explain` knows no such option, `user` refused, `doctor` found something in the way, or `shadow` found a difference.");
    page.entry("2", "The configuration or the command line is wrong, a socket could not be opened, or `shadow` could not connect.");
    page.entry("3", "`status` found no server that runs.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_start_it_is_named() {
        let page = man_wharfd();
        for piece in [
            "share",
            "check",
            "explain",
            "passwd|list",
            "status",
            "\\-\\-probe",
            "shadow",
            "explain\\-sandbox",
            "SIGHUP",
            "SIGTERM",
            "drain_timeout",
        ] {
            assert!(page.contains(piece), "{piece}");
        }
    }
}
