//! The role as a process of its own: it becomes a user, is shut in its root, and serves from there.
//!
//! Without a harness, because the test program starts itself again as the broker, which must have one thread.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use wharf_ipc::broker::{Answer, Identity, NewLogin, Request, Rules, Start, Started};
use wharf_ipc::link::{self, Link};
use wharf_os::channel::Channel;
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Change, Format, List, ListFlags, Writing};

/// A number that no account should have.
const USER: u32 = 54_321;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("broker") {
        let channel = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        return wharf_storage::broker::run(channel);
    }
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    without_root_it_serves_as_who_it_is();
    if wharf_os::identity::is_root() {
        as_root_it_becomes_the_user_in_the_users_root();
        a_root_that_the_user_may_not_enter_is_told();
        it_reads_only_where_the_rules_write_nothing();
    } else {
        println!("becoming another user ... skipped: needs root");
    }
    ExitCode::SUCCESS
}

struct Broker {
    child: Child,
    monitor: Link<NewLogin, Started>,
}

impl Broker {
    fn start(start: &Start) -> (Self, Started) {
        let (monitor, theirs) = Channel::pair().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .arg("broker")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .unwrap();
        let link: Link<Start, Started> = Link::new(monitor);
        link.send(start).unwrap();
        let started = link.receive(&mut link::scratch()).unwrap().unwrap().message;
        (Self { child, monitor: Link::from(OwnedFd::from(link)) }, started)
    }

    fn login(&self) -> Link<Request, Answer> {
        let (ours, theirs) = Channel::pair().unwrap();
        self.monitor.send_with(&NewLogin { number: 1 }, &[theirs.as_fd()]).unwrap();
        Link::new(ours)
    }

    fn end(mut self) {
        drop(self.monitor);
        assert!(self.child.wait().unwrap().success());
    }
}

fn ask(session: &Link<Request, Answer>, request: &Request) -> Answer {
    session.send(request).unwrap();
    session.receive(&mut link::scratch()).unwrap().expect("the broker closed the channel").message
}

fn path(text: &str) -> VirtualPath {
    VirtualPath::absolute(text.as_bytes()).unwrap()
}

fn rules() -> Rules {
    Rules {
        may_read: true,
        may_list: true,
        may_create: true,
        may_overwrite: true,
        may_make_directory: true,
        may_remove: true,
        may_set_mode: true,
        may_set_time: true,
        may_link: true,
        lock: true,
        file_mode: 0o666,
        sort_limit: 1000,
        local_time: true,
        name_owners: true,
        name_homes: true,
        random_unique: true,
        ..Rules::default()
    }
}

fn begin(root: &Path, identity: Option<Identity>, rules: Rules) -> Start {
    let octets = |path: &Path| path.as_os_str().as_encoded_bytes().to_vec();
    let start = vec![octets(&root.join("gone")).into(), octets(&root.join("home")).into()];
    Start { user: b"alice".to_vec(), identity, root: octets(root), start, rules }
}

fn user() -> Option<Identity> {
    Some(Identity { uid: USER, gid: USER, groups: vec![USER] })
}

/// A root of root's with a home of the user's.
fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    let home = tree.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
    if wharf_os::identity::is_root() {
        chown(&home, Some(USER), Some(USER)).unwrap();
    }
    symlink("home", tree.path().join("link")).unwrap();
    fs::create_dir(tree.path().join("etc")).unwrap();
    fs::write(tree.path().join("etc/passwd"), "bob:x:7:7::/home:/bin/sh\n").unwrap();
    tree
}

