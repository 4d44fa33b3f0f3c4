//! One name, several spellings: what a client asks for is looked for as the disk may have it (`normalize`,
//! `disk_charset`).
//!
//! A name is taken as it was asked for when something of that name is there. Otherwise it is tried with its letters whole,
//! with its letters apart, and in the charset of old names. What is nowhere yet gets the spelling that new names have.
//!
//! Only names beyond ASCII cost anything: one look for each spelling that is tried.

use std::borrow::Cow;

use rustix::fs::OFlags;
use wharf_names::{composed, decomposed};
use wharf_proto::path::VirtualPath;
use wharf_proto::store::Request;

use super::Local;

impl Local {
    /// Spells a request's pathnames as the disk has them.
    pub(super) fn respell(&self, request: &mut Request) {
        if self.rules.composes_names || self.disk_charset.is_some() {
            request.each_path(&mut |path| {
                if !path.as_bytes().is_ascii() {
                    *path = self.spelled(path);
                }
            });
        }
    }

    fn spelled(&self, path: &VirtualPath) -> VirtualPath {
        let mut spelled = VirtualPath::root();
        for name in path.as_bytes().split(|octet| *octet == b'/').filter(|name| !name.is_empty()) {
            let Ok(longer) = VirtualPath::resolve(&spelled, &self.chosen(&spelled, name)) else {
                // Another spelling may be longer than any path.
                return path.clone();
            };
            spelled = longer;
        }
        spelled
    }

    fn chosen<'n>(&self, directory: &VirtualPath, name: &'n [u8]) -> Cow<'n, [u8]> {
        if name.is_ascii() || self.has(directory, name) {
            return Cow::Borrowed(name);
        }
        let old = |charset: wharf_names::Charset| Cow::Owned(charset.to_wire(name));
        let (whole, apart) = match self.rules.composes_names {
            true => (Some(composed(name)), Some(decomposed(name))),
            false => (None, None),
        };
        let others = [whole.clone(), apart, self.disk_charset.map(old)];
        let found = others.into_iter().flatten().find(|other| **other != *name && self.has(directory, other));
        found.or(whole).unwrap_or(Cow::Borrowed(name))
    }

    /// Tells whether a directory has an entry of exactly this name, be it a link that leads nowhere.
    fn has(&self, directory: &VirtualPath, name: &[u8]) -> bool {
        VirtualPath::resolve(directory, name)
            .is_ok_and(|path| self.open(&path, OFlags::PATH | OFlags::NOFOLLOW).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use wharf_ipc::broker::Rules;
    use wharf_os::beneath::Root;
    use wharf_proto::ftp::listing::Owners;

    use super::*;
    use crate::zone::Zone;

    const WHOLE: &str = "한글";
    const APART: &str = "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}";
    const OLD: &[u8] = b"\xc7\xd1\xb1\xdb";

    fn local(place: &Path, composes_names: bool, disk_charset: Option<&str>) -> Local {
        let disk_charset = disk_charset.map(|name| name.as_bytes().to_vec().into());
        let rules = Rules { composes_names, disk_charset, ..Rules::default() };
        Local::new(Root::open(place).unwrap(), rules, Owners::Numbers, Zone::utc()).unwrap()
    }

    fn spelled(local: &Local, path: &[u8]) -> Vec<u8> {
        let mut request = Request::OpenRead(VirtualPath::absolute(path).unwrap());
        local.respell(&mut request);
        match request {
            Request::OpenRead(path) => path.as_bytes().to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_name_of_macos_gets_its_letters_whole_and_both_spellings_find_it() {
        let place = tempfile::tempdir().unwrap();
        let local = local(place.path(), true, None);
        let (whole, apart) = (format!("/{WHOLE}/{WHOLE}"), format!("/{APART}/{APART}"));
        assert_eq!(spelled(&local, apart.as_bytes()), whole.as_bytes(), "nothing is there yet");
        fs::create_dir_all(place.path().join(WHOLE).join(WHOLE)).unwrap();
        assert_eq!(spelled(&local, apart.as_bytes()), whole.as_bytes());
        assert_eq!(spelled(&local, whole.as_bytes()), whole.as_bytes());
    }

    #[test]
    fn what_macos_left_on_the_disk_is_found_by_either_spelling_and_goes_first_when_asked_for() {
        let place = tempfile::tempdir().unwrap();
        let local = local(place.path(), true, None);
        let (whole, apart) = (format!("/{WHOLE}"), format!("/{APART}"));
        fs::write(place.path().join(APART), "").unwrap();
        assert_eq!(spelled(&local, whole.as_bytes()), apart.as_bytes());
        fs::write(place.path().join(WHOLE), "").unwrap();
        assert_eq!(spelled(&local, whole.as_bytes()), whole.as_bytes());
        assert_eq!(
            spelled(&local, apart.as_bytes()),
            apart.as_bytes(),
            "both are there: the one that was named"
        );
    }

    #[test]
    fn an_old_name_is_found_by_what_it_means() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join(std::ffi::OsStr::from_bytes(OLD))).unwrap();
        let asked = format!("/{WHOLE}/new");
        let expected = [b"/", OLD, b"/new"].concat();
        assert_eq!(spelled(&local(place.path(), false, Some("cp949")), asked.as_bytes()), expected);
        assert_eq!(spelled(&local(place.path(), false, None), asked.as_bytes()), asked.as_bytes());
        // New names are UTF-8 all the same.
        let new = format!("/{WHOLE}{WHOLE}");
        assert_eq!(spelled(&local(place.path(), true, Some("cp949")), new.as_bytes()), new.as_bytes());
    }
}
