//! Client certificates: who vouches for them, which are revoked, and whom they log in. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

mod secured;

use std::fs;
use std::path::Path;
use std::process::Command;

use secured::{Authority, EC, Secured, secured_with};
use wharf_testkit::{Outcome, has, needs_root, run};

/// A site that holds client certificates against an authority; the lines may speak of `CA` and `USER`.
fn validating(lines: &[&str]) -> (Secured, Authority) {
    let mut authority = None;
    let secured = secured_with(EC, |place, account| {
        let own = Authority::make(&place.join("authority"));
        own.revoke(None);
        let shown = own.place.display().to_string();
        let mut all = vec!["validate_cert=YES".to_owned(), format!("ca_certs_file={shown}/ca.pem")];
        all.extend(lines.iter().map(|line| line.replace("CA", &shown).replace("USER", &account.name)));
        // Rules are written before the server reads them.
        fs::write(own.at("users"), format!("{} cn:Anna Kim\n", account.name)).unwrap();
        authority = Some(own);
        all
    });
    (secured, authority.unwrap())
}

fn tools() -> bool {
    has("curl") && has("openssl") && has("python3")
}

fn with(secured: &Secured, certificate: &Path, arguments: &[&str], path: &str) -> Outcome {
    secured.curl(&[&["--cert", certificate.to_str().unwrap()], arguments].concat(), path)
}

/// The replies to USER and, where it is asked for, PASS.
fn replies(
    secured: &Secured,
    certificate: Option<&Path>,
    version: &str,
    user: &str,
    password: &str,
) -> String {
    let script = r#"
certificate, version, name, word = rest
if certificate: context.load_cert_chain(certificate)
if version: context.maximum_version = context.minimum_version = getattr(ssl.TLSVersion, version)
wire = Wire().begin()
said = wire.ask('USER ' + name)
if said.startswith('331'): said += ' / ' + str(wire.ask('PASS ' + word))
print(said)
wire.only_tls()
"#;
    let certificate = certificate.map_or("", |path| path.to_str().unwrap());
    let said = secured.python(script, &[certificate, version, user, password]);
    assert!(said.success, "{}\n{}", said.stderr, secured.site.server.output());
    said.stdout.trim().to_owned()
}

#[test]
fn a_certificate_is_held_against_the_authority_and_named_in_the_log() {
    needs_root!();
    if !tools() {
        return;
    }
    let (secured, authority) = validating(&["require_cert=YES"]);
    secured.account.file("file", b"content");
    let anna = authority.issue("anna", "/O=Example/CN=Anna Kim", "email:anna@example.org");
    let stranger =
        Authority::make(&secured.site.place().join("other")).issue("anna", "/O=Example/CN=Anna Kim", "DNS:a");
    for version in ["--tlsv1.3", "--tls-max=1.2"] {
        let version: Vec<&str> = version.split('=').collect();
        let got = with(&secured, &anna, &version, "file");
        assert_eq!(got.stdout, "content", "{}", got.stderr);
        assert!(!with(&secured, &stranger, &version, "file").success);
        assert!(!secured.curl(&version, "file").success, "none was shown");
    }
    let log = secured.wait_for_log("not reused, /O=Example/CN=Anna Kim\"");
    let one = log.lines().find(|line| line.contains("/O=Example/CN=Anna Kim")).unwrap();
    assert!(one.contains("DEBUG: Client \"127.0.0.1\", \"SSL version: TLSv1"), "{one}");
    assert!(log.contains("SSL_accept failed: the client's certificate was not accepted"), "{log}");
    assert!(log.contains("SSL_accept failed: the client sent no certificate"), "{log}");
}

