//! Replies of one line or many (RFC 959 §4.2), as servers really send them.
//!
//! Compat: some end lines with LF alone, some put blanks before the last line, some repeat the code on every line. A
//! reply ends with the first line that begins with the code of its first line and a blank, or is nothing but the code.

/// The longest line that is kept, in octets; the rest of a longer one is dropped.
pub const MAX_LINE: usize = 8 * 1024;

/// The most lines of one reply that are kept: FEAT and HELP have tens, a listing by STAT may have thousands.
pub const MAX_LINES: usize = 100_000;

/// The most octets of one reply that are kept.
pub const MAX_OCTETS: usize = 16 * 1024 * 1024;

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// All lines without their ends, as they came, codes included.
    pub lines: Vec<Vec<u8>>,
    /// Whether lines were dropped or cut, for want of a bound on the server's side.
    pub is_cut: bool,
}

/// What the first digit says (RFC 959 §4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 1yz: another reply follows.
    Preliminary,
    /// 2yz: done.
    Completion,
    /// 3yz: go on with the next command of the sequence.
    Intermediate,
    /// 4yz: not now; the same may succeed later.
    Transient,
    /// 5yz: not at all.
    Permanent,
}

/// What the server said is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoReply {
    /// The line that does not begin with three digits, for the log.
    pub line: Vec<u8>,
}

impl Reply {
    /// What its first digit says.
    #[must_use]
    pub fn class(&self) -> Class {
        match self.code / 100 {
            1 => Class::Preliminary,
            2 => Class::Completion,
            3 => Class::Intermediate,
            4 => Class::Transient,
            _ => Class::Permanent,
        }
    }

    /// The text of the last line, without its code: what a person is told.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.lines.last().map_or(&[][..], |line| text(line, self.code))
    }

    /// The lines between the first and the last, blanks before them taken away.
    pub fn inner(&self) -> impl Iterator<Item = &[u8]> {
        let last = self.lines.len().saturating_sub(1);
        self.lines.iter().take(last).skip(1).map(|line| line.trim_ascii_start())
    }

    /// The pathname between quotes in the first line that has one, as 257 tells it (RFC 959 appendix II).
    #[must_use]
    pub fn quoted(&self) -> Option<Vec<u8>> {
        let line = self.lines.iter().find(|line| line.contains(&b'"'))?;
        let mut octets = line.iter().skip_while(|octet| **octet != b'"').skip(1).peekable();
        let mut path = Vec::new();
        while let Some(&octet) = octets.next() {
            match octet {
                b'"' if octets.peek() == Some(&&b'"') => {
                    octets.next();
                    path.push(b'"');
                }
                b'"' => return Some(path),
                octet => path.push(octet),
            }
        }
        None
    }
}

fn text(line: &[u8], code: u16) -> &[u8] {
    match head(line.trim_ascii_start()) {
        Some((found, mark)) if found == code && mark != Mark::Other => {
            line.trim_ascii_start().get(4..).unwrap_or_default()
        }
        _ => line,
    }
}

/// What stands behind three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// A blank, or the end of the line.
    Last,
    /// A hyphen.
    More,
    Other,
}

fn head(line: &[u8]) -> Option<(u16, Mark)> {
    let digits = line.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let mark = match line.get(3) {
        None | Some(b' ' | b'\t') => Mark::Last,
        Some(b'-') => Mark::More,
        Some(_) => Mark::Other,
    };
    (100..600).contains(&code).then_some((code, mark))
}

/// Collects octets and gives replies back.
///
/// Memory is bounded by [`MAX_OCTETS`] and one read.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    begun: Option<Reply>,
    octets: usize,
    is_line_cut: bool,
}

impl Reader {
    /// Takes octets from the front of `octets` until a reply is whole; what was not taken stays there.
    ///
    /// # Errors
    /// The line that is no reply. The reader is then of no more use.
    pub fn take(&mut self, octets: &mut &[u8]) -> Result<Option<Reply>, NoReply> {
        while let Some(end) = octets.iter().position(|octet| *octet == b'\n') {
            let (head, tail) = octets.split_at(end);
            *octets = tail.get(1..).unwrap_or_default();
            self.keep(head);
            let mut line = std::mem::take(&mut self.line);
            if line.ends_with(b"\r") {
                line.pop();
            }
            if let Some(reply) = self.end_line(line)? {
                return Ok(Some(reply));
            }
        }
        self.keep(octets);
        *octets = &[];
        Ok(None)
    }

