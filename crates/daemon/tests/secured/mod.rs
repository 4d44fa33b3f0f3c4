//! What the tests of FTPS share: a site with TLS, a client of TLS whose every octet can be looked at, and a small
//! authority.
#![allow(dead_code, reason = "each test uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wharf_testkit::{Account, Outcome, PamService, Site, SiteBuilder, run};

/// A site with TLS and one account.
pub(crate) struct Secured {
    pub(crate) site: Site,
    pub(crate) account: Account,
    _pam: PamService,
}

/// Makes a certificate for `localhost`, as `openssl` does it.
pub(crate) fn certificate(at: &Path, kind: &[&str]) {
    let made = run(
        Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-newkey"])
            .args(kind)
            .arg("-keyout")
            .arg(at.join("key.pem"))
            .arg("-out")
            .arg(at.join("cert.pem")),
        "",
    );
    assert!(made.success, "{}", made.stderr);
}

pub(crate) fn secured(lines: &[&str]) -> Secured {
    secured_by(EC, lines)
}

pub(crate) fn secured_by(kind: &[&str], lines: &[&str]) -> Secured {
    secured_with(kind, |_, _| lines.iter().map(|line| (*line).to_owned()).collect())
}

/// As [`secured_by`], with lines that speak of the site's place and the account.
pub(crate) fn secured_with(kind: &[&str], lines: impl FnOnce(&Path, &Account) -> Vec<String>) -> Secured {
    let builder: SiteBuilder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let pam = PamService::make();
    certificate(builder.place(), kind);
    let (cert, key) = (builder.place().join("cert.pem"), builder.place().join("key.pem"));
    let builder = builder
        .local(&pam)
        .set("ssl_enable=YES")
        .set("write_enable=YES")
        .set("xferlog_enable=YES")
        .set(&format!("rsa_cert_file={}", cert.display()))
        .set(&format!("rsa_private_key_file={}", key.display()));
    let lines = lines(builder.place(), &account);
    let site = lines.iter().fold(builder, |builder, line| builder.set(line)).start();
    Secured { site, account, _pam: pam }
}

/// Keys of the kind that is used unless the kind matters.
pub(crate) const EC: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

impl Secured {
    /// Runs a script of Python behind [`CLIENT`]: `host`, `port`, `user`, `password`, `cafile` and `rest` are known to it.
    pub(crate) fn python(&self, script: &str, rest: &[&str]) -> Outcome {
        let mut python = Command::new("python3");
        python.arg("-c").arg(format!("{CLIENT}\n{script}"));
        python.args(["localhost", &self.port(), &self.account.name, &self.account.password]);
        run(python.arg(self.site.place().join("cert.pem")).args(rest), "")
    }

