//! What data connections carry inside TLS: every suite and every length, converted lines, restarts, long listings; and
//! uploads that are reset, cut or bent on their way. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

mod secured;

use std::fs;

use secured::{Secured, octets, secured};
use wharf_testkit::{has, needs_root};

/// Around a record's and a batch's end, and far beyond both.
const LENGTHS: [usize; 8] = [0, 1, 16_383, 16_384, 16_385, 262_144, 262_145, 1_500_001];

#[test]
fn every_suite_of_both_versions_carries_every_length_both_ways() {
    needs_root!();
    if !has("curl") {
        return println!("skipped: needs curl");
    }
    let secured = secured(&[]);
    let place = secured.site.place().join("local");
    fs::create_dir_all(place.join("down")).unwrap();
    for length in LENGTHS {
        fs::write(place.join(length.to_string()), octets(length)).unwrap();
    }
    // Every length for each way that records lie in a buffer, and one for the suites that share it.
    let (every, one) = (&LENGTHS[..], &LENGTHS[6..7]);
    for (lengths, suite) in [
        (every, &["--tlsv1.3", "--tls13-ciphers", "TLS_AES_256_GCM_SHA384"][..]),
        (one, &["--tlsv1.3", "--tls13-ciphers", "TLS_AES_128_GCM_SHA256"]),
        (one, &["--tlsv1.3", "--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"]),
        (every, &["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"]),
        (one, &["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
        (every, &["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305"]),
    ] {
        let names: Vec<String> = lengths.iter().map(ToString::to_string).collect();
        let list = format!("{{{}}}", names.join(","));
        let (from, to) = (place.join(&list), place.join("down/#1"));
        let sent = secured.curl(&[suite, &["--upload-file", from.to_str().unwrap()]].concat(), "");
        assert!(sent.success, "{suite:?}: {}{}", sent.stderr, secured.site.server.output());
        let got = secured.curl(&[suite, &["--output", to.to_str().unwrap()]].concat(), &list);
        assert!(got.success, "{suite:?}: {}", got.stderr);
        for (name, &length) in names.iter().zip(lengths) {
            let (up, down) = (secured.account.home.join(name), place.join("down").join(name));
            assert!(fs::read(&up).unwrap() == octets(length), "{suite:?}: up {name}");
            assert!(fs::read(&down).unwrap() == octets(length), "{suite:?}: down {name}");
            fs::remove_file(up).unwrap();
            fs::remove_file(down).unwrap();
        }
    }
}

#[test]
fn converted_lines_restarts_and_long_listings_arrive_whole() {
    needs_root!();
    let secured = secured(&["ascii_download_enable=YES", "ascii_upload_enable=YES"]);
    for number in 0..3000 {
        secured.account.file(&format!("a-rather-long-name-of-a-file-{number:04}"), b"");
    }
    let script = r"
ftp = client()
assert len(ftp.nlst()) == 3000
lines = [b'line %d' % n for n in range(40000)]
ftp.storlines('STOR lines', io.BytesIO(b'\n'.join(lines) + b'\n'))
back = []
ftp.retrlines('RETR lines', back.append)
assert back == [line.decode() for line in lines], len(back)
whole = bytes(n * 31 % 251 for n in range(700001))
ftp.storbinary('STOR whole', io.BytesIO(whole[:300000]))
ftp.storbinary('STOR whole', io.BytesIO(whole[300000:]), rest=300000)
back = io.BytesIO()
ftp.retrbinary('RETR whole', back.write, rest=16385)
assert back.getvalue() == whole[16385:]
ftp.storbinary('APPE whole', io.BytesIO(b'more'))
assert ftp.size('whole') == 700005
ftp.quit()
";
    let done = secured.python(script, &[]);
    assert!(done.success, "{}{}", done.stderr, secured.site.server.output());
    let lines: Vec<u8> = (0..40_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
    assert!(fs::read(secured.account.home.join("lines")).unwrap() == lines);
}

/// Sends an upload's ciphertext as it is told to, and hears what the server makes of it.
const BY_HAND: &str = r"
import struct
def upload(ftp, name, say, finish):
    conn, _ = ftplib.FTP.ntransfercmd(ftp, 'STOR ' + name)
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(inward, outward, server_hostname='localhost', session=ftp.sock.session)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            conn.sendall(outward.read())
            inward.write(conn.recv(65536))
    conn.sendall(outward.read())
    assert tls.session_reused
    tls.write(b'x' * 100000)
    conn.sendall(say(outward.read()))
    finish(conn, inward, tls)
    return ftp.getmultiline()
def leave(conn, inward, tls):
    conn.close()
def reset(conn, inward, tls):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    conn.close()
def hear_alert(conn, inward, tls):
    while True:
        got = conn.recv(65536)
        if not got:
            raise AssertionError('no alert')
        inward.write(got)
        try:
            tls.read(1)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            assert 'BAD_RECORD_MAC' in error.reason, error
            conn.close()
            return
";

fn by_hand(secured: &Secured, version: &str, script: &str) {
    let limit = format!("context.minimum_version = context.maximum_version = ssl.TLSVersion.{version}");
    let done = secured.python(&format!("{BY_HAND}\n{limit}\nftp = client()\n{script}"), &[]);
    assert!(done.success, "{version}: {}{}{}", done.stdout, done.stderr, secured.site.server.output());
}

#[test]
fn an_upload_that_is_reset_cut_or_bent_is_never_whole_and_keeps_what_was_good() {
    needs_root!();
    let secured = secured(&[]);
    for version in ["TLSv1_2", "TLSv1_3"] {
        by_hand(
            &secured,
            version,
            r"
assert upload(ftp, 'reset', lambda octets: octets, reset).startswith('426')
assert upload(ftp, 'cut', lambda octets: octets[:-10], leave).startswith('426')
bend = lambda octets: octets[:-1] + bytes([octets[-1] ^ 1])
assert upload(ftp, 'bent', bend, hear_alert).startswith('426')
assert upload(ftp, 'left', lambda octets: octets, leave).startswith('426')
ftp.quit()
",
        );
        // Six records of 16 KiB, and the seventh was not whole.
        for (name, length) in [("cut", 98_304), ("bent", 98_304), ("left", 100_000)] {
            let kept = fs::read(secured.account.home.join(name)).unwrap();
            assert!(kept == vec![b'x'; length], "{version}: {name} has {} octets", kept.len());
        }
    }
    let log = secured.site.text("vsftpd.log");
    assert!(log.contains("FAIL UPLOAD") && !log.contains("OK UPLOAD"), "{log}");
}
