//! Rows that admit or refuse single commands.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Which commands are answered.
    Commands in commands {
        /// The only commands that are answered after the login; not set means all.
        ///
        /// Write the commands in capital letters, with commas and without blanks, as in
        /// `USER,PASS,QUIT,PWD,CWD,PASV,EPSV,TYPE,LIST,RETR`. Other spellings of a command, such as XPWD for
        /// PWD, have to be listed too. All others are answered with 550 Permission denied.
        cmds_allowed: list = None, User, NextSession, Better("blanks and small letters are read as they were meant"), Done;

        /// Commands that are refused after the login.
        ///
        /// Written like cmds_allowed. A command in both lists is refused. Other spellings of a command have
        /// to be listed too.
        cmds_denied: list = None, User, NextSession, Better("blanks and small letters are read as they were meant"), Done;

        /// Listens for the urgent signal that some clients send before ABOR.
        ///
        /// Wharf answers ABOR during a transfer with and without the signal. Turn it on only for old clients
        /// that hang when a transfer is broken off.
        async_abor_enable: bool = false, User, NextSession, Better("ABOR is answered during transfers in any case"), Done;
    }
}
