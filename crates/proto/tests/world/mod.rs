//! A world in memory for the machine to live in: a tree of files, a network that can be told to fail, and a
//! driver as the session room has it, minus the sockets.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use wharf_proto::entry::{Access, Entry, Kind, Time};
use wharf_proto::failure::Failure;
use wharf_proto::ftp::listing::Owners;
use wharf_proto::ftp::server::ask::{
    Ask, Direction, Expected, Grant, Handshake, Move, Moved, NoConnection, NoHandshake, Outcome, Secured,
    Verdict,
};
use wharf_proto::ftp::server::policy::{Banner, Class, Policy, Reuse, Rights, TlsRules};
use wharf_proto::ftp::server::record::Record;
use wharf_proto::ftp::server::session::{Aside, Next, Session, Welcome};
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{
    Answer, Change, Entered, Fate, Finished, Format, List, Looked, OpenedForWriting, Part, Request, Task,
    Writing,
};

pub(crate) fn path(text: &str) -> VirtualPath {
    VirtualPath::absolute(text.as_bytes()).expect("a pathname")
}

pub(crate) fn all_rights() -> Rights {
    Rights {
        download: true,
        list: true,
        upload: true,
        overwrite: true,
        append: true,
        make_directory: true,
        remove: true,
        set_time: true,
        site: true,
        set_mode: true,
        hash: true,
        link: true,
        passive: true,
        active: true,
    }
}

pub(crate) fn policy() -> Policy {
    let mut anonymous_rights = all_rights();
    anonymous_rights.overwrite = false;
    anonymous_rights.append = false;
    anonymous_rights.remove = false;
    anonymous_rights.set_time = false;
    anonymous_rights.site = false;
    anonymous_rights.set_mode = false;
    Policy {
        banner: Banner::Line(b"(Wharf)".to_vec()),
        anonymous: true,
        local: true,
        names: wharf_proto::ftp::server::policy::Names::default(),
        anonymous_without_password: false,
        user_list: None,
        refusal_delay: Duration::ZERO,
        max_login_fails: 3,
        anonymous_rights,
        local_rights: all_rights(),
        anonymous_umask: 0o77,
        local_umask: 0o77,
        anonymous_rate: 0,
        local_rate: 0,
        ascii_download: false,
        ascii_upload: false,
        directory_messages: true,
        local_time: false,
        tilde_user: false,
        change_owner: false,
        commands_allowed: None,
        commands_denied: Vec::new(),
        deny_file: None,
        download_file: None,
        upload_file: None,
        announce: wharf_proto::ftp::server::announce::Announce::default(),
        passive_from_anyone: false,
        active_to_anyone: false,
        idle_timeout: Some(Duration::from_secs(300)),
        data_timeout: Some(Duration::from_secs(300)),
        accept_timeout: Some(Duration::from_secs(60)),
        connect_timeout: Some(Duration::from_secs(60)),
        list_missing_is_error: false,
        hosts: false,
        mode_z: false,
        log_protocol: false,
        tls: None,
    }
}

/// What `ssl_enable=YES` alone brings.
pub(crate) fn tls() -> TlsRules {
    TlsRules {
        implicit: false,
        allow_anonymous: false,
        force_anonymous_logins: false,
        force_local_logins: true,
        force_anonymous_data: false,
        force_local_data: true,
        reuse: Reuse::Required,
        certificate_logins: false,
        strict_read_eof: true,
        strict_write_shutdown: false,
        clear_control: false,
        debug: false,
    }
}

pub(crate) fn handshake() -> Handshake {
    Handshake { version: "TLSv1.3", suite: "TLS_AES_256_GCM_SHA384", resumed: false, subject: None }
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Directory { message: Option<Vec<u8>> },
    File(Vec<u8>),
}

/// What stands before the name in every long line of this world.
const LONG: &[u8] = b"-rw-r--r--    1 1000     1000            1 Nov 22 10:00 ";

/// What was opened last.
enum Open {
    Nothing,
    Reading(Vec<u8>),
    Writing { path: VirtualPath, created: bool },
    Task(Finished),
}

