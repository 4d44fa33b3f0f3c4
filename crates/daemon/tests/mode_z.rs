//! Data that is compressed on its way, in clear and inside TLS. Needs root for the account.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

mod secured;

use std::fs;
use std::process::Command;

use secured::{EC, secured, secured_by};
use wharf_testkit::{has, needs_root, run};

/// Uploads, fetches, lists and resumes; then sends what is broken.
const SCRIPT: &str = r#"
import ftplib, io, os, ssl, sys, zlib
host, port, user, password, cafile, how = sys.argv[1:7]
if how == 'tls':
    ftp = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=cafile))
else:
    ftp = ftplib.FTP()
ftp.connect(host, int(port), 20)
ftp.login(user, password)
if how == 'tls':
    ftp.prot_p()
assert ' MODE Z' in ftp.sendcmd('FEAT').split('\n')
ftp.sendcmd('OPTS MODE Z LEVEL 9')
ftp.sendcmd('MODE Z')
data = os.urandom(200000) + bytes(range(256)) * 8000
def fetch(command, **rest):
    got = []
    ftp.retrbinary(command, got.append, **rest)
    return b''.join(got)
ftp.storbinary('STOR up', io.BytesIO(zlib.compress(data)))
wire = fetch('RETR up')
assert zlib.decompress(wire) == data and len(wire) < 250000, len(wire)
assert zlib.decompress(fetch('RETR up', rest=150000)) == data[150000:]
ftp.sendcmd('RANG 10 19')
assert zlib.decompress(fetch('RETR up')) == data[10:20]
assert b' up\r\n' in zlib.decompress(fetch('MLSD'))
ftp.storbinary('STOR empty', io.BytesIO(b''))
ftp.storbinary('STOR none', io.BytesIO(zlib.compress(b'')))
assert zlib.decompress(fetch('RETR none')) == b''
for broken in [zlib.compress(data)[:-5], b'this is no zlib stream', zlib.compress(data) + b'x']:
    try:
        ftp.storbinary('STOR broken', io.BytesIO(broken))
        raise SystemExit('a broken stream was taken')
    except ftplib.error_temp as error:
        assert str(error).startswith('426'), error
    ftp.sendcmd('NOOP')
ftp.sendcmd('MODE S')
assert fetch('RETR up') == data
print('all is well')
ftp.quit()
"#;

#[test]
fn a_client_compresses_in_clear_and_inside_tls() {
    needs_root!();
    if !has("python3") || !has("openssl") {
        return;
    }
    let lines = ["mode_z_enable=YES", "require_ssl_reuse=NO", "force_local_logins_ssl=NO"];
    for how in ["clear", "tls"] {
        let data = if how == "clear" { "force_local_data_ssl=NO" } else { "force_local_data_ssl=YES" };
        let stage = secured_by(EC, &[&lines[..], &[data]].concat());
        let mut python = Command::new("python3");
        let port = stage.site.address.port().to_string();
        python.args(["-c", SCRIPT, "localhost", &port, &stage.account.name, &stage.account.password]);
        let outcome = run(python.arg(stage.site.place().join("cert.pem")).arg(how), "");
        assert!(outcome.success && outcome.stdout.contains("all is well"), "{how}: {outcome:?}");
    }
}

#[test]
fn lftp_compresses_both_ways() {
    needs_root!();
    if !has("lftp") || !has("openssl") {
        return;
    }
    let stage = secured(&["mode_z_enable=YES", "require_ssl_reuse=NO"]);
    let content = "the same line again and again\n".repeat(20_000);
    fs::write(stage.site.place().join("up"), &content).unwrap();
    let (up, down) = (stage.site.place().join("up"), stage.site.place().join("down"));
    let script = format!(
        "set cmd:fail-exit yes; set net:max-retries 1; set net:timeout 20; set ftp:use-mode-z yes; set ftp:ssl-force yes; \
         set ssl:verify-certificate no; open -u {},{} ftp://{}; debug 9; put {} -o f; get f -o {}; ls; bye",
        stage.account.name,
        stage.account.password,
        stage.site.address,
        up.display(),
        down.display()
    );
    let outcome = run(Command::new("lftp").args(["-c", &script]), "");
    assert!(outcome.success && outcome.stdout.contains(" f"), "{outcome:?}");
    assert!(outcome.stderr.contains("MODE Z"), "{outcome:?}");
    assert_eq!(fs::read_to_string(stage.account.home.join("f")).unwrap(), content);
    assert_eq!(fs::read_to_string(down).unwrap(), content);
}

#[test]
fn a_site_that_does_not_permit_it_says_504() {
    needs_root!();
    let stage = secured(&["force_local_logins_ssl=NO", "force_local_data_ssl=NO"]);
    let mut dialogue = stage.site.login(&stage.account);
    dialogue.ask("MODE Z", 504);
    dialogue.ask("OPTS MODE Z LEVEL 6", 501);
    assert!(!dialogue.ask("FEAT", 211).lines.iter().any(|line| line.contains("MODE Z")));
}
