//! The machine: one control connection from greeting to goodbye.
//!
//! It is fed one line or one answer at a time and says what comes next. It reads no socket, opens no file and
//! knows no clock. Verbs live in `command`, their permission in `access`.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use wharf_names::{Charset, Translation};

use super::announce::leads_nowhere;
use super::ask::{Ask, Step};
use super::command::{self, Spec, When};
use super::policy::{Banner, Policy};
use super::protection::Protection;
use super::record::{Event, Record};
use super::state::{LoggedIn, State, Visitor};
use super::tilde;
use crate::ftp::command::Command;
use crate::ftp::reply::{Language, Lines, Reply};

/// How many commands before login are answered with 530; the next one ends the session.
const PATIENCE_BEFORE_LOGIN: u8 = 10;

/// One session's state. Idle and logged in, it costs well below 1.5 KiB.
pub struct Session {
    pub(super) policy: Arc<Policy>,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) clients: u32,
    /// Seconds by which local time is ahead of UTC.
    clock_offset: i64,
    /// What LANG chose.
    pub(super) language: Language,
    /// Our address outside, as it was looked up last.
    outside: Option<Ipv4Addr>,
    /// An address that the peer was told and cannot reach.
    misled: Option<Ipv4Addr>,
    pub(super) state: State,
    pub(super) protection: Protection,
    /// The peer has shown a certificate in the handshake of the control connection.
    pub(super) is_certified: bool,
    /// What the client has chosen or shown that it speaks, in place of the site's.
    pub(super) chosen_charset: Option<Charset>,
    /// The verb that runs.
    running: Option<&'static Spec>,
    pending: Pending,
    outbox: Vec<u8>,
    records: Vec<Record>,
}

/// Whether a client is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Welcome {
    /// Yes.
    Ok,
    /// `max_clients` is reached.
    TooManyClients,
    /// `max_per_ip` is reached.
    TooManyFromAddress,
    /// hosts.allow and hosts.deny turn this client away (`tcp_wrappers`).
    NotAdmitted,
    /// The rules for this client cannot be read: vsftpd's words.
    Oops(Vec<u8>),
}

/// What the driver does next.
pub enum Next {
    /// Read the next line.
    Idle,
    /// Perform this, give its function the answer, and settle the step that it returns.
    Ask(Ask),
    /// Send what is in the outbox and close the control connection.
    Close,
}

/// What becomes of a line that came while an [`Ask`] is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aside {
    /// It is answered; the answer is in the outbox.
    Answered,
    /// End the pending Connect, Protect, Move or Attend as aborted; its function says the replies.
    Abort,
    /// Keep the line, read no further, and give it to [`Session::command`] when the pending command is over.
    Later,
}

/// What the world is doing for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Nothing,
    Something,
    Connect,
    /// A task that may take long.
    Attend,
    /// A transfer, or the handshake before it; with the size of what is moved, if known.
    Move(Option<u64>),
}

