//! Debian packages, downloaded and unpacked but not installed: none of their scripts runs, nothing outside changes.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::{Shelf, output, run};

/// Libraries need libraries; a chain longer than this is a mistake.
const DEEPEST: usize = 4;

/// Unpacks a package, and the packages of those libraries that its program lacks on this machine.
///
/// # Errors
/// When there is no apt-get, no network or no such package, or when a library cannot be found.
pub(super) fn unpack(shelf: &Shelf, package: &str, program: &Path) -> io::Result<()> {
    if program.exists() && lacking(shelf, program)?.is_empty() {
        return Ok(());
    }
    let mut wanted = vec![package.to_owned()];
    for _ in 0..DEEPEST {
        let mut next = Vec::new();
        for package in &wanted {
            next.extend(libraries_of(&fetch(shelf, package)?));
        }
        let lacking = lacking(shelf, program)?;
        if lacking.is_empty() {
            return Ok(());
        }
        next.retain(|package| !is_installed(package));
        if next.is_empty() {
            return Err(io::Error::other(format!("{} needs {}", program.display(), lacking.join(", "))));
        }
        wanted = next;
    }
    Err(io::Error::other(format!("the libraries of {} have no end", program.display())))
}

/// Downloads one package and unpacks it; returns what it depends on.
fn fetch(shelf: &Shelf, package: &str) -> io::Result<String> {
    let place = shelf.root().with_file_name("packages").join(package);
    if !place.exists() {
        fs::create_dir_all(&place)?;
        // As root apt-get drops to an account that may not write here, and says so; it works all the same.
        let got = run(Command::new("apt-get").args(["download", "-qq", package]).current_dir(&place));
        if let Err(error) = got {
            fs::remove_dir_all(&place)?;
            return Err(error);
        }
    }
    let files = fs::read_dir(&place)?.collect::<io::Result<Vec<_>>>()?;
    let file =
        files.first().ok_or_else(|| io::Error::other(format!("{package}: apt-get left no file")))?.path();
    fs::create_dir_all(shelf.root())?;
    run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(shelf.root()))?;
    output(Command::new("dpkg-deb").arg("-f").arg(&file).arg("Depends"))
}

/// Returns the libraries that the linker does not find for a program.
fn lacking(shelf: &Shelf, program: &Path) -> io::Result<Vec<String>> {
    let said = output(Command::new("ldd").arg(program).env("LD_LIBRARY_PATH", shelf.libraries()))?;
    let missing = said.lines().filter_map(|line| line.split_once(" => not found"));
    Ok(missing.map(|(name, _)| name.trim().to_owned()).collect())
}

/// Returns the libraries among the packages that a package depends on.
fn libraries_of(depends: &str) -> Vec<String> {
    let names = depends.split([',', '|']).filter_map(|one| one.split_whitespace().next());
    names.filter(|name| name.starts_with("lib")).map(str::to_owned).collect()
}

fn is_installed(package: &str) -> bool {
    let query = output(Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]));
    query.is_ok_and(|status| status.ends_with(" installed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_are_followed() {
        let depends = "adduser, libacl1 (>= 2.2.23), libpam-runtime | other, zlib1g, libc6 (>= 2.34)";
        assert_eq!(libraries_of(depends), ["libacl1", "libpam-runtime", "libc6"]);
    }
}
