//! The options, one file for each chapter; to add an option, add a row to the file it belongs to.
//!
//! The doc comment of a row is its manual text. Its first paragraph is one sentence, the summary. What
//! follows says when one wants it, what to beware of, and which options it works with.

/// Lists the chapters in the order of the manual.
macro_rules! chapters {
    ($($field:ident: $Chapter:ident),+ $(,)?) => {
        $(mod $field;)+
        $(pub use $field::$Chapter;)+

        /// Every option of vsftpd.conf with its value, by chapter.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Config {
            $(
                #[doc = concat!("The chapter `", stringify!($field), "`.")]
                pub $field: $Chapter,
            )+
        }

        pub(crate) static CHAPTERS: &[&crate::table::Chapter] = &[$(&$field::CHAPTER),+];
    };
}

chapters! {
    listen: Listen,
    access: Access,
    anonymous: Anonymous,
    guest: Guest,
    jail: Jail,
    upload: Upload,
    download: Download,
    listing: Listing,
    names: Names,
    messages: Messages,
    commands: Commands,
    extensions: Extensions,
    data: Data,
    nat: Nat,
    limits: Limits,
    log: Log,
    tls: Tls,
    acme: Acme,
    process: Process,
    wharf: Wharf,
}
