//! Rows about commands that vsftpd does not know.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Commands of later standards and of no standard: hashes, links, compression, several hosts.
    ///
    /// These options are Wharf's own; vsftpd refuses a file that sets any of them.
    Extensions in extensions {
        /// Lets clients ask for the hash of a file (HASH, XCRC, XMD5, XSHA256 and others).
        ///
        /// A client then checks a transfer without a second one. Hashing costs work: it is done in small pieces
        /// between other requests, and at most sixteen at a time for each user. The hash of a file that its user
        /// may write is kept in the extended attribute user.wharf.hash, so that asking again costs nothing.
        hash_enable: bool = true, User, NextSession, Own, Done;

        /// Allows SITE SYMLINK to users who are not anonymous.
        ///
        /// The link is written as the way from its own directory to the target, so that it means the same to
        /// other programs. Needs write_enable. Beware when a web server serves the same files: a link that is
        /// renamed into another directory may lead out of the user's, and a web server that follows links
        /// goes there.
        symlink_enable: bool = false, User, NextSession, Own, Done;

        /// Lets clients have data compressed on its way (MODE Z).
        ///
        /// It saves time on slow lines, for text and listings. It costs the processor many times what a plain
        /// transfer does, and files are usually compressed already.
        mode_z_enable: bool = false, User, NextSession, Own, Done;

        /// The directory of configurations for several hosts at one address; not set means that there is one host.
        ///
        /// A client says which it means (HOST, RFC 7151) before it logs in. The file of the host's name, in lower case, is
        /// then read over the site's configuration: a banner, roots, and rights of its own. Certificates and sockets
        /// are the site's. Clients that name no host get the site as it is.
        host_config_dir: text = UNSET, Main, NextSession, Own, Done;
    }
}