impl Session {
    /// Begins a session; `clients` is how many there are with this one.
    #[must_use]
    pub fn new(policy: Arc<Policy>, peer: SocketAddr, local: SocketAddr, clients: u32) -> Self {
        Self {
            policy,
            peer: canonical(peer),
            local: canonical(local),
            clients,
            clock_offset: 0,
            language: Language::default(),
            outside: None,
            misled: None,
            state: State::NotLoggedIn(Visitor::default()),
            protection: Protection::Clear,
            is_certified: false,
            chosen_charset: None,
            running: None,
            pending: Pending::Nothing,
            outbox: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Tells how many seconds local time is ahead of UTC, for sites that answer MDTM in local time.
    #[must_use]
    pub fn with_clock_offset(mut self, seconds: i64) -> Self {
        self.clock_offset = seconds;
        self
    }

    /// Tells our address outside, as it was looked up last; 227 announces it where the policy says so.
    pub fn outside_is(&mut self, address: Option<Ipv4Addr>) {
        self.outside = address;
    }

    /// Chooses the address that 227 tells this peer.
    pub(super) fn announced(&mut self) -> Ipv4Addr {
        let address = self.policy.announce.address(self.peer.ip(), self.local.ip(), self.outside);
        self.misled = Some(address).filter(|address| leads_nowhere(self.peer.ip(), *address));
        address
    }

    /// Takes the private address that a peer on the public Internet was told last, with that peer: an administrator
    /// should know.
    pub fn take_misled(&mut self) -> Option<(IpAddr, Ipv4Addr)> {
        Some((self.peer.ip(), self.misled.take()?))
    }

    /// The seconds to add to UTC in MDTM: none unless `use_localtime` says so.
    pub(super) fn clock_offset(&self) -> i64 {
        if self.policy.local_time { self.clock_offset } else { 0 }
    }

    /// Greets the peer, or turns it away.
    ///
    /// With `implicit_ssl` TLS comes before the greeting. Who is turned away is told so in clear, as by vsftpd: a
    /// server that is full does not spend a handshake on saying it.
    pub fn greet(&mut self, welcome: Welcome) -> Step {
        let (refused, reply) = match welcome {
            Welcome::Ok => (None, self.greeting()),
            Welcome::TooManyClients => {
                (Some("Connection refused: too many sessions."), Reply::TooManyClients)
            }
            Welcome::TooManyFromAddress => {
                (Some("Connection refused: too many sessions for this address."), Reply::TooManyFromAddress)
            }
            Welcome::NotAdmitted => (Some("Connection refused: tcp_wrappers denial."), Reply::NotAvailable),
            Welcome::Oops(text) => return Step::Close(Reply::Oops(text)),
        };
        self.record(Event::Connect { refused });
        match self.policy.tls {
            _ if refused.is_some() => Step::Close(reply),
            Some(tls) if tls.implicit => {
                // Compat: as in vsftpd, data connections still wait for PROT P.
                self.secure(Protection::Secured { data: false }, Step::Reply(reply))
            }
            _ => Step::Reply(reply),
        }
    }

    /// Takes a command line; nothing may be pending.
    pub fn command(&mut self, line: &[u8]) -> Step {
        if let State::NotLoggedIn(visitor) = &mut self.state {
            visitor.refused = None;
        }
        let typed = Command::parse(line);
        let argument = self.understood(&typed);
        let command = Command { verb: typed.verb, argument: &argument };
        self.note_command(&command);
        let spec = command::find(&command.verb);
        match &self.state {
            State::NotLoggedIn(_) => match spec {
                _ if line.is_empty() => Step::Done,
                Some(spec) if self.runs_before_login(spec) => self.run(spec, command.argument),
                _ => self.strange(),
            },
            State::LoggedIn(_) => {
                if !self.permits_verb(&command.verb, spec) {
                    return Step::Reply(Reply::PermissionDenied);
                }
                match spec {
                    _ if line.is_empty() => Step::Done,
                    None => Step::Reply(Reply::UnknownCommand),
                    Some(spec) if spec.when == When::BeforeLogin => Step::Reply(Reply::UnknownCommand),
                    Some(spec) if !self.permits(spec.right) => Step::Reply(self.refusal(spec.right)),
                    Some(spec) => self.run(spec, command.argument),
                }
            }
        }
    }

    /// In which charset names come and go at the moment.
    pub(super) fn charset(&self) -> Charset {
        self.chosen_charset.unwrap_or(self.policy.names.charset)
    }

    /// How names are told at the moment.
    pub(super) fn translation(&self) -> Translation {
        Translation { disk: self.policy.names.disk, wire: self.charset() }
    }

    /// Brings an argument into the octets of the disk; what identifies a user is left as it was typed.
    fn understood<'a>(&mut self, typed: &Command<'a>) -> Cow<'a, [u8]> {
        if matches!(typed.verb.as_slice(), b"USER" | b"PASS" | b"ACCT") {
            return Cow::Borrowed(typed.argument);
        }
        let names = &self.policy.names;
        if names.is_guessed && self.chosen_charset.is_none() {
            self.chosen_charset = wharf_names::guess([typed.argument], names.country.as_deref());
        }
        match self.charset() {
            charset if charset.is_utf8() => Cow::Borrowed(typed.argument),
            charset => Cow::Owned(charset.to_disk(typed.argument)),
        }
    }

