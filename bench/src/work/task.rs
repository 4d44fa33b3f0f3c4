//! What is done in a row, how the row is called, and what it asks of a server.

use crate::peer::Ability;
use crate::report::thousands;
use crate::server::Setting;
use crate::stage::{COLD, MEDIUM, Sizes, TEN};
use crate::tls::Protection;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Streams of one large file, or of quarters of it.
    Retrieve {
        streams: usize,
        protection: Protection,
    },
    Store {
        streams: usize,
        protection: Protection,
    },
    /// Files on the disk, none of them in memory.
    Cold,
    /// So many clients come for a file at the same moment.
    Rush {
        clients: usize,
    },
    /// So many clients, each held back to so many octets per second, or not.
    Limited {
        clients: usize,
        rate: Option<u64>,
    },
    SmallRetrieve {
        sessions: usize,
        protection: Protection,
    },
    SmallStore {
        sessions: usize,
    },
    Logins {
        sessions: usize,
        at_once: usize,
        is_local: bool,
    },
    List {
        verb: &'static str,
    },
    /// AUTH TLS, a full handshake, and QUIT.
    Handshakes {
        sessions: usize,
        at_once: usize,
    },
    /// Sessions with TLS that say nothing.
    Idle {
        sessions: usize,
    },
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    Whole,
    /// To get warm, and for those who would need too long.
    Part,
}

impl Task {
    /// Returns the name of the row.
    pub(super) fn name(self, sizes: &Sizes) -> String {
        match self {
            Self::Retrieve { streams, protection } => {
                format!(
                    "RETR {}{}, {}",
                    bulk(protection, sizes),
                    protection.words(),
                    count(streams, "stream")
                )
            }
            Self::Store { streams, protection } => {
                format!(
                    "STOR {}{}, {}",
                    bulk(protection, sizes),
                    protection.words(),
                    count(streams, "stream")
                )
            }
            Self::Cold => format!("RETR from the disk, {} × {}", COLD.0, size(COLD.1)),
            Self::Rush { clients } => format!("RETR {}, {clients} clients at once", size(TEN)),
            Self::Limited { clients, rate: Some(rate) } => {
                format!("RETR {}, {clients} clients held to {}/s each", size(MEDIUM), size(rate))
            }
            Self::Limited { clients, rate: None } => {
                format!("RETR {}, {clients} clients not held", size(MEDIUM))
            }
            Self::SmallRetrieve { sessions, protection } => {
                format!("RETR 1 KiB{}, {}", protection.words(), count(sessions, "session"))
            }
            Self::SmallStore { sessions } => format!("STOR 1 KiB, {}", count(sessions, "session")),
            Self::Logins { at_once, is_local: false, .. } => {
                format!("Anonymous login and QUIT, {at_once} at a time")
            }
            Self::Logins { at_once, .. } => format!("Login through PAM and QUIT, {at_once} at a time"),
            Self::List { verb } => format!("{verb} of {} entries", thousands(sizes.crowd)),
            Self::Handshakes { at_once, .. } => {
                format!("FTPS: AUTH TLS, full handshake and QUIT, {at_once} at a time")
            }
            Self::Idle { sessions } => format!("FTPS: {} idle sessions", thousands(sessions)),
        }
    }

    /// Returns what the part is, for those who do only that.
    pub(super) fn part(self, sizes: &Sizes) -> Option<String> {
        match self {
            Self::Retrieve { streams, .. } | Self::Store { streams, .. } => Some(format!(
                "{} each time",
                size(Self::octets(streams, Protection::Clear, sizes, Share::Part).1 * streams as u64)
            )),
            Self::Cold => Some(format!("{} files", COLD.0 / 4)),
            Self::Rush { .. } => Some(format!("{} each", size(TEN / 10))),
            Self::Limited { .. } => Some(format!("{} each", size(TEN))),
            Self::List { .. } => Some(format!("{} entries", thousands(sizes.crowd / 10))),
            Self::Idle { sessions } => Some(format!("{} sessions", sessions / 10)),
            _ => None,
        }
    }

    /// Returns which part of the large file a stream moves, and how many octets that is.
    pub(super) fn octets(streams: usize, protection: Protection, sizes: &Sizes, share: Share) -> (u64, u64) {
        let of_all = if streams == 1 { 1 } else { 4 };
        let part = match share {
            Share::Part => of_all * 16,
            // Encryption takes several times longer; a quarter tells as much.
            Share::Whole if protection != Protection::Clear => of_all * 4,
            Share::Whole => of_all,
        };
        (part, sizes.large / part)
    }

