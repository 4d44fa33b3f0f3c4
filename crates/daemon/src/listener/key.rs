//! What the poller reports: a kind and a number, in one word.
//!
//! The order of the kinds is the order in which they are handled: what our own processes have said comes before
//! those who call, so that a place that was given up is free for the next client.

use wharf_ipc::SessionId;

/// Who is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The monitor's channel.
    Monitor,
    /// A socket that clients call.
    Control(u32),
    /// A worker's channel.
    Worker(u32),
    /// A passive socket.
    Passive(u32),
    /// A connect on its way, by its session.
    Dial(SessionId),
}

/// The kind lies above this bit; session numbers do not get that far in the life of a server.
const KIND: u32 = 56;

impl Key {
    pub(super) fn number(self) -> u64 {
        let (kind, number) = match self {
            Self::Monitor => (0_u64, 0),
            Self::Worker(number) => (1, number.into()),
            Self::Dial(SessionId(number)) => (2, number),
            Self::Passive(number) => (3, number.into()),
            Self::Control(number) => (4, number.into()),
        };
        (kind << KIND) | number
    }

    pub(super) fn from_number(number: u64) -> Option<Self> {
        let rest = number & ((1 << KIND) - 1);
        let short = u32::try_from(rest).ok();
        match number >> KIND {
            0 => Some(Self::Monitor),
            1 => short.map(Self::Worker),
            2 => Some(Self::Dial(SessionId(rest))),
            3 => short.map(Self::Passive),
            4 => short.map(Self::Control),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_as_it_went() {
        let keys = [
            Key::Monitor,
            Key::Control(1),
            Key::Worker(u32::MAX),
            Key::Passive(7),
            Key::Dial(SessionId(SessionId::FIRST.0 << 24)),
        ];
        for key in keys {
            assert_eq!(Key::from_number(key.number()), Some(key));
        }
        assert_eq!(Key::from_number(u64::MAX), None);
    }
}
