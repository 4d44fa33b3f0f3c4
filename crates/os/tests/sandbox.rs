//! Attacks on the walls of each role, from inside.
//!
//! Every probe is a process of its own that enters the role's sandbox and tries one thing.
#![allow(unsafe_code, reason = "an attacker does not use safe wrappers")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod stage;

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;
use std::sync::mpsc;

use stage::{Act, errno, outcome, start};
use wharf_os::channel::Channel;
use wharf_os::identity;
use wharf_os::sandbox::{Role, Sandbox, Wall};
use wharf_os::spawn::Inherited;

const NOBODY: u32 = 65534;

const ACTS: &[(&str, Act)] = &[
    ("try", attempt),
    ("landlock-only", landlock_only),
    ("report", |_, words| {
        let report = Sandbox::for_role(role(&words[0]), &[]).enter().map_err(|e| e.to_string())?;
        Ok(format!("{} {report}", report.is_complete()))
    }),
    ("threads", threads),
    ("late-sandbox", late_sandbox),
    ("victim", victim),
];

const TESTS: &[(&str, fn())] = &[
    ("each_forbidden_thing_is_refused_from_inside", each_forbidden_thing_is_refused_from_inside),
    ("each_unforgivable_thing_ends_the_process", each_unforgivable_thing_ends_the_process),
    ("landlock_holds_without_the_filter", landlock_holds_without_the_filter),
    ("two_workers_of_one_user_cannot_touch_each_other", two_workers_of_one_user_cannot_touch_each_other),
    ("threads_started_in_between_are_shut_in_as_well", threads_started_in_between_are_shut_in_as_well),
    ("threads_that_ran_before_are_not_passed_over_in_silence", threads_that_ran_before_are_not_passed_over),
    ("the_report_is_complete_on_this_kernel", the_report_is_complete_on_this_kernel),
];

fn main() -> ExitCode {
    stage::run(ACTS, TESTS)
}

fn role(name: &str) -> Role {
    Role::ALL.into_iter().find(|role| role.name() == name).expect("a role")
}

/// Leaves root, as every role but auth does in the daemon.
fn leave_root() {
    if identity::is_root() {
        identity::become_user(NOBODY, NOBODY, &[]).unwrap();
    }
}

/// Whether the kernel has Landlock with signal scopes; the filter is required for these tests to mean anything.
fn landlock_is_complete() -> bool {
    outcome("report", &["session"], &[]).expect("report").starts_with("true")
}

/// What a probe acts on, made before the walls.
struct Scene {
    /// Keeps `address` answering.
    _listener: TcpListener,
    socket: OwnedFd,
    stream: OwnedFd,
    directory: OwnedFd,
    parent: i32,
    address: SocketAddr,
}

impl Scene {
    fn new(inherited: &mut Inherited) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).unwrap().into();
        let directory = inherited.take("directory").unwrap_or_else(|| fs::File::open("/").unwrap().into());
        let socket =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None);
        Self {
            _listener: listener,
            socket: socket.unwrap(),
            stream,
            directory,
            parent: std::os::unix::process::parent_id().cast_signed(),
            address,
        }
    }
}

