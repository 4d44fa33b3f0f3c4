//! Rows about texts that people read when they connect or change directory.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Greetings and messages.
    Messages in messages {
        /// The greeting line, instead of the name of the server.
        ///
        /// Everything behind the `=` is sent as it stands; `\n` makes no new line. For several lines use
        /// banner_file.
        ftpd_banner: text = UNSET, Main, NextSession, Same, Done;

        /// A file that is sent as greeting.
        ///
        /// It overrides ftpd_banner. When it cannot be read, clients are sent away with an error.
        banner_file: text = UNSET, Main, NextSession, Same, Done;

        /// Sends the message of a directory when a session first enters it.
        ///
        /// The message is the file message_file in that directory. Control characters are not sent.
        dirmessage_enable: bool = false, User, NextSession, Better("control characters are left out"), Done;

        /// The name of the file that holds the message of its directory.
        ///
        /// Only the first 4000 octets are sent. Has no effect unless dirmessage_enable is on.
        message_file: text = ".message", User, NextSession, Same, Done;
    }
}
