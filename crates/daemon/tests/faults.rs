//! One process is killed, or the server is told something, while others are at work. Needs root.
//!
//! Whatever dies takes along only what it held, tells nobody that a broken upload is whole, and within a second of its
//! death somebody new logs in and fetches a file.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use wharf_testkit::{
    Account, Dialogue, PATIENCE, PamService, Server, Signal, Site, SiteBuilder, is_alive,
    kill_at_once, needs_root, read_all, run, visit,
};

/// Large enough that no socket buffer holds it, so that a transfer is really under way.
const LARGE: usize = 32 << 20;

/// Within this time of a death the site serves again.
const PROMISE: Duration = Duration::from_secs(1);

/// A role that dies younger than this is replaced only after as long.
const YOUTH: Duration = Duration::from_secs(1);

/// A site with a file for everybody, a directory for uploads, and one user.
struct Stage {
    site: Site,
    user: Account,
    began: Instant,
    _guest: Account,
    _pam: PamService,
}

fn stage(lines: &[&str]) -> Stage {
    stage_with(PamService::make(), builder(), lines)
}

fn builder() -> SiteBuilder {
    Site::builder(env!("CARGO_BIN_EXE_wharfd"))
}

fn stage_with(pam: PamService, builder: SiteBuilder, lines: &[&str]) -> Stage {
    let (user, guest) = (Account::make(builder.place()), Account::make(builder.place()));
    let builder = builder
        .anonymous(&guest)
        .local(&pam)
        .set("write_enable=YES")
        .set("anon_upload_enable=YES")
        .set("session_workers=2");
    let builder = lines.iter().fold(builder, |builder, line| builder.set(line));
    let public = builder.place().join("pub");
    for file in ["small", "large"] {
        let octets = if file == "small" { &b"small\n"[..] } else { &pattern() };
        fs::write(public.join(file), octets).unwrap();
        user.file(file, octets);
    }
    let incoming = public.join("incoming");
    fs::create_dir(&incoming).unwrap();
    guest.own(&incoming);
    let site = builder.start();
    Stage { site, user, began: Instant::now(), _guest: guest, _pam: pam }
}

