//! Rows about address translation: which address is announced to whom, the router in front, and long lines.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Address translation: the address that PASV tells to whom, and what is asked of the router in front.
    ///
    /// These options are Wharf's own; vsftpd refuses a file that sets any of them. The page docs/nat.md has recipes.
    Nat in nat {
        /// The addresses that PASV tells clients of certain networks, as NETWORK/LENGTH=ADDRESS,….
        ///
        /// For instance `192.168.0.0/16=192.168.0.5,10.8.0.0/24=10.8.0.1`. The longest network that a client
        /// belongs to decides; clients of none of them are told pasv_address. IPv4 only, as PASV is; EPSV tells no
        /// address.
        pasv_address_for: list = UNSET, User, NextSession, Own, Done;

        /// The seconds after which a host name in pasv_address, and the address of `pasv_address=auto`, are looked up
        /// again; 0 means never.
        ///
        /// It happens beside everything else, and the last good answer is kept: no session waits for it. Sessions
        /// that run already tell the new address as well.
        pasv_address_refresh: int = 300, Main, Reload, Own, Done;

        /// A STUN server that tells which address this machine has outside, as HOST or HOST:PORT.
        ///
        /// For `pasv_address=auto` where no router can be asked, as with most cloud providers, or where another
        /// translation follows the router's. Its answer is believed before the router's. The port is 3478 unless
        /// another is written. It is asked over UDP, then over TCP.
        stun_server: text = UNSET, Main, Reload, Own, Done;

        /// Asks the router to forward listen_port and the passive ports to this machine: off, auto, pcp, natpmp or
        /// upnp.
        ///
        /// `auto` tries the three protocols in this order. Mappings are renewed while the server runs, made again when
        /// the router was restarted, and withdrawn at the end; `wharfd status` shows them. The range from pasv_min_port
        /// to pasv_max_port may hold 128 ports at most. Only the process `mapper` speaks to the router, without any
        /// privilege. Anybody on the Internet can then connect: set it only where that is wanted.
        port_mapping: text = "off", Main, Reload, Own, Done;

        /// The seconds for which the router is asked to keep a port mapping; it is renewed after half of them.
        ///
        /// A router may grant less. After a crash of the server the mappings are gone when this time is over. Values
        /// below 120 are for tests.
        port_mapping_lifetime: int = 3600, Main, Reload, Own, Done;

        /// The seconds of silence on a connection after which a probe is sent; 0 leaves it to the system.
        ///
        /// Routers forget a connection that is silent, and that of the commands is silent while a file is transferred:
        /// many home routers wait for five minutes only. A client that acknowledges nothing for twice this time, and for
        /// 15 seconds at least, was switched off: its session ends. Clients see nothing of the probes.
        keepalive_interval: int = 60, Main, NextSession, Own, Done;

        /// The file that tells `wharfd status` what runs; not set means `status` in systemd's RuntimeDirectory, or none.
        ///
        /// It is written by the monitor, readable by its user only, and removed at the end.
        status_file: text = UNSET, Main, Restart, Own, Done;
    }
}
