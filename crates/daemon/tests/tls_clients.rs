//! FTPS as the clients that people have use it: their order of commands, many files, large files, tickets used once, and
//! connections that are cut. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

mod secured;

use std::fs;
use std::process::Command;

use secured::{octets, secured};
use wharf_testkit::{has, needs_root, run};

const VERSIONS: [&[&str]; 2] = [&["--tlsv1.3"], &["--tls-max", "1.2"]];

#[test]
fn filezillas_order_of_commands_is_served() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let secured = secured(&[]);
    secured.account.file("file", b"content");
    let script = r#"
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    context.maximum_version = context.minimum_version = version
    ftp = Reusing(context=context)
    ftp.connect(host, port, timeout=20)
    print(ftp.auth()[:3], end=' ')
    for line in ('USER ' + user, 'PASS ' + password, 'SYST', 'FEAT', 'OPTS UTF8 ON', 'PBSZ 0', 'PROT P', 'PWD', 'TYPE I'):
        print(ftp.sendcmd(line)[:3], end=' ')
    ftp._prot_p = True
    lines = []
    ftp.retrlines('MLSD', lines.append)
    print([line.split(' ')[-1] for line in lines if line.endswith('file')])
    got = io.BytesIO()
    ftp.retrbinary('RETR file', got.write)
    assert got.getvalue() == b'content'
    ftp.quit()
"#;
    let said = secured.python(script, &[]);
    let expected = "234 331 230 215 211 200 200 200 257 200 ['file']\n".repeat(2);
    assert_eq!(said.stdout, expected, "{}\n{}", said.stderr, secured.site.text("vsftpd.log"));
}

#[test]
fn curl_moves_many_files_over_one_connection() {
    needs_root!();
    if !has("curl") {
        return;
    }
    // Its OpenSSL uses each ticket of TLS 1.3 once: downloads bring fresh ones, and the control connection does for
    // uploads.
    let secured = secured(&[]);
    let place = secured.site.place().join("local");
    fs::create_dir(&place).unwrap();
    for number in 1..=30 {
        fs::write(place.join(format!("up{number}")), octets(number * 777)).unwrap();
    }
    let files = format!(
        "{{{}}}",
        (1..=30)
            .map(|number| place.join(format!("up{number}")).display().to_string())
            .collect::<Vec<_>>()
            .join(",")
    );
    for version in VERSIONS {
        let sent = secured.curl(&[version, &["--upload-file", &files]].concat(), "");
        assert!(sent.success, "{}", sent.stderr);
        let out = place.join("down#1").display().to_string();
        let got = secured.curl(&[version, &["--output", &out]].concat(), "up[1-30]");
        assert!(got.success, "{}", got.stderr);
        for number in 1..=30 {
            let stored = fs::read(secured.account.home.join(format!("up{number}"))).unwrap();
            let down = fs::read(place.join(format!("down{number}"))).unwrap();
            assert!(stored == octets(number * 777) && down == stored, "{number}");
        }
    }
    let log = secured.site.text("vsftpd.log");
    assert!(!log.contains("No SSL session reuse") && log.matches("OK UPLOAD").count() == 60, "{log}");
}

#[test]
fn curl_moves_files_in_parallel() {
    needs_root!();
    if !has("curl") {
        return;
    }
    // It keeps the tickets of all its sessions in one place, and uses one session's for another.
    let secured = secured(&["require_ssl_reuse=NO"]);
    for number in 1..=20 {
        secured.account.file(&format!("file{number}"), &octets(number * 10_001));
    }
    let place = secured.site.place().join("local");
    fs::create_dir(&place).unwrap();
    let out = place.join("down#1").display().to_string();
    let got = secured.curl(&["--parallel", "--parallel-max", "8", "--output", &out], "file[1-20]");
    assert!(got.success, "{}", got.stderr);
    for number in 1..=20 {
        assert!(
            fs::read(place.join(format!("down{number}"))).unwrap() == octets(number * 10_001),
            "{number}"
        );
    }
}

#[test]
fn lftp_uploads_and_splits_files_over_several_connections() {
    needs_root!();
    if !has("lftp") {
        return;
    }
    let secured = secured(&[]);
    let place = secured.site.place().join("local");
    fs::create_dir(&place).unwrap();
    for number in 0..20 {
        fs::write(place.join(format!("up{number}")), octets(number * 1000)).unwrap();
    }
    secured.account.file("large", &octets(5_000_001));
    for priority in ["NORMAL", "NORMAL:-VERS-TLS1.3"] {
        let script = format!(
            "set ssl:ca-file {0}/cert.pem; set ssl:priority {priority}; set ftp:ssl-force yes; \
             set ftp:ssl-protect-data yes; open -u {1},{2} -p {3} localhost; \
             mirror --reverse --parallel=4 --overwrite {4} up; pget -c -n 4 large -o {0}/large; bye",
            secured.site.place().display(),
            secured.account.name,
            secured.account.password,
            secured.port(),
            place.display()
        );
        let done = run(Command::new("lftp").args(["-c", &script]), "");
        assert!(done.success, "{}\n{}", done.stderr, secured.site.text("vsftpd.log"));
        for number in 0..20 {
            let stored = fs::read(secured.account.home.join(format!("up/up{number}"))).unwrap();
            assert!(stored == octets(number * 1000), "{number}");
        }
        let large = secured.site.place().join("large");
        assert!(fs::read(&large).unwrap() == octets(5_000_001));
        fs::remove_file(large).unwrap();
        fs::remove_dir_all(secured.account.home.join("up")).unwrap();
    }
}