#[test]
fn a_revoked_certificate_is_refused_as_soon_as_the_list_says_so() {
    needs_root!();
    if !tools() {
        return;
    }
    let (mut secured, authority) = validating(&["require_cert=YES", "ca_crl_file=CA/crl.pem"]);
    secured.account.file("file", b"content");
    let anna = authority.issue("anna", "/CN=Anna Kim", "DNS:a");
    let bob = authority.issue("bob", "/CN=Bob", "DNS:b");
    assert!(with(&secured, &anna, &[], "file").success && with(&secured, &bob, &[], "file").success);
    authority.revoke(Some("anna"));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(wharf_testkit::PATIENCE);
    while with(&secured, &anna, &[], "file").success {
        assert!(std::time::Instant::now() < end, "it is never refused");
    }
    assert!(with(&secured, &bob, &[], "file").success);
    secured.wait_for_log("certificate was not accepted: it was revoked");

    // A list that is past its date is told, by the check, too.
    authority
        .revoke_until(None, &["-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200102000000Z"]);
    let warning = format!(
        "warning: SSL: {}: the list of /CN=Authority is past its date",
        authority.at("crl.pem").display()
    );
    secured.site.server.wait_for(&warning);
    let check = run(Command::new(env!("CARGO_BIN_EXE_wharfd")).arg("check").arg(&secured.site.config), "");
    assert!(check.success && check.stdout.contains(&warning), "{}", check.stdout);
    assert!(!with(&secured, &bob, &[], "file").success);
    secured.wait_for_log("the revocation list of its issuer is past its date");
    authority.revoke(None);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(wharf_testkit::PATIENCE);
    while !with(&secured, &bob, &[], "file").success {
        assert!(std::time::Instant::now() < end, "the new list is never believed");
    }

    // A list that cannot be used is told once, and the one before stays.
    fs::write(authority.at("crl.new"), "nothing").unwrap();
    fs::rename(authority.at("crl.new"), authority.at("crl.pem")).unwrap();
    secured.site.server.wait_for("has changed and cannot be used; what was there before stays in force");
    let fault = format!(
        "error: SSL: could not load revocation lists: {}: there is no revocation list in this file",
        authority.at("crl.pem").display()
    );
    assert!(secured.site.server.output().contains(&fault), "{}", secured.site.server.output());
    assert!(with(&secured, &bob, &[], "file").success && !with(&secured, &anna, &[], "file").success);
}

#[test]
fn authorities_that_cannot_be_used_are_an_error_of_check_start_and_reload() {
    needs_root!();
    if !tools() {
        return;
    }
    let (mut secured, authority) = validating(&["require_cert=YES"]);
    let good = fs::read_to_string(authority.at("ca.pem")).unwrap();
    let anna = authority.issue("anna", "/CN=Anna Kim", "DNS:a");
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let file = authority.at("ca.pem");
    for (content, reason) in
        [("nothing", "there is no certificate in this file"), (damaged, "a certificate cannot be used")]
    {
        fs::write(&file, content).unwrap();
        let fault = format!("SSL: could not load verify file: {}: {reason}", file.display());
        let wharfd = env!("CARGO_BIN_EXE_wharfd");
        let check = run(Command::new(wharfd).arg("check").arg(&secured.site.config), "");
        assert!(!check.success && check.stdout.contains(&format!("error: {fault}")), "{}", check.stdout);
        assert!(check.stdout.contains(&format!("| ca_certs_file={}", file.display())), "{}", check.stdout);
        let start = run(Command::new(wharfd).arg(&secured.site.config).arg("-olisten_port=0"), "");
        assert!(!start.success && start.stderr.contains(&format!("500 OOPS: {fault}")), "{}", start.stderr);
    }
    secured.reconfigure(|text| format!("{text}ftpd_banner=new\n"));
    secured.site.server.wait_for("the new configuration has errors; the old one stays in force");
    assert!(!secured.site.connect().transcript().contains("new"));
    // The workers go on with what they had.
    let listed = with(&secured, &anna, &[], "");
    assert!(listed.success, "{}", listed.stderr);
    assert!(!secured.site.server.output().contains("session worker"), "{}", secured.site.server.output());
    fs::write(&file, good).unwrap();
    secured.site.server.signal(wharf_testkit::Signal::SIGHUP);
    secured.site.server.wait_for("the new configuration is in force");
    let check = run(Command::new(env!("CARGO_BIN_EXE_wharfd")).arg("check").arg(&secured.site.config), "");
    assert!(check.success, "{}", check.stdout);
}

