//! Rows about how many, how fast and how long.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Limits: connections, rates, delays and timeouts.
    Limits in limits {
        /// The most clients served at once; 0 means no limit.
        ///
        /// Connections count from the moment they are accepted, also before the login. Further clients are
        /// told to try later.
        max_clients: int = 2000, Main, Reload, Same, Done;

        /// The most clients served at once from one address; 0 means no limit.
        ///
        /// Clients behind a common address, such as an office, share it. Many clients open several
        /// connections each.
        max_per_ip: int = 50, Main, Reload, Same, Done;

        /// The number of failed logins after which a connection is closed.
        max_login_fails: int = 3, Main, NextSession, Same, Done;

        /// The seconds to wait before a failed login is answered.
        ///
        /// It slows down the guessing of passwords. Other sessions are not held up.
        delay_failed_login: int = 1, Main, NextSession, Same, Done;

        /// The seconds to wait before a successful login is answered.
        delay_successful_login: int = 0, Main, NextSession, Same, Done;

        /// The most octets per second for each session of a local user; 0 means no limit.
        ///
        /// It holds for each session by itself: a user with three connections gets three times as much.
        local_max_rate: long = 0, User, NextSession, Better("may exceed 4 GB per second"), Done;

        /// The most octets per second for each anonymous session; 0 means no limit.
        anon_max_rate: long = 0, User, NextSession, Better("may exceed 4 GB per second"), Done;

        /// The seconds that a session may wait between two commands; 0 means for ever.
        ///
        /// It also covers the time before the login, so a large value lets silent clients occupy places of
        /// max_clients.
        idle_session_timeout: int = 300, User, NextSession, Same, Done;

        /// The seconds that a transfer may stand still before it is broken off; 0 means for ever.
        data_connection_timeout: int = 300, User, NextSession, Better("ends after this time rather than up to twice as long"), Done;

        /// The seconds to wait until the client opens a passive data connection.
        accept_timeout: int = 60, User, NextSession, Same, Done;

        /// The seconds to wait until an active data connection is open.
        connect_timeout: int = 60, User, NextSession, Same, Done;
    }
}