    /// Takes a line that is longer than any we read.
    pub fn line_too_long(&mut self) -> Step {
        Step::Close(Reply::LineTooLong)
    }

    /// Takes a line that came while an [`Ask`] is pending; told is how many octets the transfer has moved so far, and
    /// in which time.
    ///
    /// NOOP and STAT are answered only between 150 and 226, where no peer can take them for the reply to the
    /// command that runs.
    pub fn aside(&mut self, line: &[u8], octets: u64, took: Duration) -> Aside {
        let command = Command::parse(line);
        let Some(spec) = command::find(&command.verb) else { return Aside::Later };
        if !self.permits_verb(&command.verb, Some(spec)) {
            return Aside::Later;
        }
        let reply = match (spec.during, self.pending) {
            (command::During::Abort, Pending::Connect | Pending::Attend | Pending::Move(_)) => {
                self.note_command(&command);
                return Aside::Abort;
            }
            (command::During::Answer(answer), Pending::Move(size)) if answers(spec, command.argument) => {
                answer(octets, size, took)
            }
            _ => return Aside::Later,
        };
        self.note_command(&command);
        // The reply is the aside's, so it is not measured by the row of the verb that runs.
        let running = self.running.take();
        self.say(&reply);
        self.running = running;
        Aside::Answered
    }

    /// Ends a session that has been silent for `idle_session_timeout`.
    pub fn idle_timeout(&mut self) -> Step {
        self.running = None;
        Step::Close(Reply::Timeout)
    }

    /// Ends a session because the server does.
    pub fn shutting_down(&mut self) -> Step {
        self.running = None;
        Step::Close(Reply::NotAvailable)
    }

    /// Takes a step to what the driver must do; its reply goes into the outbox.
    ///
    /// # Panics
    /// In debug builds, when a verb replies with a code that its row does not declare.
    pub fn settle(&mut self, step: Step) -> Next {
        self.pending = Pending::Nothing;
        let next = match step {
            Step::Ask(ask) => {
                self.pending = match &ask {
                    Ask::Connect(..) => Pending::Connect,
                    Ask::Attend(..) => Pending::Attend,
                    // 150 is said, so NOOP and STAT may be answered while the handshake goes on.
                    Ask::Protect(..) => Pending::Move(None),
                    Ask::Move(moving, _) => Pending::Move(moving.size),
                    _ => Pending::Something,
                };
                return Next::Ask(ask);
            }
            Step::Done => Next::Idle,
            Step::Reply(reply) => {
                self.say(&reply);
                Next::Idle
            }
            Step::Close(reply) => {
                self.say(&reply);
                Next::Close
            }
            Step::End => Next::Close,
        };
        self.running = None;
        next
    }

