//! The Internet, a router and a home, as namespaces of the network that end with the test.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;
use wharf_testkit::{Account, Dialogue, Outcome, Site, has, is_root, run};

/// A host on the Internet.
pub(crate) const ABROAD: &str = "11.22.33.9";
/// The router's address outside.
pub(crate) const OUTSIDE: &str = "11.22.33.1";
/// The router's address inside.
pub(crate) const ROUTER: &str = "192.168.77.1";
/// The machine at home.
pub(crate) const HOME: &str = "192.168.77.5";
/// Another machine at home.
pub(crate) const NEIGHBOUR: &str = "192.168.77.6";
/// The passive ports of every site here.
pub(crate) const PASSIVE: (u16, u16) = (50000, 50003);

/// What translates and nothing else.
const MASQUERADE: &str = "table ip nat {\n chain post {\n  type nat hook postrouting priority 100\n  oifname \"out\" masquerade\n }\n}\n";

/// Namespaces of one test: `abroad`, `router`, `home`, `neighbour`.
pub(crate) struct Net {
    tag: String,
    helpers: Vec<std::process::Child>,
}

impl Net {
    /// Builds everything, with a router that masquerades; `None`, and a word about it, where that cannot be done.
    pub(crate) fn build() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !is_root() {
            eprintln!("skipped: needs root");
            return None;
        }
        if !has("ip") || !(has_in_sbin("nft")) {
            return None;
        }
        let tag = format!("w{}n{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let net = Self { tag, helpers: Vec::new() };
        if !try_ip(&["netns", "add", &net.name("abroad")]) {
            eprintln!("skipped: no namespaces of the network can be made here");
            return None;
        }
        for place in ["router", "home", "neighbour"] {
            ip(&["netns", "add", &net.name(place)]);
        }
        for place in ["abroad", "router", "home", "neighbour"] {
            ip(&["-n", &net.name(place), "link", "set", "lo", "up"]);
        }
        net.cable("out", "abroad");
        ip(&["-n", &net.name("router"), "link", "add", "in", "type", "bridge"]);
        for (port, place) in [("in1", "home"), ("in2", "neighbour")] {
            net.cable(port, place);
            ip(&["-n", &net.name("router"), "link", "set", port, "master", "in"]);
        }
        net.address("router", "out", OUTSIDE);
        net.address("router", "in", ROUTER);
        for (place, address) in [("abroad", ABROAD), ("home", HOME), ("neighbour", NEIGHBOUR)] {
            net.address(place, "eth0", address);
        }
        for place in ["home", "neighbour"] {
            ip(&["-n", &net.name(place), "route", "add", "default", "via", ROUTER]);
        }
        net.sysctl("router", "net/ipv4/ip_forward", "1");
        net.rules("router", MASQUERADE);
        Some(net)
    }

    pub(crate) fn name(&self, place: &str) -> String {
        format!("{}{}", self.tag, &place[..1])
    }

    /// The directory of what programs in a place see in /etc instead of the machine's own (ip-netns(8)).
    pub(crate) fn etc(&self, place: &str) -> std::path::PathBuf {
        std::path::PathBuf::from(format!("/etc/netns/{}", self.name(place)))
    }

    fn cable(&self, port: &str, place: &str) {
        let (router, place) = (self.name("router"), self.name(place));
        ip(&["link", "add", port, "netns", &router, "type", "veth", "peer", "name", "eth0", "netns", &place]);
        ip(&["-n", &router, "link", "set", port, "up"]);
        ip(&["-n", &place, "link", "set", "eth0", "up"]);
    }

    pub(crate) fn address(&self, place: &str, device: &str, address: &str) {
        ip(&["-n", &self.name(place), "addr", "add", &format!("{address}/24"), "dev", device]);
        ip(&["-n", &self.name(place), "link", "set", device, "up"]);
    }

    pub(crate) fn sysctl(&self, place: &str, name: &str, value: &str) {
        let name = format!("/proc/sys/{name}");
        self.inside(place, || std::fs::write(&name, value).unwrap());
    }

    /// Puts rules of nftables in force, on top of those there are.
    pub(crate) fn rules(&self, place: &str, text: &str) {
        let outcome = run(self.command(place, "nft").args(["-f", "-"]), text);
        assert!(outcome.success, "{text}\n{}", outcome.stderr);
    }

    /// A port forwarding made by hand, as on a router's pages.
    pub(crate) fn forward(&self, ports: &str) {
        self.rules(
            "router",
            &format!(
                "table ip forwarding {{\n chain pre {{\n  type nat hook prerouting priority -100\n  \
                 ip daddr {OUTSIDE} tcp dport {{ {ports} }} dnat to {HOME}\n }}\n}}\n"
            ),
        );
    }

