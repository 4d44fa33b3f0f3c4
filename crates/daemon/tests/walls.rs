//! What each process of a running site holds, as the kernel tells it. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;

use wharf_testkit::{Account, PamService, Site, needs_root};

/// One process: its title and the fields of its status.
struct Process {
    title: String,
    status: String,
}

impl Process {
    fn of(pid: u32) -> Self {
        let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        let end = title.iter().position(|&octet| octet == 0).unwrap_or(title.len());
        let title = String::from_utf8_lossy(title.get(..end).unwrap_or_default()).trim_end().to_owned();
        Self { title, status: fs::read_to_string(format!("/proc/{pid}/status")).unwrap() }
    }

    /// The first word behind a field's name.
    fn field(&self, name: &str) -> &str {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()).unwrap()
    }

    fn capabilities(&self, set: &str) -> u64 {
        u64::from_str_radix(self.field(set), 16).unwrap()
    }

    fn assert_shut_in(&self) {
        assert_ne!(self.field("Uid"), "0", "{}", self.title);
        assert_eq!(self.field("NoNewPrivs"), "1", "{}", self.title);
        assert_eq!(self.field("Seccomp"), "2", "{}: no filter", self.title);
    }
}

#[test]
fn every_process_holds_what_its_role_needs_and_no_more() {
    needs_root!();
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let site = builder.local(&pam).start();
    let _logged_in = site.login(&account);
    let monitor = Process::of(site.server.pid());
    let children =
        site.server.family().into_iter().map(|(pid, _)| pid).filter(|pid| *pid != site.server.pid());
    let family: Vec<Process> = children.map(Process::of).collect();
    let of = |role: &'static str| family.iter().filter(move |process| process.title.starts_with(role));

    for session in of("wharfd: session") {
        session.assert_shut_in();
        assert_eq!(session.capabilities("CapPrm"), 0);
    }
    for broker in of("wharfd: broker") {
        broker.assert_shut_in();
        assert_eq!(broker.capabilities("CapPrm"), 0);
        assert_eq!(broker.field("Uid"), account.uid.to_string());
    }
    for listener in of("wharfd: listener") {
        listener.assert_shut_in();
        assert_eq!(listener.capabilities("CapPrm"), 1 << 10, "more than NET_BIND_SERVICE");
    }
    // SYS_MODULE, SYS_RAWIO, SYS_PTRACE, SYS_ADMIN, and NET_ADMIN.
    for forbidden in [16, 17, 19, 21, 12] {
        assert_eq!(monitor.capabilities("CapBnd") & (1 << forbidden), 0, "capability {forbidden}");
    }
    assert_eq!(monitor.title, "wharfd: monitor");
    for role in ["wharfd: session", "wharfd: broker", "wharfd: listener"] {
        assert!(of(role).count() >= 1, "there is no {role}");
    }
}