pub(crate) struct World {
    pub(crate) tree: BTreeMap<VirtualPath, Node>,
    pub(crate) next_connect: Option<NoConnection>,
    pub(crate) next_move: Option<Outcome>,
    /// How the next task fails.
    pub(crate) next_task: Option<Failure>,
    pub(crate) to_upload: Vec<u8>,
    pub(crate) downloaded: Vec<u8>,
    pub(crate) next_handshake: Option<NoHandshake>,
    /// Whom the peer's certificate names, if it shows one.
    pub(crate) subject: Option<Vec<u8>>,
    /// Whether the peer ends TLS with its mark when CCC asks for it.
    pub(crate) ends_with_mark: bool,
    /// Lines that the peer sends while the next Protect or Move runs, or in clear behind AUTH.
    pub(crate) asides: VecDeque<Vec<u8>>,
    /// Names whose passwords came, each with whether that was inside TLS.
    pub(crate) attempts: Vec<(Vec<u8>, bool)>,
    /// How many transfers went in clear.
    pub(crate) clear_moves: usize,
    /// Whether the control connection is inside TLS.
    pub(crate) secured: bool,
    /// Whether the data connection is, or was when the last transfer ended.
    pub(crate) protected: bool,
    pub(crate) ports_left: bool,
    /// Whether other sessions of the same peer expect connections at the same port.
    pub(crate) ports_are_shared: bool,
    /// What a name gets that STOU finds taken; empty counts up.
    pub(crate) unique_ending: String,
    /// Whom `~name` may mean.
    pub(crate) homes: BTreeMap<Vec<u8>, VirtualPath>,
    /// Hosts by name, each with its banner; none of them knows anonymous users.
    pub(crate) hosts: BTreeMap<String, Vec<u8>>,
    pub(crate) seen: Vec<Move>,
    pub(crate) records: Vec<Record>,
    pub(crate) output: Vec<u8>,
    pub(crate) closed: bool,
    later: VecDeque<Vec<u8>>,
    open: Open,
    policy: Arc<Policy>,
    session: Session,
}

