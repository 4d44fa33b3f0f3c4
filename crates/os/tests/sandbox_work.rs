//! What each role must still be able to do, behind its walls.
//!
//! The opposite of `sandbox.rs`: a policy that is too tight breaks transfers, so the real calls of each role are made
//! here, the session's by the runtime it uses.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod stage;

use std::fs;
use std::io::{self, Read, Seek, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::mpsc;

use rustix::fs::{Mode, OFlags};
use stage::{Act, errno, outcome};
use wharf_os::beneath::Root;
use wharf_os::channel::Channel;
use wharf_os::identity;
use wharf_os::pump::{Moved, Pipe, cached, sendfile, splice_in, splice_out};
use wharf_os::sandbox::{Access, Role, Sandbox};
use wharf_os::spawn::Inherited;

const NOBODY: u32 = 65534;

const ACTS: &[(&str, Act)] = &[
    ("session", session),
    ("runtime", runtime),
    ("listener", listener),
    ("keyholder", keyholder),
    ("acme", acme),
    ("auth", auth),
    ("broker", broker),
];

const TESTS: &[(&str, fn())] = &[
    ("a_session_can_move_octets", || works("session")),
    ("a_session_can_run_its_runtime", || works("runtime")),
    ("a_listener_can_accept_dial_and_hand_over", || works("listener")),
    ("a_keyholder_can_answer", || works("keyholder")),
    ("acme_can_use_the_sockets_it_is_handed", || works("acme")),
    ("pam_can_do_its_work", || works("auth")),
    ("a_broker_has_the_rights_of_its_directory_and_no_others", a_broker_has_the_rights_of_its_directory),
];

fn main() -> ExitCode {
    stage::run(ACTS, TESTS)
}

/// Leaves root, as every role but auth does in the daemon.
fn leave_root() {
    if identity::is_root() {
        identity::become_user(NOBODY, NOBODY, &[]).unwrap();
    }
}

fn works(act: &str) {
    let directory = tempfile::tempdir().unwrap();
    let directory = fs::File::open(directory.path()).unwrap();
    assert_eq!(outcome(act, &[], &[("directory", directory.as_fd())]).expect(act), "worked");
}

/// Wraps the body of an act that may fail anywhere.
fn worked(body: impl FnOnce() -> io::Result<()>) -> Result<String, String> {
    body().map(|()| "worked".into()).map_err(|error| format!("{error} ({})", errno(&error)))
}

fn session(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    let content = vec![b'w'; 300_000];
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    let upload = tempfile::tempfile().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let data = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let (broker, ours) = Channel::pair().unwrap();
    broker.send(b"opened", &[file.as_fd()]).unwrap();
    leave_root();
    let begun = Sandbox::for_role(Role::Session, &[]).begin().map_err(|e| e.to_string())?;
    let (work, queue) = mpsc::channel::<fs::File>();
    let pool = std::thread::spawn(move || {
        let mut total = 0;
        for file in queue {
            let mut octets = [0; 1000];
            total += std::os::unix::fs::FileExt::read_at(&file, &mut octets, 5).unwrap();
        }
        total
    });
    let _ = begun.finish().map_err(|e| e.to_string())?;
    worked(|| {
        // A descriptor from the broker.
        let mut descriptors = Vec::new();
        ours.receive(&mut [0; 64], &mut descriptors)?;
        let file = fs::File::from(descriptors.pop().unwrap());
        assert_eq!(file.metadata()?.len(), content.len() as u64);
        let _ = cached(&file, 0);
        // RETR by splice, then by sendfile.
        let pipe = Pipe::new(64 * 1024)?;
        let mut offset = 0;
        let Moved::Octets(held) = splice_in(&file, Some(&mut offset), &pipe, 50_000)? else { panic!() };
        assert!(matches!(splice_out(&pipe, &data, None, held, false)?, Moved::Octets(n) if n == held));
        assert_eq!(sendfile(&data, &file, &mut offset, 1000)?, Moved::Octets(1000));
        let mut received = vec![0; held + 1000];
        peer.read_exact(&mut received)?;
        assert_eq!(received, content[..held + 1000]);
        // STOR by splice, ALLO, a new length, on the disk.
        peer.write_all(b"uploaded")?;
        wharf_os::pump::allocate(&upload, 0, 100_000);
        let Moved::Octets(held) = splice_in(&data, None, &pipe, 50_000)? else { panic!() };
        splice_out(&pipe, &upload, Some(&mut 0), held, false)?;
        upload.set_len(4)?;
        upload.sync_all()?;
        // The pool, memory, time, chance, locks, its own abilities.
        work.send(file.try_clone()?).unwrap();
        drop(work);
        assert_eq!(pool.join().unwrap(), 1000);
        let mut memory: Vec<Vec<u8>> = (0..64).map(|_| vec![1; 1 << 20]).collect();
        memory.push(vec![2; 200 << 20]);
        drop(memory);
        assert!(std::time::Instant::now().elapsed().as_secs() < 100);
        let _ = std::collections::HashMap::<u8, u8>::new().insert(1, 1);
        // The pool paces itself by sleeping; the call must be there.
        std::thread::sleep(std::time::Duration::from_millis(1));
        data.set_nodelay(true)?;
        data.shutdown(std::net::Shutdown::Both)?;
        assert!(wharf_os::file_lock::try_lock(&upload, wharf_os::file_lock::Lock::Write)?);
        Ok(())
    })
}

/// What the session's runtime does all day: sockets, timers, a channel, waking up.
fn runtime(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use wharf_os::watched::Watched;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    let (broker, ours) = Channel::pair().unwrap();
    leave_root();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = Sandbox::for_role(Role::Session, &[]).enter().map_err(|e| e.to_string())?;
    worked(|| {
        runtime.block_on(async {
            for stream in [&near, &far] {
                stream.set_nonblocking(true)?;
            }
            let (mut near, mut far) =
                (tokio::net::TcpStream::from_std(near)?, tokio::net::TcpStream::from_std(far)?);
            let echo = tokio::spawn(async move {
                let mut word = [0; 4];
                far.read_exact(&mut word).await?;
                far.write_all(&word).await?;
                far.shutdown().await
            });
            near.write_all(b"NOOP").await?;
            let mut answer = Vec::new();
            near.read_to_end(&mut answer).await?;
            assert_eq!(answer, b"NOOP");
            echo.await??;
            // A timer, and a channel that becomes readable while we wait for it.
            ours.set_nonblocking(true)?;
            let ours = Watched::new(ours)?;
            let later = tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                broker.send(b"opened", &[])
            });
            let mut ready = ours.readable().await?;
            let length = ready.try_io(|ours| ours.get_ref().receive(&mut [0; 64], &mut Vec::new()));
            assert_eq!(length.unwrap()?, Some(6));
            later.await?
        })
    })
}