#[test]
fn a_certificate_logs_its_account_in_without_a_password() {
    needs_root!();
    if !tools() {
        return;
    }
    let (secured, authority) = validating(&["cert_user_file=CA/users"]);
    secured.account.file("file", b"content");
    let anna = authority.issue("anna", "/O=Example/CN=Anna Kim", "email:anna@example.org");
    let bob = authority.issue("bob", "/O=Example/CN=Bob", "DNS:b");
    let (name, password) = (&secured.account.name, &secured.account.password);
    for version in ["TLSv1_3", "TLSv1_2"] {
        assert_eq!(
            replies(&secured, Some(&anna), version, name, ""),
            "232 Login successful, by certificate.",
            "{}",
            secured.site.server.output()
        );
    }
    // curl takes 232 for what it is, and transfers.
    let got = with(&secured, &anna, &[], "file");
    assert_eq!(got.stdout, "content", "{}", got.stderr);
    assert!(secured.site.text("vsftpd.log").contains("OK LOGIN"));

    // Nobody else comes in by that name: neither with another certificate, nor with the password alone.
    let refused = "331 Please specify the password. / 530 Login incorrect.";
    assert_eq!(replies(&secured, Some(&bob), "", name, password), refused);
    assert_eq!(replies(&secured, None, "", name, password), refused);
    // Nor does the certificate log anybody else in.
    assert_eq!(replies(&secured, Some(&anna), "", "root", password), refused);
    let said = secured.site.server.output();
    assert!(said.contains("refused (Credentials): no rule gives the account to this certificate"), "{said}");
    assert!(said.contains("subject:/O=Example/CN=Bob, cn:Bob, dns:b"), "{said}");
    assert!(
        said.contains("refused (Rule): the account logs in by certificate, and none was shown"),
        "{said}"
    );
}

#[test]
fn a_certificate_may_be_wanted_beside_the_password() {
    needs_root!();
    if !tools() {
        return;
    }
    let (mut secured, authority) = validating(&["cert_user_file=CA/users", "cert_user_password=YES"]);
    let anna = authority.issue("anna", "/CN=Anna Kim", "DNS:a");
    let (name, password) = (secured.account.name.clone(), secured.account.password.clone());
    let asked = |outcome: &str| format!("331 Please specify the password. / {outcome}");
    let said =
        |secured: &Secured, certificate, password: &str| replies(secured, certificate, "", &name, password);
    assert_eq!(said(&secured, Some(&anna), &password), asked("230 Login successful."));
    assert_eq!(said(&secured, Some(&anna), "wrong"), asked("530 Login incorrect."));
    assert_eq!(said(&secured, None, &password), asked("530 Login incorrect."));

    // Whom no rule names logs in as ever; rules are read at each login.
    fs::write(authority.at("users"), "somebody-else cn:Anna Kim\n").unwrap();
    assert_eq!(said(&secured, None, &password), asked("230 Login successful."));
    // A rule for everybody by the name of the account.
    fs::write(authority.at("users"), "* cn:%u\n").unwrap();
    assert_eq!(said(&secured, None, &password), asked("530 Login incorrect."));
    let own = authority.issue("own", &format!("/CN={name}"), "DNS:x");
    assert_eq!(said(&secured, Some(&own), &password), asked("230 Login successful."));
    // Rules that cannot be read let nobody in.
    fs::write(authority.at("users"), "nonsense\n").unwrap();
    assert_eq!(said(&secured, Some(&own), &password), asked("530 Login incorrect."));
    secured.site.server.wait_for("line 1: write an account");
}

#[test]
fn pams_rules_about_the_account_hold_for_certificates_too() {
    needs_root!();
    if !tools() {
        return;
    }
    let (secured, authority) = validating(&["cert_user_file=CA/users"]);
    let anna = authority.issue("anna", "/CN=Anna Kim", "DNS:a");
    let name = secured.account.name.clone();
    assert!(replies(&secured, Some(&anna), "", &name, "").starts_with("232"));
    // The account has expired.
    assert!(run(Command::new("usermod").args(["--expiredate", "1970-01-02", &name]), "").success);
    let password = &secured.account.password;
    assert_eq!(
        replies(&secured, Some(&anna), "", &name, password),
        "331 Please specify the password. / 530 Login incorrect."
    );
    let said = secured.site.server.output();
    assert!(said.contains("refused (Rule): PAM refused the account"), "{said}");
}
