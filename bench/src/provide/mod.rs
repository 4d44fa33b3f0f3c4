//! Gets the peers: servers of others, side by side beneath the target directory, none of them installed.
//!
//! What cannot be had is not an error: the reason is kept, and the page tells it.

mod debian;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::peer::Kind;

/// The project of the server on libunftp, which has a lock file of its own.
const LIBUNFTP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/libunftp/Cargo.toml");

/// Of pyftpdlib and what it needs for TLS; the latest when this was written.
const PYFTPDLIB: [&str; 2] = ["pyftpdlib==2.2.0", "pyOpenSSL==26.4.0"];

/// Where the peers are, beneath the target directory.
#[derive(Debug)]
pub(crate) struct Shelf(PathBuf);

impl Shelf {
    /// Returns the one beside our own executable's directory.
    ///
    /// # Errors
    /// When the path of the executable is not known.
    pub(crate) fn ours() -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let target = program.parent().and_then(Path::parent);
        Ok(Self(target.unwrap_or(Path::new("/var/tmp")).join("bench-peers")))
    }

    /// Gets every peer that is not there yet, and remembers why one is missing.
    pub(crate) fn fill(&self) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        for kind in Kind::PEERS {
            eprintln!("getting {} …", kind.word());
            let reason = self.0.join(kind.word()).with_extension("missing");
            match self.get(kind) {
                Ok(()) => fs::remove_file(reason).unwrap_or_default(),
                Err(error) => {
                    eprintln!("{} is missing: {error}", kind.word());
                    fs::write(reason, error.to_string())?;
                }
            }
        }
        Ok(())
    }

    fn get(&self, kind: Kind) -> io::Result<()> {
        match kind {
            Kind::Vsftpd => debian::unpack(self, "vsftpd", &self.unpacked(kind)),
            Kind::Proftpd => {
                debian::unpack(self, "proftpd-core", &self.unpacked(kind))?;
                // A package of its own, unpacked over the other.
                debian::unpack(self, "proftpd-mod-crypto", &self.root().join("usr/lib/proftpd/mod_tls.so"))
            }
            Kind::Pureftpd => debian::unpack(self, "pure-ftpd", &self.unpacked(kind)),
            Kind::Pyftpdlib => self.get_pyftpdlib(),
            Kind::Libunftp => {
                let target = self.0.join("libunftp");
                let mut cargo = Command::new("cargo");
                cargo.args(["build", "--release", "--locked", "--quiet", "--manifest-path", LIBUNFTP]);
                // The target directory of the workspace is locked while we are run by cargo.
                run(cargo.arg("--target-dir").arg(target).env_remove("CARGO_TARGET_DIR"))
            }
            Kind::Wharfd | Kind::Bare => Ok(()),
        }
    }

    fn get_pyftpdlib(&self) -> io::Result<()> {
        let place = self.0.join("pyftpdlib");
        let python = self.unpacked(Kind::Pyftpdlib);
        if run(Command::new(&python).args(["-c", "import pyftpdlib, OpenSSL"])).is_ok() {
            return Ok(());
        }
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(place))?;
        run(Command::new(python).args(["-m", "pip", "install", "--quiet"]).args(PYFTPDLIB))
    }

    /// Returns the program of a peer.
    ///
    /// # Errors
    /// When it is not there, with the reason.
    pub(crate) fn program(&self, kind: Kind) -> Result<PathBuf, String> {
        let ours = self.unpacked(kind);
        // One that is installed will do, if it is the same program.
        let installed = Path::new("/usr/sbin").join(ours.file_name().unwrap_or_default());
        let has_reason = self.0.join(kind.word()).with_extension("missing");
        match fs::read_to_string(has_reason) {
            Err(_) if ours.exists() => Ok(ours),
            _ if !matches!(kind, Kind::Pyftpdlib) && installed.exists() => Ok(installed),
            Ok(reason) => Err(reason),
            Err(_) => Err("it has not been fetched".into()),
        }
    }

    /// Returns where the program of a peer is when we have got it.
    fn unpacked(&self, kind: Kind) -> PathBuf {
        match kind {
            Kind::Vsftpd => self.root().join("usr/sbin/vsftpd"),
            Kind::Proftpd => self.root().join("usr/sbin/proftpd"),
            Kind::Pureftpd => self.root().join("usr/sbin/pure-ftpd"),
            Kind::Pyftpdlib => self.0.join("pyftpdlib/bin/python"),
            Kind::Libunftp => self.0.join("libunftp/release/wharf-bench-libunftp"),
            Kind::Wharfd | Kind::Bare => PathBuf::new(),
        }
    }

    /// Returns the directory that packages are unpacked to.
    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// Returns the directories of unpacked libraries, as the linker wants them.
    pub(crate) fn libraries(&self) -> String {
        let root = self.root().join("usr/lib");
        let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
        format!("{}:{}", root.join(machine).display(), root.display())
    }

    /// Returns a directory on the disk for files that are to be read from there.
    pub(crate) fn cold(&self) -> PathBuf {
        self.0.join("cold")
    }
}

/// Runs a program to its end, which must be a good one; the error tells what it said last.
fn run(command: &mut Command) -> io::Result<()> {
    output(command).map(drop)
}

/// As [`run`]; returns what it wrote.
fn output(command: &mut Command) -> io::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| io::Error::other(format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(io::Error::other(format!("{program}: {}: {last}", output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_peer_has_its_reason() {
        let shelf = Shelf(tempfile_directory());
        fs::write(shelf.0.join("pyftpdlib.missing"), "no network").unwrap();
        assert_eq!(shelf.program(Kind::Pyftpdlib), Err("no network".into()));
        fs::remove_dir_all(&shelf.0).unwrap();
    }

    fn tempfile_directory() -> PathBuf {
        let directory = std::env::temp_dir().join(format!("wharf-bench-shelf-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[test]
    fn the_last_words_of_a_program_that_fails_are_told() {
        let error =
            run(Command::new("sh").args(["-c", "echo first >&2; echo last >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().ends_with("last"), "{error}");
        assert!(run(&mut Command::new("no-such-program-here")).is_err());
    }
}
