//! Data connections through translations, with and without the kernel's FTP helper.

use wharf_testkit::has;

use crate::net::{ABROAD, HOME, Net, OUTSIDE};

/// Has the router's kernel read and mend what is said on port 21.
const HELPER: &str = "table inet helper {\n ct helper ftp {\n  type \"ftp\" protocol tcp\n }\n chain pre {\n  \
    type filter hook prerouting priority 0\n  tcp dport 21 ct helper set \"ftp\"\n }\n}\n";

/// Whether this kernel has the helper.
fn has_helper(net: &Net) -> bool {
    let outcome = wharf_testkit::run(net.command("router", "nft").args(["-f", "-"]), HELPER);
    if !outcome.success {
        eprintln!("skipped: this kernel has no FTP helper (nf_conntrack_ftp)");
    }
    outcome.success
}

#[test]
fn a_client_behind_a_router_fetches_passively_and_with_the_helper_actively() {
    let Some(net) = Net::build() else { return };
    if !has("curl") {
        return;
    }
    let (_account, site) = net.site_at("abroad", ABROAD, &["connect_timeout=3"]);
    for way in [&["--disable-epsv"][..], &[]] {
        let url = format!("ftp://{ABROAD}/file");
        let fetched = net.run("home", "curl", &[way, &["-sS", "--max-time", "10", &url]].concat());
        assert_eq!(fetched.stdout, "a file\n", "{}", fetched.stderr);
    }
    let active = ["--ftp-port", "-", "--disable-eprt"];
    let refused = net.fetch("home", ABROAD, &active);
    assert!(!refused.success, "without a helper nobody can connect to a client behind a router");
    if has_helper(&net) {
        let fetched = net.fetch("home", ABROAD, &active);
        assert_eq!(fetched.stdout, "a file\n", "{}", fetched.stderr);
    }
    drop(site);
}

#[test]
fn a_server_behind_a_forwarding_serves_with_the_address_outside() {
    let Some(net) = Net::build() else { return };
    if !has("curl") {
        return;
    }
    net.forward("21, 50000-50003");
    let (_account, site) = net.site(&[&format!("pasv_address={OUTSIDE}")]);
    let fetched = net.fetch("abroad", OUTSIDE, &[]);
    assert_eq!(fetched.stdout, "a file\n", "{}", fetched.stderr);
    // Active connections leave through the router like any other.
    let fetched = net.fetch("abroad", OUTSIDE, &["--ftp-port", "-"]);
    assert_eq!(fetched.stdout, "a file\n", "{}", fetched.stderr);
    drop(site);
}

#[test]
fn with_the_helper_port_21_alone_is_forwarded_and_the_private_address_is_mended_on_the_way() {
    let Some(net) = Net::build() else { return };
    if !has("curl") || !has_helper(&net) {
        return;
    }
    net.forward("21");
    let (_account, site) = net.site(&[]);
    let told = net.told("abroad", OUTSIDE);
    assert!(told.contains("(11,22,33,1,"), "the router's kernel rewrites it: {told}");
    let fetched = net.fetch("abroad", OUTSIDE, &[]);
    assert_eq!(fetched.stdout, "a file\n", "{}", fetched.stderr);
    assert!(net.told("neighbour", HOME).contains("(192,168,77,5,"));
    drop(site);
}
