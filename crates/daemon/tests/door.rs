//! hosts.allow and hosts.deny (`tcp_wrappers`), with an `/etc` of the test's own. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use wharf_testkit::{Account, Dialogue, Site, SiteBuilder, connect_from, needs_root};

/// Becomes the server in a mount namespace whose `/etc` has the accounts of this machine and these two files.
const IN_OWN_ETC: &str = "mkdir \"$1\" && cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/hosts \"$1\" && cp \"$2\" \"$1/hosts.allow\" && cp \"$3\" \"$1/hosts.deny\" \
    && mount --bind \"$1\" /etc && exec \"$4\" \"$5\"";

struct Door {
    site: Site,
    _account: Account,
}

fn door(allow: &str, deny: &str, lines: &[&str]) -> Door {
    door_with(allow, deny, lines, |_| {})
}

fn door_with(allow: &str, deny: &str, lines: &[&str], prepare: impl Fn(&Path)) -> Door {
    let builder: SiteBuilder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let place = builder.place().to_owned();
    prepare(&place);
    let allow = allow.replace("PLACE", &place.display().to_string());
    fs::write(place.join("allow"), allow).unwrap();
    fs::write(place.join("deny"), deny).unwrap();
    let builder = builder
        .anonymous(&account)
        .set("listen_address=0.0.0.0")
        .set("tcp_wrappers=YES")
        .set("xferlog_enable=YES");
    let builder = lines.iter().fold(builder, |builder, line| builder.set(line));
    let site = builder.start_by(|binary, config| {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c", IN_OWN_ETC, "sh"])
            .args([place.join("etc"), place.join("allow"), place.join("deny")])
            .args([binary, config]);
        command
    });
    Door { site, _account: account }
}

impl Door {
    /// Connects from one loopback address to itself, so that both ends have it.
    fn from(&self, address: &str) -> TcpStream {
        let address: IpAddr = address.parse().unwrap();
        connect_from(Some(address), SocketAddr::new(address, self.site.address.port())).unwrap()
    }

    fn is_let_in(&self, address: &str) -> bool {
        let mut dialogue = Dialogue::over(self.from(address));
        match dialogue.reply().code {
            220 => true,
            421 => false,
            _ => panic!("{}", dialogue.transcript()),
        }
    }
}

#[test]
fn only_those_of_hosts_allow_come_in_when_the_rest_is_denied() {
    needs_root!();
    let door = door("vsftpd: 127.0.0.2, 127.0.1.\nsshd: 127.0.0.3\n", "ALL: ALL\n", &[]);
    assert!(door.is_let_in("127.0.0.2") && door.is_let_in("127.0.1.7"));
    let mut refused = Dialogue::over(door.from("127.0.0.3"));
    assert_eq!(refused.reply().text(), "421 Service not available.");
    refused.expect_close();
    let log = door.site.text("vsftpd.log");
    let line = "CONNECT: Client \"127.0.0.3\", \"Connection refused: tcp_wrappers denial.\"";
    assert!(log.contains(line), "{log}");
}

#[test]
fn without_rules_everybody_comes_in_and_changes_act_at_once() {
    needs_root!();
    let door = door("", "", &[]);
    assert!(door.is_let_in("127.0.0.2"));
    fs::write(door.site.place().join("etc/hosts.deny"), "vsftpd: 127.0.0.2\n").unwrap();
    assert!(!door.is_let_in("127.0.0.2") && door.is_let_in("127.0.0.3"));
}

#[test]
fn a_rule_about_names_looks_the_name_up_and_believes_only_a_confirmed_one() {
    needs_root!();
    let names = "127.0.0.1 localhost\n127.0.0.2 friend.example.org\n127.0.0.3 impostor.example.org\n";
    let door = door("", "vsftpd: ALL EXCEPT .example.org\n", &[]);
    fs::write(door.site.place().join("etc/hosts"), names).unwrap();
    // glibc asks the hosts file first; who stands in it twice is not needed here.
    assert!(door.is_let_in("127.0.0.2"));
    assert!(!door.is_let_in("127.0.0.9"), "an address without a name is not of example.org");
}

