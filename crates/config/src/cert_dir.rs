//! The directory of `ssl_cert_dir`: which of its files are certificates, and where their keys are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How many certificates a directory may have; the process that holds the keys takes 256 in all.
pub const MOST_CERTIFICATES: usize = 250;

/// Lists the certificates of a directory with the files of their keys, `None` where the key stands in the same file.
///
/// In the order of their names. Whether the files can be read or used is not looked at.
///
/// # Errors
/// When the directory cannot be read, or has too many.
pub fn certificate_pairs(directory: &Path) -> io::Result<Vec<(PathBuf, Option<PathBuf>)>> {
    let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let pairs: Vec<_> = entries.iter().filter_map(|entry| pair(&entry.path())).collect();
    if pairs.len() > MOST_CERTIFICATES {
        return Err(io::Error::other(format!(
            "{} certificates are more than the {MOST_CERTIFICATES} that can be served",
            pairs.len()
        )));
    }
    Ok(pairs)
}

fn pair(path: &Path) -> Option<(PathBuf, Option<PathBuf>)> {
    let it = fs::metadata(path).ok()?;
    if it.is_dir() {
        // As certbot lays them out; a directory without the first is about something else.
        let (chain, key) = (path.join("fullchain.pem"), path.join("privkey.pem"));
        return chain.exists().then_some((chain, Some(key)));
    }
    let is_chain = path.extension().is_some_and(|it| it == "pem" || it == "crt");
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    if !it.is_file() || !is_chain || is_hidden {
        return None;
    }
    let key = path.with_extension("key");
    Some((path.to_owned(), key.exists().then_some(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_found_in_both_layouts_and_in_order() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for directory in ["z.example", "notes"] {
            fs::create_dir(at(directory)).unwrap();
        }
        for file in [
            "z.example/fullchain.pem",
            "z.example/privkey.pem",
            "notes/x",
            "a.crt",
            "a.key",
            "b.pem",
            "README",
            ".c.pem",
        ] {
            fs::write(at(file), "").unwrap();
        }
        assert_eq!(
            certificate_pairs(place.path()).unwrap(),
            [
                (at("a.crt"), Some(at("a.key"))),
                (at("b.pem"), None),
                (at("z.example/fullchain.pem"), Some(at("z.example/privkey.pem"))),
            ]
        );
        assert!(certificate_pairs(&at("nothing")).is_err());
    }
}
