//! Ports mapped by a real miniupnpd: asked for, used, renewed, asked for again after a restart, withdrawn.

use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use wharf_testkit::{Outcome, Site, has, kill_at_once, run};

use crate::net::{HOME, Net, OUTSIDE, ROUTER, has_in_sbin, until};

const WHARFD: &str = env!("CARGO_BIN_EXE_wharfd");

/// Chains as miniupnpd wants them; what nobody mapped is not let in.
const RULES: &str = "flush ruleset\n\
table inet filter {\n chain forward {\n  type filter hook forward priority 0\n  policy drop\n  ct state established,related accept\n  \
iifname \"in\" accept\n  jump miniupnpd\n }\n chain miniupnpd {\n }\n}\n\
table inet nat {\n chain prerouting {\n  type nat hook prerouting priority -100\n  jump prerouting_miniupnpd\n }\n \
chain postrouting {\n  type nat hook postrouting priority 100\n  jump postrouting_miniupnpd\n  oifname \"out\" masquerade\n }\n \
chain prerouting_miniupnpd {\n }\n chain postrouting_miniupnpd {\n }\n}\n";

/// A home router with miniupnpd; `None` where it is not installed.
struct Router {
    net: Net,
    place: tempfile::TempDir,
    daemon: usize,
}

impl Router {
    fn start(more: &str) -> Option<Self> {
        if !has_in_sbin("miniupnpd") || !has("curl") {
            return None;
        }
        let mut net = Net::build()?;
        let place = tempfile::tempdir().unwrap();
        let lifetime = if more.contains("max_lifetime") { "" } else { "max_lifetime=10\n" };
        let config = format!(
            "ext_ifname=out\nlistening_ip=in\nenable_natpmp=yes\nenable_upnp=yes\nsecure_mode=yes\nsystem_uptime=no\n\
             uuid=5a255ec6-3613-4764-9cac-78e17447b86f\nupnp_table_name=filter\nupnp_nat_table_name=nat\n\
             upnp_forward_chain=miniupnpd\nupnp_nat_chain=prerouting_miniupnpd\n\
             upnp_nat_postrouting_chain=postrouting_miniupnpd\nhttp_port=5000\nmin_lifetime=2\n{lifetime}{more}\n\
             allow 1-65535 192.168.77.0/24 1-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n"
        );
        std::fs::write(place.path().join("conf"), config).unwrap();
        let daemon = launch(&mut net, place.path(), 0);
        Some(Self { net, place, daemon })
    }

    /// The router loses power for a moment.
    fn restart(&mut self) {
        self.net.stop(self.daemon);
        self.daemon = launch(&mut self.net, self.place.path(), 1);
    }

    fn can_connect(&self, port: u16) -> bool {
        let to = format!("{OUTSIDE}:{port}").parse().unwrap();
        self.net.inside("abroad", || TcpStream::connect_timeout(&to, Duration::from_millis(300)).is_ok())
    }

    fn status(&self, site: &Site) -> Outcome {
        run(std::process::Command::new(WHARFD).arg("status").arg(&site.config), "")
    }
}

fn launch(net: &mut Net, place: &Path, number: u32) -> usize {
    net.rules("router", RULES);
    let (config, pid) = (place.join("conf"), place.join("pid"));
    let log = place.join(format!("log{number}"));
    let arguments = ["-d", "-f", config.to_str().unwrap(), "-P", pid.to_str().unwrap()];
    let daemon = net.start("router", "miniupnpd", &arguments, &log);
    until("miniupnpd listens", || {
        std::fs::read_to_string(&log).unwrap_or_default().contains("Listening for NAT-PMP/PCP traffic")
    });
    daemon
}

