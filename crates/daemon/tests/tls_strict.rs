//! What must never happen on a connection with TLS, and who is not let into it. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

mod secured;

use std::process::Command;

use secured::{EC, secured, secured_by};
use wharf_testkit::{has, needs_root, run};

#[test]
fn nothing_is_ever_said_in_clear_inside_tls() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let secured = secured(&["idle_session_timeout=1", "max_login_fails=1", "data_connection_timeout=20"]);
    secured.account.file("file", &vec![7; 3_000_000]);
    let script = r#"
def told(wire):
    last = None
    while True:
        line = wire.hear()
        if line is None:
            wire.only_tls()
            return last
        last = line

print('quit', (lambda wire: (wire.say('QUIT'), told(wire))[1])(Wire().login()))
print('idle', told(Wire().login()))
wire = Wire().begin()
wire.ask('USER ' + user)
wire.say('PASS wrong')
print('failed', told(wire))
wire = Wire().login()
wire.say('NOOP ' + 'x' * 9000)
print('long', wire.hear())
wire.only_tls()
# Words in clear in the middle of a session end it, with an alert and nothing else.
wire = Wire().login()
wire.sock.sendall(b'NOOP\r\nNOOP\r\nNOOP\r\n')
wire.rest_of_it().only_tls()
print('garbage', wire.raw[-1:] != b'\n')
# The same in the place of a handshake.
wire = Wire()
wire.sock.sendall(b'USER anonymous\r\n')
wire.sock.settimeout(20)
wire.inward, wire.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
wire.rest_of_it().only_tls()
print('no handshake', b'530' not in wire.raw and b'331' not in wire.raw)
# A data connection without the session: 522 is said inside, and so is everything else.
wire = Wire().login()
for line in ('PBSZ 0', 'PROT P', 'TYPE I'):
    wire.ask(line)
numbers = wire.ask('PASV').split('(')[1].split(')')[0].split(',')
wire.say('RETR file')
data = socket.create_connection((host, int(numbers[4]) * 256 + int(numbers[5])))
assert wire.hear().startswith('150')
try:
    context.wrap_socket(data, server_hostname='localhost')
except (ssl.SSLError, OSError):
    pass
print('522', wire.hear())
wire.rest_of_it().only_tls()
"#;
    let said = secured.python(script, &[]);
    assert!(said.success, "{}\n{}", said.stderr, said.stdout);
    let expected = "quit 221 Goodbye.\nidle 421 Timeout.\nfailed 530 Login incorrect.\nlong 500 Input line too long.\n\
                    garbage True\nno handshake True\n522 522 SSL connection failed: session reuse required\n";
    assert_eq!(said.stdout, expected);
}

#[test]
fn the_end_of_the_server_is_said_inside_tls() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let mut secured = secured(&["drain_timeout=1"]);
    secured.account.file("file", &vec![7; 50_000_000]);
    let script = r#"
idle = Wire().login()
busy = client()
conn, _ = busy.ntransfercmd('RETR file')
conn.recv(1000)
os.kill(int(rest[0]), signal.SIGTERM)
print(idle.hear())
idle.rest_of_it().only_tls()
said = busy.getmultiline()
print(said)
while not said.startswith('421'):
    said = busy.getmultiline()
print(said)
"#;
    let monitor = secured.site.server.pid().to_string();
    let said = secured.python(script, &[&monitor]);
    assert!(said.success, "{}\n{}", said.stderr, said.stdout);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines[0], "421 Service not available.");
    assert!(lines[1].starts_with("426 ") && lines[2].starts_with("421 "), "{lines:?}");
    secured.site.server.wait();
}

#[test]
fn words_that_came_with_auth_are_dropped_and_logged() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let secured = secured(&[]);
    // What an attacker in between puts behind the client's AUTH, in the same segment and in the next.
    let script = r#"
wire = Wire(clear=b'AUTH TLS\r\nUSER anonymous\r\nPASS x\r\n')
assert wire.answer.startswith(b'234'), wire.answer
wire.begin()
print(wire.ask('NOOP'))
print(wire.ask('PASS ' + password))
wire.only_tls()
"#;
    let said = secured.python(script, &[]);
    assert_eq!(
        said.stdout, "530 Please login with USER and PASS.\n503 Login with USER first.\n",
        "{}",
        said.stderr
    );
    secured.wait_for_log(
        "DEBUG: Client \"127.0.0.1\", \"24 bytes that were sent in clear behind AUTH were dropped\"",
    );
}

