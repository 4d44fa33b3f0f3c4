//! `cargo xtask compat`: the compatibility suite against the original vsftpd.
//!
//! The original comes from Debian's package, unpacked into the target directory and not installed: it would start
//! a service. Only the libraries that it needs are installed, and only when they are missing.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::Steps;
use crate::tools::{self, Tool};

/// The libraries that the original loads besides those that every Debian system has.
const TO_RUN_VSFTPD: &[Tool] = &[
    Tool { any_of: &["useradd"], package: "passwd" },
    Tool {
        any_of: &["/lib/x86_64-linux-gnu/libwrap.so.0", "/lib/aarch64-linux-gnu/libwrap.so.0"],
        package: "libwrap0",
    },
    Tool {
        any_of: &["/lib/x86_64-linux-gnu/libnsl.so.2", "/lib/aarch64-linux-gnu/libnsl.so.2"],
        package: "libnsl2",
    },
    Tool {
        any_of: &["/lib/x86_64-linux-gnu/libpam.so.0", "/lib/aarch64-linux-gnu/libpam.so.0"],
        package: "libpam0g",
    },
    Tool {
        any_of: &["/lib/x86_64-linux-gnu/libcap.so.2", "/lib/aarch64-linux-gnu/libcap.so.2"],
        package: "libcap2",
    },
    Tool {
        any_of: &["/usr/lib/x86_64-linux-gnu/libssl.so.3", "/usr/lib/aarch64-linux-gnu/libssl.so.3"],
        package: "libssl3",
    },
];

/// Runs the suite by itself; everything that keeps it from running is a failure.
pub(crate) fn run(arguments: &[&str]) -> bool {
    let mut steps = Steps::new();
    if !tools::is_root() {
        eprintln!("The suite makes accounts and starts servers that change users: run it as root.");
        return false;
    }
    match vsftpd() {
        Some(vsftpd) => {
            play(&mut steps, &vsftpd, arguments);
        }
        None => return false,
    }
    steps.summary()
}

/// Adds the suite to the tests. Where it cannot run, it says so and does not fail: a person without root or network
/// can run all other tests. A build machine (which sets `CI`) that is root and has apt must run it.
pub(crate) fn all(steps: &mut Steps) {
    println!("\n==> compatibility");
    if !tools::is_root() {
        println!("SKIPPED: the compatibility suite needs root.");
        return;
    }
    match vsftpd() {
        Some(vsftpd) => play(steps, &vsftpd, &[]),
        None if std::env::var_os("CI").is_some() && tools::is_there("apt-get") => {
            steps.step("compatibility: the original vsftpd", || false);
        }
        None => println!("SKIPPED: there is no vsftpd to compare with."),
    }
}

fn play(steps: &mut Steps, vsftpd: &Path, arguments: &[&str]) {
    if !steps.command("build", "cargo", &["build", "--package", "wharf-daemon", "--package", "wharf-compat"])
    {
        return;
    }
    let wharfd = tools::target_directory().join("debug/wharfd");
    let (vsftpd, wharfd) = (vsftpd.display().to_string(), wharfd.display().to_string());
    let mut words =
        vec!["run", "--quiet", "--package", "wharf-compat", "--", "--vsftpd", &vsftpd, "--wharfd", &wharfd];
    words.extend(arguments);
    steps.command("compatibility", "cargo", &words);
}

/// Returns the original's executable: unpacked earlier, unpacked now, or the one of this system.
fn vsftpd() -> Option<PathBuf> {
    let place = tools::target_directory().join("compat");
    let unpacked = place.join("vsftpd/usr/sbin/vsftpd");
    if !unpacked.exists() && tools::is_there("apt-get") {
        unpack(&place);
    }
    let installed = Path::new("/usr/sbin/vsftpd");
    let found = [unpacked.as_path(), installed].into_iter().find(|path| path.exists())?.to_owned();
    tools::provide(TO_RUN_VSFTPD).then_some(found)
}

/// Fetches Debian's package and unpacks it; says what went wrong.
fn unpack(place: &Path) {
    if let Err(error) = fs::create_dir_all(place) {
        eprintln!("{}: {error}", place.display());
        return;
    }
    println!("Fetching vsftpd from Debian");
    if !download(place) {
        println!("Trying again with fresh lists");
        if !tools::apt_get(&["update", "-q"]) || !download(place) {
            eprintln!(
                "vsftpd could not be fetched; is there a network, and a Debian mirror in sources.list?"
            );
            return;
        }
    }
    let Some(package) = package(place) else { return };
    let done = Command::new("dpkg").arg("-x").arg(&package).arg(place.join("vsftpd")).status();
    if !done.is_ok_and(|status| status.success()) {
        eprintln!("{} could not be unpacked", package.display());
    }
}

fn download(place: &Path) -> bool {
    // apt's own user may not write into our target directory, and need not.
    let mut command = Command::new("apt-get");
    command.args(["-o", "APT::Sandbox::User=root", "-q", "download", "vsftpd"]).current_dir(place);
    command.status().is_ok_and(|status| status.success())
}

fn package(place: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(place).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| path.extension() == Some(OsStr::new("deb")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_package_is_taken_for_a_package() {
        let place = std::env::temp_dir().join(format!("wharf-compat-package-{}", std::process::id()));
        fs::create_dir_all(place.join("vsftpd")).unwrap();
        assert_eq!(package(&place), None);
        fs::write(place.join("vsftpd_3.deb"), "").unwrap();
        assert_eq!(package(&place), Some(place.join("vsftpd_3.deb")));
        fs::remove_dir_all(place).unwrap();
    }
}