fn listener(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    use wharf_os::epoll::{Interest, Poller};
    use wharf_os::socket::*;
    let (monitor, session) = Channel::pair().unwrap();
    leave_root();
    let _ = Sandbox::for_role(Role::Listener, &[]).enter().map_err(|e| e.to_string())?;
    worked(|| {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let control = listening(any, Family::Only)?;
        let call = dial(any, local_address(&control)?)?;
        let poller = Poller::new()?;
        poller.add(&control, 1, Interest::Read)?;
        poller.wait(&mut Vec::new(), None)?;
        dial_result(&call)?;
        let (connection, peer) = accept(&control)?.expect("a caller");
        assert_eq!(peer, local_address(&call)?);
        control_options(&connection)?;
        ask_for_throughput(&connection);
        monitor.send(b"take this", &[connection.as_fd()])?;
        session.receive(&mut [0; 64], &mut Vec::new())?;
        Ok(())
    })
}

fn acme(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"roots").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut caller = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (monitor, ours) = Channel::pair().unwrap();
    leave_root();
    let _ = Sandbox::for_role(Role::Acme, &[]).enter().map_err(|e| e.to_string())?;
    worked(|| {
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut [0; 5], 0)?;
        monitor.send(b"connect", &[])?;
        ours.receive(&mut [0; 64], &mut Vec::new())?;
        let (connection, _) = wharf_os::socket::accept(&listener)?.expect("a caller waits");
        let mut connection = TcpStream::from(connection);
        rustix::net::sockopt::socket_error(&connection)??;
        caller.write_all(b"GET")?;
        let ready = &mut [rustix::event::PollFd::new(&connection, rustix::event::PollFlags::IN)];
        rustix::event::poll(ready, None)?;
        connection.read_exact(&mut [0; 3])?;
        connection.write_all(b"200")?;
        connection.shutdown(std::net::Shutdown::Write)?;
        caller.read_exact(&mut [0; 3])?;
        rustix::rand::getrandom(&mut [0_u8; 32], rustix::rand::GetRandomFlags::empty())?;
        Ok(())
    })
}

fn keyholder(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    let (one, other) = Channel::pair().unwrap();
    leave_root();
    let _ = Sandbox::for_role(Role::Keyholder, &[]).enter().map_err(|e| e.to_string())?;
    worked(|| {
        one.send(b"sign", &[])?;
        other.receive(&mut [0; 64], &mut Vec::new())?;
        let mut random = [0; 32];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        drop(vec![1_u8; 8 << 20]);
        Ok(())
    })
}

