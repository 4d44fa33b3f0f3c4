//! Certificates and their keys: loaded at the start, renewed without one, and held by a process that may die.
//!
//! What clients are shown is looked at with `openssl s_client`, so these tests need the session's side of TLS as well.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::io::{BufRead, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use wharf_testkit::{PATIENCE, Signal, Site, SiteBuilder, has, is_root, kill_at_once, needs_root, run};

/// A certificate and its key, as `openssl` makes them.
struct Made {
    certificate: String,
    key: String,
}

fn make(place: &Path) -> Made {
    let (certificate, key) = (place.join("made.crt"), place.join("made.key"));
    let made = run(
        Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate),
        "",
    );
    assert!(made.success, "{}", made.stderr);
    Made { certificate: fs::read_to_string(certificate).unwrap(), key: fs::read_to_string(key).unwrap() }
}

/// Puts a file in the place of another at once, as those who renew certificates do.
fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(new, path).unwrap();
}

/// A site with room for a certificate, and nothing in it.
struct Room {
    builder: SiteBuilder,
    certificate: PathBuf,
    key: PathBuf,
}

fn room() -> Room {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let (certificate, key) = (builder.place().join("cert.pem"), builder.place().join("key.pem"));
    let builder = builder
        .set("anonymous_enable=YES")
        .set("ftp_username=nobody")
        .set("anon_root=/usr")
        .set("ssl_enable=YES")
        .set(&format!("rsa_cert_file={}", certificate.display()))
        .set(&format!("rsa_private_key_file={}", key.display()));
    Room { builder, certificate, key }
}

/// A running site with its first certificate.
struct Served {
    site: Site,
    certificate: PathBuf,
    key: PathBuf,
    first: Made,
}

fn served(change: impl FnOnce(SiteBuilder) -> SiteBuilder) -> Served {
    let Room { builder, certificate, key } = room();
    let first = make(builder.place());
    put(&certificate, &first.certificate);
    put(&key, &first.key);
    Served { site: change(builder).start(), certificate, key, first }
}

impl Served {
    /// The certificate that a client is shown now; empty when there is no handshake.
    fn shown(&self) -> String {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-starttls", "ftp", "-connect", &self.site.address.to_string()]);
        let said = run(&mut client, "").stdout;
        let from = said.find("-----BEGIN CERTIFICATE-----").unwrap_or(said.len());
        let end = "-----END CERTIFICATE-----\n";
        let to = said.find(end).map_or(said.len(), |at| at + end.len());
        said[from..to].to_owned()
    }

    /// Waits until clients are shown a certificate, and says how long it took.
    fn wait_for(&self, certificate: &str) -> Duration {
        let begin = Instant::now();
        while self.shown() != certificate {
            let output = self.site.server.output();
            assert!(begin.elapsed() < Duration::from_secs(PATIENCE), "it is never shown:\n{output}");
        }
        begin.elapsed()
    }

    fn reconfigure(&self, from: &str, to: &str) {
        let text = fs::read_to_string(&self.site.config).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&self.site.config, text.replace(from, to)).unwrap();
        self.site.server.signal(Signal::SIGHUP);
    }

    fn said(&self, text: &str) -> usize {
        self.site.server.output().matches(text).count()
    }
}

