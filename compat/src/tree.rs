//! The files that a site begins with, one line each:
//!
//! ```text
//! d home/docs 755 user                a directory
//! f home/a.txt 644 user = text\n      a file with its content (escapes as in scripts)
//! f home/big 644 user * 3000000       a file of so many octets
//! l home/link user = a.txt            a symbolic link
//! p home/fifo 644 user                a named pipe
//! ```
//!
//! A name begins with `home`, `other`, `split`, `pub`, `files` or `etc`, may hold escapes, and is owned by `user`, `other`,
//! `anon`, `split` (whose home in the password file is `split/./start`) or `root`. Modification times are of the third of
//! February 2020, or `age=DAYS` before the suite began.

use wharf_shadow::octets;

use crate::stage::Stage;

/// The directories that every site has; their own modes and owners may be set like any other's.
pub(crate) const ROOTS: [&str; 6] = ["home", "other", "split", "pub", "files", "etc"];

/// The files of a site.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) entries: Vec<Entry>,
}

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Relative to the place of the site.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) owner: Owner,
    /// Days before the suite began.
    pub(crate) age: Option<u64>,
}

/// What a file is, with what it holds; `${NAME}` is not yet replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File(Vec<u8>),
    /// A file of so many octets.
    Filled(usize),
    Link(Vec<u8>),
    Pipe,
}

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    User,
    Other,
    Anon,
    Split,
    Root,
}

impl Default for Tree {
    fn default() -> Self {
        let owner = |root: &str| match root {
            "home" => Owner::User,
            "other" => Owner::Other,
            "split" => Owner::Split,
            _ => Owner::Root,
        };
        let root = |name: &&str| Entry {
            path: name.as_bytes().to_vec(),
            kind: Kind::Directory,
            mode: 0o755,
            owner: owner(name),
            age: None,
        };
        Self { entries: ROOTS.iter().map(root).collect() }
    }
}

impl Tree {
    /// Adds the file that a line describes.
    pub(crate) fn add(&mut self, line: &str) -> Result<(), String> {
        let (head, content) = match (line.split_once(" = "), line.split_once(" * ")) {
            (Some((head, text)), _) => (head, Some(Kind::File(octets(text.as_bytes())?))),
            (None, Some((head, count))) => {
                let count = count.trim().parse().map_err(|_| "after * comes a number of octets")?;
                (head, Some(Kind::Filled(count)))
            }
            (None, None) => (line, None),
        };
        let mut words: Vec<&str> = head.split_whitespace().collect();
        let age = match words.last().and_then(|word| word.strip_prefix("age=")) {
            Some(days) => Some(days.parse().map_err(|_| "age= takes a number of days")?),
            None => None,
        };
        if age.is_some() {
            words.pop();
        }
        let (kind, name, mode, owner) = match words.as_slice() {
            ["d", name, mode, owner] => (Kind::Directory, name, mode, owner),
            ["p", name, mode, owner] => (Kind::Pipe, name, mode, owner),
            ["f", name, mode, owner] => (content.unwrap_or(Kind::File(Vec::new())), name, mode, owner),
            ["l", name, owner] => match content {
                Some(Kind::File(target)) => (Kind::Link(target), name, &"777", owner),
                _ => return Err("a link has a target, after =".into()),
            },
            _ => return Err(format!("{line}: see the top of compat/src/tree.rs for the form")),
        };
        let mode = u32::from_str_radix(mode, 8).map_err(|_| format!("{mode} is no octal mode"))?;
        let owner = match *owner {
            "user" => Owner::User,
            "other" => Owner::Other,
            "anon" => Owner::Anon,
            "split" => Owner::Split,
            "root" => Owner::Root,
            _ => return Err(format!("{owner} is none of user, other, anon, split, root")),
        };
        let path = octets(name.as_bytes())?;
        let root = path.split(|octet| *octet == b'/').next().unwrap_or_default();
        if !ROOTS.iter().any(|known| known.as_bytes() == root) {
            return Err(format!("a name begins with one of {}", ROOTS.join(", ")));
        }
        self.entries.retain(|entry| entry.path != path);
        self.entries.push(Entry { path, kind, mode, owner, age });
        Ok(())
    }

    /// Returns the tree with every `${NAME}` in names and contents replaced.
    pub(crate) fn expanded(&self, stage: &Stage) -> Self {
        let expand = |entry: &Entry| Entry {
            path: stage.expanded(&entry.path),
            kind: match &entry.kind {
                Kind::File(content) => Kind::File(stage.expanded(content)),
                Kind::Link(target) => Kind::Link(stage.expanded(target)),
                other => other.clone(),
            },
            ..entry.clone()
        };
        Self { entries: self.entries.iter().map(expand).collect() }
    }

    /// Returns the entry with a path.
    pub(crate) fn at(&self, path: &[u8]) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood() {
        let mut tree = Tree::default();
        for line in [
            "d home 555 root",
            "f home/a\\x20b 644 user age=3 = x\\n",
            "f pub/big 600 anon * 12",
            "l home/l user = a b",
            "p home/p 600 user",
        ] {
            tree.add(line).unwrap();
        }
        assert_eq!(tree.at(b"home").unwrap().mode, 0o555);
        assert_eq!(tree.at(b"home/a b").unwrap().age, Some(3));
        assert_eq!(tree.at(b"home/a b").unwrap().kind, Kind::File(b"x\n".to_vec()));
        assert_eq!(tree.at(b"pub/big").unwrap().kind, Kind::Filled(12));
        assert_eq!(tree.at(b"home/l").unwrap().kind, Kind::Link(b"a b".to_vec()));
    }

    #[test]
    fn names_outside_the_site_are_refused() {
        let mut tree = Tree::default();
        for line in ["f /etc/passwd 644 root", "f ../x 644 root", "f home/x 9 root", "f home/x 644 me"] {
            assert!(tree.add(line).is_err(), "{line}");
        }
    }
}
