//! What the tests of faults have in common: a busy site, transfers that are under way, and a clock that starts at a death.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use wharf_testkit::{
    Account, Dialogue, PATIENCE, PamService, Site, SiteBuilder, kill_at_once, read_all, run, visit,
};

/// Large enough that no socket buffer holds it, so that a transfer is really under way.
pub(crate) const LARGE: usize = 32 << 20;

/// Within this time of a death the site serves again.
pub(crate) const PROMISE: Duration = Duration::from_secs(1);

/// A role that dies younger than this is replaced only after as long.
const YOUTH: Duration = Duration::from_secs(1);

/// A site with a file for everybody, a directory for uploads, and one user.
pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) user: Account,
    began: Instant,
    /// Where a second is promised, the tests must not take it from each other.
    _turn: File,
    _guest: Account,
    _pam: PamService,
}

pub(crate) fn stage(lines: &[&str]) -> Stage {
    stage_with(PamService::make(), builder(), lines)
}

pub(crate) fn builder() -> SiteBuilder {
    Site::builder(env!("CARGO_BIN_EXE_wharfd"))
}

pub(crate) fn stage_with(pam: PamService, builder: SiteBuilder, lines: &[&str]) -> Stage {
    let turn = File::create("/tmp/wharf-test-faults.lock").unwrap();
    turn.lock().unwrap();
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
        let octets = if file == "small" { b"small\n" } else { pattern() };
        fs::write(public.join(file), octets).unwrap();
        user.file(file, octets);
    }
    let incoming = public.join("incoming");
    fs::create_dir(&incoming).unwrap();
    guest.own(&incoming);
    let site = builder.start();
    Stage { site, user, began: Instant::now(), _turn: turn, _guest: guest, _pam: pam }
}

/// Octets whose place can be told from their value.
pub(crate) fn pattern() -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    PATTERN.get_or_init(|| (0..=250).cycle().take(LARGE).collect())
}

/// A download that has begun and goes on when it is read.
pub(crate) struct Download(pub(crate) Dialogue, pub(crate) TcpStream);

impl Download {
    pub(crate) fn begin(mut dialogue: Dialogue) -> Self {
        let data = dialogue.epsv();
        dialogue.ask("RETR large", 150);
        Self(dialogue, data)
    }

    /// Reads the rest, which must be all and unharmed; returns the session.
    pub(crate) fn end(mut self) -> Dialogue {
        assert!(read_all(self.1) == pattern(), "the download is not the file");
        self.0.expect(226);
        self.0
    }
}

/// An upload of which half has been sent.
pub(crate) struct Upload {
    dialogue: Dialogue,
    data: TcpStream,
    file: PathBuf,
}

impl Upload {
    pub(crate) fn begin(mut dialogue: Dialogue, name: &str, file: PathBuf) -> Self {
        let mut data = dialogue.epsv();
        dialogue.ask(&format!("STOR {name}"), 150);
        data.write_all(pattern().get(..LARGE / 2).unwrap()).unwrap();
        Self { dialogue, data, file }
    }

    pub(crate) fn anonymous(stage: &Stage) -> Self {
        let file = stage.site.public().join("incoming/gift");
        Self::begin(stage.site.anonymous(), "incoming/gift", file)
    }

    /// Sends the rest and checks that it was stored as it was sent; returns the session.
    pub(crate) fn end(mut self) -> Dialogue {
        self.data.write_all(pattern().get(LARGE / 2..).unwrap()).unwrap();
        drop(self.data);
        self.dialogue.expect(226);
        assert!(fs::read(&self.file).unwrap() == pattern(), "the upload is not what was sent");
        self.dialogue
    }

    /// Sends the rest to nobody: the server must never say that it has the file.
    pub(crate) fn end_in_vain(mut self) {
        // How much is taken before the connection breaks is the kernel's affair.
        let _ = self.data.write_all(pattern().get(LARGE / 2..).unwrap());
        drop(self.data);
        let said = self.dialogue.rest();
        assert!(!said.iter().any(|line| line.starts_with("226")), "a cut upload is called whole: {said:?}");
        // It may be gone altogether, but what there is of it came from us, in order.
        let stored = fs::read(&self.file).unwrap_or_default();
        assert!(
            pattern().starts_with(&stored),
            "{} octets are stored, not those that were sent",
            stored.len()
        );
    }
}

impl Stage {
    pub(crate) fn anonymous(&self) -> Dialogue {
        self.site.anonymous()
    }

    pub(crate) fn local(&self) -> Dialogue {
        self.site.login(&self.user)
    }

    /// Waits until what runs is old enough to be replaced at once.
    pub(crate) fn grow_up(&self) {
        wait_until("the server is a second old", || self.began.elapsed() > YOUTH);
    }

    /// Waits for one process of a role, and returns it.
    pub(crate) fn only(&self, title: &str) -> u32 {
        wait_until(&format!("there is one {title}"), || self.site.server.role(title).len() == 1);
        *self.site.server.role(title).first().unwrap()
    }

    /// Kills a process and returns when.
    pub(crate) fn kill(&self, pid: u32) -> Instant {
        let at = Instant::now();
        kill_at_once(pid);
        at
    }

    /// Checks that somebody new is served within the promised time of a death.
    pub(crate) fn serves_again(&self, death: Instant) {
        serves_again(self.site.address, ("anonymous", "me@example.org"), death);
    }
}

pub(crate) fn serves_again(address: SocketAddr, login: (&str, &str), death: Instant) {
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
        // What is starting meanwhile needs the processor more than we do.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a session still answers; one that is lost is closed or reset.
pub(crate) fn answers(session: &Dialogue) -> bool {
    let (mut stream, mut octets) = (session.stream(), [0; 64]);
    let said = stream.write_all(b"NOOP\r\n").and_then(|()| stream.read(&mut octets));
    said.is_ok_and(|count| octets.get(..count).is_some_and(|said| said.starts_with(b"200 ")))
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(PATIENCE);
    while !is_so() {
        assert!(Instant::now() < end, "it never comes that {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A PAM service whose check lasts until a line is written: nobody has to guess how long.
pub(crate) struct Gate {
    pipe: File,
    script: PathBuf,
}

impl Gate {
    pub(crate) fn set_up(builder: &SiteBuilder) -> (Self, PamService) {
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
    pub(crate) fn open(&mut self) {
        self.pipe.write_all(b"\n").unwrap();
    }

    /// How many checks wait.
    pub(crate) fn waiting(&self) -> usize {
        let wanted = self.script.display().to_string();
        let lines = fs::read_dir("/proc").unwrap().flatten();
        let lines = lines.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        lines.filter(|line| line.split(|octet| *octet == 0).any(|word| word == wanted.as_bytes())).count()
    }
}

pub(crate) fn has_octets(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let seen = stream.peek(&mut [0]).is_ok_and(|count| count > 0);
    stream.set_nonblocking(false).unwrap();
    seen
}