    /// A program that is going to run in one of the places.
    pub(crate) fn command(&self, place: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(place), program]);
        command
    }

    /// Runs a program there to its end.
    pub(crate) fn run(&self, place: &str, program: &str, arguments: &[&str]) -> Outcome {
        run(self.command(place, program).args(arguments), "")
    }

    /// Starts a program that is killed at the end of the test; its output goes to a file.
    pub(crate) fn start(
        &mut self,
        place: &str,
        program: &str,
        arguments: &[&str],
        log: &std::path::Path,
    ) -> usize {
        let log = File::create(log).unwrap();
        let child = self
            .command(place, program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.helpers.push(child);
        self.helpers.len() - 1
    }

    /// Ends a program that was started.
    pub(crate) fn stop(&mut self, helper: usize) {
        let child = &mut self.helpers[helper];
        child.kill().unwrap_or_default();
        child.wait().unwrap();
    }

    /// Does something with the network of one of the places: on a thread of its own, which is in no other.
    pub(crate) fn inside<T: Send>(&self, place: &str, deed: impl FnOnce() -> T + Send) -> T {
        let file = File::open(format!("/run/netns/{}", self.name(place))).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                deed()
            });
            match thread.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// A site at home that lets anonymous users fetch `file`, on port 21.
    pub(crate) fn site(&self, lines: &[&str]) -> (Account, Site) {
        self.site_at("home", HOME, lines)
    }

    pub(crate) fn site_at(&self, place: &str, address: &str, lines: &[&str]) -> (Account, Site) {
        let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
        let account = Account::make(builder.place());
        let status = format!("status_file={}", builder.place().join("status").display());
        let basics = [
            &format!("listen_address={address}"),
            "listen_port=21",
            &format!("pasv_min_port={}", PASSIVE.0),
            &format!("pasv_max_port={}", PASSIVE.1),
            &status,
        ]
        .map(str::to_owned);
        let lines = basics.iter().map(String::as_str).chain(lines.iter().copied());
        let builder = lines.fold(builder.anonymous(&account), |builder, line| builder.set(line));
        std::fs::write(builder.place().join("pub/file"), "a file\n").unwrap();
        let site = builder.start_by(|binary, config| {
            let mut command = self.command(place, &binary.display().to_string());
            command.arg(config);
            command
        });
        (account, site)
    }

    /// Logs in from somewhere and says what PASV answers.
    pub(crate) fn told(&self, place: &str, server: &str) -> String {
        self.inside(place, || visit(server).ask("PASV", 227).text().to_owned())
    }

    /// Fetches the file with curl, which believes what PASV tells, unlike its default.
    pub(crate) fn fetch(&self, place: &str, server: &str, more: &[&str]) -> Outcome {
        let url = format!("ftp://{server}/file");
        let mut arguments = vec!["-sS", "--max-time", "10", "--disable-epsv", "--no-ftp-skip-pasv-ip"];
        arguments.extend(more);
        arguments.push(&url);
        self.run(place, "curl", &arguments)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for helper in &mut self.helpers {
            helper.kill().unwrap_or_default();
            helper.wait().map(drop).unwrap_or_default();
        }
        for place in ["abroad", "router", "home", "neighbour"] {
            try_ip(&["netns", "del", &self.name(place)]);
        }
        // What a test had its places see in /etc; the directory above only when it was ours alone.
        std::fs::remove_dir_all(self.etc("home")).unwrap_or_default();
        std::fs::remove_dir("/etc/netns").unwrap_or_default();
    }
}

pub(crate) fn visit(server: &str) -> Dialogue {
    let server: Ipv4Addr = server.parse().unwrap();
    Dialogue::login(SocketAddr::from((server, 21)), "anonymous", "x@y")
}

/// Whether a program is there; what root runs is not on everybody's path.
pub(crate) fn has_in_sbin(program: &str) -> bool {
    let found = ["/usr/sbin", "/sbin", "/usr/bin"]
        .iter()
        .any(|place| std::path::Path::new(place).join(program).exists());
    if !found {
        eprintln!("skipped: there is no {program} on this machine");
    }
    found
}

/// Waits until something is so; fails when it never is.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(wharf_testkit::PATIENCE);
    while !is_so() {
        assert!(std::time::Instant::now() < end, "it never came: {what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn ip(arguments: &[&str]) {
    let outcome = run(Command::new("ip").args(arguments), "");
    assert!(outcome.success, "ip {}: {}", arguments.join(" "), outcome.stderr);
}

fn try_ip(arguments: &[&str]) -> bool {
    let status = Command::new("ip").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A STUN server (RFC 8489) that tells askers their addresses as it sees them, until nobody asks any more.
pub(crate) fn answer_stun(socket: &std::net::UdpSocket) {
    let patience = std::time::Duration::from_secs(wharf_testkit::PATIENCE);
    socket.set_read_timeout(Some(patience)).unwrap();
    let mut question = [0; 100];
    while let Ok((_, SocketAddr::V4(asker))) = socket.recv_from(&mut question) {
        let mut answer = vec![0x01, 0x01, 0, 12];
        answer.extend(&question[4..20]);
        answer.extend([0, 0x20, 0, 8, 0, 1]);
        answer.extend((asker.port() ^ 0x2112).to_be_bytes());
        answer.extend((u32::from(*asker.ip()) ^ 0x2112_a442).to_be_bytes());
        socket.send_to(&answer, asker).unwrap();
        socket.set_read_timeout(Some(patience / 10)).unwrap();
    }
}
