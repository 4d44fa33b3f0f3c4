//! FTPS with the clients that people have: curl (OpenSSL), lftp (GnuTLS), Python's ftplib and a hand-held s_client.
//! Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

mod secured;

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use secured::{Secured, octets, secured, secured_by};
use wharf_testkit::{Outcome, has, needs_root, run};

#[test]
fn curl_moves_files_both_ways_in_both_versions_and_resumes() {
    needs_root!();
    if !has("curl") {
        return println!("skipped: needs curl");
    }
    let secured = secured(&[]);
    let place = secured.site.place().join("local");
    fs::create_dir(&place).unwrap();
    for (version, length) in [("--tlsv1.3", 3_000_001), ("--tls-max=1.2", 70_000), ("--tlsv1.3", 1)] {
        let content = octets(length);
        let up = place.join("up");
        fs::write(&up, &content).unwrap();
        let version: Vec<&str> = version.split('=').collect();
        let sent = secured.curl(&[&version[..], &["--upload-file", up.to_str().unwrap()]].concat(), "file");
        assert!(sent.success, "{}{}", sent.stderr, secured.site.server.output());
        assert!(fs::read(secured.account.home.join("file")).unwrap() == content);
        let down = place.join("down");
        let got = secured.curl(&[&version[..], &["--output", down.to_str().unwrap()]].concat(), "file");
        assert!(got.success, "{}", got.stderr);
        assert!(fs::read(&down).unwrap() == content, "{length}");
    }
    let listed = secured.curl(&[], "");
    assert!(listed.success && listed.stdout.contains(" file"), "{}", listed.stderr);
    let log = secured.site.text("vsftpd.log");
    assert!(log.contains("OK UPLOAD") && log.contains("OK DOWNLOAD"), "{log}");
}

#[test]
fn an_rsa_certificate_serves_too() {
    needs_root!();
    let secured = secured_by(&["rsa:2048"], &[]);
    secured.account.file("file", b"content");
    let got = secured.curl(&["--tls-max", "1.2"], "file");
    assert_eq!(got.stdout, "content", "{}", got.stderr);
}

#[test]
fn lftp_mirrors_through_tls() {
    needs_root!();
    if !has("lftp") {
        return println!("skipped: needs lftp");
    }
    let secured = secured(&[]);
    let place = secured.site.place().join("mirror");
    for name in 0..20 {
        secured.account.file(&format!("file{name}"), &octets(name * 1000));
    }
    let script = format!(
        "set ssl:ca-file {0}/cert.pem; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; \
         open -u {1},{2} -p {3} localhost; mirror --parallel=4 . {4}; bye",
        secured.site.place().display(),
        secured.account.name,
        secured.account.password,
        secured.port(),
        place.display()
    );
    let mirrored = run(Command::new("lftp").args(["-c", &script]), "");
    assert!(mirrored.success, "{}", mirrored.stderr);
    for name in 0..20 {
        assert!(fs::read(place.join(format!("file{name}"))).unwrap() == octets(name * 1000), "file{name}");
    }
}

/// Python's client: it reuses the control connection's session only when told to.
const FTPLIB: &str = r#"
import ftplib, io, ssl, sys
host, port, user, password, cafile, reuse = sys.argv[1:]
class Reusing(ftplib.FTP_TLS):
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            session = self.sock.session if reuse == 'yes' else None
            conn = self.context.wrap_socket(conn, server_hostname=self.host, session=session)
        return conn, size
context = ssl.create_default_context(cafile=cafile)
ftp = Reusing(context=context)
ftp.connect(host, int(port), timeout=20)
ftp.login(user, password)
ftp.prot_p()
ftp.storbinary('STOR empty', io.BytesIO(b''))
ftp.storbinary('STOR up', io.BytesIO(b'x' * 100000))
back = io.BytesIO()
ftp.retrbinary('RETR up', back.write)
assert back.getvalue() == b'x' * 100000
print(sorted(ftp.nlst()))
ftp.quit()
"#;

fn ftplib(secured: &Secured, reuse: &str) -> Outcome {
    let cert = secured.site.place().join("cert.pem");
    let mut python = Command::new("python3");
    python.args([
        "-c",
        FTPLIB,
        "localhost",
        &secured.port(),
        &secured.account.name,
        &secured.account.password,
    ]);
    run(python.arg(cert).arg(reuse), "")
}