fn auth(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    let report = Sandbox::for_role(Role::Auth, &[]).enter().map_err(|e| e.to_string())?;
    assert!(report.is_complete(), "{report}");
    worked(|| {
        fs::read("/etc/passwd")?;
        identity::lookup(b"root")?.expect("root");
        // pam_unix starts its helper when it is not root.
        assert!(std::process::Command::new("true").status()?.success());
        Ok(())
    })
}

fn broker(inherited: &mut Inherited, words: &[String]) -> Result<String, String> {
    let directory = inherited.require("directory").unwrap();
    let access = match words[0].as_str() {
        "read" => Access::Read,
        "write" => Access::ReadWrite,
        _ => Access::UploadOnly,
    };
    let report =
        Sandbox::for_role(Role::Broker, &[(directory.as_fd(), access)]).enter().map_err(|e| e.to_string())?;
    let root = Root::from_fd(directory);
    let root = if words.get(1).is_some_and(|word| word == "walk") { root.with_walk() } else { root };
    let open = |path: &[u8], flags| root.resolve(path, flags, Mode::from_raw_mode(0o600));
    let told = |outcome: io::Result<()>| outcome.map_or_else(|error| errno(&error), |()| "done".into());
    let at = |path: &[u8], deed: fn(&OwnedFd, &[u8]) -> rustix::io::Result<()>| {
        told(root.parent(path).and_then(|(parent, name)| Ok(deed(&parent, name)?)))
    };
    let answers = [
        (
            "list",
            told(open(b"/", OFlags::RDONLY | OFlags::DIRECTORY).and_then(|directory| {
                assert!(rustix::fs::Dir::new(directory)?.count() > 2);
                Ok(())
            })),
        ),
        (
            "read",
            told(open(b"/file", OFlags::RDONLY).and_then(|file| {
                let mut text = String::new();
                let mut file = fs::File::from(file);
                file.read_to_string(&mut text)?;
                file.rewind()
            })),
        ),
        ("write", told(open(b"/file", OFlags::WRONLY).map(drop))),
        ("create", told(open(b"/new", OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL).map(drop))),
        ("mkdir", at(b"/made", |parent, name| rustix::fs::mkdirat(parent, name, Mode::RWXU))),
        ("rename", at(b"/victim", |parent, name| rustix::fs::renameat(parent, name, parent, "moved"))),
        ("move", at(b"/moved", |parent, name| rustix::fs::renameat(parent, name, parent, "sub/moved"))),
        ("symlink", at(b"/link", |parent, name| rustix::fs::symlinkat("x", parent, name))),
        (
            "rmdir",
            at(b"/empty", |parent, name| rustix::fs::unlinkat(parent, name, rustix::fs::AtFlags::REMOVEDIR)),
        ),
        ("outside", told(fs::File::open("/etc/passwd").map(drop))),
    ];
    let answers = answers.map(|(what, answer)| format!("{what}={answer}"));
    Ok(format!("{} {}", report.is_complete(), answers.join(" ")))
}

fn a_broker_has_the_rights_of_its_directory() {
    if !wharf_os::sandbox::explain().starts_with("Landlock: available") {
        println!("skipped: this kernel has no Landlock");
        return;
    }
    // Landlock's answer to a rename between directories by those who may rename within one.
    let across = "errno 18 (Invalid cross-device link (os error 18))";
    let done = |list: &[&str]| -> String {
        let all =
            ["list", "read", "write", "create", "mkdir", "rename", "move", "symlink", "rmdir", "outside"];
        let refused = |what| if what == "move" && list.contains(&"rename") { across } else { "EACCES" };
        let answers =
            all.map(|what| format!("{what}={}", if list.contains(&what) { "done" } else { refused(what) }));
        format!("true {}", answers.join(" "))
    };
    for how in ["kernel", "walk"] {
        for (access, may) in [
            ("read", &["list", "read"][..]),
            ("upload", &["list", "write", "create", "mkdir", "rename"]),
            ("write", &["list", "read", "write", "create", "mkdir", "rename", "move", "symlink", "rmdir"]),
        ] {
            let directory = tempfile::tempdir().unwrap();
            for name in ["file", "victim", "moved"] {
                fs::write(directory.path().join(name), name).unwrap();
            }
            fs::create_dir(directory.path().join("sub")).unwrap();
            fs::create_dir(directory.path().join("empty")).unwrap();
            let opened =
                rustix::fs::open(directory.path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
            let said = outcome("broker", &[access, how], &[("directory", opened.as_fd())]).expect("broker");
            assert_eq!(said, done(may), "{access} {how}");
        }
    }
}