    /// Tells whether the server is in the middle of a reply.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.begun.is_some() || !self.line.is_empty()
    }

    fn keep(&mut self, octets: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.line.len());
        self.is_line_cut |= octets.len() > room;
        self.line.extend_from_slice(octets.get(..room.min(octets.len())).unwrap_or_default());
    }

    fn end_line(&mut self, line: Vec<u8>) -> Result<Option<Reply>, NoReply> {
        let is_cut = std::mem::take(&mut self.is_line_cut);
        let Some(mut reply) = self.begun.take() else {
            // Compat: some put an empty line behind a reply.
            if line.is_empty() {
                return Ok(None);
            }
            let Some((code, mark)) = head(&line).filter(|(_, mark)| *mark != Mark::Other) else {
                return Err(NoReply { line });
            };
            self.octets = line.len();
            let reply = Reply { code, lines: vec![line], is_cut };
            if mark == Mark::Last {
                return Ok(Some(reply));
            }
            self.begun = Some(reply);
            return Ok(None);
        };
        let is_last = head(&line) == Some((reply.code, Mark::Last));
        reply.is_cut |= is_cut;
        let has_room = reply.lines.len() < MAX_LINES && self.octets + line.len() <= MAX_OCTETS;
        if is_last || has_room {
            self.octets += line.len();
            reply.lines.push(line);
        } else {
            reply.is_cut = true;
        }
        if is_last {
            return Ok(Some(reply));
        }
        self.begun = Some(reply);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Vec<Reply> {
        let (mut reader, mut rest, mut replies) = (Reader::default(), text, Vec::new());
        while let Some(reply) = reader.take(&mut rest).unwrap() {
            replies.push(reply);
        }
        assert!(!reader.is_within());
        replies
    }

    #[test]
    fn a_reply_ends_with_its_own_code_and_a_blank_and_nothing_else() {
        let replies =
            read(b"230-Welcome\r\n230-again\r\n 230 no end\r\n250 no end\r\n230 Done.\r\n200 NOOP ok.\n");
        let [long, short] = replies.as_slice() else { panic!("{replies:?}") };
        assert_eq!((long.code, long.lines.len(), long.text()), (230, 5, &b"Done."[..]));
        assert_eq!((short.class(), short.text()), (Class::Completion, &b"NOOP ok."[..]));
    }

    #[test]
    fn a_code_alone_is_a_reply_and_an_empty_line_is_none() {
        let replies = read(b"\r\n220\r\n\r\n331 x\r\n");
        assert_eq!(replies.iter().map(|reply| reply.code).collect::<Vec<_>>(), [220, 331]);
    }

    #[test]
    fn a_server_of_another_protocol_is_found_out_at_once() {
        for text in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"2200 x\r\n",
            b"99 x\r\n",
            b"600 x\n",
        ] {
            assert!(Reader::default().take(&mut &text[..]).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_quoted_path_has_its_quotes_undoubled() {
        let quoted = |text: &[u8]| read(text)[0].quoted();
        assert_eq!(
            quoted(b"257 \"/a \"\"b\"\"/c\" is the current directory\r\n"),
            Some(b"/a \"b\"/c".to_vec())
        );
        assert_eq!(quoted(b"257 \"/never ends\r\n"), None);
        assert_eq!(quoted(b"257 /bare\r\n"), None);
    }

    #[test]
    fn a_line_and_a_reply_without_end_are_cut_and_the_code_still_counts() {
        let long = [b"211-".as_slice(), &vec![b'x'; MAX_LINE * 3], b"\r\n211 end\r\n"].concat();
        let replies = read(&long);
        assert!(replies[0].is_cut && replies[0].lines[0].len() == MAX_LINE);
        let many =
            [b"213-\r\n".to_vec(), b" line\r\n".repeat(MAX_LINES + 5), b"213 end\r\n".to_vec()].concat();
        let replies = read(&many);
        assert!(replies[0].is_cut && replies[0].text() == b"end");
    }

    proptest! {
        #[test]
        fn splitting_changes_nothing(cut in 0_usize..60) {
            let text = b"211-Features:\r\n EPSV\r\n SIZE\r\n211 End\r\n200 ok\r\n";
            let mut reader = Reader::default();
            let mut replies = Vec::new();
            let (head, tail) = text.split_at(cut.min(text.len()));
            for piece in [head, tail] {
                let mut rest = piece;
                while let Some(reply) = reader.take(&mut rest).unwrap() {
                    replies.push(reply);
                }
            }
            prop_assert_eq!(replies, read(text));
        }

        #[test]
        fn no_octets_whatever_do_harm(octets in prop::collection::vec(any::<u8>(), 0..500)) {
            let (mut reader, mut rest) = (Reader::default(), octets.as_slice());
            while let Ok(Some(reply)) = reader.take(&mut rest) {
                prop_assert!(!reply.lines.is_empty());
            }
        }
    }
}
