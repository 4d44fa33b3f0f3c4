//! Pathnames as a session sees them: absolute, below its own root, with nothing left to resolve but links.
//!
//! After [`VirtualPath::resolve`] nobody asks again whether there is a `..`, an empty component or a NUL in it.
//! Symbolic links are the broker's business: it follows them beneath the root.

use serde::{Deserialize, Serialize};

/// The longest pathname we take, in octets. Linux's `PATH_MAX` is 4096 with its NUL.
pub const MAX_OCTETS: usize = 4095;

/// Why a pathname cannot be used at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPath {
    /// It is empty.
    Empty,
    /// It holds a NUL, which no file name can.
    Nul,
    /// It is longer than [`MAX_OCTETS`].
    TooLong,
}

/// An absolute, lexically clean pathname: `/`, or `/a/b` without `.`, `..`, empty components or NUL.
///
/// The octets are whatever the client sent; they need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct VirtualPath(#[serde(with = "serde_bytes")] Vec<u8>);

impl VirtualPath {
    /// The session's root.
    #[must_use]
    pub fn root() -> Self {
        Self(b"/".to_vec())
    }

    /// Resolves a pathname against a current directory; `..` stops at the root (RFC 3659 §6, TVFS).
    ///
    /// # Errors
    /// [`BadPath`] when the pathname is empty, holds a NUL, or the result would be too long.
    pub fn resolve(cwd: &Self, pathname: &[u8]) -> Result<Self, BadPath> {
        if pathname.is_empty() {
            return Err(BadPath::Empty);
        }
        if pathname.contains(&0) {
            return Err(BadPath::Nul);
        }
        let mut clean = if pathname.first() == Some(&b'/') { Vec::new() } else { cwd.without_slash() };
        for component in pathname.split(|&octet| octet == b'/') {
            match component {
                b"" | b"." => {}
                b".." => {
                    let parent = clean.iter().rposition(|&octet| octet == b'/').unwrap_or(0);
                    clean.truncate(parent);
                }
                name => {
                    clean.push(b'/');
                    clean.extend_from_slice(name);
                }
            }
        }
        if clean.len() > MAX_OCTETS {
            return Err(BadPath::TooLong);
        }
        if clean.is_empty() {
            clean.push(b'/');
        }
        Ok(Self(clean))
    }

    /// Takes an absolute pathname from one of our own processes or a configuration file.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn absolute(pathname: &[u8]) -> Result<Self, BadPath> {
        Self::resolve(&Self::root(), pathname)
    }

    /// The pathname's octets, beginning with `/`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Tells whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0 == b"/"
    }

    /// The last component; `None` for the root.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        if self.is_root() { None } else { self.0.rsplit(|&octet| octet == b'/').next() }
    }

    /// The directory that holds it; the root is its own parent.
    #[must_use]
    pub fn parent(&self) -> Self {
        let cut = self.0.iter().rposition(|&octet| octet == b'/').unwrap_or(0);
        let mut parent = self.0.clone();
        parent.truncate(cut.max(1));
        Self(parent)
    }

    /// The components from the root downwards.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&octet| octet == b'/').filter(|component| !component.is_empty())
    }

    fn without_slash(&self) -> Vec<u8> {
        if self.is_root() { Vec::new() } else { self.0.clone() }
    }
}

impl<'de> Deserialize<'de> for VirtualPath {
    /// Takes a path from another process of ours; anything that is not already clean is an error.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let octets: Vec<u8> = serde_bytes::deserialize(deserializer)?;
        match Self::absolute(&octets) {
            Ok(path) if path.0 == octets => Ok(path),
            _ => Err(serde::de::Error::custom("not a clean absolute pathname")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::absolute(text.as_bytes()).unwrap()
    }

    #[test]
    fn dot_dot_stops_at_the_root() {
        assert_eq!(path("/../../etc"), path("/etc"));
        assert_eq!(VirtualPath::resolve(&path("/a/b"), b"../../../c").unwrap(), path("/c"));
    }

    #[test]
    fn a_relative_pathname_is_below_the_current_directory() {
        assert_eq!(VirtualPath::resolve(&path("/home/u"), b"./x//y/.").unwrap().as_bytes(), b"/home/u/x/y");
    }

    #[test]
    fn blanks_belong_to_the_name() {
        assert_eq!(path("/ a ").name(), Some(&b" a "[..]));
    }

    #[test]
    fn nul_empty_and_endless_pathnames_are_refused() {
        let root = VirtualPath::root();
        assert_eq!(VirtualPath::resolve(&root, b"a\0b"), Err(BadPath::Nul));
        assert_eq!(VirtualPath::resolve(&root, b""), Err(BadPath::Empty));
        assert_eq!(VirtualPath::resolve(&root, &[b'a'; 5000]), Err(BadPath::TooLong));
    }

    #[test]
    fn parent_and_name_take_a_path_apart() {
        assert_eq!(path("/a/b").parent(), path("/a"));
        assert_eq!(path("/a").parent(), VirtualPath::root());
        assert_eq!(VirtualPath::root().parent(), VirtualPath::root());
        assert_eq!(VirtualPath::root().name(), None);
    }

    proptest! {
        #[test]
        fn a_resolved_path_is_always_clean(cwd in "(/[a-c.]{1,4}){0,4}", name in prop::collection::vec(any::<u8>(), 1..80)) {
            let cwd = VirtualPath::absolute(format!("/{cwd}").as_bytes()).unwrap();
            if let Ok(path) = VirtualPath::resolve(&cwd, &name) {
                prop_assert!(path.as_bytes().starts_with(b"/"));
                prop_assert!(path.components().all(|c| c != b"." && c != b".." && !c.contains(&0)));
                prop_assert_eq!(VirtualPath::absolute(path.as_bytes()).unwrap(), path);
            }
        }
    }
}
