//! `wharfd doctor` from inside and from outside.

use wharf_testkit::{Outcome, Site};

use crate::net::{Net, OUTSIDE};

const WHARFD: &str = env!("CARGO_BIN_EXE_wharfd");

fn at_home(net: &Net, site: &Site) -> Outcome {
    net.run("home", WHARFD, &["doctor", site.config.to_str().unwrap()])
}

fn from_abroad(net: &Net) -> Outcome {
    net.run("abroad", WHARFD, &["doctor", "--probe", OUTSIDE])
}

#[test]
fn a_private_address_and_a_closed_firewall_are_found_with_the_lines_that_mend_them() {
    let Some(net) = Net::build() else { return };
    let (_account, site) = net.site(&[]);
    net.rules(
        "home",
        "table inet filter {\n chain input {\n  type filter hook input priority 0\n  policy drop\n  iifname \"lo\" accept\n  \
         ct state established,related accept\n  tcp dport 21 accept\n }\n}\n",
    );
    let said = at_home(&net, &site);
    assert!(!said.success);
    for part in [
        "trouble  address    PASV tells clients the address they connect to; this machine's is 192.168.77.5, which is private",
        "good     firewall   nftables lets clients in to TCP 21",
        "trouble  firewall   nftables (table inet filter, chain input) keeps clients from TCP 50000-50003",
        "= help: nft insert rule inet filter input tcp dport '{ 50000-50003 }' accept",
        "good     server     a server listens on TCP 21",
    ] {
        assert!(said.stdout.contains(part), "{part}\nis missing from\n{}{}", said.stdout, said.stderr);
    }
    // The line that is said does mend it.
    net.rules("home", "insert rule inet filter input tcp dport { 50000-50003 } accept\n");
    assert!(at_home(&net, &site).stdout.contains("nftables lets clients in to TCP 21, 50000-50003"));
    let json = net.run("home", WHARFD, &["doctor", site.config.to_str().unwrap(), "--json"]).stdout;
    assert!(json.contains("\"subject\":\"firewall\"") && json.contains("\"trouble\":true"), "{json}");
}

#[test]
fn from_outside_each_fault_is_named_and_a_good_server_is_good() {
    let Some(net) = Net::build() else { return };
    let silent = from_abroad(&net);
    assert!(!silent.success && silent.stdout.contains("trouble  control"), "{}", silent.stdout);

    // The port of the commands only: data connections are refused by the router.
    net.forward("21");
    let (_account, site) = net.site(&[]);
    let half = from_abroad(&net).stdout;
    assert!(half.contains("good     control    11.22.33.1:21 greets: 220"), "{half}");
    assert!(half.contains("trouble  pasv       PASV tells 192.168.77.5:"), "{half}");
    assert!(half.contains("trouble  epsv       EPSV leads to 11.22.33.1:"), "{half}");
    drop(site);

    // Everything is forwarded, and the address is wrong.
    net.rules("router", "delete table ip forwarding\n");
    net.forward("21, 50000-50003");
    let (_account, site) = net.site(&[]);
    let wrong = from_abroad(&net).stdout;
    assert!(wrong.contains("clients that believe it fail"), "{wrong}");
    assert!(wrong.contains("= help: pasv_address=11.22.33.1"), "{wrong}");
    drop(site);

    let (_account, site) = net.site(&["pasv_address=11.22.33.1"]);
    let good = from_abroad(&net);
    assert!(good.success, "{}", good.stdout);
    for part in
        ["good     pasv", "good     epsv", "good     port", "note     tls", "Nothing was found in the way."]
    {
        assert!(good.stdout.contains(part), "{part}\n{}", good.stdout);
    }
    drop(site);
}
