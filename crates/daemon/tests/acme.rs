//! Certificates that are ordered: from pebble, Let's Encrypt's server for tests, by both challenges; renewed, refused, and
//! shown to curl. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use wharf_testkit::{
    Outcome, PATIENCE, Ports, Server, Signal, Site, SiteBuilder, has, kill_at_once, needs_root, run,
};

const NAME: &str = "ftp.wharf.example";

/// A private authority: pebble, and the name server it believes.
struct Authority {
    _pebble: Server,
    _names: Server,
    /// The authority whose word the directory's own certificate has.
    trusted: PathBuf,
    ports: Ports,
    place: tempfile::TempDir,
}

impl Authority {
    /// Starts one whose certificates are valid for so many seconds; `None` where there is no pebble.
    fn start(seconds: u64) -> Option<Self> {
        if !has("pebble") || !has("pebble-challtestsrv") || !has("openssl") || !has("curl") {
            return None;
        }
        let (place, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
        let trusted = certificate(place.path());
        let port = |at: u16| ports.control() + at;
        let config = format!(
            r#"{{"pebble":{{"listenAddress":"127.0.0.1:{}","managementListenAddress":"127.0.0.1:{}",
                "certificate":"{place}/own.crt","privateKey":"{place}/own.key","httpPort":{},"tlsPort":{},
                "ocspResponderURL":"","externalAccountBindingRequired":false,"certificateValidityPeriod":{seconds}}}}}"#,
            port(1),
            port(2),
            port(3),
            port(4),
            place = place.path().display(),
        );
        let file = place.path().join("pebble.json");
        fs::write(&file, config).unwrap();
        let names = format!("127.0.0.1:{}", port(5));
        let mut name_server = Command::new("pebble-challtestsrv");
        name_server.args([
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-defaultIPv6",
            "",
            "-dns01",
            &names,
        ]);
        name_server.args(["-management", &format!("127.0.0.1:{}", port(6))]);
        let mut name_server = Server::start(&mut name_server);
        name_server.wait_for("management server");
        let mut pebble = Command::new("pebble");
        pebble.arg("-strict").arg("-config").arg(file).args(["-dnsserver", &names]);
        // One good nonce in five is not taken, as a directory under load may do.
        pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "20");
        let mut pebble = Server::start(&mut pebble);
        pebble.wait_for("ACME directory available at");
        Some(Self { _pebble: pebble, _names: name_server, trusted, ports, place })
    }

    /// The port that the authority calls for HTTP-01.
    fn http_port(&self) -> u16 {
        self.ports.control() + 3
    }

    /// The port that the authority calls for TLS-ALPN-01.
    fn tls_port(&self) -> u16 {
        self.ports.control() + 4
    }

    fn orders(&self, builder: SiteBuilder) -> SiteBuilder {
        orders(builder)
            .set(&format!("acme_directory=https://127.0.0.1:{}/dir", self.ports.control() + 1))
            .set(&format!("acme_ca_file={}", self.trusted.display()))
            .set(&format!("acme_port={}", self.http_port()))
    }

    /// The root that those who trust this authority have.
    fn root(&self) -> PathBuf {
        let file = self.place.path().join("root.pem");
        let url = format!("https://127.0.0.1:{}/roots/0", self.ports.control() + 2);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--output"])
            .arg(&file)
            .arg("--cacert")
            .arg(&self.trusted);
        let got = run(curl.arg(url), "");
        assert!(got.success, "{}", got.stderr);
        file
    }
}