    /// Returns how many units the whole is.
    pub(super) fn amount(self, sizes: &Sizes) -> f64 {
        let gibibytes = |octets: u64| octets as f64 / (1u64 << 30) as f64;
        match self {
            Self::Retrieve { protection, .. } | Self::Store { protection, .. } => {
                gibibytes(Self::octets(1, protection, sizes, Share::Whole).1)
            }
            Self::Cold => gibibytes(COLD.0 as u64 * COLD.1),
            Self::Rush { clients } => gibibytes(clients as u64 * TEN),
            Self::Limited { clients, .. } => gibibytes(clients as u64 * MEDIUM),
            Self::SmallRetrieve { .. } | Self::SmallStore { .. } => sizes.small as f64,
            Self::Logins { sessions, .. } | Self::Handshakes { sessions, .. } | Self::Idle { sessions } => {
                sessions as f64
            }
            Self::List { .. } => 1.0,
        }
    }

    /// Returns whether memory is to be seen that an earlier turn may have left: of idle sessions in each turn, of listings in
    /// the first one of the row, which does a part.
    pub(crate) fn wants_fresh_server(self, share: Share) -> bool {
        match self {
            Self::Idle { .. } => true,
            Self::List { .. } => share == Share::Part,
            _ => false,
        }
    }

    /// Returns how the servers must be set.
    pub(crate) fn setting(self) -> Setting {
        match self {
            Self::Limited { rate: Some(rate), .. } => Setting::Limited(rate),
            Self::Handshakes { .. } | Self::Idle { .. } => Setting::Encrypted,
            _ if self.protection() != Protection::Clear => Setting::Encrypted,
            _ => Setting::Usual,
        }
    }

    /// Returns what protects the connections.
    pub(super) fn protection(self) -> Protection {
        match self {
            Self::Retrieve { protection, .. }
            | Self::Store { protection, .. }
            | Self::SmallRetrieve { protection, .. } => protection,
            Self::Handshakes { .. } | Self::Idle { .. } => Protection::AesGcm,
            _ => Protection::Clear,
        }
    }

    /// Returns what a server must be able to do.
    pub(super) fn ability(self) -> Ability {
        match self {
            Self::Limited { .. } => Ability::Rate,
            Self::Logins { is_local: true, .. } => Ability::Pam,
            Self::List { verb: "MLSD" } => Ability::Mlsd,
            _ => Ability::Basic,
        }
    }

    /// Returns whether it is about sessions and not about what they move.
    pub(super) fn is_about_sessions(self) -> bool {
        matches!(self, Self::Logins { .. } | Self::Handshakes { .. } | Self::Idle { .. })
    }
}

/// Returns the octets of all streams together.
fn bulk(protection: Protection, sizes: &Sizes) -> String {
    size(Task::octets(1, protection, sizes, Share::Whole).1)
}

fn size(octets: u64) -> String {
    if octets >= 1 << 30 { format!("{} GiB", octets >> 30) } else { format!("{} MiB", octets >> 20) }
}

fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { large: 4 << 30, small: 10_000, crowd: 100_000 };

    #[test]
    fn many_streams_move_as_much_as_one() {
        let of = |streams, share| Task::octets(streams, Protection::Clear, &SIZES, share).1;
        assert_eq!(of(4, Share::Whole) * 4, of(1, Share::Whole));
        assert_eq!(of(4, Share::Part) * 4, of(1, Share::Part));
        assert_eq!(Task::octets(4, Protection::AesGcm, &SIZES, Share::Whole), (16, 256 << 20));
    }

    #[test]
    fn a_row_about_encryption_says_so_and_is_set_so() {
        let task = Task::Retrieve { streams: 4, protection: Protection::ChaCha20 };
        assert_eq!(task.name(&SIZES), "RETR 1 GiB over FTPS, ChaCha20, 4 streams");
        assert_eq!(task.setting(), Setting::Encrypted);
        assert_eq!(Task::Limited { clients: 8, rate: None }.setting(), Setting::Usual);
    }

    #[test]
    fn the_part_is_named_as_all_streams_together() {
        let task = Task::Store { streams: 4, protection: Protection::Clear };
        assert_eq!(task.part(&SIZES).as_deref(), Some("256 MiB each time"));
    }
}
