//! TYPE A's conversion (RFC 959 §3.1.1.1): LF on this disk, CR LF on the wire.
//!
//! As vsftpd has it: going out, a LF that already follows a CR is left alone; coming in, only CR LF becomes LF,
//! and a lone CR is kept. A pair may be split over any two pieces.

/// Converts a file's octets on their way out.
#[derive(Debug, Default)]
pub(super) struct Outward {
    after_cr: bool,
}

impl Outward {
    /// Appends the converted `piece` to `wire`.
    pub(super) fn convert(&mut self, piece: &[u8], wire: &mut Vec<u8>) {
        for &octet in piece {
            if octet == b'\n' && !self.after_cr {
                wire.push(b'\r');
            }
            wire.push(octet);
            self.after_cr = octet == b'\r';
        }
    }
}

/// Converts the wire's octets on their way in.
#[derive(Debug, Default)]
pub(super) struct Inward {
    held_cr: bool,
}

impl Inward {
    /// Appends the converted `piece` to `file`; a CR at its end is held until the next piece tells.
    pub(super) fn convert(&mut self, piece: &[u8], file: &mut Vec<u8>) {
        for &octet in piece {
            if self.held_cr && octet != b'\n' {
                file.push(b'\r');
            }
            self.held_cr = octet == b'\r';
            if !self.held_cr {
                file.push(octet);
            }
        }
    }

    /// What is left when the wire has ended.
    pub(super) fn end(&mut self, file: &mut Vec<u8>) {
        if std::mem::take(&mut self.held_cr) {
            file.push(b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(pieces: &[&str]) -> String {
        let (mut conversion, mut wire) = (Outward::default(), Vec::new());
        pieces.iter().for_each(|piece| conversion.convert(piece.as_bytes(), &mut wire));
        String::from_utf8(wire).unwrap()
    }

    fn inward(pieces: &[&str]) -> String {
        let (mut conversion, mut file) = (Inward::default(), Vec::new());
        pieces.iter().for_each(|piece| conversion.convert(piece.as_bytes(), &mut file));
        conversion.end(&mut file);
        String::from_utf8(file).unwrap()
    }

    #[test]
    fn a_line_feed_gets_its_carriage_return_once() {
        assert_eq!(out(&["a\nb\r\nc\rd"]), "a\r\nb\r\nc\rd");
        assert_eq!(out(&["a\r", "\nb"]), "a\r\nb");
    }

    #[test]
    fn a_pair_becomes_a_line_feed_wherever_it_is_split() {
        assert_eq!(inward(&["a\r\nb"]), "a\nb");
        assert_eq!(inward(&["a\r", "\nb"]), "a\nb");
    }

    #[test]
    fn lone_carriage_returns_are_kept() {
        assert_eq!(inward(&["a\rb\r\r\n\r"]), "a\rb\r\n\r");
    }
}
