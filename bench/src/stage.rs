//! Where the measuring happens: a network namespace with only a loopback, and a file system in memory.
//!
//! Both vanish with the last process inside. Nothing outside is changed.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::options::Options;

/// Set for the copy of ourselves that runs inside; holds the path of `wharfd`.
pub(crate) const INSIDE: &str = "WHARF_BENCH_WHARFD";

/// Which congestion control is in force, and where it is chosen, in the network namespace of who looks.
const CONGESTION: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

/// How many octets the large file has.
pub(crate) const LARGE: u64 = 1 << 30;

/// How many octets the file has that many fetch at once.
pub(crate) const MEDIUM: u64 = 64 << 20;

/// How many small files there are, of 1 KiB each.
pub(crate) const SMALL: usize = 2_000;

/// How many entries the crowded directory has.
pub(crate) const CROWD: usize = 20_000;

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
    if !options.alone && !options.vsftpd.exists() {
        let file = options.vsftpd.display();
        return Err(io::Error::other(format!(
            "{file} is not there; install vsftpd or name it with --vsftpd"
        )));
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
pub(crate) struct Stage(PathBuf);

impl Stage {
    /// Brings the network up and lays out the files.
    pub(crate) fn set() -> io::Result<Self> {
        run("ip", &["link", "set", "lo", "up"])?;
        // The pacing of bbr would be measured instead of the servers. A new namespace may not always choose cubic.
        fs::write(CONGESTION, "cubic").or_else(|_| fs::write(CONGESTION, "reno"))?;
        let place = PathBuf::from("/mnt");
        run("mount", &["-t", "tmpfs", "-o", "size=6g,mode=0755,nr_inodes=200k", "wharf-bench", "/mnt"])?;
        let stage = Self(place);
        for directory in ["", "small", "crowd", "incoming"] {
            let directory = stage.public().join(directory);
            fs::create_dir(&directory)?;
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        }
        let (user, group) = ftp_account()?;
        chown(stage.incoming(), Some(user), Some(group))?;
        stage.fill()?;
        Ok(stage)
    }

    fn fill(&self) -> io::Result<()> {
        // Written, not only sized: holes would be served from one shared page.
        for (name, octets) in [("large", LARGE), ("medium", MEDIUM)] {
            let mut file = fs::File::create(self.public().join(name))?;
            io::copy(&mut io::Read::take(io::repeat(b'w'), octets), &mut file)?;
        }
        for index in 0..SMALL {
            fs::write(self.public().join(format!("small/f{index}")), [b'w'; 1024])?;
        }
        for index in 0..CROWD {
            fs::File::create(self.public().join(format!("crowd/entry-{index:05}.txt")))?;
        }
        Ok(())
    }

    /// Returns the congestion control of the namespace.
    pub(crate) fn congestion() -> io::Result<String> {
        Ok(fs::read_to_string(CONGESTION)?.trim().to_owned())
    }

    /// Returns the directory for configurations and logs.
    pub(crate) fn place(&self) -> &Path {
        &self.0
    }

    /// Returns the root of anonymous users.
    pub(crate) fn public(&self) -> PathBuf {
        self.0.join("public")
    }

    /// Returns the one directory they may write to.
    pub(crate) fn incoming(&self) -> PathBuf {
        self.public().join("incoming")
    }
}

/// Returns the ids of the account `ftp`, whom both servers serve anonymous users as.
fn ftp_account() -> io::Result<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd")?;
    let line = accounts.lines().find(|line| line.starts_with("ftp:"));
    let ids = line.and_then(|line| {
        let mut fields = line.split(':').skip(2).map(|id| id.parse().ok());
        Some((fields.next()??, fields.next()??))
    });
    ids.ok_or_else(|| io::Error::other("there is no account ftp in /etc/passwd; installing vsftpd makes one"))
}
