//! File names in the octets of the wire and in those of the disk.
//!
//! A name is octets. On the disk they are UTF-8 unless somebody wrote them in another time; on the wire they are what the
//! client speaks. Nothing here ever loses a name: what cannot be said in a charset is said in an escape that comes
//! back as the same name, so that everything that is listed can be fetched, renamed and removed.
//!
//! | | |
//! |---|---|
//! | a client's charset | `charset.rs` |
//! | what one client is told | `translation.rs` |
//! | which charset octets are written in | `guess.rs` |
//! | one name in several spellings of Unicode | `spelling.rs` |
#![forbid(unsafe_code)]

mod charset;
mod guess;
mod spelling;
mod translation;

pub use charset::{BadCharset, Charset};
pub use guess::{guess, looks_foreign};
pub use spelling::{composed, decomposed, same_name};
pub use translation::Translation;
