//! Rows about the octets of file names.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// File names in other charsets than UTF-8.
    ///
    /// These options are Wharf's own; vsftpd refuses a file that sets any of them, and lets names travel as the octets
    /// that stand on the disk.
    Names in names {
        /// The charset in which clients send and see file names: UTF-8, another, or AUTO.
        ///
        /// On the disk names are UTF-8; with CP949, EUC-KR, Shift_JIS, EUC-JP, GB18030, Big5 or ISO-8859-1 they are
        /// translated on the way, in commands, replies and listings. A character that the charset lacks is shown as
        /// `&#N;` with its number, and a name with it can be fetched, renamed and deleted as it is shown. With AUTO
        /// clients get UTF-8 until the first name that is none: then its charset is guessed, and the session goes on in
        /// it. A client that says `OPTS UTF8 ON` gets UTF-8 whatever is set here, and the site's again after
        /// `OPTS UTF8 OFF`. Set it for one user where one old program needs it (user_config_dir).
        charset: text = "UTF-8", User, NextSession, Own, Done;

        /// The country of most clients, for `charset=AUTO`: two letters, such as kr, jp, cn or tw.
        ///
        /// Short names can be read in several charsets; the country then decides.
        charset_country: text = UNSET, User, NextSession, Own, Done;

        /// The charset of names on the disk that are no UTF-8; not set means that they are told as they are.
        ///
        /// For archives of another time: with CP949 an old Korean name is shown to clients as what it means, and found
        /// by it. New names are UTF-8.
        disk_charset: text = UNSET, User, NextSession, Own, Done;

        /// Stores new names in one spelling of Unicode, and finds names in either: nfc or off.
        ///
        /// macOS takes letters apart: Hangul that was typed there arrives as single jamo, and a second file beside the
        /// one that looks the same. With nfc new names have their letters whole, as everybody else writes them. A name
        /// that is on the disk in the other spelling is found by both.
        normalize: text = "off", User, NextSession, Own, Done;
    }
}
