//! Where the measuring happens: a network namespace with only a loopback, and a file system in memory.
//!
//! Both vanish with the last process inside, and so do the accounts that only it sees. Nothing outside is changed, but
//! for a few files on the disk beneath the target directory.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::account::available;
use crate::certificate::Certificate;
use crate::options::Options;
use crate::provide::Shelf;

/// Set for the copy of ourselves that runs inside; holds the path of `wharfd`.
pub(crate) const INSIDE: &str = "WHARF_BENCH_WHARFD";

/// Which congestion control is in force, and where it is chosen, in the network namespace of who looks.
const CONGESTION: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

/// The ports that clients get from the kernel: enough for the connections of a turn that linger, and none of a server.
const CLIENT_PORTS: (&str, &str) = ("/proc/sys/net/ipv4/ip_local_port_range", "4000 39999");

/// How many octets the file has that many fetch at once in the page about load, and the one that is held back by a limit.
pub(crate) const MEDIUM: u64 = 64 << 20;

/// How many octets the file has that hundreds fetch at once.
pub(crate) const TEN: u64 = 10 << 20;

/// How many entries the directory has that is listed beside downloads.
pub(crate) const FEW: usize = 20;

/// How many files there are on the disk, and how many octets each has.
pub(crate) const COLD: (usize, u64) = (16, 64 << 20);

/// The account of the machine that logs in through PAM, and its password. Both exist inside our namespace only.
pub(crate) const LOCAL: (&str, &str) = ("wharf-bench", "berth");

/// Of that password. Its rounds are the fewest there are: the servers are measured, not the hash.
const HASH: &str = "$6$rounds=1000$wharfbenchsalt$Hy32nC9w4kHNa2hVn.Sx9j1UEyawqHyieNepzZIH9xLGUM7TpmtKINuGMaWLQasQXifirDrFaYUfePRPkrLgb1";

/// User and group of anonymous sessions, and of the local account: numbers that nobody has.
const OWNER: u32 = 61_233;

/// What PAM is asked for by every server that uses it.
const PAM: &str = "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

/// How much there is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Octets of the large file.
    pub(crate) large: u64,
    /// Files of 1 KiB.
    pub(crate) small: usize,
    /// Entries of the crowded directory.
    pub(crate) crowd: usize,
}

impl Sizes {
    /// Returns what this machine has memory for: the large file exists twice, once served and once received.
    fn new(options: &Options) -> io::Result<Self> {
        if options.quick {
            return Ok(Self { large: 512 << 20, small: 1_000, crowd: 20_000 });
        }
        let room = available()? / 4 * 1024;
        let large = [4 << 30, 2 << 30, 1 << 30].into_iter().find(|large| *large <= room).unwrap_or(512 << 20);
        Ok(Self { large, small: 10_000, crowd: 100_000 })
    }
}

/// Returns whether we already run inside.
pub(crate) fn is_ours() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Builds what is to be measured and runs ourselves again, inside new namespaces.
///
/// # Errors
/// When we are not root, a server is missing, or the build fails.
pub(crate) fn enter(options: &Options) -> io::Result<ExitCode> {
    if !rustix::process::geteuid().is_root() {
        return Err(io::Error::other("namespaces and anonymous logins need root; try again with sudo"));
    }
    if !options.alone {
        Shelf::ours()?.fill()?;
    }
    let wharfd = options.wharfd.clone().map_or_else(build, Ok)?;
    let mut inside = Command::new("unshare");
    inside.args(["--net", "--mount", "--propagation", "private", "--"]).arg(std::env::current_exe()?);
    inside.args(std::env::args_os().skip(1)).env(INSIDE, wharfd.canonicalize()?);
    let status =
        inside.status().map_err(|error| io::Error::other(format!("unshare (util-linux): {error}")))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the server in the profile and the target directory that we were built in; returns its path.
fn build() -> io::Result<PathBuf> {
    run("cargo", &["build", "--release", "--package", "wharf-daemon"])?;
    Ok(std::env::current_exe()?.with_file_name("wharfd"))
}

/// Runs a program to its end, which must be a good one.
fn run(program: &str, arguments: &[&str]) -> io::Result<()> {
    let shown = || format!("{program} {}", arguments.join(" "));
    match Command::new(program).args(arguments).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(io::Error::other(format!("{}: {status}", shown()))),
        Err(error) => Err(io::Error::other(format!("{}: {error}", shown()))),
    }
}

/// The files to serve, and room for logs and configurations.
#[derive(Debug)]
pub(crate) struct Stage {
    place: PathBuf,
    /// Shown by every server that speaks TLS.
    pub(crate) certificate: Certificate,
    /// What was laid out.
    pub(crate) sizes: Sizes,
}

impl Stage {
    /// Brings the network up, makes the accounts and lays out the files.
    ///
    /// # Errors
    /// When the kernel refuses a part of it, or the memory is too small.
    pub(crate) fn set(options: &Options, shelf: &Shelf) -> io::Result<Self> {
        run("ip", &["link", "set", "lo", "up"])?;
        // The pacing of bbr would be measured instead of the servers. A new namespace may not always choose cubic.
        fs::write(CONGESTION, "cubic").or_else(|_| fs::write(CONGESTION, "reno"))?;
        fs::write(CLIENT_PORTS.0, CLIENT_PORTS.1)?;
        let sizes = Sizes::new(options)?;
        let tmpfs = format!("size={},mode=0755,nr_inodes=500k", sizes.large * 9 / 4 + (1 << 30));
        run("mount", &["-t", "tmpfs", "-o", &tmpfs, "wharf-bench", "/mnt"])?;
        let place = PathBuf::from("/mnt");
        let certificate = Certificate::new(&place.join("tls"), (OWNER, OWNER))?;
        let stage = Self { place, certificate, sizes };
        for directory in ["", "small", "crowd", "tenth", "few", "incoming", "cold"] {
            let directory = stage.public().join(directory);
            fs::create_dir(&directory)?;
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        }
        chown(stage.incoming(), Some(OWNER), Some(OWNER))?;
        stage.accounts()?;
        stage.fill()?;
        stage.fill_disk(shelf)?;
        Ok(stage)
    }