#[test]
fn a_file_named_by_setenv_holds_for_those_clients_alone() {
    needs_root!();
    let door = door_with(
        "vsftpd: 127.0.0.2: setenv VSFTPD_LOAD_CONF PLACE/friends.conf\n\
         vsftpd: 127.0.0.3: setenv VSFTPD_LOAD_CONF PLACE/broken.conf\n",
        "",
        &["ftpd_banner=For everybody"],
        |place| {
            fs::write(place.join("friends.conf"), "ftpd_banner=For friends\ndownload_enable=NO\n").unwrap();
            fs::write(place.join("broken.conf"), "no_such_option=YES\n").unwrap();
        },
    );
    fs::write(door.site.public().join("file"), "x").unwrap();
    let mut friend = Dialogue::over(door.from("127.0.0.2"));
    assert_eq!(friend.reply().text(), "220 For friends");
    friend.ask("USER ftp", 331);
    friend.ask("PASS x", 230);
    let data = friend.epsv();
    friend.exact("RETR file", "550 Permission denied.");
    drop(data);
    let mut other = Dialogue::over(door.from("127.0.0.4"));
    assert_eq!(other.reply().text(), "220 For everybody");
    other.ask("USER ftp", 331);
    other.ask("PASS x", 230);
    let port = other.pasv();
    let data = connect_from(Some(port.ip()), port).unwrap();
    other.ask("RETR file", 150);
    assert_eq!(wharf_testkit::read_all(data), b"x");
    other.expect(226);
    let mut broken = Dialogue::over(door.from("127.0.0.3"));
    assert_eq!(broken.reply().text(), "500 OOPS: unrecognised variable in config file: no_such_option");
    broken.expect_close();
}

#[test]
fn a_limit_is_told_before_the_rules_are_asked() {
    needs_root!();
    let door = door("", "vsftpd: 127.0.0.2\n", &["max_clients=1"]);
    let mut first = Dialogue::over(door.from("127.0.0.3"));
    first.expect(220);
    let mut second = Dialogue::over(door.from("127.0.0.2"));
    assert_eq!(second.reply().text(), "421 There are too many connected users, please try later.");
}

#[test]
fn a_list_that_cannot_be_read_lets_nobody_in() {
    needs_root!();
    let mut door = door("", "", &[]);
    let deny = door.site.place().join("etc/hosts.deny");
    fs::remove_file(&deny).unwrap();
    fs::create_dir(&deny).unwrap();
    assert!(!door.is_let_in("127.0.0.2"));
    door.site.server.wait_for("hosts.deny");
}

#[test]
fn tls_of_such_a_file_holds_for_those_clients_alone() {
    needs_root!();
    let has_openssl = wharf_testkit::has("openssl");
    if !has_openssl {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (cert, key) = (place.path().join("cert.pem"), place.path().join("key.pem"));
    let made = wharf_testkit::run(
        Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-newkey",
                "ec",
                "-pkeyopt",
            ])
            .args(["ec_paramgen_curve:prime256v1", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&cert),
        "",
    );
    assert!(made.success, "{}", made.stderr);
    let door = door_with(
        "vsftpd: 127.0.0.2: setenv VSFTPD_LOAD_CONF PLACE/old.conf\n\
         vsftpd: 127.0.0.3: setenv VSFTPD_LOAD_CONF PLACE/name.conf\n\
         vsftpd: 127.0.0.5: setenv VSFTPD_LOAD_CONF PLACE/bad.conf\n",
        "",
        &[
            "ssl_enable=YES",
            "allow_anon_ssl=YES",
            &format!("rsa_cert_file={}", cert.display()),
            &format!("rsa_private_key_file={}", key.display()),
        ],
        |place| {
            fs::write(place.join("old.conf"), "ssl_tlsv1_3=NO\n").unwrap();
            fs::write(place.join("name.conf"), "ssl_sni_hostname=ftp.example\n").unwrap();
            let authorities = place.join("nothing.pem");
            fs::write(&authorities, "nothing").unwrap();
            let bad = format!("validate_cert=YES\nca_certs_file={}\n", authorities.display());
            fs::write(place.join("bad.conf"), bad).unwrap();
        },
    );
    let version = |address: &str, name: &str| {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-starttls", "ftp", "-servername", name, "-bind", &format!("{address}:0")]);
        client.args(["-connect", &format!("{address}:{}", door.site.address.port())]);
        let said = wharf_testkit::run(&mut client, "").stdout;
        said.lines().find_map(|line| line.strip_prefix("New, ").map(str::to_owned)).unwrap_or_default()
    };
    assert!(version("127.0.0.4", "any.example").starts_with("TLSv1.3"));
    assert!(version("127.0.0.2", "any.example").starts_with("TLSv1.2"));
    assert!(version("127.0.0.3", "ftp.example").starts_with("TLSv1.3"));
    assert_eq!(version("127.0.0.3", "any.example"), "(NONE), Cipher is (NONE)");
    let mut bad = Dialogue::over(door.from("127.0.0.5"));
    let told = bad.reply().text().to_owned();
    assert!(told.starts_with("500 OOPS: SSL: could not load verify file: "), "{told}");
}
