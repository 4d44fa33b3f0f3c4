//! Many clients, few passive ports: of many addresses, of one address in clear, and of one address inside TLS with curl,
//! lftp and Python's ftplib. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wharf_testkit::{Account, Dialogue, Site, SiteBuilder, connect_from, has, needs_root, read_all, run};

/// How many sessions there are at once.
const MANY: usize = 200;

struct Crowd {
    site: Site,
    _account: Account,
}

/// A site for anonymous users, who may upload into `in`.
fn crowd(few_ports: impl FnOnce(SiteBuilder) -> SiteBuilder) -> Crowd {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let builder = builder
        .anonymous(&account)
        .set("write_enable=YES")
        .set("anon_upload_enable=YES")
        .set("anon_umask=022")
        .set("max_per_ip=0");
    let incoming = builder.place().join("pub/in");
    fs::create_dir(&incoming).unwrap();
    account.own(&incoming);
    Crowd { site: few_ports(builder).start(), _account: account }
}

fn one_port(builder: SiteBuilder) -> SiteBuilder {
    builder.one_passive_port()
}

/// The same inside TLS.
fn secured(builder: SiteBuilder) -> SiteBuilder {
    let place = builder.place().to_owned();
    let made = run(
        Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout"])
            .arg(place.join("key.pem"))
            .arg("-out")
            .arg(place.join("cert.pem")),
        "",
    );
    assert!(made.success, "{}", made.stderr);
    one_port(builder)
        .set("ssl_enable=YES")
        .set("allow_anon_ssl=YES")
        .set("force_anon_logins_ssl=YES")
        .set("force_anon_data_ssl=YES")
        .set(&format!("rsa_cert_file={}", place.join("cert.pem").display()))
        .set(&format!("rsa_private_key_file={}", place.join("key.pem").display()))
}