#[test]
fn ftplib_works_when_it_reuses_the_session_and_is_told_522_when_not() {
    needs_root!();
    if !has("python3") {
        return println!("skipped: needs python3");
    }
    let strict = secured(&[]);
    let done = ftplib(&strict, "yes");
    assert!(done.success && done.stdout.contains("['empty', 'up']"), "{}", done.stderr);
    let refused = ftplib(&strict, "no");
    assert!(
        refused.stderr.contains("522 SSL connection failed: session reuse required"),
        "{}{}",
        refused.stderr,
        strict.site.server.output()
    );
    drop(strict);
    let lenient = secured(&["require_ssl_reuse=NO"]);
    let done = ftplib(&lenient, "no");
    assert!(done.success, "{}", done.stderr);
}

#[test]
fn passwords_and_data_in_clear_are_refused_where_the_site_says_so() {
    needs_root!();
    let secured = secured(&[]);
    let mut clear = secured.site.connect();
    clear.exact(&format!("USER {}", secured.account.name), "530 Non-anonymous sessions must use encryption.");
    clear.expect_close();
    let mut clear = secured.site.connect();
    let features = clear.ask("FEAT", 211);
    for feature in ["AUTH TLS", "PBSZ", "PROT"] {
        assert!(features.lines.iter().any(|line| line.trim() == feature), "{feature}");
    }
    secured.account.file("file", b"content");
    // Only the control connection is encrypted: the file does not come.
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--verbose", "--ftp-ssl-control", "--cacert"]);
    curl.arg(secured.site.place().join("cert.pem"));
    curl.arg("--user").arg(format!("{}:{}", secured.account.name, secured.account.password));
    let got = run(curl.arg(format!("ftp://localhost:{}/file", secured.port())), "");
    assert!(
        got.stdout.is_empty() && got.stderr.contains("522 Data connections must be encrypted."),
        "{}",
        got.stderr
    );
}

#[test]
fn words_in_clear_behind_auth_are_dropped() {
    needs_root!();
    let secured = secured(&["force_local_logins_ssl=NO", "force_local_data_ssl=NO"]);
    let mut dialogue = secured.site.connect();
    // All in one segment: an attacker's commands behind the client's.
    dialogue.raw(b"AUTH TLS\r\nUSER somebody\r\nPASS x\r\n");
    dialogue.expect(234);
    // What comes now is TLS or nothing: no reply to USER in clear.
    let mut stream = dialogue.stream();
    stream.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let mut octet = [0; 1];
    assert!(stream.read(&mut octet).is_err(), "something was answered in clear");
}

#[test]
fn a_dialogue_by_hand_stays_inside_tls_to_its_end() {
    needs_root!();
    let secured = secured(&[]);
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-starttls", "ftp", "-connect"])
        .arg(secured.site.address.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    let name = &secured.account.name;
    write!(input, "USER {name}\r\nPASS {}\r\nPBSZ 0\r\nPROT P\r\nSTAT\r\nQUIT\r\n", secured.account.password)
        .unwrap();
    let mut said = String::new();
    client.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    client.wait().unwrap();
    for line in [
        "331 ",
        "230 ",
        "200 PBSZ set to 0.",
        "200 PROT now Private.",
        "Control connection is encrypted",
        "221 Goodbye.",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}

#[test]
fn implicit_tls_speaks_from_the_first_octet() {
    needs_root!();
    let secured = secured(&["implicit_ssl=YES"]);
    secured.account.file("file", b"content");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--cacert"]).arg(secured.site.place().join("cert.pem"));
    curl.arg("--user").arg(format!("{}:{}", secured.account.name, secured.account.password));
    let got = run(curl.arg(format!("ftps://localhost:{}/file", secured.port())), "");
    assert_eq!(got.stdout, "content", "{}", got.stderr);
}

#[test]
fn an_upload_that_ends_without_the_end_mark_is_not_whole() {
    needs_root!();
    let script = r#"
import ftplib, socket, ssl, sys
host, port, user, password, cafile = sys.argv[1:]
class Cutting(ftplib.FTP_TLS):
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session), size
ftp = Cutting(context=ssl.create_default_context(cafile=cafile))
ftp.connect(host, int(port), timeout=20)
ftp.login(user, password)
ftp.prot_p()
conn, _ = ftp.ntransfercmd('STOR cut')
conn.sendall(b'x' * 50000)
socket.socket(fileno=conn.detach()).close()
print(ftp.getmultiline())
"#;
    let secured = secured(&[]);
    let cert = secured.site.place().join("cert.pem");
    let mut python = Command::new("python3");
    python.args([
        "-c",
        script,
        "localhost",
        &secured.port(),
        &secured.account.name,
        &secured.account.password,
    ]);
    let done = run(python.arg(cert), "");
    assert!(done.stdout.starts_with("426 Failure reading network stream."), "{}{}", done.stdout, done.stderr);
    assert!(secured.site.text("vsftpd.log").contains("FAIL UPLOAD"));
}
