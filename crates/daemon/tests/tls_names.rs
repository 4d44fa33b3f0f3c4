//! Several certificates, chosen by the server name that a client asks for (`ssl_cert_dir`). Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

mod secured;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use secured::{EC, Secured, secured_with};
use wharf_testkit::{PATIENCE, has, needs_root, run};

/// Makes a certificate for some names in a directory as certbot lays them out.
fn certificate(directory: &Path, names: &[&str]) {
    fs::create_dir_all(directory).unwrap();
    let alternative: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
    let made = run(
        Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                &format!("/CN={}", names.first().unwrap()),
            ])
            .args(["-addext", &format!("subjectAltName={}", alternative.join(",")), "-newkey"])
            .args(EC)
            .arg("-keyout")
            .arg(directory.join("privkey.pem"))
            .arg("-out")
            .arg(directory.join("fullchain.pem")),
        "",
    );
    assert!(made.success, "{}", made.stderr);
}

fn site(lines: &[&str]) -> Secured {
    secured_with(EC, |place, _| {
        let certs = place.join("certs");
        certificate(&certs.join("a.example"), &["a.example"]);
        certificate(&certs.join("wild"), &["*.many.example"]);
        certificate(&certs.join("zz"), &["one.many.example"]);
        let own = format!("ssl_cert_dir={}", certs.display());
        lines.iter().map(|line| (*line).to_owned()).chain([own]).collect()
    })
}

/// The common name of the certificate that a client is shown who asks for a name; empty when there is no handshake.
fn shown(secured: &Secured, name: Option<&str>) -> String {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-starttls", "ftp", "-connect", &secured.site.address.to_string()]);
    match name {
        Some(name) => client.args(["-servername", name]),
        None => client.arg("-noservername"),
    };
    let said = run(&mut client, "").stdout;
    let subject = said.lines().find_map(|line| line.strip_prefix("subject="));
    subject.map_or(String::new(), |subject| subject.rsplit('=').next().unwrap_or_default().trim().to_owned())
}

fn wait_for(secured: &Secured, name: &str, expected: &str) {
    let end = Instant::now() + Duration::from_secs(PATIENCE);
    while shown(secured, Some(name)) != expected {
        assert!(Instant::now() < end, "{name} is never shown {expected}:\n{}", secured.site.server.output());
    }
}

#[test]
fn the_name_comes_before_a_wildcard_and_that_before_the_default() {
    needs_root!();
    if !has("openssl") {
        return;
    }
    let secured = site(&[]);
    assert_eq!(shown(&secured, Some("a.example")), "a.example");
    assert_eq!(shown(&secured, Some("one.many.example")), "one.many.example");
    assert_eq!(shown(&secured, Some("two.many.example")), "*.many.example");
    assert_eq!(shown(&secured, Some("unknown.example")), "localhost");
    assert_eq!(shown(&secured, None), "localhost");
}

#[test]
fn a_new_certificate_is_shown_without_a_restart_and_a_bad_one_changes_nothing() {
    needs_root!();
    if !has("openssl") {
        return;
    }
    let mut secured = site(&[]);
    let certs = secured.site.place().join("certs");
    let mut session = secured.site.connect();
    let made = secured.site.place().join("made");
    certificate(&made, &["new.example"]);
    fs::rename(&made, certs.join("new.example")).unwrap();
    wait_for(&secured, "new.example", "new.example");
    assert!(secured.site.server.output().contains("renewed certificates are in force"));

    fs::create_dir(certs.join("bad")).unwrap();
    fs::write(certs.join("bad/privkey.pem"), "nothing").unwrap();
    fs::write(certs.join("bad/fullchain.pem"), "nothing").unwrap();
    secured.site.server.wait_for("cannot be used; those before stay in force");
    let fault = format!("error: SSL: cannot load certificate: {}/bad/fullchain.pem: ", certs.display());
    assert!(secured.site.server.output().contains(&fault), "{}", secured.site.server.output());
    assert!(secured.site.server.output().contains(&format!("| ssl_cert_dir={}", certs.display())));
    assert_eq!(shown(&secured, Some("new.example")), "new.example");

    fs::remove_dir_all(certs.join("bad")).unwrap();
    fs::remove_dir_all(certs.join("a.example")).unwrap();
    wait_for(&secured, "a.example", "localhost");
    // A session that began before goes on.
    session.ask("NOOP", 530);
}

#[test]
fn the_one_name_that_is_allowed_stays_the_only_one() {
    needs_root!();
    if !has("openssl") {
        return;
    }
    let secured = site(&["ssl_sni_hostname=a.example"]);
    assert_eq!(shown(&secured, Some("A.example")), "a.example");
    assert_eq!(shown(&secured, Some("one.many.example")), "");
    assert_eq!(shown(&secured, None), "");
    let log = secured.wait_for_log("asked for the server");
    assert!(log.contains("\"one.many.example\", and ssl_sni_hostname allows \"a.example\""), "{log}");
}

#[test]
fn a_directory_is_enough() {
    needs_root!();
    if !has("openssl") {
        return;
    }
    let secured = site(&["rsa_cert_file=", "rsa_private_key_file="]);
    assert_eq!(shown(&secured, Some("one.many.example")), "one.many.example");
    assert_eq!(shown(&secured, None), "a.example", "the first in the order of names");
}
