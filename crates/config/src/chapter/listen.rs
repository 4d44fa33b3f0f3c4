//! Rows about the control connection's sockets.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Where the server listens for control connections.
    Listen in listen {
        /// Listens for IPv4 clients on listen_address and listen_port.
        ///
        /// Unlike in vsftpd it may be on together with listen_ipv6; then two sockets are opened, one for
        /// each family, and IPv4 clients keep their plain addresses in logs and in PASV replies. At least
        /// one of the two must be on. The default is YES as in vsftpd's own source; packages of some
        /// distributions compiled NO, so write the line out when you move a file between machines.
        listen: bool = true, Main, Restart, Better("may be combined with listen_ipv6"), Done;

        /// Listens for IPv6 clients on listen_address6 and listen_port.
        ///
        /// When listen is off and the address is `::`, IPv4 clients arrive on this socket too. Their
        /// addresses are shown in the plain IPv4 form unless log_mapped_addresses is on.
        listen_ipv6: bool = false, Main, Restart, Better("IPv4 clients are shown by their plain address"), Done;

        /// The IPv4 address to listen on; not set means all addresses.
        ///
        /// It must be numeric; host names are refused, because a name that changes would silently move the
        /// server. Only looked at when listen is on.
        listen_address: text = UNSET, Main, Restart, Same, Done;

        /// The IPv6 address to listen on; not set means all addresses.
        ///
        /// It must be numeric. A link-local address needs its interface, as in `fe80::1%eth0`. Only looked
        /// at when listen_ipv6 is on.
        listen_address6: text = UNSET, Main, Restart, Same, Done;

        /// The TCP port of the control connection.
        ///
        /// The standard port is 21. Ports below 1024 can be opened by root only, so a server started by an
        /// ordinary user needs another one, for instance 2121. implicit_ssl does not change it to 990.
        listen_port: port = 21, Main, Restart, Same, Done;

        /// Goes into the background after the start.
        ///
        /// Leave it off under systemd, in a container, and wherever something watches the process. The
        /// starting process waits until the sockets are open, so a port in use is reported by its exit
        /// status.
        background: bool = false, Main, Restart, Better("the exit status tells whether the sockets could be opened"), Done;
    }
}
