//! Active data connections that do not come about: what users are told, and what anonymous strangers are not. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use wharf_testkit::{Account, Dialogue, PamService, Site, needs_root, read_all};

/// A port whose owner answers nothing: its queue is full, so the kernel drops what comes.
struct Silent {
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
    port: u16,
}

impl Silent {
    fn open() -> Self {
        let socket =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None);
        let socket = socket.unwrap();
        rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        rustix::net::listen(&socket, 0).unwrap();
        let listener = TcpListener::from(socket);
        let at = listener.local_addr().unwrap();
        let soon = Duration::from_millis(300);
        let queue = (0..8).map_while(|_| TcpStream::connect_timeout(&at, soon).ok()).collect();
        Self { _listener: listener, _queue: queue, port: at.port() }
    }
}

/// A port that nobody listens on, at least for the moment.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn offer(dialogue: &mut Dialogue, port: u16) -> (String, Duration) {
    let [high, low] = port.to_be_bytes();
    dialogue.ask(&format!("PORT 127,0,0,1,{high},{low}"), 200);
    let begin = Instant::now();
    dialogue.send("LIST");
    let reply = dialogue.reply();
    (reply.text().to_owned(), begin.elapsed())
}

struct Host {
    site: Site,
    account: Account,
    _pam: PamService,
}

fn host(lines: &[&str]) -> Host {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let builder = builder.local(&pam).anonymous(&account);
    let site = lines.iter().fold(builder, |builder, line| builder.set(line)).start();
    Host { site, account, _pam: pam }
}

#[test]
fn a_user_learns_why_and_the_session_lives() {
    needs_root!();
    let host = host(&["connect_timeout=1"]);
    let mut dialogue = host.site.login(&host.account);
    let (text, took) = offer(&mut dialogue, closed_port());
    assert_eq!(text, "425 Failed to establish connection: the port that you named refuses it.");
    assert!(took < Duration::from_secs(1), "{took:?}");
    let silent = Silent::open();
    let (text, took) = offer(&mut dialogue, silent.port);
    assert!(
        text.starts_with("425 Failed to establish connection: the port that you named does not answer"),
        "{text}"
    );
    assert!(took >= Duration::from_millis(900), "{took:?}");
    let listener = dialogue.port();
    dialogue.ask("NLST", 150);
    read_all(listener.accept().unwrap().0);
    dialogue.expect(226);
}

#[test]
fn a_stranger_learns_neither_from_the_words_nor_from_the_time_which_ports_are_open() {
    needs_root!();
    let host = host(&["connect_timeout=2"]);
    let mut dialogue = host.site.anonymous();
    let silent = Silent::open();
    let answers = [closed_port(), silent.port].map(|port| offer(&mut dialogue, port));
    for (text, took) in answers {
        assert_eq!(text, "425 Failed to establish connection.");
        assert!(took >= Duration::from_millis(1900), "{took:?}");
        assert!(took < Duration::from_secs(15), "{took:?}");
    }
    // One that listens is served at once.
    let listener = dialogue.port();
    let begin = Instant::now();
    dialogue.ask("LIST", 150);
    assert!(begin.elapsed() < Duration::from_secs(2));
    read_all(listener.accept().unwrap().0);
    dialogue.expect(226);
}

#[test]
fn a_stranger_who_is_made_to_wait_can_break_off() {
    needs_root!();
    let host = host(&[]);
    let mut dialogue = host.site.anonymous();
    let [high, low] = closed_port().to_be_bytes();
    dialogue.ask(&format!("PORT 127,0,0,1,{high},{low}"), 200);
    let begin = Instant::now();
    dialogue.send("LIST");
    dialogue.send("ABOR");
    dialogue.expect(426);
    dialogue.expect(226);
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    dialogue.ask("NOOP", 200);
}