impl World {
    pub(crate) fn new(policy: Policy) -> Self {
        let policy = Arc::new(policy);
        let peer = "127.0.0.1:40000".parse().expect("an address");
        let local = "127.0.0.1:21".parse().expect("an address");
        let tree = [(VirtualPath::root(), Node::Directory { message: None })].into();
        Self {
            tree,
            next_connect: None,
            next_move: None,
            next_task: None,
            next_handshake: None,
            subject: None,
            ends_with_mark: true,
            attempts: Vec::new(),
            clear_moves: 0,
            secured: false,
            protected: false,
            to_upload: Vec::new(),
            downloaded: Vec::new(),
            asides: VecDeque::new(),
            ports_left: true,
            ports_are_shared: false,
            unique_ending: String::new(),
            homes: BTreeMap::new(),
            hosts: BTreeMap::new(),
            seen: Vec::new(),
            records: Vec::new(),
            output: Vec::new(),
            closed: false,
            later: VecDeque::new(),
            open: Open::Nothing,
            session: Session::new(Arc::clone(&policy), peer, local, 1).with_clock_offset(9 * 3600),
            policy,
        }
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    pub(crate) fn greet(&mut self, welcome: Welcome) {
        let step = self.session.greet(welcome);
        let next = self.session.settle(step);
        self.drive(next);
    }

    pub(crate) fn send(&mut self, line: &[u8]) {
        let mut line = Some(line.to_vec());
        while let Some(command) = line.take() {
            if self.closed {
                return;
            }
            let step = self.session.command(&command);
            let next = self.session.settle(step);
            self.drive(next);
            line = self.later.pop_front();
        }
    }

    fn drive(&mut self, mut next: Next) {
        loop {
            self.drain();
            next = match next {
                Next::Idle => return,
                Next::Close => {
                    self.closed = true;
                    return;
                }
                Next::Ask(ask) => {
                    let step = self.perform(ask);
                    self.session.settle(step)
                }
            };
        }
    }

    fn drain(&mut self) {
        self.output.extend(self.session.take_output());
        self.records.extend(self.session.take_records());
    }

    fn perform(&mut self, ask: Ask) -> wharf_proto::ftp::server::ask::Step {
        match ask {
            Ask::Login(attempt, then) => {
                let name = attempt.name.to_ascii_lowercase();
                if attempt.password.is_some() {
                    self.attempts.push((name.clone(), self.secured));
                }
                let grant = |class| Grant {
                    user: attempt.name.clone(),
                    class,
                    start: self.start(class),
                    policy: Arc::clone(&self.policy),
                };
                let verdict = match &name[..] {
                    b"ftp" | b"anonymous" if self.policy.anonymous => {
                        Verdict::Granted(grant(Class::Anonymous))
                    }
                    b"broken" => Verdict::Oops(b"cannot change directory:/nowhere".to_vec()),
                    // Only that name has what the peer's certificate says.
                    b"certified" if attempt.password.is_none() => Verdict::Granted(grant(Class::Local)),
                    _ => match &attempt.password {
                        Some(password) if password.expose() == b"right" => {
                            Verdict::Granted(grant(Class::Local))
                        }
                        Some(_) => Verdict::Refused,
                        None => Verdict::NeedsPassword,
                    },
                };
                then(&mut self.session, verdict)
            }
            Ask::Store(request, then) => {
                let answer = self.store(request).unwrap_or_else(Answer::Refused);
                then(&mut self.session, answer)
            }
            Ask::Host(name, then) => {
                let policy = self.hosts.get(&name).map(|banner| {
                    let banner = Banner::Line(banner.clone());
                    Arc::new(Policy { banner, anonymous: false, ..(*self.policy).clone() })
                });
                then(&mut self.session, policy)
            }
            // The clock is turned at once.
            Ask::Pause(_, then) => then(&mut self.session, ()),
            Ask::Expect(then) => {
                let expected = Expected { port: 21_181, is_shared: self.ports_are_shared };
                then(&mut self.session, self.ports_left.then_some(expected))
            }
            Ask::Secure(then) => {
                assert!(!self.secured, "TLS inside TLS");
                let dropped = self.asides.drain(..).map(|line| line.len() + 2).sum();
                let handshake = self.shake_hands();
                self.secured = handshake.is_ok();
                then(&mut self.session, Secured { dropped, handshake })
            }
            Ask::Protect(_, then) => {
                let aborted = self.hear_asides();
                let protected = if aborted { Err(NoHandshake::Aborted) } else { self.shake_hands() };
                self.protected = protected.is_ok();
                then(&mut self.session, protected)
            }
            Ask::Clear(then) => {
                assert!(self.secured, "there is no TLS to end");
                self.secured = false;
                then(&mut self.session, self.ends_with_mark)
            }
            Ask::Connect(_, then) => {
                self.protected = false;
                let connected = self.next_connect.take().map_or(Ok(()), Err);
                then(&mut self.session, connected)
            }
            Ask::Attend(then) => {
                let aborted = self.hear_asides();
                let Open::Task(finished) = core::mem::replace(&mut self.open, Open::Nothing) else {
                    panic!("no task was begun");
                };
                then(&mut self.session, (!aborted).then_some(finished))
            }
            Ask::ChangeOwner(then) => then(&mut self.session, true),
            Ask::Move(moving, then) => {
                let moved = self.carry(moving);
                then(&mut self.session, moved)
            }
            Ask::Collect(limit, then) => {
                let Open::Reading(mut octets) = core::mem::replace(&mut self.open, Open::Nothing) else {
                    panic!("nothing to collect");
                };
                octets.truncate(limit);
                then(&mut self.session, octets)
            }
        }
    }

    fn start(&self, class: Class) -> VirtualPath {
        let home = path("/home/u");
        if class == Class::Local && self.tree.contains_key(&home) { home } else { VirtualPath::root() }
    }

    fn shake_hands(&mut self) -> Result<Handshake, NoHandshake> {
        let handshake = Handshake { subject: self.subject.clone(), ..handshake() };
        self.next_handshake.take().map_or(Ok(handshake), Err)
    }

    /// Hears what the peer says meanwhile, and whether it wants what goes on to end.
    fn hear_asides(&mut self) -> bool {
        let mut aborted = false;
        while let Some(line) = self.asides.pop_front() {
            match self.session.aside(&line, 3, Duration::ZERO) {
                Aside::Answered => self.drain(),
                Aside::Abort => aborted = true,
                Aside::Later => self.later.push_back(line),
            }
        }
        aborted
    }

    fn carry(&mut self, moving: Move) -> Moved {
        self.seen.push(moving);
        self.clear_moves += usize::from(!self.protected);
        let mut outcome = self.next_move.take().unwrap_or(Outcome::Complete);
        if self.hear_asides() {
            outcome = Outcome::Aborted;
        }
        let octets = match (&mut self.open, moving.direction) {
            (Open::Reading(content), Direction::Download) => {
                let rest =
                    content.get(usize::try_from(moving.at).unwrap_or(usize::MAX)..).unwrap_or_default();
                self.downloaded.extend_from_slice(rest);
                rest.len()
            }
            (Open::Writing { path, .. }, Direction::Upload) => {
                let Some(Node::File(content)) = self.tree.get_mut(path) else { panic!("it is gone") };
                if let Some(length) = moving.truncate {
                    content.truncate(usize::try_from(length).expect("a length"));
                }
                let at = usize::try_from(moving.at).expect("a position");
                assert!(at <= content.len(), "the machine asked for a hole");
                let new = core::mem::take(&mut self.to_upload);
                let tail = content.get(at + new.len()..).unwrap_or_default().to_vec();
                content.truncate(at);
                content.extend_from_slice(&new);
                content.extend_from_slice(&tail);
                new.len()
            }
            _ => panic!("a move without what it needs"),
        };
        Moved { octets: octets as u64, took: Duration::from_millis(5), outcome }
    }

    fn store(&mut self, request: Request) -> Result<Answer, Failure> {
        match request {
            Request::Enter(path) => match self.tree.get(&path) {
                Some(Node::Directory { message }) => {
                    Ok(Answer::Entered(Entered { path, message: message.clone() }))
                }
                Some(Node::File(_)) => Err(Failure::WrongKind),
                None => Err(Failure::NotFound),
            },
            Request::Look { path, .. } => {
                let node = self.tree.get(&path).ok_or(Failure::NotFound)?;
                let access = Access { read: true, write: true, execute: true, parent_write: true };
                Ok(Answer::Looked(Looked { entry: entry(node), access, owners: Owners::default() }))
            }
            Request::OpenRead(path) => match self.tree.get(&path) {
                Some(Node::File(content)) => {
                    self.open = Open::Reading(content.clone());
                    Ok(Answer::Opened { size: content.len() as u64 })
                }
                Some(Node::Directory { .. }) => Err(Failure::WrongKind),
                None => Err(Failure::NotFound),
            },
            Request::OpenWrite { path, writing, .. } => self.open_write(&path, writing),
            Request::Finish(fate) => {
                let Open::Writing { path, created } = core::mem::replace(&mut self.open, Open::Nothing)
                else {
                    panic!("Finish without an upload");
                };
                if fate == Fate::Unused && created {
                    self.tree.remove(&path);
                }
                Ok(Answer::Done)
            }
            Request::List(list) => {
                let (opened, octets) = self.list(&list);
                self.open = Open::Reading(octets);
                Ok(Answer::Listing { opened })
            }
            Request::Change(change) => self.change(change),
            Request::Room(path) => {
                let near = [path.clone(), path.parent()];
                let is_there = near.iter().any(|path| self.tree.contains_key(path));
                if is_there { Ok(Answer::Room(1_000_000)) } else { Err(Failure::NotFound) }
            }
            Request::Begin(task) => {
                let finished = self.work(task)?;
                self.open = Open::Task(finished);
                Ok(Answer::Begun)
            }
            Request::OpenPart(path, part) => {
                let content = cut(self.content(&path)?, part).ok_or(Failure::WrongKind)?.to_vec();
                let size = content.len() as u64;
                self.open = Open::Reading(content);
                Ok(Answer::Opened { size })
            }
            Request::Home { name } => Ok(Answer::Home(self.homes.get(&name).cloned())),
        }
    }

    fn content(&self, path: &VirtualPath) -> Result<&[u8], Failure> {
        match self.tree.get(path) {
            Some(Node::File(content)) => Ok(content),
            Some(Node::Directory { .. }) => Err(Failure::WrongKind),
            None => Err(Failure::NotFound),
        }
    }

    /// A hash of this world is the length of what it is taken of, as often as there is room for it.
    fn work(&mut self, task: Task) -> Result<Finished, Failure> {
        if let Some(failure) = self.next_task.take() {
            return Ok(Finished::Failed(failure));
        }
        let below = |path: &VirtualPath, directory: &VirtualPath| {
            let mut above = path.clone();
            while above != *directory && !above.is_root() {
                above = above.parent();
            }
            above == *directory
        };
        match task {
            Task::Hash { path, algorithm, part } => {
                let content = self.content(&path)?;
                let part = part.unwrap_or(Part { start: 0, end: u64::MAX });
                let taken = cut(content, part).ok_or(Failure::WrongKind)?;
                let part = Part { start: part.start, end: part.start + taken.len() as u64 };
                Ok(Finished::Digest { part, octets: vec![taken.len() as u8; algorithm.octets()] })
            }
            Task::Copy { from, to, .. } => {
                let content = self.content(&from)?.to_vec();
                self.tree.insert(to, Node::File(content));
                Ok(Finished::Done)
            }
            Task::Join { whole, parts, .. } => {
                let mut content = Vec::new();
                for part in &parts {
                    content.extend_from_slice(self.content(part)?);
                }
                self.tree.retain(|path, _| !parts.contains(path));
                self.tree.insert(whole, Node::File(content));
                Ok(Finished::Done)
            }
            Task::RemoveTree(directory) => {
                self.tree.get(&directory).ok_or(Failure::NotFound)?;
                self.tree.retain(|path, _| !below(path, &directory));
                self.tree.entry(VirtualPath::root()).or_insert(Node::Directory { message: None });
                Ok(Finished::Done)
            }
            Task::Measure(directory) => {
                self.tree.get(&directory).ok_or(Failure::NotFound)?;
                let sizes = self.tree.iter().filter(|(path, _)| below(path, &directory));
                let size =
                    |(_, node): (_, &Node)| if let Node::File(content) = node { content.len() } else { 0 };
                Ok(Finished::Octets(sizes.map(size).sum::<usize>() as u64))
            }
        }
    }

    fn open_write(&mut self, wished: &VirtualPath, writing: Writing) -> Result<Answer, Failure> {
        let mut path = wished.clone();
        for number in 1.. {
            if writing != Writing::Unique || !self.tree.contains_key(&path) {
                break;
            }
            let random = &self.unique_ending;
            let ending = if random.is_empty() { format!(".{number}") } else { format!(".{random}") };
            path = VirtualPath::absolute(&[wished.as_bytes(), ending.as_bytes()].concat())
                .map_err(|_| Failure::Broken)?;
        }
        if !matches!(self.tree.get(&path.parent()), Some(Node::Directory { .. })) {
            return Err(Failure::NotFound);
        }
        let created = !self.tree.contains_key(&path);
        let node = self.tree.entry(path.clone()).or_insert_with(|| Node::File(Vec::new()));
        let Node::File(content) = node else { return Err(Failure::WrongKind) };
        let size = content.len() as u64;
        self.open = Open::Writing { path: path.clone(), created };
        Ok(Answer::OpenedForWriting(OpenedForWriting { path, created, size }))
    }

    fn list(&self, list: &List) -> (bool, Vec<u8>) {
        let is_directory = matches!(self.tree.get(&list.path), Some(Node::Directory { .. }));
        let directory = if is_directory { list.path.clone() } else { list.path.parent() };
        let wanted = |name: &[u8]| {
            is_directory
                || list.path.name().is_some_and(|pattern| wharf_proto::pattern::matches(pattern, name))
        };
        let mut prefix = list.prefix.clone();
        if !is_directory {
            prefix.truncate(prefix.iter().rposition(|&octet| octet == b'/').map_or(0, |slash| slash + 1));
        } else if prefix == b"." {
            prefix.clear();
        } else if !prefix.ends_with(b"/") {
            prefix.push(b'/');
        }
        let mut octets = Vec::new();
        for (path, node) in &self.tree {
            let Some(name) = path.name() else { continue };
            if path.parent() != directory || !wanted(name) || (name.starts_with(b".") && !list.flags.all) {
                continue;
            }
            match list.format {
                Format::Long => {
                    octets.extend_from_slice(LONG);
                }
                Format::Names => octets.extend_from_slice(&prefix),
                Format::Facts(facts) => {
                    let (entry, owners) = (entry(node), Owners::default());
                    wharf_proto::ftp::listing::mlsx::push_facts(
                        &mut octets,
                        &facts,
                        &entry,
                        Access::default(),
                        &owners,
                    );
                    octets.push(b' ');
                }
            }
            octets.extend_from_slice(name);
            octets.extend_from_slice(b"\r\n");
        }
        (self.tree.contains_key(&directory), octets)
    }

    fn change(&mut self, change: Change) -> Result<Answer, Failure> {
        match change {
            Change::MakeDirectory { path, .. } => {
                if self.tree.contains_key(&path) {
                    return Err(Failure::Exists);
                }
                if !self.tree.contains_key(&path.parent()) {
                    return Err(Failure::NotFound);
                }
                self.tree.insert(path, Node::Directory { message: None });
            }
            Change::RemoveDirectory(path) | Change::Delete(path) => {
                self.tree.remove(&path).ok_or(Failure::NotFound)?;
                // A tree without a root helps nobody.
                self.tree.entry(VirtualPath::root()).or_insert(Node::Directory { message: None });
            }
            Change::Rename { from, to } => {
                let node = self.tree.remove(&from).ok_or(Failure::NotFound)?;
                self.tree.insert(to, node);
                self.tree.entry(VirtualPath::root()).or_insert(Node::Directory { message: None });
            }
            Change::MakeDirectories { path, .. } => {
                let mut above = path;
                while !above.is_root() {
                    self.tree.entry(above.clone()).or_insert(Node::Directory { message: None });
                    above = above.parent();
                }
            }
            Change::MakeLink { link, .. } => {
                if self.tree.contains_key(&link) {
                    return Err(Failure::Exists);
                }
                self.tree.insert(link, Node::File(Vec::new()));
            }
            Change::SetMode { path, .. }
            | Change::SetModified { path, .. }
            | Change::SetTimes { path, .. }
            | Change::SetGroup { path, .. } => {
                self.tree.get(&path).ok_or(Failure::NotFound)?;
            }
        }
        Ok(Answer::Done)
    }
}

fn cut(content: &[u8], part: Part) -> Option<&[u8]> {
    let end = usize::try_from(part.end).unwrap_or(usize::MAX).min(content.len());
    content.get(usize::try_from(part.start).ok()?..end)
}

fn entry(node: &Node) -> Entry {
    let (kind, size) = match node {
        Node::Directory { .. } => (Kind::Directory, 4096),
        Node::File(content) => (Kind::File, content.len() as u64),
    };
    Entry {
        kind,
        mode: 0o644,
        links: 1,
        uid: 1000,
        gid: 1000,
        size,
        modified: Time { seconds: 1_580_702_706, nanoseconds: 0 },
        created: None,
        device: 1,
        inode: 2,
    }
}
