//! What a row is, and the macro that turns a chapter's rows into fields, defaults and a table.
//!
//! A chapter file is read by people first: the doc comment of a row is the manual text. The macro
//! makes the struct that the code reads (`config.upload.delete_failed_uploads`) and the table that
//! everything else walks over. No text is parsed here (`kind/`, `read.rs`), nothing printed (`render/`).

use bstr::BString;

use crate::kind::{Kind, Outcome};
use crate::{CHAPTERS, Config};

/// Where an option has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only in the main configuration; a per-user file that sets it is warned about.
    Main,
    /// In the main configuration and in a file of user_config_dir.
    User,
}

/// When a changed value bites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// For connections made after the next reload (SIGHUP).
    NextSession,
    /// At the next reload (SIGHUP), for the daemon as a whole.
    Reload,
    /// Only when the daemon is started anew.
    Restart,
}

/// How an option relates to the one of the same name in vsftpd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Means what it means in vsftpd.
    Same,
    /// Means what it means in vsftpd, with the improvement named here.
    Better(&'static str),
    /// Exists in Wharf only.
    Own,
}

/// Whether an option is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Carried out.
    Done,
    /// Accepted so that existing files load, without meaning here; names the reason.
    Pointless(&'static str),
}

/// One option, whole: everything that is true of it before a file is read.
#[derive(Debug)]
pub struct Row {
    /// The name as it is written in the file.
    pub name: &'static str,
    /// Other spellings that are accepted for it.
    pub aliases: &'static [&'static str],
    /// The chapter it belongs to, which is also the field of [`Config`].
    pub chapter: &'static str,
    /// The type of its value.
    pub kind: Kind,
    /// Where it may stand.
    pub scope: Scope,
    /// When a change bites.
    pub effect: Effect,
    /// How it relates to vsftpd.
    pub relation: Relation,
    /// Whether it is carried out.
    pub state: State,
    pub(crate) manual: &'static [&'static str],
    pub(crate) read: fn(&mut Config, &[u8]) -> Outcome<()>,
    pub(crate) write: fn(&Config) -> BString,
}

impl Row {
    /// Writes the value a configuration holds, as it would stand behind the `=`.
    ///
    /// A text or list that is not set is the empty string.
    pub fn value(&self, config: &Config) -> BString {
        (self.write)(config)
    }

    /// Writes the default value, in the same form as [`Self::value`].
    pub fn default_value(&self) -> BString {
        self.value(&Config::default())
    }

    /// Answers whether `name` is this row's name or one of its other spellings.
    pub fn is_called(&self, name: &[u8]) -> bool {
        self.spellings().any(|spelling| spelling.as_bytes() == name)
    }

    /// Lists the name and all other accepted spellings.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Returns the first paragraph of the manual text: one sentence.
    pub fn summary(&self) -> String {
        self.paragraphs().into_iter().next().unwrap_or_default()
    }

    /// Returns the manual text, one string for each paragraph.
    pub fn paragraphs(&self) -> Vec<String> {
        paragraphs(self.manual)
    }
}

/// A group of options that are read together.
#[derive(Debug)]
pub struct Chapter {
    /// The field of [`Config`] that holds the values.
    pub name: &'static str,
    /// The options in the order in which the manual shows them.
    pub rows: &'static [Row],
    pub(crate) about: &'static [&'static str],
}

impl Chapter {
    /// Returns the introduction: what the chapter is about, one string for each paragraph.
    pub fn paragraphs(&self) -> Vec<String> {
        paragraphs(self.about)
    }
}

/// Lists the chapters in the order of the manual.
pub fn chapters() -> impl Iterator<Item = &'static Chapter> {
    CHAPTERS.iter().copied()
}

/// Lists all options in the order of the manual.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    chapters().flat_map(|chapter| chapter.rows)
}

/// Finds the option with this name or other spelling; names are exact.
pub fn row(name: &[u8]) -> Option<&'static Row> {
    rows().find(|row| row.is_called(name))
}

/// Joins the lines of a doc comment to paragraphs.
fn paragraphs(lines: &[&str]) -> Vec<String> {
    lines
        .split(|line| line.trim().is_empty())
        .map(|lines| lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.is_empty())
        .collect()
}

/// The words that rows are written in.
pub(crate) mod words {
    pub(crate) use super::Effect::{NextSession, Reload, Restart};
    pub(crate) use super::Relation::{Better, Own, Same};
    pub(crate) use super::Scope::{Main, User};
    pub(crate) use super::State::{Done, Pointless};

    /// The default of a text or list that is not set.
    pub(crate) const UNSET: Option<&str> = None;
}

/// Makes a chapter: the struct with its defaults, and the rows that describe it.
macro_rules! chapter {
    (
        $(#[doc = $about:literal])+
        $Chapter:ident in $field:ident {
            $(
                $(#[doc = $manual:literal])+
                $name:ident $(($($alias:ident),+))? : $kind:ident = $default:expr,
                    $scope:expr, $effect:expr, $relation:expr, $state:expr;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $Chapter {
            $( $(#[doc = $manual])+ pub $name: $crate::kind::$kind::Field, )+
        }

        impl Default for $Chapter {
            fn default() -> Self {
                Self { $( $name: $crate::kind::$kind::preset($default), )+ }
            }
        }

        pub(crate) static CHAPTER: $crate::table::Chapter = $crate::table::Chapter {
            name: stringify!($field),
            about: &[$($about),+],
            rows: &[$(
                $crate::table::Row {
                    name: stringify!($name),
                    aliases: &[$($(stringify!($alias)),+)?],
                    chapter: stringify!($field),
                    kind: $crate::kind::$kind::KIND,
                    scope: $scope,
                    effect: $effect,
                    relation: $relation,
                    state: $state,
                    manual: &[$($manual),+],
                    read: |config, text| {
                        let (value, advice) = $crate::kind::$kind::read(text)?;
                        config.$field.$name = value;
                        Ok(((), advice))
                    },
                    write: |config| $crate::kind::$kind::write(&config.$field.$name),
                },
            )+],
        };
    };
}
pub(crate) use chapter;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_rows_share_a_spelling() {
        let mut seen = HashSet::new();
        for spelling in rows().flat_map(Row::spellings) {
            assert!(seen.insert(spelling), "{spelling} stands twice");
        }
    }

    #[test]
    fn every_manual_text_starts_with_one_whole_sentence() {
        for row in rows() {
            let summary = row.summary();
            assert!(summary.ends_with('.'), "{}: {summary}", row.name);
            assert!(summary.starts_with(|c: char| c.is_ascii_uppercase()), "{}: {summary}", row.name);
            assert!(summary.len() < 200, "{}: the first paragraph is its summary line", row.name);
        }
    }

    #[test]
    fn every_value_that_a_row_writes_can_be_read_back() {
        for row in rows() {
            let mut config = Config::default();
            (row.read)(&mut config, &row.default_value()).unwrap();
            assert_eq!(config, Config::default(), "{}", row.name);
        }
    }

    #[test]
    fn own_rows_and_only_they_stand_in_the_chapters_of_our_own() {
        for row in rows() {
            let is_ours = ["wharf", "nat", "acme", "extensions", "names"].contains(&row.chapter);
            assert_eq!(row.relation == Relation::Own, is_ours, "{}", row.name);
        }
    }

    #[test]
    fn paragraphs_are_split_at_empty_lines_only() {
        assert_eq!(paragraphs(&[" One", " two.", "", " Three."]), ["One two.", "Three."]);
    }
}
