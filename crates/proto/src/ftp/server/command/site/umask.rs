//! `SITE UMASK` tells or sets the bits that new files and directories lack.

use super::super::prelude::*;
use super::Word;

pub(super) const WORD: Word = Word {
    name: "UMASK",
    right: Right::None,
    like: &[],
    pathname: nothing,
    is_feature: false,
    start: |session, argument| Step::Reply(umask(session, argument)),
};

fn umask(session: &mut Session, argument: &[u8]) -> Reply {
    let inside = session.inside();
    if argument.is_empty() {
        return Reply::UmaskIs(Octal(inside.umask));
    }
    // Compat: the first octet that is no octal digit ends the number, as in vsftpd.
    let digits = argument.iter().take_while(|octet| (b'0'..=b'7').contains(octet));
    let number = digits.fold(0u32, |number, digit| (number << 3 | u32::from(digit - b'0')) & 0o777);
    inside.umask = number;
    Reply::UmaskSet(Octal(number))
}