fn call(result: libc::c_long) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Tries one thing an intruder would like to do.
fn intrude(deed: &str, scene: &Scene) -> io::Result<()> {
    use libc::*;
    let passwd = c"/etc/passwd".as_ptr();
    let socket = scene.socket.as_raw_fd();
    let stream = scene.stream.as_raw_fd();
    let directory = scene.directory.as_raw_fd();
    let mut buffer = [0_u8; 64];
    let octets = buffer.as_mut_ptr();
    let zero = 0_usize;
    // An IPv4 address as the kernel wants it.
    let SocketAddr::V4(v4) = scene.address else { return Err(io::Error::other("not IPv4")) };
    // SAFETY: plain numbers, for which zero is a value.
    let mut address: sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = AF_INET as sa_family_t;
    address.sin_port = v4.port().to_be();
    address.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
    let long = size_of::<sockaddr_in>();
    // SAFETY: each call is given live pointers or ones the kernel refuses; none is expected to succeed, and those
    // that would (fork) are handled.
    call(unsafe {
        match deed {
            "openat" => syscall(SYS_openat, AT_FDCWD, passwd, O_RDONLY, 0),
            "openat-beneath" => syscall(SYS_openat, directory, c".".as_ptr(), O_RDONLY | O_DIRECTORY, 0),
            "openat2" => {
                let how = [0_u64; 3];
                syscall(SYS_openat2, AT_FDCWD, passwd, how.as_ptr(), size_of_val(&how))
            }
            "mkdir" => syscall(SYS_mkdirat, AT_FDCWD, c"/tmp/wharf-intruder".as_ptr(), 0o700),
            "unlink" => syscall(SYS_unlinkat, AT_FDCWD, c"/tmp/wharf-nothing".as_ptr(), 0),
            "mknod" => syscall(SYS_mknodat, AT_FDCWD, c"/tmp/wharf-fifo".as_ptr(), S_IFIFO | 0o600, 0),
            "stat-by-name" => syscall(SYS_newfstatat, AT_FDCWD, passwd, octets.cast::<c_void>(), 0),
            "socket-tcp" => syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
            "socket-udp" => syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0),
            "socket-unix" => syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0),
            "socket-netlink" => syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0),
            "socketpair" => syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, octets),
            "connect" => syscall(SYS_connect, socket, &raw const address, long),
            "bind" => {
                address.sin_port = 0;
                syscall(SYS_bind, socket, &raw const address, long)
            }
            "listen" => syscall(SYS_listen, socket, 1),
            "accept" => syscall(SYS_accept4, socket, zero, zero, 0),
            "read" => syscall(SYS_read, stream, octets, 0_usize),
            "recvfrom" => syscall(SYS_recvfrom, stream, octets, 0_usize, MSG_DONTWAIT, zero, zero),
            "fork" => match syscall(SYS_clone, SIGCHLD, zero, zero, zero, zero) {
                0 => _exit(0),
                result => result,
            },
            "clone3" => {
                let arguments = [0_u64; 11];
                match syscall(SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) {
                    0 => _exit(0),
                    result => result,
                }
            }
            "kill-parent" => syscall(SYS_kill, scene.parent, 0),
            "tgkill-parent" => syscall(SYS_tgkill, scene.parent, scene.parent, 0),
            "pidfd-open" => syscall(SYS_pidfd_open, scene.parent, 0),
            "setuid" => syscall(SYS_setuid, 0),
            "executable-memory" => syscall(
                SYS_mmap,
                zero,
                4096_usize,
                PROT_READ | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS,
                -1,
                zero,
            ),
            "limits" => {
                let limit = rlimit { rlim_cur: 1 << 20, rlim_max: 1 << 20 };
                syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &raw const limit, zero)
            }
            "own-signals-to-a-socket" => syscall(SYS_fcntl, stream, F_SETOWN, scene.parent),
            "inject-into-terminal" => syscall(SYS_ioctl, 0, TIOCSTI, octets),
            "dumpable" => syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0),
            "another-filter" => syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, zero),
            "write-by-name" => {
                syscall(SYS_openat, AT_FDCWD, c"/tmp/wharf-intruder".as_ptr(), O_CREAT | O_WRONLY, 0o600)
            }
            "execve" => syscall(
                SYS_execve,
                c"/bin/true".as_ptr(),
                [c"true".as_ptr(), std::ptr::null()].as_ptr(),
                zero,
            ),
            "execveat" => syscall(SYS_execveat, directory, c"bin/true".as_ptr(), zero, zero, 0),
            "ptrace" => syscall(SYS_ptrace, PTRACE_ATTACH, scene.parent, zero, zero),
            "read-memory" => syscall(SYS_process_vm_readv, scene.parent, zero, zero, zero, zero, 0),
            "write-memory" => syscall(SYS_process_vm_writev, scene.parent, zero, zero, zero, zero, 0),
            "steal-descriptor" => syscall(SYS_pidfd_getfd, socket, 0, 0),
            "mount" => syscall(SYS_mount, zero, c"/tmp".as_ptr(), c"tmpfs".as_ptr(), 0, zero),
            "pivot-root" => syscall(SYS_pivot_root, c"/".as_ptr(), c"/".as_ptr()),
            "chroot" => syscall(SYS_chroot, c"/".as_ptr()),
            "unshare" => syscall(SYS_unshare, CLONE_NEWUSER),
            "setns" => syscall(SYS_setns, socket, 0),
            "bpf" => syscall(SYS_bpf, 0, zero, 0),
            "perf" => syscall(SYS_perf_event_open, zero, 0, -1, -1, 0),
            "userfaultfd" => syscall(SYS_userfaultfd, 0),
            "io-uring" => syscall(SYS_io_uring_setup, 1, octets),
            "keys" => syscall(SYS_keyctl, 0, 0, 0, 0, 0),
            "module" => syscall(SYS_finit_module, socket, c"".as_ptr(), 0),
            "kexec" => syscall(SYS_kexec_load, 0, 0, zero, 0),
            "handle" => syscall(SYS_open_by_handle_at, directory, octets, 0),
            // openat with the bit of the x32 interface, which is not in any list.
            "x32" => syscall(0x4000_0000 + SYS_openat, AT_FDCWD, passwd, O_RDONLY, 0),
            other => panic!("no such deed: {other}"),
        }
    })
}