/// Makes an authority and a certificate for the loopback address; returns the authority's.
fn certificate(at: &Path) -> PathBuf {
    let openssl = |arguments: &[&str]| {
        let made = run(Command::new("openssl").current_dir(at).args(arguments), "");
        assert!(made.success, "{}", made.stderr);
    };
    let new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let own = ["req", "-x509", "-days", "2", "-subj", "/CN=Test", "-keyout", "ca.key", "-out", "ca.crt"];
    openssl(&[&own[..], &new].concat());
    openssl(&[&["req", "-subj", "/CN=pebble", "-keyout", "own.key", "-out", "own.csr"][..], &new].concat());
    fs::write(at.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let sign = [
        "x509",
        "-req",
        "-in",
        "own.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
    ];
    openssl(&[&sign[..], &["-extfile", "names", "-out", "own.crt"]].concat());
    at.join("ca.crt")
}

/// A site that orders its certificate and lets everybody see `/usr`.
fn orders(builder: SiteBuilder) -> SiteBuilder {
    let place = builder.place().join("acme");
    builder
        .set("anonymous_enable=YES")
        .set("ftp_username=nobody")
        .set("anon_root=/usr")
        .set("ssl_enable=YES")
        .set("allow_anon_ssl=YES")
        .set(&format!("acme_domains={NAME}"))
        .set("acme_accept_terms=YES")
        .set("acme_retry_delay=1")
        .set(&format!("acme_dir={}", place.display()))
}

fn builder() -> SiteBuilder {
    Site::builder(env!("CARGO_BIN_EXE_wharfd"))
}

/// What curl sees, believing a root and nobody else.
fn curl(site: &Site, root: &Path) -> Outcome {
    let port = site.address.port();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--ssl-reqd", "--disable-epsv", "--list-only", "--cacert"])
        .arg(root);
    curl.args(["--resolve", &format!("{NAME}:{port}:127.0.0.1")]);
    run(curl.arg(format!("ftp://{NAME}:{port}/")), "")
}

/// The certificate that clients are shown now.
fn shown(site: &Site) -> String {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-starttls", "ftp", "-connect", &site.address.to_string()]);
    let said = run(&mut client, "").stdout;
    let from = said.find("-----BEGIN CERTIFICATE-----").unwrap_or(said.len());
    let end = "-----END CERTIFICATE-----\n";
    let to = said.find(end).map_or(said.len(), |at| at + end.len());
    said[from..to].to_owned()
}

/// Waits until curl accepts what it is shown: a certificate in force reaches the workers a moment later.
fn wait_for_curl(site: &Site, root: &Path) {
    let end = Instant::now() + Duration::from_secs(PATIENCE);
    loop {
        let seen = curl(site, root);
        if seen.success && seen.stdout.lines().any(|line| line == "bin") {
            return;
        }
        assert!(Instant::now() < end, "{}\n{}", seen.stderr, site.server.output());
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn acme_file(site: &Site, name: &str) -> PathBuf {
    site.place().join("acme").join(name)
}

fn reconfigure(site: &Site, from: &str, to: &str) {
    let text = fs::read_to_string(&site.config).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&site.config, text.replace(from, to)).unwrap();
    site.server.signal(Signal::SIGHUP);
}

#[test]
fn a_certificate_comes_by_http_01_and_is_renewed_when_it_is_asked_for() {
    needs_root!();
    let Some(authority) = Authority::start(86_400) else { return };
    let mut site = authority.orders(builder()).start();
    site.server.wait_for("there is no certificate for ftp.wharf.example yet");
    site.server.wait_for("ftp.wharf.example was proved by http-01");
    site.server.wait_for("a certificate for ftp.wharf.example was issued; it is valid for 23 hours");
    site.server.wait_for("renewed certificates are in force");
    wait_for_curl(&site, &authority.root());
    for (name, expected) in [("", 0o700), ("certificate.pem", 0o600), ("account.key", 0o600)] {
        assert_eq!(mode(&acme_file(&site, name)), expected, "{name}");
    }
    assert!(site.server.role("acme").is_empty(), "it ends with its order");

    let (first, account) = (shown(&site), fs::read(acme_file(&site, "account.key")).unwrap());
    let mut session = site.anonymous();
    fs::remove_file(acme_file(&site, "renewal")).unwrap();
    site.server.signal(Signal::SIGHUP);
    site.server.wait_for_more("was issued", 2);
    site.server.wait_for_more("renewed certificates are in force", 2);
    wait_for_curl(&site, &authority.root());
    assert_ne!(shown(&site), first);
    assert_eq!(fs::read(acme_file(&site, "account.key")).unwrap(), account);
    session.ask("NOOP", 200);

    // A start with a certificate orders none.
    let lines = fs::read_to_string(&site.config).unwrap();
    let kept = site.place().join("again.conf");
    site.server.stop();
    fs::write(&kept, lines).unwrap();
    let mut again = Server::start(Command::new(env!("CARGO_BIN_EXE_wharfd")).arg(&kept));
    again.wait_for("listening on");
    again.signal(Signal::SIGHUP);
    again.wait_for("the new configuration is in force");
    assert!(!again.output().contains("ordering"), "{}", again.output());
}

#[test]
fn a_certificate_comes_by_tls_alpn_01_for_several_names() {
    needs_root!();
    let Some(authority) = Authority::start(86_400) else { return };
    let builder = authority.orders(builder());
    let mut site = builder
        .set("acme_challenge=tls-alpn-01")
        .set(&format!("acme_port={}", authority.tls_port()))
        .set(&format!("acme_domains=other.wharf.example,{NAME}"))
        .set("acme_email=root@wharf.example")
        .start();
    site.server.wait_for("ftp.wharf.example was proved by tls-alpn-01");
    site.server.wait_for("other.wharf.example was proved by tls-alpn-01");
    site.server.wait_for("a certificate for other.wharf.example, ftp.wharf.example was issued");
    wait_for_curl(&site, &authority.root());
}

#[test]
fn a_certificate_is_renewed_by_itself_before_it_ends() {
    needs_root!();
    let Some(authority) = Authority::start(18) else { return };
    let mut site = authority.orders(builder()).start();
    site.server.wait_for("was issued");
    let first = fs::read(acme_file(&site, "certificate.pem")).unwrap();
    let begin = Instant::now();
    site.server.wait_for_more("was issued", 2);
    // A third of its life was left, less what the order itself took.
    assert!(begin.elapsed() > Duration::from_secs(8), "{:?}", begin.elapsed());
    site.server.wait_for_more("renewed certificates are in force", 2);
    assert_ne!(fs::read(acme_file(&site, "certificate.pem")).unwrap(), first);
}

#[test]
fn an_order_that_fails_is_told_plainly_and_the_server_goes_on() {
    needs_root!();
    let Some(authority) = Authority::start(86_400) else { return };
    // Somebody else has the port, as a web server would.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken_port = taken.local_addr().unwrap().port();
    let mut site = authority.orders(builder()).set(&format!("acme_port={taken_port}")).start();
    let told = site.server.wait_for("no certificate was issued");
    assert!(
        told.contains(&format!("cannot listen on 127.0.0.1:{taken_port}")) && told.contains("free the port"),
        "{told}"
    );
    let before = shown(&site);
    assert!(before.starts_with("-----BEGIN"), "{}", site.server.output());

    // A port that the authority does not call.
    let wrong = authority.tls_port();
    reconfigure(&site, &format!("acme_port={taken_port}"), &format!("acme_port={wrong}"));
    let told = site.server.wait_for("could not be proved");
    for piece in [
        "no certificate was issued for ftp.wharf.example: 127.0.0.1:",
        "could not be proved by http-01: ",
        "connection refused (connection); ",
        "port 80 of ftp.wharf.example must lead to this server; clients are shown one that nobody vouches for; next try in ",
    ] {
        assert!(told.contains(piece), "{piece:?} is not in {told:?}");
    }
    assert_eq!(shown(&site), before);
    site.anonymous().ask("NOOP", 200);

    // Mended.
    reconfigure(&site, &format!("acme_port={wrong}"), &format!("acme_port={}", authority.http_port()));
    site.server.wait_for("was issued; it is valid");
    wait_for_curl(&site, &authority.root());

    // A renewal that fails leaves the certificate where it is.
    let issued = shown(&site);
    let good = format!("acme_ca_file={}", authority.trusted.display());
    reconfigure(&site, &good, "acme_ca_file=/etc/hostname");
    reconfigure(&site, &format!("acme_domains={NAME}"), &format!("acme_domains={NAME},more.wharf.example"));
    let told = site.server.wait_for("holds no certificate");
    assert!(told.contains("the file of trusted authorities holds no certificate (acme_ca_file)"), "{told}");
    assert!(
        told.contains("clients are shown the one before, which is valid for another 23 hours; "),
        "{told}"
    );
    assert_eq!(shown(&site), issued);
}

/// Looks for octets in all of a process's memory.
fn remembers(pid: u32, secret: &[u8]) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    maps.lines().filter(|line| line.contains(" rw")).any(|line| {
        let (from, to) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut octets = Vec::new();
        memory.seek(SeekFrom::Start(from)).unwrap();
        // What cannot be read, such as the kernel's own pages, holds nothing of ours.
        let _ = memory.by_ref().take(to - from).read_to_end(&mut octets);
        octets.windows(secret.len()).any(|window| window == secret)
    })
}

#[test]
fn the_process_that_meets_the_authority_is_nobody_and_has_no_key() {
    needs_root!();
    if !has("openssl") {
        return;
    }
    // A directory that never says a word.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ports = Ports::claim();
    let builder = orders(builder());
    let trusted = certificate(builder.place());
    let mut site = builder
        .set(&format!("acme_directory=https://127.0.0.1:{}/dir", silent.local_addr().unwrap().port()))
        .set(&format!("acme_ca_file={}", trusted.display()))
        .set(&format!("acme_port={}", ports.control()))
        .start();
    let (_call, _) = silent.accept().unwrap();
    let role = site.server.role("acme");
    assert_eq!(role.len(), 1, "{}", site.server.output());
    let status = fs::read_to_string(format!("/proc/{}/status", role[0])).unwrap();
    for line in
        ["Uid:\t65534\t65534\t65534\t65534", "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"]
    {
        assert!(status.contains(&format!("\n{line}\n")), "{status}");
    }
    // The account's private number, as it stands in PKCS#8.
    let der = site.place().join("account.der");
    let mut openssl = Command::new("openssl");
    openssl.args(["ec", "-outform", "DER", "-in"]).arg(acme_file(&site, "account.key")).arg("-out").arg(&der);
    let converted = run(&mut openssl, "");
    assert!(converted.success, "{}", converted.stderr);
    let der = fs::read(der).unwrap();
    let at = der.windows(5).position(|window| window == [2, 1, 1, 4, 32]).unwrap() + 5;
    let number = &der[at..at + 32];
    let backwards: Vec<u8> = number.iter().rev().copied().collect();
    let has_key = |pid| remembers(pid, number) || remembers(pid, &backwards);
    assert!(has_key(site.server.role("keyholder")[0]), "the search finds nothing where there is something");
    assert!(!has_key(role[0]));
    assert!(!has_key(site.server.pid()));
    // The server goes on without it, and a server that ends ends the order with it.
    kill_at_once(role[0]);
    let told = site.server.wait_for("no certificate was issued");
    assert!(
        told.contains("the acme process ended; clients are shown one that nobody vouches for; "),
        "{told}"
    );
    let (_call, _) = silent.accept().unwrap();
    assert_eq!(site.server.role("acme").len(), 1);
    site.server.stop();
    // One that is started again remembers that orders failed.
    let lines =
        fs::read_to_string(&site.config).unwrap().replace("acme_retry_delay=1", "acme_retry_delay=7200");
    fs::write(&site.config, lines).unwrap();
    let mut again = Server::start(Command::new(env!("CARGO_BIN_EXE_wharfd")).arg(&site.config));
    again.wait_for(
        "an order for ftp.wharf.example has failed before; clients are shown one that nobody vouches for;",
    );
    again.wait_for("listening on");
    assert!(!again.output().contains("ordering"), "{}", again.output());
}
