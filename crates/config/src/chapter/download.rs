//! Rows about fetching files, and about names that may not be touched.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Reading: downloads, and names that are out of reach.
    Download in download {
        /// Allows downloads.
        ///
        /// With NO every RETR is refused; together with write_enable this makes a drop box.
        download_enable: bool = true, User, NextSession, Same, Done;

        /// Only names that match this pattern may be downloaded; not set means any.
        ///
        /// The pattern is that of deny_file. Known to Debian's builds only.
        download_file: text = UNSET, User, NextSession, Same, Done;

        /// Names that match this pattern cannot be accessed in any way.
        ///
        /// In the pattern `*` stands for any text, `?` for one character, and `{a,b}` for a or b, as in
        /// `{*.mp3,*.mov,.private}`. A name that contains the pattern as plain text is refused as well.
        /// The listing still shows such names; add hide_file for that. It is a convenience and no wall: for
        /// that, use the permissions of the file system.
        deny_file: text = UNSET, User, NextSession, Same, Done;

        /// Converts line ends from LF to CR LF when a client downloads in ASCII mode.
        ///
        /// Off, ASCII mode is accepted and files are sent as they are, which is what nearly every client
        /// wants. On, each transfer costs more work, and a client that downloads pictures in ASCII mode gets
        /// broken ones.
        ascii_download_enable: bool = false, User, NextSession, Same, Done;

        /// Converts line ends from CR LF to LF when a client uploads in ASCII mode.
        ///
        /// The remarks at ascii_download_enable hold here too.
        ascii_upload_enable: bool = false, User, NextSession, Same, Done;

        /// Sends files with the kernel's help, without copying them through the server.
        ///
        /// Wharf does so whenever nothing has to be changed on the way, and falls back to copying by itself
        /// on file systems that cannot.
        use_sendfile: bool = true, User, NextSession, Same,
            Pointless("the fast way is used wherever it works, and left by itself where it does not");

        /// The size of the pieces in which a transfer with a limited rate is cut.
        ///
        /// vsftpd needs it to smooth its pauses.
        trans_chunk_size: int = 0, User, NextSession, Same,
            Pointless("limited transfers are smoothed without fixed pieces");
    }
}