    /// Waits for a text in a log, which is written after the client has heard its reply.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(wharf_testkit::PATIENCE);
        loop {
            let log = self.site.text("vsftpd.log");
            if log.contains(text) {
                return log;
            }
            assert!(std::time::Instant::now() < end, "{text:?} is not in the log:\n{log}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Puts another configuration in force.
    pub(crate) fn reconfigure(&mut self, change: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(&self.site.config).unwrap();
        fs::write(&self.site.config, change(text)).unwrap();
        self.site.server.signal(wharf_testkit::Signal::SIGHUP);
    }
}

/// A client of TLS that keeps every octet it is sent, and one of ftplib that goes on with its TLS session.
pub(crate) const CLIENT: &str = r#"
import ftplib, io, os, signal, socket, ssl, sys, time
host, port, user, password, cafile, *rest = sys.argv[1:]
port = int(port)
context = ssl.create_default_context(cafile=cafile)

class Wire:
    def __init__(self, implicit=False, clear=b'AUTH TLS\r\n', context=context):
        self.sock = socket.create_connection((host, port), timeout=20)
        self.raw, self.text, self.context = b'', b'', context
        if not implicit:
            self.line()
            self.sock.sendall(clear)
            self.answer = self.line()
        self.raw = b''
    def line(self):
        said = b''
        while not said.endswith(b'\r\n'):
            octet = self.sock.recv(1)
            assert octet, said
            said += octet
        return said
    def begin(self):
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.context.wrap_bio(self.inward, self.outward, server_hostname='localhost')
        while True:
            try:
                self.tls.do_handshake()
                return self.flush() or self
            except ssl.SSLWantReadError:
                self.flush()
                assert self.feed(), 'the server left during the handshake'
    def flush(self):
        waiting = self.outward.read()
        if waiting:
            self.sock.sendall(waiting)
    def feed(self):
        try:
            got = self.sock.recv(65536)
        except ConnectionResetError:
            got = b''
        if not got:
            self.inward.write_eof()
            return False
        self.raw += got
        self.inward.write(got)
        return True
    def say(self, line):
        self.tls.write(line.encode() + b'\r\n')
        self.flush()
    def hear(self):
        while True:
            while b'\r\n' in self.text:
                line, self.text = self.text.split(b'\r\n', 1)
                if line[3:4] == b' ' and line[:3].isdigit():
                    return line.decode()
            try:
                got = self.tls.read(65536)
                if not got:
                    return None
                self.text += got
            except ssl.SSLWantReadError:
                if not self.feed():
                    return None
            except ssl.SSLError:
                return None
    def ask(self, line):
        self.say(line)
        return self.hear()
    def login(self):
        self.begin()
        assert self.ask('USER ' + user).startswith('331')
        assert self.ask('PASS ' + password).startswith('230')
        return self
    def rest_of_it(self):
        while self.feed():
            pass
        return self
    def only_tls(self):
        """Every octet since TLS began is part of a record of TLS."""
        at, raw = 0, self.raw
        while at < len(raw):
            assert len(raw) - at >= 5 and raw[at] in (20, 21, 22, 23) and raw[at + 1] == 3, raw[at:at + 80]
            at += 5 + int.from_bytes(raw[at + 3:at + 5], 'big')
        assert at == len(raw), 'a record is cut'
        return self

class Reusing(ftplib.FTP_TLS):
    """Goes on with the control connection's session, or with the one in `session`."""
    session = 'control'
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            session = self.sock.session if self.session == 'control' else self.session
            conn = self.context.wrap_socket(conn, server_hostname='localhost', session=session)
        return conn, size

def client(context=context):
    ftp = Reusing(context=context)
    ftp.connect(host, port, timeout=20)
    ftp.login(user, password)
    ftp.prot_p()
    return ftp
"#;

/// A small authority of `openssl`'s making, in a directory of its own.
pub(crate) struct Authority {
    pub(crate) place: PathBuf,
}

impl Authority {
    pub(crate) fn make(place: &Path) -> Self {
        fs::create_dir(place).unwrap();
        let authority = Self { place: place.to_owned() };
        fs::write(authority.at("index.txt"), "").unwrap();
        fs::write(authority.at("number"), "01\n").unwrap();
        let config = format!(
            "[ca]\ndefault_ca=own\n[own]\ndatabase={0}/index.txt\ncrlnumber={0}/number\ndefault_md=sha256\n\
             default_crl_days=30\ncrl_extensions=ext\n[ext]\nauthorityKeyIdentifier=keyid:always\n",
            place.display()
        );
        fs::write(authority.at("ca.conf"), config).unwrap();
        authority.openssl(&[
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=Authority",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-keyout",
            "PLACE/ca.key",
            "-out",
            "PLACE/ca.pem",
        ]);
        authority
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let place = self.place.display().to_string();
        let arguments = arguments.iter().map(|argument| argument.replace("PLACE", &place));
        let done = run(Command::new("openssl").args(arguments), "");
        assert!(done.success, "{}", done.stderr);
    }

    /// Issues a certificate with its key in the same file, and returns that file.
    pub(crate) fn issue(&self, name: &str, subject: &str, alternative: &str) -> PathBuf {
        let (key, request, certificate) =
            (format!("PLACE/{name}.key"), format!("PLACE/{name}.csr"), format!("PLACE/{name}.crt"));
        self.openssl(&[
            "req",
            "-nodes",
            "-subj",
            subject,
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-keyout",
            &key,
            "-out",
            &request,
        ]);
        fs::write(self.at("ext"), format!("subjectAltName={alternative}\n")).unwrap();
        self.openssl(&[
            "x509",
            "-req",
            "-days",
            "2",
            "-CA",
            "PLACE/ca.pem",
            "-CAkey",
            "PLACE/ca.key",
            "-CAcreateserial",
            "-extfile",
            "PLACE/ext",
            "-in",
            &request,
            "-out",
            &certificate,
        ]);
        let both = [".crt", ".key"].map(|end| fs::read_to_string(self.at(&format!("{name}{end}"))).unwrap());
        fs::write(self.at(&format!("{name}.pem")), both.concat()).unwrap();
        self.at(&format!("{name}.pem"))
    }

    /// Writes the list of what was revoked; with a name, that one's certificate as well.
    pub(crate) fn revoke(&self, name: Option<&str>) -> PathBuf {
        self.revoke_until(name, &[])
    }

    /// As [`Self::revoke`], with what else `openssl ca -gencrl` is told.
    pub(crate) fn revoke_until(&self, name: Option<&str>, options: &[&str]) -> PathBuf {
        let by = ["ca", "-config", "PLACE/ca.conf", "-cert", "PLACE/ca.pem", "-keyfile", "PLACE/ca.key"];
        if let Some(name) = name {
            self.openssl(&[&by[..], &["-revoke", &format!("PLACE/{name}.crt")]].concat());
        }
        self.openssl(&[&by[..], &["-gencrl", "-out", "PLACE/crl.new"], options].concat());
        fs::rename(self.at("crl.new"), self.at("crl.pem")).unwrap();
        self.at("crl.pem")
    }
}

impl Secured {
    pub(crate) fn port(&self) -> String {
        self.site.address.port().to_string()
    }

    pub(crate) fn curl(&self, arguments: &[&str], path: &str) -> Outcome {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--ssl-reqd", "--disable-epsv", "--cacert"]);
        curl.arg(self.site.place().join("cert.pem"));
        curl.arg("--user").arg(format!("{}:{}", self.account.name, self.account.password));
        curl.args(arguments).arg(format!("ftp://localhost:{}/{path}", self.port()));
        run(&mut curl, "")
    }
}

/// Octets that no two places of are alike.
pub(crate) fn octets(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}