#[test]
fn a_start_without_usable_keys_says_exactly_why() {
    if !has("openssl") {
        return;
    }
    let Room { builder, certificate, key } = room();
    let place = builder.place().to_owned();
    let good = make(&place);
    let other = make(&place);
    let encrypted = run(
        Command::new("openssl")
            .args(["pkey", "-aes256", "-passout", "pass:secret", "-in"])
            .arg(place.join("made.key")),
        "",
    );
    assert!(encrypted.success, "{}", encrypted.stderr);
    let config = place.join("wharfd.conf");
    let mut lines = format!(
        "listen_address=127.0.0.1\nlisten_port=0\nanonymous_enable=YES\nftp_username=nobody\nanon_root=/usr\n\
         ssl_enable=YES\nrsa_cert_file={}\n",
        certificate.display()
    );
    if !is_root() {
        lines.push_str("run_as_launching_user=YES\n");
    }
    let with_key = format!("{lines}rsa_private_key_file={}\n", key.display());
    let (cert_file, key_file) = (certificate.display(), key.display());
    let refuses = |text: &str, what: &str, option: &str, file: &str, reason: &str| {
        fs::write(&config, text).unwrap();
        let start = run(Command::new(env!("CARGO_BIN_EXE_wharfd")).arg(&config), "");
        assert!(!start.success);
        let fault = format!("SSL: cannot load {what}: {file}: {reason}");
        let expected = format!(
            "error: {fault}\n  | {option}={file}\n  = help: mend the file, name another in {option}, or set \
             ssl_enable=NO\n500 OOPS: {fault}\n"
        );
        assert_eq!(start.stderr, expected);
    };
    let (rsa, rsa_key) = ("RSA certificate", "RSA private key");
    let (cert, key_line) = ("rsa_cert_file", "rsa_private_key_file");
    let missing = "No such file or directory (os error 2)";
    refuses(&with_key, rsa, cert, &cert_file.to_string(), missing);
    put(&certificate, &good.certificate);
    refuses(&with_key, rsa_key, key_line, &key_file.to_string(), missing);
    put(&key, &other.key);
    let strange = format!("the key in {key_file} does not belong to this certificate");
    refuses(&with_key, rsa_key, cert, &cert_file.to_string(), &strange);
    put(&key, &encrypted.stdout);
    let locked = "the key is protected by a password: store it without one (openssl pkey -in KEY -out NEW)";
    refuses(&with_key, rsa_key, key_line, &key_file.to_string(), locked);
    let keyless = "there is no private key in this file (a PEM file with BEGIN PRIVATE KEY)";
    refuses(&lines, rsa_key, cert, &cert_file.to_string(), keyless);
    put(&certificate, &good.key);
    let bare = "there is no certificate in this file (a PEM file with BEGIN CERTIFICATE)";
    refuses(&with_key, rsa, cert, &cert_file.to_string(), bare);
    fs::remove_file(&certificate).unwrap();
    fs::create_dir(&certificate).unwrap();
    let directory = "the file cannot be read: Is a directory (os error 21)";
    refuses(&with_key, rsa, cert, &cert_file.to_string(), directory);
}

#[test]
fn the_keyholder_is_nobody_and_a_key_for_all_eyes_is_warned_about() {
    needs_root!();
    let served = served(|builder| {
        let key = builder.place().join("key.pem");
        fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
        builder
    });
    let warning =
        format!("warning: everybody can read the private key in {} (mode 0644)", served.key.display());
    assert_eq!(served.said(&warning), 1, "{}", served.site.server.output());
    let keyholders = served.site.server.role("keyholder");
    assert_eq!(keyholders.len(), 1, "{keyholders:?}");
    let status = fs::read_to_string(format!("/proc/{}/status", keyholders[0])).unwrap();
    assert!(status.contains("\nUid:\t65534\t65534\t65534\t65534\n"), "{status}");
    assert_eq!(served.shown(), served.first.certificate);
}

#[test]
fn a_reload_with_bad_keys_keeps_the_whole_old_configuration() {
    if !has("openssl") {
        return;
    }
    let mut served = served(|builder| builder.set("ftpd_banner=old"));
    put(&served.key, "nothing");
    served.reconfigure("ftpd_banner=old", "ftpd_banner=new");
    served.site.server.wait_for("the new configuration has errors; the old one stays in force");
    let fault = "error: SSL: cannot load RSA private key: ";
    assert!(served.said(fault) >= 1, "{}", served.site.server.output());
    assert!(served.site.connect().transcript().contains("old"));
    assert_eq!(served.shown(), served.first.certificate);

    let second = make(served.site.place());
    put(&served.key, &second.key);
    put(&served.certificate, &second.certificate);
    served.site.server.signal(Signal::SIGHUP);
    served.site.server.wait_for("the new configuration is in force");
    served.wait_for(&second.certificate);
}

#[test]
fn encryption_is_turned_on_by_a_reload() {
    if !has("openssl") {
        return;
    }
    let mut served = served(|builder| builder.set("ssl_enable=NO"));
    assert_eq!(served.site.server.role("keyholder"), [0; 0]);
    assert_eq!(served.shown(), "");
    served.reconfigure("ssl_enable=NO", "ssl_enable=YES");
    served.site.server.wait_for("the new configuration is in force");
    served.wait_for(&served.first.certificate);
}

#[test]
fn renewed_files_are_shown_within_seconds_and_bad_ones_told_once() {
    if !has("openssl") {
        return;
    }
    let mut served = served(|builder| builder);
    let second = make(served.site.place());
    put(&served.certificate, &second.certificate);
    put(&served.key, &second.key);
    let took = served.wait_for(&second.certificate);
    // Looking itself takes time on a busy machine.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(served.said("error: SSL:"), 0, "{}", served.site.server.output());

    put(&served.key, &served.first.key);
    let told = "cannot be used; those before stay in force";
    served.site.server.wait_for(told);
    assert_eq!(served.shown(), second.certificate);
    put(&served.certificate, &served.first.certificate);
    served.wait_for(&served.first.certificate);
    assert_eq!((served.said(told), served.said("error: SSL:")), (1, 1));
}