    /// Tells whether there was a login.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        matches!(self.state, State::LoggedIn(_))
    }

    /// The name as typed before login, the login's name after.
    #[must_use]
    pub fn user(&self) -> Option<&[u8]> {
        match &self.state {
            State::NotLoggedIn(visitor) => visitor.name.as_deref().or(visitor.refused.as_deref()),
            State::LoggedIn(inside) => Some(&inside.user),
        }
    }

    /// The rules that hold now; a login may bring others.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The verb that runs, for process titles; `IDLE` between commands.
    #[must_use]
    pub fn doing(&self) -> &str {
        self.running.map_or("IDLE", |spec| spec.verb)
    }

    /// How hard data is compressed on its way, 1 to 9; `None` where it is not (MODE).
    #[must_use]
    pub fn deflates(&self) -> Option<u8> {
        match &self.state {
            State::LoggedIn(inside) => inside.deflates.then_some(inside.level),
            State::NotLoggedIn(_) => None,
        }
    }

    /// What is to be sent on the control connection.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.outbox)
    }

    /// What is to be logged.
    #[must_use]
    pub fn take_records(&mut self) -> Vec<Record> {
        core::mem::take(&mut self.records)
    }

    /// Puts a reply into the outbox before its command is over: 150, or the 426 before ABOR's 226.
    pub(super) fn say(&mut self, reply: &Reply) {
        debug_assert!(
            self.running.is_none_or(|spec| spec.replies.contains(&reply.code())),
            "{} does not declare {}",
            self.doing(),
            reply.code()
        );
        let names = self.translation();
        reply.encode(&mut self.outbox, self.language, names);
        if self.policy.log_protocol {
            for line in reply.logged(self.language) {
                self.record(Event::Response(line));
            }
        }
    }

    pub(super) fn record(&mut self, event: Event) {
        let user = self.user().map(<[u8]>::to_vec);
        self.records.push(Record { user, event });
    }

    /// The login's state.
    ///
    /// # Panics
    /// Before login: only verbs whose row says [`When::LoggedIn`] may ask, and what they leave to be continued.
    pub(super) fn inside(&mut self) -> &mut LoggedIn {
        match &mut self.state {
            State::LoggedIn(inside) => inside,
            State::NotLoggedIn(_) => unreachable!("dispatch runs verbs for users only after login"),
        }
    }

    fn run(&mut self, spec: &'static Spec, argument: &[u8]) -> Step {
        self.running = Some(spec);
        tilde::start(self, spec, argument)
    }

    /// The banner of the rules that hold now.
    pub(super) fn greeting(&self) -> Reply {
        match &self.policy.banner {
            Banner::Line(line) => Reply::Greeting(line.clone()),
            Banner::File(text) => Reply::GreetingAfter(Lines::of_message(Some(text))),
        }
    }

    /// Answers what needs a login; not for ever.
    fn strange(&mut self) -> Step {
        if self.has_asked_enough() {
            Step::Close(Reply::TooManyErrors)
        } else {
            Step::Reply(Reply::PleaseLogin)
        }
    }

    /// Counts what somebody asks before they log in; true when that has been too much.
    pub(super) fn has_asked_enough(&mut self) -> bool {
        let State::NotLoggedIn(visitor) = &mut self.state else { return false };
        visitor.strangers += 1;
        visitor.strangers > PATIENCE_BEFORE_LOGIN
    }

    fn note_command(&mut self, command: &Command<'_>) {
        if self.policy.log_protocol {
            self.record(Event::Command(command.masked()));
        }
    }
}

/// STAT with a pathname is a listing, and that waits.
fn answers(spec: &Spec, argument: &[u8]) -> bool {
    spec.verb != "STAT" || argument.is_empty()
}