/// Maps, uses, renews and withdraws by one protocol.
fn by(way: &str, shown: &str, lifetime: u32) {
    let Some(router) = Router::start("") else { return };
    let lines = [
        format!("port_mapping={way}"),
        format!("port_mapping_lifetime={lifetime}"),
        "pasv_address=auto".into(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (_account, mut site) = router.net.site(&lines);
    let said = site.server.wait_for("the router forwards 21, 50000-50003 to this machine");
    assert!(said.ends_with(shown), "{said}");
    site.server.wait_for("the address outside is 11.22.33.1, as the router tells it");
    let fetched = router.net.fetch("abroad", OUTSIDE, &[]);
    assert_eq!(fetched.stdout, "a file\n", "{}", fetched.stderr);
    let status = router.status(&site);
    assert!(status.stdout.contains("router: forwards 21, 50000-50003"), "{}{}", status.stdout, status.stderr);
    assert!(status.stdout.contains("others: 11.22.33.1 (from the router)"), "{}", status.stdout);
    let doctor = router.net.run("home", WHARFD, &["doctor", site.config.to_str().unwrap()]);
    assert!(doctor.success, "{}{}", doctor.stdout, doctor.stderr);
    assert!(doctor.stdout.contains("the router forwards these ports to this machine"), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("all others 11.22.33.1"), "{}", doctor.stdout);

    // Longer than the router keeps a mapping that nobody renews.
    std::thread::sleep(Duration::from_secs(u64::from(lifetime) + 3));
    assert!(router.can_connect(21) && router.can_connect_passive(), "the mappings were not renewed");

    site.server.stop();
    assert!(site.server.output().contains("forward 21, 50000-50003 no longer"), "{}", site.server.output());
    assert!(!router.can_connect(21), "the mapping was not withdrawn");
    let status = router.status(&site);
    assert!(!status.success && status.stderr.contains("no server runs"), "{}", status.stderr);
}

impl Router {
    /// Whether a passive port leads to the machine at home: nobody listens there now, which it says itself.
    fn can_connect_passive(&self) -> bool {
        let fetched = self.net.fetch("abroad", OUTSIDE, &[]);
        fetched.stdout == "a file\n"
    }
}

#[test]
fn pcp_maps_renews_and_withdraws() {
    by("pcp", "(PCP)", 10);
}

#[test]
fn nat_pmp_maps_renews_and_withdraws() {
    by("natpmp", "(NAT-PMP)", 10);
}

#[test]
fn upnp_maps_renews_and_withdraws() {
    by("upnp", "(UPnP)", 10);
}

#[test]
fn a_router_that_was_restarted_is_asked_again() {
    let Some(mut router) = Router::start("max_lifetime=3600") else { return };
    // Nothing is renewed in the time of this test: only the router's own word can tell.
    let lines = ["port_mapping=auto", "port_mapping_lifetime=3600", "pasv_address=auto"];
    let (_account, mut site) = router.net.site(&lines);
    let said = site.server.wait_for("the router forwards 21, 50000-50003 to this machine");
    assert!(said.contains("for 3600 s at a time"), "{said}");
    assert!(router.can_connect(21));
    // A young router's restart cannot be told from its clock (RFC 6887 §8.5 lets clocks differ by an eighth): one that is
    // looked at a minute later must have been up for more than (60 / 8 + 2) × 8 / 7 seconds.
    std::thread::sleep(Duration::from_secs(12));
    router.restart();
    // Its word may be lost like any other packet; then it is the next check that tells, within a minute.
    let told = "the router was restarted and had forgotten us; the ports are asked for again";
    let end = Instant::now() + Duration::from_secs(80);
    while !site.server.output().contains(told) {
        assert!(Instant::now() < end, "{}", site.server.output());
        std::thread::sleep(Duration::from_millis(100));
    }
    until("mapped again", || router.can_connect(21));
    let fetched = router.net.fetch("abroad", OUTSIDE, &[]);
    assert_eq!(fetched.stdout, "a file\n", "{}", fetched.stderr);
}

#[test]
fn a_router_that_forbids_it_is_named_with_its_reason_and_nothing_else_stops() {
    let Some(router) = Router::start("deny 1-65535 192.168.77.5/32 1-65535") else { return };
    let (_account, mut site) = router.net.site(&["port_mapping=auto"]);
    let said = site.server.wait_for("warning: the router does not forward 21, 50000-50003: ");
    // It says so in PCP's words for "not this port", the only ones it has for a wish that names its port.
    assert!(said.contains("taken or not permitted"), "{said}");
    assert!(router.net.told("neighbour", HOME).contains("(192,168,77,5,"));
    assert!(router.status(&site).stdout.contains("router: does not forward 21, 50000-50003"));
}

#[test]
fn a_router_whose_own_address_is_private_is_told() {
    let Some(net) = Net::build() else { return };
    // miniupnpd refuses to work on such an address; other routers tell it (NAT-PMP, RFC 6886 §3.2).
    let socket = net.inside("router", || UdpSocket::bind((ROUTER, 5351)).unwrap());
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let router = std::thread::spawn(move || {
        let mut question = [0; 64];
        while let Ok((length, asker)) = socket.recv_from(&mut question) {
            if question[..length] == [0, 0] {
                socket.send_to(&[0, 128, 0, 0, 0, 0, 0, 9, 100, 64, 0, 9], asker).unwrap();
                return;
            }
        }
    });
    let (_account, mut site) = net.site(&["pasv_address=auto"]);
    let said = site.server.wait_for("the router's own address outside is 100.64.0.9");
    assert!(said.contains("nobody outside can connect"), "{said}");
    router.join().unwrap();
    net.forward("21");
    net.told("abroad", OUTSIDE);
    let warning = site.server.wait_for("PASV told the client");
    assert!(warning.contains("another translation follows"), "{warning}");
}

#[test]
fn the_mapper_is_nobody_behind_walls_and_another_goes_on_when_it_dies() {
    let Some(router) = Router::start("") else { return };
    let (_account, mut site) = router.net.site(&["port_mapping=pcp", "port_mapping_lifetime=10"]);
    site.server.wait_for("the router forwards 21, 50000-50003 to this machine");
    let [mapper] = site.server.role("mapper")[..] else { panic!("one mapper") };
    let status = std::fs::read_to_string(format!("/proc/{mapper}/status")).unwrap();
    for part in ["Uid:\t65534\t65534", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(part), "{part}\n{status}");
    }
    kill_at_once(mapper);
    site.server.wait_for("the mapper ended");
    until("another mapper", || site.server.role("mapper").first().is_some_and(|other| *other != mapper));
    // Longer than the router keeps what the first one mapped.
    std::thread::sleep(Duration::from_secs(12));
    assert!(router.can_connect(21));
    site.server.signal(wharf_testkit::Signal::SIGHUP);
    site.server.wait_for("the new configuration is in force");
    std::thread::sleep(Duration::from_secs(5));
    assert!(router.can_connect(21), "a reload must not lose what is mapped");
}
