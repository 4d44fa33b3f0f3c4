//! Rooms for records: where the octets of a transfer in TLS are sealed and opened.

use std::cell::RefCell;

use wharf_transport::Frame;

/// Records for one call of the socket: beyond sixteen nothing is gained, and a room still fits the processor's cache.
const RECORDS: usize = 16;

/// The most plaintext that a room takes.
pub(super) const PIECE: usize = RECORDS * Frame::RECORD;

/// How many rooms are kept, in all 2 MiB for a worker. A transfer borrows one for as long as octets are on their way,
/// and returns it while it waits for its peer's; new memory costs a fault for each page, so a few are kept.
const KEPT: usize = 8;

/// The rooms of one worker.
#[derive(Debug, Default)]
pub(crate) struct Buffers(RefCell<Vec<Vec<u8>>>);

impl Buffers {
    /// Lends room for [`RECORDS`] records and their close_notify; it holds whatever was left in it.
    ///
    /// Security: what was left is ciphertext, or plaintext of another session that ran in this process. A room never
    /// leaves it but for the part that was sealed.
    pub(super) fn borrow(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| vec![0; (RECORDS + 1) * Frame::ROOM])
    }

    /// Takes a room back.
    pub(super) fn give_back(&self, room: Vec<u8>) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT {
            kept.push(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_used_again_and_no_more_are_kept_than_said() {
        let buffers = Buffers::default();
        let mut room = buffers.borrow();
        room[0] = 7;
        buffers.give_back(room);
        assert_eq!(buffers.borrow()[0], 7);
        for _ in 0..2 * KEPT {
            buffers.give_back(Vec::new());
        }
        assert_eq!(buffers.0.borrow().len(), KEPT);
    }
}