#[test]
fn every_size_goes_both_ways_in_both_versions() {
    needs_root!();
    if !has("curl") {
        return;
    }
    let secured = secured(&[]);
    let place = secured.site.place().join("local");
    fs::create_dir(&place).unwrap();
    let (up, down) = (place.join("up"), place.join("down"));
    for length in [0, 1, 16_384, 16_385, 262_143, 1_048_577, 20_000_000] {
        let content = octets(length);
        fs::write(&up, &content).unwrap();
        for version in VERSIONS {
            let sent = secured.curl(&[version, &["--upload-file", up.to_str().unwrap()]].concat(), "file");
            assert!(sent.success, "{length}: {}", sent.stderr);
            assert!(fs::read(secured.account.home.join("file")).unwrap() == content, "{length}");
            let got = secured.curl(&[version, &["--output", down.to_str().unwrap()]].concat(), "file");
            assert!(
                got.success && fs::read(&down).unwrap_or_default() == content,
                "{length}: {}",
                got.stderr
            );
            let _ = fs::remove_file(&down);
        }
    }
}

/// A gibibyte each way; the file has holes for content, so that only the upload needs room.
#[test]
fn a_gibibyte_goes_both_ways() {
    const GIBIBYTE: u64 = 1 << 30;
    needs_root!();
    if !has("curl") {
        return;
    }
    let secured = secured(&[]);
    let room = rustix::fs::statvfs(secured.site.place()).unwrap();
    if room.f_bavail * room.f_frsize < 4 * GIBIBYTE {
        return println!("skipped: needs 4 GiB of room");
    }
    let large = secured.account.file("large", b"");
    fs::OpenOptions::new().write(true).open(&large).unwrap().set_len(GIBIBYTE).unwrap();
    for version in VERSIONS {
        let got = secured.curl(
            &[version, &["--max-time", "55", "--output", "/dev/null", "--write-out", "%{size_download}"]]
                .concat(),
            "large",
        );
        assert_eq!(got.stdout, GIBIBYTE.to_string(), "{}", got.stderr);
    }
    let sent = secured.curl(&["--max-time", "55", "--upload-file", large.to_str().unwrap()], "up");
    assert!(sent.success, "{}", sent.stderr);
    assert_eq!(fs::metadata(secured.account.home.join("up")).unwrap().len(), GIBIBYTE);
}

#[test]
fn a_transfer_that_the_client_cuts_is_told_and_the_session_goes_on() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let secured = secured(&[]);
    secured.account.file("file", &vec![7; 30_000_000]);
    let script = r#"
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    context.maximum_version = context.minimum_version = version
    ftp = client()
    conn, _ = ftp.ntransfercmd('RETR file')
    conn.recv(100000)
    # Closed in the middle, without a word.
    socket.socket(fileno=conn.detach()).close()
    print(ftp.getmultiline()[:3], end=' ')
    conn, _ = ftp.ntransfercmd('STOR up')
    conn.sendall(b'x' * 300000)
    socket.socket(fileno=conn.detach()).close()
    print(ftp.getmultiline()[:3], end=' ')
    # Reset.
    conn, _ = ftp.ntransfercmd('STOR up')
    conn.sendall(b'x' * 300000)
    raw = socket.socket(fileno=conn.detach())
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
    raw.close()
    print(ftp.getmultiline()[:3], end=' ')
    ftp.storbinary('STOR up', io.BytesIO(b'y' * 1000))
    got = io.BytesIO()
    ftp.retrbinary('RETR up', got.write)
    print(len(got.getvalue()))
    ftp.quit()
"#;
    let said = secured.python(script, &[]);
    assert_eq!(said.stdout, "426 426 426 1000\n".repeat(2), "{}", said.stderr);
}

#[test]
fn a_client_that_uses_each_ticket_once_fetches_many_files() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let secured = secured(&[]);
    secured.account.file("file", b"content");
    let script = r#"
context.minimum_version = ssl.TLSVersion.TLSv1_3
ftp = client()
ftp.session = ftp.sock.session
for number in range(20):
    conn, _ = ftp.ntransfercmd('RETR file')
    assert conn.session_reused, number
    while conn.recv(1000):
        pass
    # The next goes on from here: what the last has used is never used again.
    ftp.session = conn.session
    conn.unwrap()
    conn.close()
    ftp.voidresp()
print('done')
"#;
    let said = secured.python(script, &[]);
    assert_eq!(said.stdout, "done\n", "{}", said.stderr);
}

#[test]
fn auto_serves_who_cannot_resume_and_binds_who_can() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let secured = secured(&["require_ssl_reuse=AUTO"]);
    secured.account.file("file", b"content");
    let script = r#"
def refused(ftp):
    try:
        ftp.retrbinary('RETR file', lambda _: None)
    except Exception as error:
        return str(error)[:3]
# Never resumes.
ftp = client()
ftp.session = None
for number in range(3):
    assert not refused(ftp)
# Has resumed, and so must.
ftp.session = 'control'
assert not refused(ftp)
ftp.session = None
print(refused(ftp))
ftp = client()
ftp.storbinary('STOR up', io.BytesIO(b'x'))
ftp.session = None
print(refused(ftp))
"#;
    let said = secured.python(script, &[]);
    assert_eq!(said.stdout, "522\n522\n", "{}", said.stderr);
}