/// An IPv4 peer of an IPv6 socket is an IPv4 peer.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ftp::server::ask::{Direction, Move, Route};
    use crate::ftp::server::policy::{Class, Rights};
    use crate::path::VirtualPath;

    fn session() -> Session {
        let rights = Rights {
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
        };
        let policy = Policy {
            names: crate::ftp::server::policy::Names::default(),
            banner: Banner::Line(Vec::new()),
            anonymous: true,
            local: true,
            anonymous_without_password: false,
            user_list: None,
            refusal_delay: Duration::ZERO,
            max_login_fails: 3,
            anonymous_rights: rights,
            local_rights: rights,
            anonymous_umask: 0o77,
            local_umask: 0o77,
            anonymous_rate: 0,
            local_rate: 0,
            ascii_download: false,
            ascii_upload: false,
            directory_messages: false,
            local_time: false,
            tilde_user: false,
            change_owner: false,
            commands_allowed: None,
            commands_denied: Vec::new(),
            deny_file: None,
            download_file: None,
            upload_file: None,
            announce: crate::ftp::server::announce::Announce::default(),
            passive_from_anyone: false,
            active_to_anyone: false,
            idle_timeout: None,
            data_timeout: None,
            accept_timeout: Some(Duration::from_secs(60)),
            connect_timeout: Some(Duration::from_secs(60)),
            list_missing_is_error: false,
            hosts: false,
            mode_z: false,
            log_protocol: false,
            tls: None,
        };
        let peer = "[::ffff:192.0.2.1]:4000".parse().unwrap();
        let mut session = Session::new(Arc::new(policy), peer, "[::ffff:192.0.2.2]:21".parse().unwrap(), 1);
        let inside = LoggedIn::new(b"u".to_vec(), Class::Local, VirtualPath::root(), 0o77);
        session.state = State::LoggedIn(Box::new(inside));
        session
    }

    fn connecting() -> Ask {
        Ask::Connect(Route::Passive, Box::new(|_, _| Step::Done))
    }

    fn moving() -> Ask {
        let direction = Direction::Download;
        let moving = Move {
            direction,
            ascii: false,
            at: 0,
            truncate: None,
            rate: 0,
            size: None,
            names: Translation::NONE,
        };
        Ask::Move(moving, Box::new(|_, _| Step::Done))
    }

    #[test]
    fn nothing_is_answered_aside_before_150() {
        let mut session = session();
        session.settle(Step::Ask(connecting()));
        assert_eq!(session.aside(b"NOOP", 0, Duration::ZERO), Aside::Later);
        assert_eq!(session.aside(b"STAT", 0, Duration::ZERO), Aside::Later);
        assert_eq!(session.aside(b"ABOR", 0, Duration::ZERO), Aside::Abort);
        assert!(session.take_output().is_empty());
    }

    #[test]
    fn while_octets_move_only_short_answers_are_given_aside() {
        let mut session = session();
        session.settle(Step::Ask(moving()));
        for later in ["STAT /", "QUIT", "PWD", "XYZZY", ""] {
            assert_eq!(session.aside(later.as_bytes(), 7, Duration::ZERO), Aside::Later, "{later}");
        }
        assert_eq!(session.aside(b"stat", 7, Duration::ZERO), Aside::Answered);
        assert_eq!(session.take_output(), b"213 Status: 7 bytes transferred.\r\n");
        session.settle(Step::Done);
        assert_eq!(session.aside(b"ABOR", 7, Duration::ZERO), Aside::Later);
    }

    #[test]
    fn the_ends_that_no_command_brings_close_the_session() {
        for (end, said) in [
            (Session::idle_timeout as fn(&mut Session) -> Step, &b"421 Timeout.\r\n"[..]),
            (Session::shutting_down, b"421 Service not available.\r\n"),
            (Session::line_too_long, b"500 Input line too long.\r\n"),
        ] {
            let mut session = session();
            let step = end(&mut session);
            assert!(matches!(session.settle(step), Next::Close));
            assert_eq!(session.take_output(), said);
        }
    }

    #[test]
    fn an_ipv4_peer_of_an_ipv6_socket_may_use_port() {
        let mut session = session();
        let step = session.command(b"PORT 192,0,2,1,4,1");
        assert!(matches!(step, Step::Reply(Reply::PortOk)));
    }

    #[test]
    fn a_verb_is_what_a_session_is_doing_until_it_is_over() {
        let mut session = session();
        let step = session.command(b"xpwd");
        assert_eq!(session.doing(), "PWD");
        session.settle(step);
        assert_eq!(session.doing(), "IDLE");
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "PWD does not declare 226")]
    fn a_reply_outside_its_row_is_caught_in_debug_builds() {
        let mut session = session();
        let _ = session.command(b"PWD");
        session.settle(Step::Reply(Reply::TransferComplete));
    }

    #[test]
    fn a_session_that_sleeps_costs_less_than_half_a_kibibyte_of_state() {
        assert!(size_of::<Session>() + size_of::<LoggedIn>() < 512);
    }
}
