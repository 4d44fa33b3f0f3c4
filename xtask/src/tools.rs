//! The programs that building and testing need from the machine, and how to get them on Debian.
//!
//! Nothing is installed unless it is missing, the user is root, and there is an `apt-get`.
//! Elsewhere the missing names are told, and the person decides.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps;

/// A program to look for, and the Debian package that has it.
pub(crate) struct Tool {
    /// Any of these paths or names will do.
    pub(crate) any_of: &'static [&'static str],
    pub(crate) package: &'static str,
}

/// What a build needs besides cargo.
pub(crate) const TO_BUILD: &[Tool] = &[Tool { any_of: &["cc"], package: "gcc" }];

/// What the tests need: real clients, and the programs that make accounts and show pages.
pub(crate) const TO_TEST: &[Tool] = &[
    Tool { any_of: &["cc"], package: "gcc" },
    Tool { any_of: &["c++"], package: "g++" },
    Tool { any_of: &["curl"], package: "curl" },
    Tool { any_of: &["lftp"], package: "lftp" },
    Tool { any_of: &["openssl"], package: "openssl" },
    Tool { any_of: &["sslscan"], package: "sslscan" },
    Tool { any_of: &["pebble"], package: "pebble" },
    Tool { any_of: &["tnftp"], package: "tnftp" },
    Tool { any_of: &["inetutils-ftp"], package: "inetutils-ftp" },
    Tool { any_of: &["ncftpget"], package: "ncftp" },
    Tool { any_of: &["haproxy"], package: "haproxy" },
    Tool { any_of: &["python3"], package: "python3" },
    Tool { any_of: &["groff"], package: "groff-base" },
    Tool { any_of: &["man"], package: "man-db" },
    Tool { any_of: &["ip"], package: "iproute2" },
    Tool { any_of: &["nft"], package: "nftables" },
    Tool { any_of: &["miniupnpd"], package: "miniupnpd" },
    Tool { any_of: &["useradd"], package: "passwd" },
    Tool {
        any_of: &[
            "/usr/lib/x86_64-linux-gnu/security/pam_unix.so",
            "/usr/lib/aarch64-linux-gnu/security/pam_unix.so",
            "/lib/x86_64-linux-gnu/security/pam_unix.so",
            "/usr/lib64/security/pam_unix.so",
            "/usr/lib/security/pam_unix.so",
        ],
        package: "libpam-modules",
    },
    Tool {
        any_of: &[
            "/lib/x86_64-linux-gnu/security/pam_pwdfile.so",
            "/lib/aarch64-linux-gnu/security/pam_pwdfile.so",
        ],
        package: "libpam-pwdfile",
    },
    Tool { any_of: &["db_load"], package: "db-util" },
    Tool { any_of: &["tcpdmatch"], package: "tcpd" },
];

/// Returns where cargo puts what it builds.
pub(crate) fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| steps::root().join("target"), PathBuf::from)
}

/// Returns whether a program, or a file when the name is absolute, is there.
pub(crate) fn is_there(name: &str) -> bool {
    if name.starts_with('/') {
        return Path::new(name).exists();
    }
    let mut directories: Vec<_> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    directories.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    directories.iter().any(|directory| directory.join(name).is_file())
}

/// Returns the packages of the tools that are missing.
fn missing(tools: &[Tool]) -> Vec<&'static str> {
    tools
        .iter()
        .filter(|tool| !tool.any_of.iter().any(|name| is_there(name)))
        .map(|tool| tool.package)
        .collect()
}

/// Installs what is missing where that is possible; returns whether everything is there in the end.
pub(crate) fn provide(tools: &[Tool]) -> bool {
    let wanted = missing(tools);
    if wanted.is_empty() {
        println!("All tools are here already.");
        return true;
    }
    println!("Missing: {}", wanted.join(" "));
    if !is_root() || !is_there("apt-get") {
        eprintln!("These packages are needed (names as in Debian): {}", wanted.join(" "));
        eprintln!("Install them and try again; only root on a Debian system can have it done here.");
        return false;
    }
    if !apt_get(&["update", "-q"]) {
        eprintln!("apt-get update failed; is there a network? Trying with the lists that are here.");
    }
    let mut install = vec!["install", "-y", "-q", "--no-install-recommends"];
    install.extend(&wanted);
    if !apt_get(&install) {
        // One package that is unknown here keeps apt-get from installing any of the others.
        for package in &wanted {
            apt_get(&["install", "-y", "-q", "--no-install-recommends", package]);
        }
    }
    let still = missing(tools);
    if !still.is_empty() {
        eprintln!("Still missing after apt-get: {}", still.join(" "));
    }
    still.is_empty()
}

/// Runs apt-get without questions.
pub(crate) fn apt_get(arguments: &[&str]) -> bool {
    println!("apt-get {}", arguments.join(" "));
    Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns whether this process runs as root, as the kernel tells it.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|uids| uids.split_whitespace().nth(1))
        .is_some_and(|effective| effective == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_there_is_missed_by_its_package() {
        let tools = [
            Tool { any_of: &["sh"], package: "dash" },
            Tool { any_of: &["no-such-program-anywhere"], package: "nowhere" },
        ];
        assert_eq!(missing(&tools), ["nowhere"]);
    }

    #[test]
    fn one_of_several_places_is_enough() {
        assert!(missing(&[Tool { any_of: &["/nonexistent", "/proc/self/status"], package: "x" }]).is_empty());
    }
}
