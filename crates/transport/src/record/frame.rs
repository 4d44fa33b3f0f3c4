//! Where the plaintext of many records lies in one buffer, so that they are sealed in place and sent with one call.
//!
//! ```text
//! ├ before ┤ plaintext ├ behind ┤├ before ┤ plaintext ├ behind ┤ …
//! ```

use super::MOST;

/// How the records of one connection lie in a buffer. It depends on version and suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The header; TLS 1.2 with AES adds its part of the nonce.
    pub(super) before: usize,
    /// The tag; TLS 1.3 puts the content type in front of it.
    pub(super) behind: usize,
}

impl Frame {
    /// The most plaintext of one record.
    pub const RECORD: usize = MOST;

    /// The room that one record takes at most, whatever the version and the suite.
    pub const ROOM: usize = MOST + 32;

    /// Shows the places for `plaintext` octets, in their order; fewer where the room ends before.
    ///
    /// All are full-sized but the last one, so that whoever fills them in order may stop anywhere.
    pub fn places(self, room: &mut [u8], plaintext: usize) -> impl Iterator<Item = &mut [u8]> {
        let records = plaintext.div_ceil(MOST);
        let mut left = plaintext;
        room.chunks_mut(self.length(MOST)).take(records).filter_map(move |record| {
            let most = record.len().saturating_sub(self.before + self.behind).min(left);
            left -= most;
            record.get_mut(self.before..self.before + most)
        })
    }

    /// Tells how long a record with so much plaintext is.
    pub(super) fn length(self, plaintext: usize) -> usize {
        self.before + plaintext + self.behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: [Frame; 3] =
        [Frame { before: 5, behind: 17 }, Frame { before: 13, behind: 16 }, Frame { before: 5, behind: 16 }];

    #[test]
    fn one_record_fits_its_room_and_so_do_many() {
        for frame in FRAMES {
            assert!(frame.length(MOST) <= Frame::ROOM);
            let mut room = vec![0; 8 * Frame::ROOM];
            let places: Vec<_> = frame.places(&mut room, 8 * MOST).map(|place| place.len()).collect();
            assert_eq!(places, [MOST; 8]);
        }
    }

    #[test]
    fn places_end_with_what_is_wanted_or_with_the_room() {
        let frame = FRAMES[0];
        let lengths = |room: usize, wanted| {
            frame.places(&mut vec![0; room], wanted).map(|place| place.len()).collect::<Vec<_>>()
        };
        assert_eq!(lengths(4 * Frame::ROOM, 2 * MOST + 1), [MOST, MOST, 1]);
        assert_eq!(lengths(4 * Frame::ROOM, 0), []);
        assert_eq!(lengths(frame.length(MOST) + 30, 2 * MOST), [MOST, 8]);
        assert_eq!(lengths(20, 5), [0]);
    }
}
