//! Rows about data connections, passive and active.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Data connections: which side opens them, on which ports, and from where.
    Data in data {
        /// Allows passive data connections, which the client opens (PASV and EPSV).
        ///
        /// Nearly all clients need them, as they pass through address translation on the client's side.
        pasv_enable: bool = true, User, NextSession, Same, Done;

        /// The lowest port for passive data connections.
        ///
        /// Set it together with pasv_max_port to the range that your firewall lets in. Values up to 1024
        /// mean 1024.
        pasv_min_port: port = 5001, User, NextSession, Same, Done;

        /// The highest port for passive data connections; 0 means 65535.
        ///
        /// It is ignored when it lies below pasv_min_port.
        pasv_max_port: port = 0, User, NextSession, Same, Done;

        /// The address that PASV tells the client, when it is not the one the client connected to.
        ///
        /// Needed behind address translation: write the public IPv4 address. EPSV does not use it, as it
        /// tells no address. A host name needs pasv_addr_resolve.
        ///
        /// `auto` finds the address out and tells it to those who need it: clients of private networks are told the
        /// address they connected to, all others the address outside, which the router tells (PCP, NAT-PMP, UPnP) or
        /// the server of stun_server. pasv_address_for comes before either.
        pasv_address: text = UNSET, User, NextSession, Better("auto finds the address out"), Done;

        /// Allows a host name in pasv_address.
        ///
        /// The name is resolved when the server starts, and again every pasv_address_refresh seconds.
        pasv_addr_resolve: bool = false, Main, Reload, Better("the name is resolved again while the server runs"), Done;

        /// Admits passive data connections from other addresses than that of the control connection.
        ///
        /// The check that this turns off keeps strangers from stealing transfers. Turn it off only when data
        /// connections really come from elsewhere, for instance with transfers from server to server.
        pasv_promiscuous: bool = false, User, NextSession, Same, Done;

        /// Allows active data connections, which the server opens (PORT and EPRT).
        ///
        /// A server behind a firewall that lets nothing out can turn them off.
        port_enable: bool = true, User, NextSession, Same, Done;

        /// Lets PORT and EPRT name other addresses than that of the client, and ports below 1024.
        ///
        /// The check that this turns off keeps the server from being used to attack third parties. Only
        /// transfers from server to server need it off.
        port_promiscuous: bool = false, User, NextSession, Same, Done;

        /// Opens active data connections from port ftp_data_port.
        ///
        /// Some firewalls of clients expect it. Only the listener opens such sockets; no process that reads
        /// from the network needs a privilege for it.
        connect_from_port_20: bool = false, User, NextSession, Same, Done;

        /// The port that connect_from_port_20 connects from.
        ftp_data_port: port = 20, User, NextSession, Same, Done;

        /// How many ports are tried for a data connection before the client is refused.
        ///
        /// Known to the builds of RHEL and Fedora only; other builds of vsftpd always try nine.
        bind_retries: int = 9, User, NextSession, Same, Done;
    }
}