#[test]
fn a_keyholder_that_dies_is_replaced_with_the_same_keys() {
    if !has("openssl") {
        return;
    }
    let mut served = served(|builder| builder);
    for death in 1..=2 {
        served.wait_for(&served.first.certificate);
        let keyholders = served.site.server.role("keyholder");
        let begin = Instant::now();
        kill_at_once(keyholders[0]);
        served.site.server.wait_for_more("a new keyholder has the keys", death);
        served.wait_for(&served.first.certificate);
        // One that died at once is started again after a second.
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert_eq!(served.said("the keyholder ended (signal: 9 (SIGKILL)"), death);
        // The files may be gone by then: what is in force is still open.
        let _ = fs::remove_file(&served.key);
    }
}

/// The octets of a private key of P-256, as `openssl` tells them.
fn secret(key: &Path) -> Vec<u8> {
    let said = run(Command::new("openssl").args(["pkey", "-noout", "-text", "-in"]).arg(key), "").stdout;
    let from = said.find("priv:").unwrap() + 5;
    let to = said.find("pub:").unwrap();
    let digits: String = said[from..to].chars().filter(char::is_ascii_hexdigit).collect();
    let octets: Vec<u8> = (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    octets.last_chunk::<32>().unwrap().to_vec()
}

/// Tells whether a process has some octets in its memory, in either order; `None` when it cannot be read.
fn holds(pid: u32, secret: &[u8]) -> Option<bool> {
    use std::os::unix::fs::FileExt;
    let backwards: Vec<u8> = secret.iter().rev().copied().collect();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let memory = fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut read_anything = false;
    for line in maps.lines().filter(|line| line.contains(" r")) {
        let (from, to) = line.split(' ').next()?.split_once('-')?;
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        let mut octets = vec![0; usize::try_from(to - from).ok()?.min(256 << 20)];
        // Some of the kernel's own pages cannot be read.
        if memory.read_exact_at(&mut octets, from).is_err() {
            continue;
        }
        read_anything = true;
        if octets.contains_str(secret) || octets.contains_str(&backwards) {
            return Some(true);
        }
    }
    read_anything.then_some(false)
}

/// Says a word to the server through a client, and tells whether it was answered.
fn converse(client: &mut std::process::Child) -> bool {
    let (Some(stdin), Some(stdout)) = (&mut client.stdin, client.stdout.take()) else { return false };
    stdin.write_all(b"NOOP\r\n").is_ok()
        && std::io::BufReader::new(stdout).lines().map_while(Result::ok).any(|line| line.contains("530"))
}

#[test]
fn no_process_but_the_keyholder_ever_has_the_key_in_memory() {
    needs_root!();
    if !has("openssl") {
        return;
    }
    let served = served(|builder| builder.set("allow_anon_ssl=YES"));
    let secret = secret(&served.key);
    // Handshakes of both versions have been signed, and a session is inside TLS.
    for version in ["-tls1_2", "-tls1_3"] {
        let mut client = Command::new("openssl");
        client.args(["s_client", version, "-starttls", "ftp", "-connect", &served.site.address.to_string()]);
        assert!(run(&mut client, "").stdout.contains("BEGIN CERTIFICATE"));
    }
    let mut inside = Command::new("openssl")
        .args(["s_client", "-quiet", "-starttls", "ftp", "-connect", &served.site.address.to_string()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let answered = converse(&mut inside);
    let keyholder = served.site.server.role("keyholder").first().copied().unwrap();
    // The search finds what is there: else the rest would prove nothing.
    let by_keyholder = holds(keyholder, &secret);
    let mut others: Vec<u32> = served.site.server.family().into_iter().map(|(pid, _)| pid).collect();
    others.push(served.site.server.pid());
    others.retain(|pid| *pid != keyholder);
    let by_others: Vec<_> = others.iter().map(|pid| (*pid, holds(*pid, &secret))).collect();
    inside.kill().unwrap();
    inside.wait().unwrap();
    assert!(answered, "no answer came");
    match by_keyholder {
        None => return println!("skipped: this machine lets nobody read another process's memory"),
        Some(found) => assert!(found, "the keyholder's own key is not found in its memory"),
    }
    assert!(!served.site.server.role("session").is_empty() && others.len() >= 3, "{others:?}");
    assert!(by_others.iter().all(|(_, found)| *found == Some(false)), "{by_others:?}");
}