impl Crowd {
    fn publish(&self, name: &str, content: &[u8]) {
        let path = self.site.public().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn received(&self, name: &str) -> Vec<u8> {
        fs::read(self.site.public().join("in").join(name)).unwrap_or_default()
    }

    /// How many transfers the titles of the workers show.
    fn transferring(&self) -> usize {
        let title = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let shown = |title: Vec<u8>| -> usize {
            let title = String::from_utf8_lossy(&title).into_owned();
            let count = title.strip_suffix(" transferring").or_else(|| title.split(" transferring").next());
            count.and_then(|before| before.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
        };
        self.site.server.role("session").iter().map(title).map(shown).sum()
    }

    fn wait_until_all_transfer(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.transferring() < MANY {
            let seen = self.transferring();
            assert!(Instant::now() < end, "only {seen} transfers run\n{}", self.site.server.output());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Sends a connection what it expects and closes it.
fn ends_well(mut child: Child, number: usize) {
    drop(child.stdin.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{number}: {said}");
}

#[test]
fn two_hundred_addresses_transfer_at_once_through_one_port() {
    needs_root!();
    let crowd = crowd(one_port);
    let mut open: Vec<(Dialogue, TcpStream)> = Vec::new();
    for number in 0..MANY {
        let from = Some(IpAddr::from(Ipv4Addr::new(127, 0, 1, number as u8)));
        let mut dialogue = Dialogue::over(connect_from(from, crowd.site.address).unwrap());
        dialogue.expect(220);
        dialogue.ask("USER anonymous", 331);
        dialogue.ask("PASS x", 230);
        let to = dialogue.pasv();
        assert_eq!(to.port(), crowd.site.ports().passive_first());
        let data = connect_from(from, to).unwrap();
        dialogue.ask(&format!("STOR in/file{number}"), 150);
        open.push((dialogue, data));
    }
    // All of them are under way: 150 was said to each, and none has ended.
    for (number, (_, data)) in open.iter_mut().enumerate() {
        data.write_all(format!("content of {number}").as_bytes()).unwrap();
    }
    crowd.wait_until_all_transfer();
    for (number, (mut dialogue, data)) in open.into_iter().enumerate() {
        drop(data);
        dialogue.expect(226);
        assert_eq!(crowd.received(&format!("file{number}")), format!("content of {number}").as_bytes());
    }
}

#[test]
fn two_hundred_sessions_of_one_address_share_ten_ports_without_one_failure() {
    needs_root!();
    let crowd = crowd(|builder| builder.passive_ports(10));
    crowd.publish("file", &[7; 100_000]);
    let address = crowd.site.address;
    let clients: Vec<_> = (0..MANY)
        .map(|_| {
            std::thread::spawn(move || {
                let mut dialogue = Dialogue::login(address, "anonymous", "x");
                for _ in 0..3 {
                    let to = dialogue.pasv();
                    let data = connect_from(None, to).unwrap();
                    dialogue.ask("RETR file", 150);
                    assert_eq!(read_all(data).len(), 100_000);
                    dialogue.expect(226);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("no session fails");
    }
}

#[test]
fn who_finds_no_port_in_time_is_told_so_and_the_session_lives() {
    needs_root!();
    let crowd = crowd(|builder| one_port(builder).set("pasv_wait_timeout=1"));
    crowd.publish("file", b"content");
    let (mut one, mut other) = (crowd.site.anonymous(), crowd.site.anonymous());
    let to = one.pasv();
    other.exact("PASV", "425 No port is free for a data connection; please try again later.");
    other.exact("EPSV", "425 No port is free for a data connection; please try again later.");
    other.exact("LIST", "425 Use PORT or PASV first.");
    let data = connect_from(None, to).unwrap();
    one.ask("RETR file", 150);
    assert_eq!(read_all(data), b"content");
    one.expect(226);
    assert_eq!(other.fetch("RETR file"), b"content");
}

/// All sessions ask for a port before any of them connects, and none waits: they share it.
const TOGETHER: &str = r#"
import ftplib, random, socket, ssl, sys
host, port, many, cafile, version = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
class Reusing(ftplib.FTP_TLS):
    def wrap(self, conn):
        return self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session)
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.wrap(conn), size
def read(conn):
    octets = b''
    while piece := conn.recv(65536):
        octets += piece
    conn.unwrap()
    conn.close()
    return octets
sessions = []
for number in range(many):
    context = ssl.create_default_context(cafile=cafile)
    context.maximum_version = getattr(ssl.TLSVersion, version)
    ftp = Reusing(context=context)
    ftp.connect(host, port, timeout=40)
    ftp.login()
    ftp.prot_p()
    ftp.retrbinary('RETR file0', lambda octets: None)
    sessions.append(ftp)
ports = {ftp.makepasv()[1] for ftp in sessions}
assert len(ports) == 1, ports
at = (host, ports.pop())
order = list(range(many))
random.shuffle(order)
sockets = {number: socket.create_connection(at, timeout=40) for number in order}
for number, ftp in enumerate(sessions):
    assert ftp.sendcmd(f'RETR file{number}').startswith('150')
random.shuffle(order)
sockets = {number: sessions[number].wrap(sockets[number]) for number in order}
for number in reversed(order):
    assert read(sockets[number]) == b'content of %d' % number, number
    assert sessions[number].voidresp().startswith('226')
for ftp in sessions:
    ftp.quit()
print('done', many)
"#;

#[test]
fn two_hundred_sessions_of_ftplib_expect_connections_at_one_port_at_once() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let crowd = crowd(|builder| secured(builder).set("pasv_wait_timeout=0"));
    for number in 0..MANY {
        crowd.publish(&format!("file{number}"), format!("content of {number}").as_bytes());
    }
    for (version, many) in [("TLSv1_3", MANY), ("TLSv1_2", 20)] {
        let mut python = Command::new("python3");
        python.args(["-c", TOGETHER, "localhost", &crowd.site.address.port().to_string(), &many.to_string()]);
        let done = run(python.arg(crowd.site.place().join("cert.pem")).arg(version), "");
        assert!(
            done.stdout.contains(&format!("done {many}")),
            "{}{}",
            done.stderr,
            crowd.site.server.output()
        );
    }
}

/// Starts a client that downloads `small` and then uploads until its standard input ends: by then it shares the port.
fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn two_hundred_curls_of_one_address_transfer_at_once_through_one_port() {
    needs_root!();
    if !has("curl") {
        return;
    }
    let crowd = crowd(|builder| secured(builder).set("pasv_wait_timeout=60"));
    let at = format!("ftp://localhost:{}", crowd.site.address.port());
    let cert = crowd.site.place().join("cert.pem");
    let options = ["--silent", "--show-error", "--ssl-reqd", "--user", "anonymous:x", "--cacert"];
    crowd.publish("small", b"small");
    let curl = |number| {
        let mut curl = Command::new("curl");
        curl.args(options).arg(&cert).arg(format!("{at}/small")).arg("--next");
        curl.args(options).arg(&cert).args(["--upload-file", "-"]).arg(format!("{at}/in/file{number}"));
        start(&mut curl)
    };
    let mut clients: Vec<Child> = (0..MANY).map(curl).collect();
    crowd.wait_until_all_transfer();
    for (number, client) in clients.iter_mut().enumerate() {
        client.stdin.as_mut().unwrap().write_all(format!("content of {number}").as_bytes()).unwrap();
    }
    for (number, client) in clients.into_iter().enumerate() {
        ends_well(client, number);
        assert_eq!(crowd.received(&format!("file{number}")), format!("content of {number}").as_bytes());
    }
}

#[test]
fn two_hundred_lftps_of_one_address_transfer_at_once_through_one_port() {
    needs_root!();
    if !has("lftp") {
        return;
    }
    // lftp begins an upload when it has read all of it. A download at this rate takes half a minute.
    let crowd = crowd(|builder| secured(builder).set("pasv_wait_timeout=60").set("anon_max_rate=20000"));
    crowd.publish("small", b"small");
    crowd.publish("large", &[7; 600_000]);
    let script = format!(
        "set ssl:ca-file {0}/cert.pem; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; \
         set net:max-retries 1; open -u anonymous,x -p {1} localhost; cat small; cat large; bye",
        crowd.site.place().display(),
        crowd.site.address.port(),
    );
    let lftp =
        || Command::new("lftp").args(["--norc", "-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut clients: Vec<Child> = (0..MANY).map(|_| lftp()).collect();
    crowd.wait_until_all_transfer();
    for client in &mut clients {
        let mut octets = Vec::new();
        client.stdout.take().unwrap().read_to_end(&mut octets).unwrap();
        assert!(octets.strip_prefix(b"small").is_some_and(|large| large == [7; 600_000]));
        assert!(client.wait().unwrap().success());
    }
}

/// A client that resumes once and never again: it falls back to a port of its own.
const FORGETFUL: &str = r#"
import ftplib, io, ssl, sys
host, port, cafile = sys.argv[1], int(sys.argv[2]), sys.argv[3]
class Forgetful(ftplib.FTP_TLS):
    resumes = True
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session if self.resumes else None
        return self.context.wrap_socket(conn, server_hostname=self.host, session=session), size
def session():
    ftp = Forgetful(context=ssl.create_default_context(cafile=cafile))
    ftp.connect(host, port, timeout=40)
    ftp.login()
    ftp.prot_p()
    return ftp
def fetch(ftp):
    octets = io.BytesIO()
    ftp.retrbinary('RETR file', octets.write)
    return octets.getvalue()
forgetful, other = session(), session()
for ftp in (forgetful, other, forgetful, other):
    assert fetch(ftp) == b'content'
forgetful.resumes = False
try:
    fetch(forgetful)
    print('it was recognised by nothing')
except (OSError, EOFError, ftplib.Error) as error:
    print('refused', type(error).__name__)
try:
    print(forgetful.getmultiline())
except (OSError, EOFError) as error:
    print('gone', error)
assert fetch(forgetful) == b'content'
assert fetch(other) == b'content'
assert fetch(forgetful) == b'content'
print('done')
"#;

#[test]
fn a_client_that_stops_resuming_gets_a_port_of_its_own_again() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let crowd = crowd(|builder| secured(builder).set("require_ssl_reuse=NO").set("accept_timeout=2"));
    crowd.publish("file", b"content");
    let mut python = Command::new("python3");
    python.args(["-c", FORGETFUL, "localhost", &crowd.site.address.port().to_string()]);
    let done = run(python.arg(crowd.site.place().join("cert.pem")), "");
    assert!(done.stdout.contains("425 Failed to establish connection."), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("done"), "{}{}", done.stdout, done.stderr);
}

#[test]
fn a_neighbour_gets_nothing_of_a_shared_port() {
    needs_root!();
    if !has("python3") {
        return;
    }
    // Whoever says nothing, or something else, is closed and disturbs nobody.
    let crowd = crowd(secured);
    let at = SocketAddr::new(crowd.site.address.ip(), crowd.site.ports().passive_first());
    for number in 0..20 {
        crowd.publish(&format!("file{number}"), format!("content of {number}").as_bytes());
    }
    let script = TOGETHER.replace(
        "sockets = {number: socket.create_connection(at, timeout=40) for number in order}",
        "strangers = [socket.create_connection(at) for _ in range(10)]\n\
         for stranger in strangers[:5]: stranger.sendall(b'hello\\r\\n')\n\
         sockets = {number: socket.create_connection(at, timeout=40) for number in order}",
    );
    assert!(script != TOGETHER);
    let mut python = Command::new("python3");
    python.args(["-c", &script, "localhost", &crowd.site.address.port().to_string(), "20"]);
    let done = run(python.arg(crowd.site.place().join("cert.pem")).arg("TLSv1_3"), "");
    assert!(done.stdout.contains("done 20"), "{}{}", done.stderr, crowd.site.server.output());
    let mut late = connect_from(None, at).unwrap();
    assert_eq!(late.read(&mut [0]).unwrap_or(0), 0, "nobody expects anything there");
}
