//! Two hosts with a cable between them: network namespaces of our own. Needs root and `ip`.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::process::Command;

use wharf_testkit::{Account, Outcome, Server, Site, has, needs_root, run};

/// A server's host and a client's host; both go when this is dropped.
struct Cable {
    server: String,
    client: String,
}

impl Cable {
    /// 10.77.0.1 is the server, 10.77.0.2 the client; nothing else can reach either.
    fn lay() -> Self {
        let number = std::process::id();
        let cable = Self { server: format!("wharf-s{number}"), client: format!("wharf-c{number}") };
        let (near, far) = (format!("ws{number}"), format!("wc{number}"));
        for host in [&cable.server, &cable.client] {
            ip(&["netns", "add", host]);
        }
        ip(&[
            "link",
            "add",
            &near,
            "netns",
            &cable.server,
            "type",
            "veth",
            "peer",
            &far,
            "netns",
            &cable.client,
        ]);
        for (host, end, address) in
            [(&cable.server, &near, "10.77.0.1/24"), (&cable.client, &far, "10.77.0.2/24")]
        {
            ip(&["-n", host, "address", "add", address, "dev", end]);
            ip(&["-n", host, "link", "set", end, "up"]);
            ip(&["-n", host, "link", "set", "lo", "up"]);
        }
        cable
    }

    fn on(host: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", host, program]);
        command
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for host in [&self.server, &self.client] {
            let _ = Command::new("ip").args(["netns", "delete", host]).status();
        }
    }
}

fn ip(words: &[&str]) {
    let done = Command::new("ip").args(words).output().unwrap();
    assert!(done.status.success(), "ip {words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_client_on_another_host_transfers_both_ways_and_in_both_modes() {
    needs_root!();
    if !has("ip") || !has("curl") {
        return;
    }
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let place = builder.place().to_owned();
    fs::create_dir(place.join("pub")).unwrap();
    fs::write(place.join("pub/small"), "small\n").unwrap();
    let config = place.join("two-hosts.conf");
    let text = format!(
        "listen=YES\nlisten_port=21\nconnect_from_port_20=YES\nanon_root={}\nftp_username={}\n\
         xferlog_enable=YES\nvsftpd_log_file={}\n",
        place.join("pub").display(),
        account.name,
        place.join("log").display()
    );
    fs::write(&config, text).unwrap();
    let cable = Cable::lay();
    let mut server = Server::start(Cable::on(&cable.server, env!("CARGO_BIN_EXE_wharfd")).arg(&config));
    server.wait_for("listening on");
    for mode in [
        &["--disable-epsv"][..],
        &["--ftp-pasv"],
        &["--ftp-port", "-"],
        &["--ftp-port", "-", "--disable-eprt"],
    ] {
        let mut curl = Cable::on(&cable.client, "curl");
        curl.args(["--silent", "--show-error", "--max-time", "20"]).args(mode);
        let outcome: Outcome = run(curl.arg("ftp://10.77.0.1/small"), "");
        assert!(outcome.success && outcome.stdout == "small\n", "{mode:?}: {outcome:?}");
    }
    assert!(server.stop().success(), "{}", server.output());
    let log = fs::read_to_string(place.join("log")).unwrap();
    assert_eq!(log.matches("OK DOWNLOAD: Client \"10.77.0.2\", \"/small\", 6 bytes").count(), 4, "{log}");
}
