//! Everything that is generated from the rows for people to read.
//!
//! The texts are complete files: two manual pages, a sample configuration, a chapter of the book.

mod book;
mod man;
mod roff;
mod sample;
mod usage;

pub use book::book;
pub use man::man_wharfd_conf;
pub use sample::sample;
pub use usage::man_wharfd;
