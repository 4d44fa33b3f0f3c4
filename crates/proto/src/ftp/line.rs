//! Cuts what a peer sends on the control connection into command lines (RFC 959 §5.3.1, RFC 1123 §4.1.3.1).
//!
//! It knows ends of lines, the Telnet octets of RFC 854 that FTP peers really send, and a limit. What stands in
//! a line is [`super::command`]'s business; when to read is the driver's.

use zeroize::Zeroize;

/// The longest line we take, its end included: a pathname of 4 KiB and no more. vsftpd's number.
pub const MAX_OCTETS: usize = 4096;

const IAC: u8 = 255;
/// WILL, WONT, DO and DONT (251..=254) carry one more octet; every other command is two octets long.
const WILL: u8 = 251;

/// What stands on the control connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A whole line without its end.
    Command(Vec<u8>),
    /// A line longer than [`MAX_OCTETS`]; reported once, as soon as that is certain.
    TooLong,
}

/// Collects octets and gives lines back.
///
/// It holds what was pushed and not yet taken, and at most one unfinished line; empty, it holds no heap at all.
/// Push only when [`Self::next_line`] gave `None`, and memory is bounded by [`MAX_OCTETS`] and one read.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
    /// How many octets of `pending` are known to hold no LF.
    searched: usize,
    telnet: Telnet,
    swallowing: bool,
}

/// How far into a Telnet sequence the input is; sequences may be split at any octet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Telnet {
    #[default]
    Text,
    Command,
    Option,
}

impl Decoder {
    /// Takes octets as they came from the socket.
    pub fn push(&mut self, octets: &[u8]) {
        self.pending.reserve_exact(octets.len());
        for &octet in octets {
            match (self.telnet, octet) {
                (Telnet::Text, IAC) => self.telnet = Telnet::Command,
                (Telnet::Text, _) => self.pending.push(octet),
                (Telnet::Command, WILL..IAC) => self.telnet = Telnet::Option,
                (Telnet::Command, IAC) => {
                    self.pending.push(IAC);
                    self.telnet = Telnet::Text;
                }
                (Telnet::Command | Telnet::Option, _) => self.telnet = Telnet::Text,
            }
        }
    }

    /// Tells how many octets wait for the end of their line.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Gives the next whole line, if there is one.
    ///
    /// LF ends a line and takes all CRs right before it along; a bare CR is an octet like any other.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let unseen = self.pending.get(self.searched..).unwrap_or_default();
            let Some(found) = unseen.iter().position(|&octet| octet == b'\n') else {
                return self.unfinished();
            };
            let end = self.searched + found;
            let rest = self.pending.split_off(end + 1);
            let mut line = core::mem::replace(&mut self.pending, rest);
            self.searched = 0;
            if core::mem::take(&mut self.swallowing) {
                self.release();
                continue;
            }
            self.release();
            if line.len() > MAX_OCTETS {
                return Some(Line::TooLong);
            }
            line.pop();
            while line.last() == Some(&b'\r') {
                line.pop();
            }
            return Some(Line::Command(line));
        }
    }

    /// No LF in sight: waits for more, or gives up on a line that can only be too long.
    fn unfinished(&mut self) -> Option<Line> {
        self.searched = self.pending.len();
        let too_long = self.pending.len() >= MAX_OCTETS;
        if !too_long && !self.swallowing {
            self.release();
            return None;
        }
        self.pending.zeroize();
        self.searched = 0;
        self.release();
        if core::mem::replace(&mut self.swallowing, true) { None } else { Some(Line::TooLong) }
    }

    /// Gives the memory back when nothing is left in it.
    fn release(&mut self) {
        if self.pending.is_empty() {
            // Security: a password may have stood here.
            self.pending.zeroize();
            self.pending = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(pieces: &[&[u8]]) -> Vec<Line> {
        let mut decoder = Decoder::default();
        let mut lines = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(line) = decoder.next_line() {
                lines.push(line);
            }
        }
        lines
    }

    fn commands(input: &[u8]) -> Vec<Vec<u8>> {
        lines(&[input])
            .into_iter()
            .map(|line| match line {
                Line::Command(command) => command,
                Line::TooLong => panic!("too long"),
            })
            .collect()
    }

    #[test]
    fn lf_ends_a_line_and_takes_the_crs_before_it() {
        assert_eq!(commands(b"NOOP\r\nQUIT\nPWD\r\r\r\n\r\nrest"), [&b"NOOP"[..], b"QUIT", b"PWD", b""]);
    }

    #[test]
    fn a_bare_cr_and_a_nul_belong_to_the_line() {
        assert_eq!(commands(b"DELE a\rRETR b\0c\r\n"), [b"DELE a\rRETR b\0c"]);
    }

    #[test]
    fn telnet_sequences_vanish_wherever_they_are_split() {
        let input = b"\xff\xf4\xff\xf2AB\xff\xfb\x01OR\r\n";
        for at in 0..input.len() {
            let (head, tail) = input.split_at(at);
            assert_eq!(lines(&[head, tail]), [Line::Command(b"ABOR".to_vec())], "split at {at}");
        }
    }

    #[test]
    fn a_doubled_iac_is_one_octet() {
        assert_eq!(commands(b"MKD a\xff\xffb\r\n"), [b"MKD a\xffb"]);
    }

    #[test]
    fn the_longest_line_is_taken_and_one_octet_more_is_not() {
        let mut line = vec![b'x'; MAX_OCTETS - 1];
        line.push(b'\n');
        assert_eq!(commands(&line)[0].len(), MAX_OCTETS - 1);
        line.insert(0, b'x');
        assert_eq!(lines(&[&line]), [Line::TooLong]);
    }

    #[test]
    fn an_endless_line_is_reported_once_and_swallowed_to_its_end() {
        let mut decoder = Decoder::default();
        let mut reports = 0;
        for _ in 0..100 {
            decoder.push(&[b'x'; 1000]);
            while decoder.next_line().is_some() {
                reports += 1;
            }
            assert!(decoder.pending.capacity() < 2 * MAX_OCTETS);
        }
        decoder.push(b"tail\r\nNOOP\r\n");
        assert_eq!(decoder.next_line(), Some(Line::Command(b"NOOP".to_vec())));
        assert_eq!(reports, 1);
    }

    #[test]
    fn an_idle_decoder_holds_no_memory() {
        let mut decoder = Decoder::default();
        decoder.push(b"NOOP\r\n");
        assert!(decoder.next_line().is_some() && decoder.next_line().is_none());
        assert_eq!(decoder.pending.capacity(), 0);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_the_input_is_split(
            input in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(255u8), Just(251u8), any::<u8>()], 0..300),
            cuts in prop::collection::vec(0usize..300, 0..6),
        ) {
            let whole = lines(&[&input]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &input[w[0]..w[1]]).collect();
            prop_assert_eq!(lines(&pieces), whole);
        }
    }
}