/// Octets whose place can be told from their value.
fn pattern() -> Vec<u8> {
    (0..LARGE).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

/// A download that has begun and goes on when it is read.
struct Download(Dialogue, TcpStream);

impl Download {
    fn begin(mut dialogue: Dialogue) -> Self {
        let data = dialogue.epsv();
        dialogue.ask("RETR large", 150);
        Self(dialogue, data)
    }

    /// Reads the rest, which must be all and unharmed; returns the session.
    fn end(mut self) -> Dialogue {
        assert!(read_all(self.1) == pattern(), "the download is not the file");
        self.0.expect(226);
        self.0
    }
}

/// An upload of which half has been sent.
struct Upload {
    dialogue: Dialogue,
    data: TcpStream,
    file: PathBuf,
}

impl Upload {
    fn begin(mut dialogue: Dialogue, name: &str, file: PathBuf) -> Self {
        let mut data = dialogue.epsv();
        dialogue.ask(&format!("STOR {name}"), 150);
        data.write_all(pattern().get(..LARGE / 2).unwrap()).unwrap();
        Self { dialogue, data, file }
    }

    fn anonymous(stage: &Stage) -> Self {
        let file = stage.site.public().join("incoming/gift");
        Self::begin(stage.site.anonymous(), "incoming/gift", file)
    }

    /// Sends the rest and checks that it was stored as it was sent; returns the session.
    fn end(mut self) -> Dialogue {
        self.data.write_all(pattern().get(LARGE / 2..).unwrap()).unwrap();
        drop(self.data);
        self.dialogue.expect(226);
        assert!(fs::read(&self.file).unwrap() == pattern(), "the upload is not what was sent");
        self.dialogue
    }

    /// Sends the rest to nobody: the server must never say that it has the file.
    fn end_in_vain(mut self) {
        // How much is taken before the connection breaks is the kernel's affair.
        let _ = self.data.write_all(pattern().get(LARGE / 2..).unwrap());
        drop(self.data);
        let said = self.dialogue.rest();
        assert!(!said.iter().any(|line| line.starts_with("226")), "a cut upload is called whole: {said:?}");
        // It may be gone altogether, but what there is of it came from us, in order.
        let stored = fs::read(&self.file).unwrap_or_default();
        assert!(pattern().starts_with(&stored), "{} octets are stored, not those that were sent", stored.len());
    }
}

impl Stage {
    fn anonymous(&self) -> Dialogue {
        self.site.anonymous()
    }

    fn local(&self) -> Dialogue {
        self.site.login(&self.user)
    }

    /// Waits until what runs is old enough to be replaced at once.
    fn grow_up(&self) {
        wait_until("the server is a second old", || self.began.elapsed() > YOUTH);
    }

    /// Waits for one process of a role, and returns it.
    fn only(&self, title: &str) -> u32 {
        wait_until(&format!("there is one {title}"), || self.site.server.role(title).len() == 1);
        *self.site.server.role(title).first().unwrap()
    }

    /// Kills a process and returns when.
    fn kill(&self, pid: u32) -> Instant {
        let at = Instant::now();
        kill_at_once(pid);
        at
    }

    /// Checks that somebody new is served within the promised time of a death.
    fn serves_again(&self, death: Instant) {
        serves_again(self.site.address, ("anonymous", "me@example.org"), death);
    }
}

fn serves_again(address: SocketAddr, login: (&str, &str), death: Instant) {
    loop {
        let served = visit(address, login, "small", PROMISE);
        let took = death.elapsed();
        match served {
            Ok(octets) => {
                assert_eq!(octets, b"small\n");
                assert!(took < PROMISE, "it took {took:?} to serve again");
                return;
            }
            Err(error) => assert!(took < PROMISE, "not served {took:?} after the death: {error}"),
        }
    }
}

/// Whether a session still answers; one that is lost is closed or reset.
fn answers(session: &Dialogue) -> bool {
    let (mut stream, mut octets) = (session.stream(), [0; 64]);
    let said = stream.write_all(b"NOOP\r\n").and_then(|()| stream.read(&mut octets));
    said.is_ok_and(|count| octets.get(..count).is_some_and(|said| said.starts_with(b"200 ")))
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(PATIENCE);
    while !is_so() {
        assert!(Instant::now() < end, "it never comes that {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_killed_worker_takes_its_own_sessions_along_and_no_others() {
    needs_root!();
    let stage = stage(&["max_clients=4"]);
    // The least loaded worker gets the next client, so these are on different ones.
    let upload = Upload::anonymous(&stage);
    let victim = stage.only("session, 1 client, 1 transferring");
    let download = Download::begin(stage.local());
    let idle = [stage.anonymous(), stage.anonymous()];
    let death = stage.kill(victim);
    // Four were in, as many as may: the places of the lost are free again.
    stage.serves_again(death);
    upload.end_in_vain();
    download.end().ask("NOOP", 200);
    assert_eq!(idle.iter().filter(|session| answers(session)).count(), 1, "one of these was on each worker");
    wait_until("there are two workers again", || stage.site.server.role("session").len() == 2);
}

#[test]
fn the_only_worker_is_replaced_at_once() {
    needs_root!();
    let stage = stage(&["session_workers=1"]);
    let upload = Upload::begin(stage.local(), "gift", stage.user.home.join("gift"));
    stage.grow_up();
    let death = stage.kill(stage.only("session"));
    stage.serves_again(death);
    upload.end_in_vain();
}

#[test]
fn an_isolated_session_dies_alone() {
    needs_root!();
    let stage = stage(&["isolate_sessions=YES"]);
    let upload = Upload::anonymous(&stage);
    let victim = stage.only("session");
    let download = Download::begin(stage.anonymous());
    let death = stage.kill(victim);
    stage.serves_again(death);
    upload.end_in_vain();
    download.end().ask("NOOP", 200);
}

#[test]
fn a_killed_broker_takes_the_sessions_of_its_identity_along_and_no_others() {
    needs_root!();
    let stage = stage(&[]);
    let mut idle = stage.local();
    let victim = stage.only("broker");
    let download = Download::begin(stage.local());
    let upload = Upload::begin(stage.local(), "gift", stage.user.home.join("gift"));
    let others = (Download::begin(stage.anonymous()), Upload::anonymous(&stage));
    let death = stage.kill(victim);
    serves_again(stage.site.address, (&stage.user.name, &stage.user.password), death);
    assert_eq!(idle.ask("SIZE small", 421).text(), "421 Service not available.");
    idle.expect_close();
    upload.end_in_vain();
    // The file of a running download is open already: nothing of it is lost.
    assert!(read_all(download.1) == pattern());
    others.0.end().ask("SIZE small", 213);
    others.1.end().ask("SIZE small", 213);
}

#[test]
fn a_killed_listener_is_replaced_and_transfers_go_on() {
    needs_root!();
    let stage = stage(&[]);
    let (download, upload) = (Download::begin(stage.local()), Upload::anonymous(&stage));
    stage.grow_up();
    let death = stage.kill(stage.only("listener"));
    stage.serves_again(death);
    download.end();
    upload.end();
}

#[test]
fn an_idle_session_outlives_the_listener() {
    needs_root!();
    let stage = stage(&[]);
    let mut idle = stage.anonymous();
    stage.grow_up();
    let death = stage.kill(stage.only("listener"));
    stage.serves_again(death);
    idle.ask("NOOP", 200);
    idle.ask("SIZE small", 213);
}

/// A PAM service whose check lasts until a line is written: nobody has to guess how long.
struct Gate {
    pipe: File,
    script: PathBuf,
}

impl Gate {
    fn set_up(builder: &SiteBuilder) -> (Self, PamService) {
        let place = builder.place();
        let (pipe, script) = (place.join("gate"), place.join("gate.sh"));
        assert!(run(Command::new("mkfifo").arg(&pipe), "").success);
        fs::write(&script, format!("read line <{}\n", pipe.display())).unwrap();
        let text = format!(
            "auth required pam_exec.so quiet /bin/sh {}\nauth required pam_unix.so nodelay\n\
             account required pam_unix.so\n",
            script.display()
        );
        // For reading too, so that neither end waits for the other to open it.
        let pipe = File::options().read(true).write(true).open(pipe).unwrap();
        (Self { pipe, script }, PamService::with(&text))
    }

    /// Lets one check go on.
    fn open(&mut self) {
        self.pipe.write_all(b"\n").unwrap();
    }

    /// How many checks wait.
    fn waiting(&self) -> usize {
        let wanted = self.script.display().to_string();
        let lines = fs::read_dir("/proc").unwrap().flatten();
        let lines = lines.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        lines.filter(|line| line.split(|octet| *octet == 0).any(|word| word == wanted.as_bytes())).count()
    }
}

#[test]
fn a_killed_auth_process_refuses_one_attempt_and_no_other() {
    needs_root!();
    let builder = builder();
    let (mut gate, pam) = Gate::set_up(&builder);
    let stage = stage_with(pam, builder, &[]);
    let (download, upload) = (Download::begin(stage.anonymous()), Upload::anonymous(&stage));
    let mut knocking = stage.site.connect();
    knocking.ask(&format!("USER {}", stage.user.name), 331);
    knocking.send(&format!("PASS {}", stage.user.password));
    wait_until("the check waits", || gate.waiting() == 1);
    let death = stage.kill(stage.only("auth"));
    stage.serves_again(death);
    knocking.expect(530);
    // The module's own program is not ours and waits on; this line is for it.
    gate.open();
    wait_until("it has gone", || gate.waiting() == 0);
    gate.open();
    knocking.ask(&format!("USER {}", stage.user.name), 331);
    knocking.ask(&format!("PASS {}", stage.user.password), 230);
    download.end();
    upload.end();
}

#[test]
fn a_killed_monitor_leaves_nothing_behind() {
    needs_root!();
    let mut stage = stage(&[]);
    let (download, upload) = (Download::begin(stage.local()), Upload::anonymous(&stage));
    let mut idle = stage.anonymous();
    let family = stage.site.server.family();
    assert!(family.len() >= 5, "a listener, two workers, two brokers: {family:?}");
    let death = stage.kill(stage.site.server.pid());
    upload.end_in_vain();
    idle.expect_close();
    let mut octets = Vec::new();
    let Download(mut dialogue, mut data) = download;
    let _ = data.read_to_end(&mut octets);
    assert!(octets.len() < LARGE && pattern().starts_with(&octets));
    assert!(!dialogue.rest().iter().any(|line| line.starts_with("226")));
    wait_until("all have ended", || !family.iter().any(|one| is_alive(*one)));
    drop(TcpListener::bind(stage.site.address).expect("the port is free"));
    assert!(!stage.site.server.wait().success());
    // What systemd does next.
    stage.site.server = Server::start(Command::new(env!("CARGO_BIN_EXE_wharfd")).arg(&stage.site.config));
    stage.serves_again(death);
}

#[test]
fn a_reload_during_transfers_loses_nothing() {
    needs_root!();
    let mut stage = stage(&[]);
    let (download, upload) = (Download::begin(stage.local()), Upload::anonymous(&stage));
    let mut idle = stage.anonymous();
    let family = stage.site.server.family();
    stage.site.server.signal(Signal::SIGHUP);
    stage.site.server.wait_for("the new configuration is in force");
    download.end().ask("SIZE small", 213);
    upload.end().ask("SIZE small", 213);
    idle.ask("SIZE small", 213);
    assert!(family.iter().all(|one| is_alive(*one)), "no process is replaced");
}

#[test]
fn many_reloads_in_a_row_are_survived() {
    needs_root!();
    let mut stage = stage(&[]);
    let (download, upload) = (Download::begin(stage.local()), Upload::anonymous(&stage));
    let mut idle = stage.anonymous();
    let family = stage.site.server.family();
    for _ in 0..50 {
        stage.site.server.signal(Signal::SIGHUP);
        idle.ask("NOOP", 200);
    }
    stage.site.server.wait_for("the new configuration is in force");
    stage.serves_again(Instant::now());
    download.end().ask("SIZE small", 213);
    upload.end().ask("SIZE small", 213);
    idle.ask("SIZE small", 213);
    assert!(family.iter().all(|one| is_alive(*one)), "no process is replaced");
}

#[test]
fn a_server_told_to_stop_lets_transfers_end_both_ways() {
    needs_root!();
    let mut stage = stage(&[]);
    let (download, upload) = (Download::begin(stage.local()), Upload::anonymous(&stage));
    let mut idle = stage.anonymous();
    stage.site.server.signal(Signal::SIGTERM);
    idle.expect(421);
    idle.expect_close();
    wait_until("nobody new is let in", || {
        visit(stage.site.address, ("anonymous", "x"), "small", PROMISE).is_err()
    });
    for mut session in [download.end(), upload.end()] {
        session.expect(421);
        session.expect_close();
    }
    assert!(stage.site.server.wait().success());
}

/// Becomes the server in a mount namespace whose `/etc` asks a name server that never answers.
const IN_OWN_ETC: &str = "mkdir \"$1\" && cp -r /etc/passwd /etc/group /etc/shadow /etc/pam.d \"$1\" && \
    printf 'hosts: dns\\npasswd: files\\ngroup: files\\nshadow: files\\n' >\"$1/nsswitch.conf\" && \
    echo 'nameserver 127.0.53.53' >\"$1/resolv.conf\" && echo 'vsftpd: .example.org' >\"$1/hosts.deny\" && \
    mount --bind \"$1\" /etc && exec \"$2\" \"$3\"";

#[test]
fn a_killed_resolver_leaves_one_name_unknown() {
    needs_root!();
    let server = SocketAddr::from((Ipv4Addr::new(127, 0, 53, 53), 53));
    let Ok(_silent) = UdpSocket::bind(server) else {
        eprintln!("skipped: somebody has {server}");
        return;
    };
    let builder = builder().set("tcp_wrappers=YES");
    let etc = builder.place().join("etc");
    let guest = Account::make(builder.place());
    let builder = builder.anonymous(&guest);
    fs::write(builder.place().join("pub/small"), "small\n").unwrap();
    let site = builder.start_by(|binary, config| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", IN_OWN_ETC, "sh"]);
        command.arg(etc).args([binary, config]);
        command
    });
    let mut clients: Vec<Dialogue> = (1..=2).map(|_| Dialogue::silent(site.address)).collect();
    wait_until("two names are looked up", || site.server.role("resolver").len() == 2);
    let resolvers = site.server.role("resolver");
    kill_at_once(*resolvers.first().unwrap());
    wait_until("one lookup is over", || site.server.role("resolver").len() == 1);
    // The one whose name stays unknown is of no example.org and is let in; the other still waits.
    wait_until("one is greeted", || clients.iter().any(|client| has_octets(client.stream())));
    assert_eq!(clients.iter().filter(|client| has_octets(client.stream())).count(), 1);
    let greeted = clients.iter_mut().find(|client| has_octets(client.stream())).unwrap();
    greeted.expect(220);
    greeted.ask("USER ftp", 331);
    greeted.ask("PASS x", 230);
    assert_eq!(greeted.fetch("RETR small"), b"small\n");
    for resolver in site.server.role("resolver") {
        kill_at_once(resolver);
    }
    wait_until("the other is greeted", || clients.iter().any(|client| has_octets(client.stream())));
}

fn has_octets(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let seen = stream.peek(&mut [0]).is_ok_and(|count| count > 0);
    stream.set_nonblocking(false).unwrap();
    seen
}