/// Enters the role named first and does the deed named second.
fn attempt(inherited: &mut Inherited, words: &[String]) -> Result<String, String> {
    let scene = Scene::new(inherited);
    if words.get(2).is_none_or(|word| word != "as-root") {
        leave_root();
    }
    let report = Sandbox::for_role(role(&words[0]), &[]).enter().map_err(|e| e.to_string())?;
    if report.seccomp != Wall::Full {
        return Err(format!("{report}"));
    }
    match intrude(&words[1], &scene) {
        Ok(()) => Err(format!("{} could {}", words[0], words[1])),
        Err(error) => Ok(errno(&error)),
    }
}

fn each_forbidden_thing_is_refused_from_inside() {
    let everyone = [
        "openat",
        "openat-beneath",
        "openat2",
        "mkdir",
        "unlink",
        "mknod",
        "write-by-name",
        "socket-udp",
        "socket-unix",
        "socket-netlink",
        "socketpair",
        "fork",
        "clone3",
        "kill-parent",
        "tgkill-parent",
        "pidfd-open",
        "setuid",
        "executable-memory",
        "limits",
        "own-signals-to-a-socket",
        "inject-into-terminal",
        "dumpable",
        "another-filter",
    ];
    let network = ["socket-tcp", "connect", "bind", "listen", "accept"];
    let without = |deeds: &[&'static str], may: &[&str]| -> Vec<&'static str> {
        deeds.iter().copied().filter(|deed| !may.contains(deed)).collect()
    };
    let beneath = ["openat", "openat-beneath", "openat2", "mkdir", "unlink", "write-by-name"];
    for (role, deeds) in [
        ("session", [&everyone[..], &network, &["stat-by-name"]].concat()),
        ("listener", [&everyone[..], &["read", "recvfrom", "stat-by-name"]].concat()),
        ("keyholder", [&everyone[..], &network, &["read", "recvfrom", "stat-by-name"]].concat()),
        ("acme", [&everyone[..], &without(&network, &["accept"]), &["stat-by-name"]].concat()),
        ("broker", [without(&everyone, &beneath), network.to_vec(), vec!["recvfrom"]].concat()),
        ("mapper", [without(&everyone, &["socket-udp"]), vec!["listen", "accept", "stat-by-name"]].concat()),
    ] {
        for deed in deeds {
            for who in ["as-nobody", "as-root"] {
                assert_eq!(
                    outcome("try", &[role, deed, who], &[]).expect(deed),
                    "EPERM",
                    "{role} {deed} {who}"
                );
            }
        }
    }
    // What the broker's filter lets through is stopped by Landlock: it was given no directory here.
    if landlock_is_complete() {
        for deed in without(&beneath, &["unlink"]) {
            assert_eq!(outcome("try", &["broker", deed, "as-root"], &[]).expect(deed), "EACCES", "{deed}");
        }
    }
}

fn each_unforgivable_thing_ends_the_process() {
    let mut deeds = vec![
        "ptrace",
        "read-memory",
        "write-memory",
        "steal-descriptor",
        "pivot-root",
        "bpf",
        "perf",
        "userfaultfd",
        "io-uring",
        "module",
        "kexec",
        "handle",
    ];
    if cfg!(target_arch = "x86_64") {
        deeds.push("x32");
    }
    let more = ["execve", "execveat", "mount", "chroot", "unshare", "setns", "keys"];
    for role in Role::ALL {
        let more = if role == Role::Auth { &[][..] } else { &more };
        for deed in deeds.iter().chain(more) {
            let outcome = outcome("try", &[role.name(), deed], &[]);
            assert_eq!(outcome.status.signal(), Some(libc::SIGSYS), "{role} {deed}: {outcome:?}");
        }
    }
}

/// Enters the first half of a session's walls and tries what only Landlock can refuse.
fn landlock_only(inherited: &mut Inherited, words: &[String]) -> Result<String, String> {
    let scene = Scene::new(inherited);
    leave_root();
    let _begun = Sandbox::for_role(role(&words[0]), &[]).begin().map_err(|e| e.to_string())?;
    match intrude(&words[1], &scene) {
        Ok(()) => Ok("done".into()),
        Err(error) => Ok(errno(&error)),
    }
}

fn landlock_holds_without_the_filter() {
    if !landlock_is_complete() {
        println!("skipped: this kernel's Landlock is too old");
        return;
    }
    let by = |role: &str, deed: &str| outcome("landlock-only", &[role, deed], &[]).expect(deed);
    for role in ["session", "broker", "keyholder", "acme"] {
        for deed in ["openat", "openat-beneath", "mkdir", "mknod", "write-by-name", "connect", "bind"] {
            assert_eq!(by(role, deed), "EACCES", "{role} {deed}");
        }
        assert_eq!(by(role, "kill-parent"), "EPERM", "{role}");
    }
    assert_eq!(by("listener", "openat"), "EACCES");
    assert_eq!(by("listener", "connect"), "done", "the listener dials");
    assert_eq!(by("auth", "openat"), "done", "PAM reads what it needs");
}

/// A worker that is shut in and waits for the other's attack.
fn victim(inherited: &mut Inherited, _: &[String]) -> Result<String, String> {
    leave_root();
    wharf_os::process::not_dumpable().unwrap();
    let ready = Channel::from(inherited.require("ready").unwrap());
    let _ = Sandbox::for_role(Role::Session, &[]).enter().map_err(|e| e.to_string())?;
    ready.send(b"in", &[]).unwrap();
    ready.receive(&mut [0; 8], &mut Vec::new()).unwrap();
    Ok("untouched".into())
}

fn two_workers_of_one_user_cannot_touch_each_other() {
    let (ready, theirs) = Channel::pair().unwrap();
    let playing = start("victim", &[], &[("ready", theirs.as_fd())]);
    drop(theirs);
    ready.receive(&mut [0; 8], &mut Vec::new()).unwrap().expect("the victim is in");
    let victim = playing.child.pid.to_string();
    // From the same user without walls: the victim hides, so not even its memory file opens.
    if identity::is_root() {
        for file in ["mem", "maps", "environ", "fd/0"] {
            let path = format!("/proc/{victim}/{file}");
            let read = std::process::Command::new("cat").arg(&path).uid_and_gid(NOBODY).output().unwrap();
            assert!(!read.status.success(), "{path} could be read");
        }
    }
    // From inside the same walls, everything that could touch another is refused or fatal; see the lists above.
    for deed in ["kill-parent", "tgkill-parent", "pidfd-open"] {
        assert_eq!(outcome("try", &["session", deed], &[]).expect(deed), "EPERM");
    }
    ready.send(b"go", &[]).unwrap();
    assert_eq!(playing.outcome().expect("victim"), "untouched");
}

/// Runs a command as another user.
trait UidAndGid {
    fn uid_and_gid(&mut self, id: u32) -> &mut Self;
}

impl UidAndGid for std::process::Command {
    fn uid_and_gid(&mut self, id: u32) -> &mut Self {
        std::os::unix::process::CommandExt::uid(std::os::unix::process::CommandExt::gid(self, id), id)
    }
}

/// Starts a thread between the walls and lets it try, afterwards, what the session may not.
fn threads(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    leave_root();
    let begun = Sandbox::for_role(Role::Session, &[]).begin().map_err(|e| e.to_string())?;
    let (go, gone) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        gone.recv().unwrap();
        let opened = fs::File::open("/etc/passwd").map(drop);
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").map(drop);
        [opened, socket].map(|outcome| outcome.map_or_else(|error| errno(&error), |()| "done".into()))
    });
    let report = begun.finish().map_err(|e| e.to_string())?;
    go.send(()).unwrap();
    let refused = thread.join().unwrap();
    let another = std::thread::Builder::new().spawn(|| ()).map(drop);
    Ok(format!(
        "{} {refused:?} {}",
        report.is_complete(),
        another.map_or_else(|e| errno(&e), |()| "done".into())
    ))
}

fn threads_started_in_between_are_shut_in_as_well() {
    let said = outcome("threads", &[], &[]).expect("threads");
    assert_eq!(said, format!("{} [\"EPERM\", \"EPERM\"] EPERM", landlock_is_complete()));
}

fn late_sandbox(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let report = Sandbox::for_role(Role::Session, &[]).enter().map_err(|e| e.to_string())?;
    drop(stop);
    let _ = thread.join();
    Ok(format!("{:?}", report.landlock))
}

fn threads_that_ran_before_are_not_passed_over() {
    let said = outcome("late-sandbox", &[], &[]).expect("late");
    // Kernels with ABI 8 shut in every thread; older ones must say that they did not.
    assert!(said == "Full" || said.contains("threads that ran before") || said.contains("Missing"), "{said}");
}

fn the_report_is_complete_on_this_kernel() {
    let said = outcome("report", &["session"], &[]).expect("report");
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    println!("kernel {}: {said}", release.trim());
    assert!(said.contains("seccomp: enforced"), "{said}");
    let explained = wharf_os::sandbox::explain();
    assert_eq!(
        said.starts_with("true"),
        !explained.starts_with("Landlock: not") && said.contains("Landlock: enforced;")
    );
}