#[test]
fn abor_ends_a_protected_transfer_and_the_session_goes_on() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let secured = secured(&[]);
    secured.account.file("file", &vec![7; 50_000_000]);
    let script = r#"
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    context.maximum_version = version
    context.minimum_version = version
    ftp = client()
    conn, _ = ftp.ntransfercmd('RETR file')
    conn.recv(1000)
    ftp.putcmd('ABOR')
    print(ftp.getmultiline()[:3], ftp.getmultiline()[:3])
    conn.close()
    ftp.voidcmd('NOOP')
    got = io.BytesIO()
    ftp.retrbinary('RETR file', got.write)
    assert len(got.getvalue()) == 50000000
    # With nothing to end.
    print(ftp.sendcmd('ABOR')[:3])
    conn, _ = ftp.ntransfercmd('STOR up')
    conn.sendall(b'x' * 100000)
    ftp.putcmd('ABOR')
    print(ftp.getmultiline()[:3], ftp.getmultiline()[:3])
    ftp.quit()
"#;
    let said = secured.python(script, &[]);
    assert_eq!(
        said.stdout,
        "426 226\n225\n426 226\n".repeat(2),
        "{}\n{}",
        said.stderr,
        secured.site.text("vsftpd.log")
    );
}

#[test]
fn an_old_device_is_named_with_what_it_offered() {
    needs_root!();
    if !has("openssl") {
        return;
    }
    let secured = secured(&[]);
    for (option, version) in [("-tls1", "TLS 1.0"), ("-tls1_1", "TLS 1.1")] {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-starttls", "ftp", option, "-cipher", "ALL:@SECLEVEL=0", "-connect"]);
        let said = run(client.arg(secured.site.address.to_string()), "");
        assert!(said.stderr.contains("protocol version"), "its alert says why: {}", said.stderr);
        let line = format!(
            "the client offers {version} at most, which is outdated: TLS 1.2 is the oldest that is spoken"
        );
        let log = secured.wait_for_log(&line);
        let told: Vec<_> = log.lines().filter(|log| log.contains(&line)).collect();
        assert_eq!(told.len(), 1, "{log}");
        assert!(told[0].contains("Client \"127.0.0.1\", \"SSL_accept failed: "), "{told:?}");
    }
}

#[test]
fn who_offers_other_protocols_only_is_refused() {
    needs_root!();
    if !has("openssl") {
        return;
    }
    let secured = secured(&[]);
    let tried = |protocols: &str| {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-starttls", "ftp", "-alpn", protocols, "-connect"]);
        run(client.arg(secured.site.address.to_string()), "")
    };
    for protocols in ["http/1.1", "h2,http/1.1", "imap", "ftp-data"] {
        let said = tried(protocols);
        assert!(said.stderr.contains("no application protocol"), "{protocols}: {}", said.stderr);
    }
    secured.wait_for_log("SSL_accept failed: the client wants to speak another protocol than FTP");
    for protocols in ["ftp", "http/1.1,ftp"] {
        let said = tried(protocols).stdout;
        assert!(said.contains("ALPN protocol: ftp\n"), "{said}");
    }
}

#[test]
fn a_scan_shows_no_weak_version_or_cipher() {
    needs_root!();
    if !has("sslscan") {
        return;
    }
    for kind in [EC, &["rsa:2048"]] {
        let secured = secured_by(kind, &["max_per_ip=0", "max_clients=0"]);
        let mut scan = Command::new("sslscan");
        scan.args(["--starttls-ftp", "--no-colour", "--no-check-certificate"]);
        let said = run(scan.arg(format!("localhost:{}", secured.port())), "").stdout;
        for version in ["SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"] {
            let line =
                said.lines().find(|line| line.starts_with(version)).unwrap_or_else(|| panic!("{said}"));
            assert!(line.ends_with("disabled"), "{line}");
        }
        for version in ["TLSv1.2", "TLSv1.3"] {
            let line =
                said.lines().find(|line| line.starts_with(version)).unwrap_or_else(|| panic!("{said}"));
            assert!(line.ends_with("enabled"), "{line}");
        }
        let ciphers: Vec<_> = said
            .lines()
            .filter(|line| line.starts_with("Accepted") || line.starts_with("Preferred"))
            .collect();
        assert!(ciphers.len() >= 5, "{said}");
        for cipher in ciphers {
            let is_strong = ["GCM", "CHACHA20"].iter().any(|kind| cipher.contains(kind));
            let is_ephemeral = cipher.contains("TLSv1.3") || cipher.contains("ECDHE");
            assert!(is_strong && is_ephemeral, "{cipher}");
        }
        assert!(!said.contains("Compression enabled"), "{said}");
        assert!(said.contains("not vulnerable to heartbleed") && !said.contains("  vulnerable"), "{said}");
        assert!(!said.contains("Insecure session renegotiation supported"), "{said}");
    }
}