    /// Lays a copy of /etc with our own accounts over that of the machine, for those inside.
    ///
    /// The whole directory: a mount over one file is lost when somebody outside replaces that file.
    fn accounts(&self) -> io::Result<()> {
        let ours = self.place.join("etc");
        run("cp", &["-a", "/etc", &ours.display().to_string()])?;
        let (user, home) = (LOCAL.0, self.public());
        let home = home.display();
        let lines = [
            ("passwd", "ftp", format!("ftp:x:{OWNER}:{OWNER}::{home}:/usr/sbin/nologin")),
            ("passwd", user, format!("{user}:x:{OWNER}:{OWNER}::{home}:/bin/sh")),
            ("group", "ftp", format!("ftp:x:{OWNER}:")),
            ("shadow", user, format!("{user}:{HASH}:19000:0:99999:7:::")),
        ];
        for (list, name, line) in lines {
            let list = ours.join(list);
            let text = with_line(&fs::read_to_string(&list)?, name, &line);
            fs::write(&list, text)?;
        }
        fs::create_dir_all(ours.join("pam.d"))?;
        for service in ["wharf-bench", "pure-ftpd"] {
            fs::write(ours.join("pam.d").join(service), PAM)?;
        }
        run("mount", &["--bind", &ours.display().to_string(), "/etc"])
    }

    fn fill(&self) -> io::Result<()> {
        let large = self.sizes.large;
        let parts = [1, 4, 16, 64].map(|part| (part_name(part), large / part));
        let others = [("medium", MEDIUM), ("ten", TEN), ("one", TEN / 10)];
        for (name, octets) in parts.into_iter().chain(others) {
            write_file(&self.public().join(name), octets)?;
        }
        for index in 0..self.sizes.small {
            fs::write(self.public().join(format!("small/f{index}")), [b'w'; 1024])?;
        }
        let crowd = self.sizes.crowd;
        for (directory, entries) in [("crowd", crowd), ("tenth", crowd / 10), ("few", FEW)] {
            for index in 0..entries {
                fs::File::create(self.public().join(format!("{directory}/entry-{index:06}.txt")))?;
            }
        }
        Ok(())
    }

    /// Lays out the files that are read from the disk, and lets them appear among the others.
    fn fill_disk(&self, shelf: &Shelf) -> io::Result<()> {
        let place = shelf.cold();
        fs::create_dir_all(&place)?;
        for index in 0..COLD.0 {
            let file = place.join(format!("f{index}"));
            if fs::metadata(&file).map_or(0, |about| about.len()) != COLD.1 {
                write_file(&file, COLD.1)?;
            }
        }
        let (from, to) = (place.display().to_string(), self.cold().display().to_string());
        run("mount", &["--bind", &from, &to])
    }

    /// Returns the congestion control of the namespace.
    pub(crate) fn congestion() -> io::Result<String> {
        Ok(fs::read_to_string(CONGESTION)?.trim().to_owned())
    }

    /// Returns the directory for configurations and logs.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Returns the root of anonymous users.
    pub(crate) fn public(&self) -> PathBuf {
        self.place.join("public")
    }

    /// Returns the one directory they may write to.
    pub(crate) fn incoming(&self) -> PathBuf {
        self.public().join("incoming")
    }

    /// Empties the directory for uploads; returns how many octets were in it.
    pub(crate) fn clear_incoming(&self) -> io::Result<u64> {
        let mut octets = 0;
        for entry in fs::read_dir(self.incoming())? {
            let entry = entry?;
            octets += entry.metadata()?.len();
            fs::remove_file(entry.path())?;
        }
        Ok(octets)
    }

    /// Returns the directory whose files are on the disk.
    pub(crate) fn cold(&self) -> PathBuf {
        self.public().join("cold")
    }

    /// Returns user and group of anonymous users.
    pub(crate) fn owner(&self) -> (u32, u32) {
        (OWNER, OWNER)
    }
}

/// Returns the name of the file that is such a part of the large one.
pub(crate) fn part_name(part: u64) -> &'static str {
    match part {
        1 => "large",
        4 => "quarter",
        16 => "sixteenth",
        _ => "sixty-fourth",
    }
}

/// Written, not only sized: holes would be served from one shared page.
fn write_file(path: &Path, octets: u64) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    io::copy(&mut io::Read::take(io::repeat(b'w'), octets), &mut file)?;
    // One on the disk can be dropped from memory only when it has been written there.
    file.sync_all()
}

/// Returns a list of accounts with this line in place of any other of that name.
fn with_line(list: &str, name: &str, line: &str) -> String {
    let others = list.lines().filter(|other| other.split(':').next() != Some(name));
    others.chain([line]).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_of_the_same_name_is_replaced() {
        let list = with_line("root:x:0\nftp:x:1\nftpd:x:2\n", "ftp", "ftp:x:9");
        assert_eq!(list, "root:x:0\nftpd:x:2\nftp:x:9\n");
    }
}