/// Every kind of request, so that a system call missing from the policy is found here.
fn everything_works(session: &Link<Request, Answer>) {
    let Answer::Entered(entered) = ask(session, &Request::Enter(path("/link"))) else {
        panic!("cannot enter")
    };
    assert_eq!(entered.path, path("/home"));
    let write = |name, writing| Request::OpenWrite { path: path(name), writing, umask: 0o022 };
    assert!(matches!(ask(session, &write("/home/f", Writing::Store)), Answer::OpenedForWriting(_)));
    assert!(matches!(ask(session, &write("/home/f", Writing::Unique)), Answer::OpenedForWriting(_)));
    assert!(matches!(ask(session, &Request::OpenRead(path("/home/f"))), Answer::Opened { size: 0 }));
    for follow in [true, false] {
        assert!(matches!(ask(session, &Request::Look { path: path("/link"), follow }), Answer::Looked(_)));
    }
    assert_eq!(ask(session, &Request::Home { name: b"bob".to_vec() }), Answer::Home(Some(path("/home"))));
    let modified = wharf_proto::entry::Time { seconds: 1, nanoseconds: 0 };
    for change in [
        Change::MakeDirectory { path: path("/home/d"), umask: 0 },
        Change::Rename { from: path("/home/d"), to: path("/home/e") },
        Change::RemoveDirectory(path("/home/e")),
        Change::SetMode { path: path("/home/f"), mode: 0o600 },
        Change::SetModified { path: path("/home/f"), modified },
        Change::Delete(path("/home/f")),
    ] {
        assert_eq!(ask(session, &Request::Change(change.clone())), Answer::Done, "{change:?}");
    }
    let flags = ListFlags { all: true, by_time: true, ..ListFlags::default() };
    let list = List { path: path("/"), prefix: Vec::new(), pattern: true, format: Format::Long, flags };
    session.send(&Request::List(list)).unwrap();
    let mut received = session.receive(&mut link::scratch()).unwrap().unwrap();
    assert_eq!(received.message, Answer::Listing { opened: true });
    let reader = received.descriptor().unwrap();
    rustix::io::ioctl_fionbio(&reader, false).unwrap();
    let text = std::io::read_to_string(fs::File::from(reader)).unwrap();
    assert!(text.contains(" link -> home\r\n") && text.contains(" home\r\n"), "{text}");
}

fn without_root_it_serves_as_who_it_is() {
    let tree = tree();
    let (broker, started) = Broker::start(&begin(tree.path(), None, rules()));
    // A process that is root enters the root for good; one that is not resolves beneath it. Both say the same.
    assert_eq!(started, Started::Ready(path("/home")));
    everything_works(&broker.login());
    broker.end();
    println!("without_root_it_serves_as_who_it_is ... ok");
}

fn as_root_it_becomes_the_user_in_the_users_root() {
    let tree = tree();
    fs::write(tree.path().join("roots"), "x").unwrap();
    fs::set_permissions(tree.path().join("roots"), fs::Permissions::from_mode(0o600)).unwrap();
    let (broker, started) = Broker::start(&begin(tree.path(), user(), rules()));
    assert_eq!(started, Started::Ready(path("/home")));
    let process = format!("/proc/{}", broker.child.id());
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let numbers = format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}");
    assert!(status.contains(&numbers), "{status}");
    assert!(status.contains("CapEff:\t0000000000000000") && status.contains("NoNewPrivs:\t1"), "{status}");
    assert_eq!(fs::read_link(format!("{process}/root")).unwrap(), tree.path().canonicalize().unwrap());
    let session = broker.login();
    everything_works(&session);
    assert_eq!(ask(&session, &Request::OpenRead(path("/roots"))), Answer::Refused(Failure::Denied));
    let delete = Request::Change(Change::Delete(path("/roots")));
    assert_eq!(ask(&session, &delete), Answer::Refused(Failure::Denied));
    assert!(matches!(ask(&session, &Request::Look { path: path("/roots"), follow: true }),
        Answer::Looked(looked) if !looked.access.read && !looked.access.write && !looked.access.parent_write));
    broker.end();
    println!("as_root_it_becomes_the_user_in_the_users_root ... ok");
}

fn a_root_that_the_user_may_not_enter_is_told() {
    let tree = tree();
    let shut = tree.path().join("shut");
    fs::create_dir(&shut).unwrap();
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).unwrap();
    let (broker, started) = Broker::start(&begin(&shut, user(), rules()));
    let directory = shut.as_os_str().as_encoded_bytes().to_vec();
    assert_eq!(started, Started::Unusable { directory, failure: Failure::Denied });
    broker.end();
    let directory = tree.path().join("gone").as_os_str().as_encoded_bytes().to_vec();
    let start = vec![serde_bytes::ByteBuf::from(directory.clone())];
    let (broker, started) = Broker::start(&Start { start, ..begin(tree.path(), user(), rules()) });
    assert_eq!(started, Started::Unusable { directory, failure: Failure::NotFound });
    broker.end();
    println!("a_root_that_the_user_may_not_enter_is_told ... ok");
}

fn it_reads_only_where_the_rules_write_nothing() {
    let tree = tree();
    let reading = Rules { may_read: true, may_list: true, ..Rules::default() };
    let (broker, _) = Broker::start(&begin(tree.path(), user(), reading));
    let status = fs::read_to_string(format!("/proc/{}/status", broker.child.id())).unwrap();
    assert!(status.contains("Seccomp:\t2"), "{status}");
    let write = Request::OpenWrite { path: path("/home/f"), writing: Writing::Store, umask: 0 };
    assert_eq!(ask(&broker.login(), &write), Answer::Refused(Failure::Denied));
    broker.end();
    println!("it_reads_only_where_the_rules_write_nothing ... ok");
}
