//! One control connection: reads lines, runs the machine, sends what it says.
//!
//! While a transfer runs the connection stays alive: the machine decides which lines are answered aside, which end
//! the transfer, and which wait for its end.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_proto::ftp::line::{Decoder, Line};
use wharf_proto::ftp::server::ask::{Ask, Direction, NoHandshake, Secured, Step};
use wharf_proto::ftp::server::session::{Aside, Next, Session};
use wharf_transport::Site;
use zeroize::Zeroize;

use crate::alarm::Alarm;
use crate::ask::{Hands, Work};
use crate::log::Whose;
use crate::tls::{Stream, receive, shake};
use crate::watch::{watch, with_room};
use crate::worker::Worker;

/// How long a peer may take to read our replies; who does not read is not there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A session with its socket.
pub(crate) struct Control {
    worker: Rc<Worker>,
    whose: Whose,
    socket: Rc<AsyncFd<OwnedFd>>,
    ear: Ear,
    /// What came during a transfer and waits for its end.
    parked: Option<Heard>,
    machine: Session,
    /// What TLS is begun with.
    site: Option<Arc<Site>>,
    idle: Alarm,
}

/// What turns octets into lines.
#[derive(Default)]
struct Ear {
    decoder: Decoder,
    /// TLS, once the peer speaks it.
    tls: Option<Stream>,
    /// What TLS itself had to say while there was no room; it goes before everything else.
    unsent: Vec<u8>,
}

/// What the peer did.
enum Heard {
    Line(Vec<u8>),
    TooLong,
    Gone,
}

impl Control {
    /// Takes over a connection that the listener accepted.
    pub(crate) fn new(
        worker: Rc<Worker>,
        whose: Whose,
        socket: OwnedFd,
        machine: Session,
        site: Option<Arc<Site>>,
    ) -> io::Result<Self> {
        let socket = Rc::new(watch(socket, HEARING)?);
        worker.mail(whose.session, |mail| mail.control = Some(Rc::clone(&socket)));
        Ok(Self {
            worker,
            whose,
            socket,
            ear: Ear::default(),
            parked: None,
            machine,
            site,
            idle: Alarm::default(),
        })
    }

    /// Serves until the peer leaves, is told to leave, or is gone.
    pub(crate) async fn serve(&mut self, first: Step) {
        let mut hands = Hands::new(self.whose.session);
        let mut next = self.machine.settle(first);
        loop {
            self.worker.show_session(&self.whose, &self.machine);
            // What needs no waiting is done before the peer hears of its beginning: it hears of its end with it.
            if let Next::Ask(ask) = next {
                match hands.at_once(&self.worker, &mut self.machine, ask) {
                    Ok(step) => {
                        next = self.machine.settle(step);
                        continue;
                    }
                    Err(ask) => next = Next::Ask(ask),
                }
            }
            // The last reply waits for a moment, to travel with the end of the connection.
            let hold = if matches!(next, Next::Close) { SendFlags::MORE } else { SendFlags::empty() };
            if self.flush_with(SendFlags::NOSIGNAL | hold).await.is_err() {
                return;
            }
            let step = match next {
                Next::Close => return self.say_goodbye(),
                // A session at rest does not keep the room that its transfers need.
                Next::Ask(ask) => match Box::pin(self.perform(ask, &mut hands)).await {
                    Some(_) if hands.lost => self.machine.shutting_down(),
                    Some(step) => step,
                    None => return,
                },
                Next::Idle => {
                    hands.let_go();
                    match self.wait_for_command().await {
                        Some(step) => step,
                        None => return,
                    }
                }
            };
            next = self.machine.settle(step);
        }
    }

    async fn wait_for_command(&mut self) -> Option<Step> {
        if let Some(parked) = self.parked.take() {
            return self.take_in(parked);
        }
        if let Some(tls) = &mut self.ear.tls {
            tls.rest();
        }
        let idle = self.machine.policy().idle_timeout;
        let mut drain = self.worker.drain.subscribe();
        let heard = tokio::select! {
            biased;
            _ = drain.wait_for(Option::is_some) => return Some(self.machine.shutting_down()),
            heard = hear(&self.socket, &mut self.ear) => Some(heard),
            () = self.idle.after(idle) => None,
        };
        match heard {
            None => Some(self.machine.idle_timeout()),
            Some(heard) => self.take_in(heard),
        }
    }

    fn take_in(&mut self, heard: Heard) -> Option<Step> {
        match heard {
            Heard::Line(mut line) => {
                self.machine.outside_is(self.worker.outside.get());
                let step = self.machine.command(&line);
                // Security: it may have been a password.
                line.zeroize();
                Some(step)
            }
            Heard::TooLong => Some(self.machine.line_too_long()),
            Heard::Gone => {
                self.note_end();
                None
            }
        }
    }

    /// The peer has gone; inside TLS it should have said so.
    fn note_end(&mut self) {
        if self.ear.tls.as_ref().is_some_and(|tls| !tls.is_closed_cleanly()) {
            self.machine.ended_without_mark();
            self.write_records();
        }
    }

    /// Does what the machine asks and gives it the answer; `None` when the peer has gone.
    async fn perform(&mut self, ask: Ask, hands: &mut Hands) -> Option<Step> {
        match ask {
            Ask::Connect(..) | Ask::Protect(..) | Ask::Attend(..) => {
                let is_upload = matches!(ask, Ask::Protect(Direction::Upload, _));
                let step = self.perform_with_an_ear(ask, hands).await;
                // An upload hands no ticket out; the client finds one with the reply that follows.
                if is_upload && let Some(tls) = &mut self.ear.tls {
                    tls.repeat_ticket();
                }
                step
            }
            Ask::Host(name, then) => {
                let named = self.worker.host(self.whose.session, name).await;
                let policy = named.map(|(policy, site)| {
                    self.site = site;
                    policy
                });
                Some(then(&mut self.machine, policy))
            }
            Ask::Secure(then) => {
                let secured = self.secure(hands).await;
                Some(then(&mut self.machine, secured))
            }
            Ask::Clear(then) => {
                let cleared = self.clear().await;
                Some(then(&mut self.machine, cleared))
            }
            Ask::Move(..) => {
                self.worker.show_transfer(1);
                let step = self.perform_with_an_ear(ask, hands).await;
                self.worker.show_transfer(-1);
                step
            }
            ask => Some(hands.ask(&self.worker, &mut self.machine, &self.whose, ask).await),
        }
    }

    /// As [`Self::perform`], listening to the peer meanwhile.
    async fn perform_with_an_ear(&mut self, ask: Ask, hands: &mut Hands) -> Option<Step> {
        let worker = Rc::clone(&self.worker);
        let mut work = Work::begin(&worker, &self.machine, hands, ask);
        let mut drain = self.worker.drain.subscribe();
        let mut gone = false;
        let step = loop {
            tokio::select! {
                biased;
                () = work.done() => break work.answer(&mut self.machine, hands),
                heard = hear(&self.socket, &mut self.ear), if self.parked.is_none() => match heard {
                    Heard::Line(line) => match self.machine.aside(&line, work.octets(), work.took()) {
                        Aside::Answered => {
                            if self.flush().await.is_err() {
                                gone = true;
                                break work.abort(&mut self.machine, hands);
                            }
                        }
                        Aside::Abort => break work.abort(&mut self.machine, hands),
                        Aside::Later => self.parked = Some(Heard::Line(line)),
                    },
                    Heard::TooLong => self.parked = Some(Heard::TooLong),
                    Heard::Gone => {
                        gone = true;
                        break work.abort(&mut self.machine, hands);
                    }
                },
                () = deadline(&mut drain) => break work.abort(&mut self.machine, hands),
            }
        };
        if !gone {
            return Some(step);
        }
        // The machine still says how it ended: the log's record, and the broker's knowledge that it broke off.
        let mut next = self.machine.settle(step);
        while let Next::Ask(ask) = next {
            let step = match ask {
                Ask::Connect(..) | Ask::Protect(..) | Ask::Move(..) | Ask::Attend(..) => break,
                ask => hands.ask(&worker, &mut self.machine, &self.whose, ask).await,
            };
            next = self.machine.settle(step);
        }
        self.write_records();
        None
    }

    /// Sends what the machine said, and writes what it recorded.
    async fn flush(&mut self) -> io::Result<()> {
        self.flush_with(SendFlags::NOSIGNAL).await
    }

    async fn flush_with(&mut self, flags: SendFlags) -> io::Result<()> {
        self.write_records();
        if let Some((peer, announced)) = self.machine.take_misled() {
            Box::pin(self.worker.misled(peer, announced)).await;
        }
        let output = self.machine.take_output();
        match &mut self.ear.tls {
            None => self.send(&output, flags).await,
            Some(tls) => {
                let mut encrypted = std::mem::take(&mut self.ear.unsent);
                encrypted.extend_from_slice(&encrypt(tls, &output)?);
                self.send(&encrypted, flags).await
            }
        }
    }

    async fn send(&self, octets: &[u8], flags: SendFlags) -> io::Result<()> {
        let mut left = octets;
        while !left.is_empty() {
            let send = || Ok(rustix::net::send(&self.socket, left, flags)?);
            let sent = match send() {
                Err(error) if io::Error::kind(&error) == io::ErrorKind::WouldBlock => {
                    // Seldom, so that nobody keeps the room for it.
                    let send = Box::pin(tokio::time::timeout(PATIENCE, with_room(&self.socket, send)));
                    send.await.map_err(|_| io::ErrorKind::TimedOut)??
                }
                sent => sent?,
            };
            left = left.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    fn write_records(&mut self) {
        for record in self.machine.take_records() {
            self.worker.log(&self.whose, &record);
        }
    }

    /// Brings the control connection into TLS (RFC 4217 §4). Everything that was said has been sent.
    async fn secure(&mut self, hands: &mut Hands) -> Secured {
        let side = Worker::begin_tls(self.site.as_ref());
        // Security: what stands behind AUTH was said by nobody in particular (CVE-2011-0411).
        let parked = match self.parked.take() {
            Some(Heard::Line(line)) => line.len() + 1,
            _ => 0,
        };
        let mut dropped = parked + std::mem::take(&mut self.ear.decoder).waiting();
        let Some(side) = side else {
            let failure = NoHandshake::Failed("there is no certificate".to_owned());
            return Secured { dropped, handshake: Err(failure) };
        };
        let mut first = Vec::new();
        while first.is_empty() {
            match tokio::time::timeout(PATIENCE, receive(&self.socket, &mut first)).await {
                Ok(Ok(1..)) => {}
                Err(_) => {
                    let failure = NoHandshake::Failed("no handshake was begun".to_owned());
                    return Secured { dropped, handshake: Err(failure) };
                }
                Ok(Ok(0) | Err(_)) => return Secured { dropped, handshake: Err(NoHandshake::Aborted) },
            }
            // A record of a handshake begins so; what stands before it was sent in clear.
            let begin = first.windows(2).position(|octets| octets == [0x16, 0x03]).unwrap_or(0);
            dropped += begin;
            first.drain(..begin);
        }
        let mut tls = Stream::new(side.accept_control(), first);
        let handshake = shake(&self.socket, &mut tls).await;
        if handshake.is_ok() {
            // Commands may have come with the end of the handshake.
            let decoder = &mut self.ear.decoder;
            if let Err(fault) = tls.take_in(&mut [], |octets| decoder.push(octets)) {
                return Secured { dropped, handshake: Err(NoHandshake::Failed(fault.to_string())) };
            }
            self.ear.tls = Some(tls);
            let side = Rc::new(side);
            self.worker.mail(self.whose.session, |mail| mail.tls = Some(Rc::clone(&side)));
            hands.tls = Some(side);
        }
        Secured { dropped, handshake }
    }

    /// Takes the control connection out of TLS again (RFC 4217 §5): both sides say that theirs is over.
    async fn clear(&mut self) -> bool {
        let Some(mut tls) = self.ear.tls.take() else { return false };
        tls.close();
        if self.send(&tls.output(), SendFlags::NOSIGNAL).await.is_err() {
            return false;
        }
        let heard = async {
            while !tls.is_closed_cleanly() {
                let mut ciphertext = Vec::new();
                if receive(&self.socket, &mut ciphertext).await.unwrap_or(0) == 0 {
                    return false;
                }
                if tls.take_in(&mut ciphertext, |_| {}).is_err() {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(PATIENCE, heard).await.unwrap_or(false)
    }

    /// Ends our side first, so that the last reply arrives even when the peer has sent more than we read.
    fn say_goodbye(&mut self) {
        if let Some(tls) = &mut self.ear.tls {
            tls.close();
            let mark = tls.output();
            // Tried once: a peer that does not read its replies will not miss it.
            let _ = rustix::net::send(&self.socket, &mark, SendFlags::NOSIGNAL);
        }
        let _ = rustix::net::shutdown(self.socket.get_ref(), rustix::net::Shutdown::Write);
    }
}

/// Encrypts what is to be said; more than a channel holds is never said at once.
fn encrypt(tls: &mut Stream, plaintext: &[u8]) -> io::Result<Vec<u8>> {
    let mut encrypted = Vec::new();
    let mut left = plaintext;
    loop {
        let taken = tls.write(left);
        left = left.get(taken..).unwrap_or_default();
        let output = tls.output();
        if !left.is_empty() && taken == 0 && output.is_empty() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        encrypted.extend_from_slice(&output);
        if left.is_empty() {
            return Ok(encrypted);
        }
    }
}

/// Waits for a line. Dropping it loses nothing: what was read stands in the decoder.
async fn hear(socket: &AsyncFd<OwnedFd>, ear: &mut Ear) -> Heard {
    loop {
        match ear.decoder.next_line() {
            Some(Line::Command(line)) => return Heard::Line(line),
            Some(Line::TooLong) => return Heard::TooLong,
            None => {}
        }
        if ear.tls.as_ref().is_some_and(Stream::is_closed_cleanly) {
            return Heard::Gone;
        }
        let Ok(mut ready) = socket.ready(HEARING).await else { return Heard::Gone };
        let is_urgent = ready.ready().is_priority();
        // On the stack and only for this moment: an idle session keeps no buffer.
        let mut buffer = [0; 4096];
        let read = ready.try_io(|socket| {
            Ok(rustix::net::recv(socket.get_ref(), &mut buffer[..], rustix::net::RecvFlags::empty())?.0)
        });
        match read {
            Ok(Ok(read @ 1..)) => {
                let octets = buffer.get_mut(..read).unwrap_or_default();
                let Ear { decoder, tls, unsent } = &mut *ear;
                match tls {
                    None => decoder.push(octets),
                    Some(tls) => {
                        let taken = tls.take_in(octets, |plaintext| decoder.push(plaintext));
                        // Answers of the protocol itself, and the alert when the peer broke its rules.
                        unsent.extend_from_slice(&tls.output());
                        if !unsent.is_empty() {
                            let sent = rustix::net::send(socket, unsent, SendFlags::NOSIGNAL).unwrap_or(0);
                            unsent.drain(..sent);
                        }
                        if taken.is_err() {
                            return Heard::Gone;
                        }
                    }
                }
                // A read that leaves room has taken everything, unless it stopped at an urgent octet.
                if read < buffer.len() && !is_urgent {
                    ready.clear_ready();
                }
            }
            Ok(_) => return Heard::Gone,
            Err(_would_block) => {}
        }
    }
}

/// What is waited for: octets, and word of urgent ones, for these interrupt a read (ABOR with telnet's Synch).
const HEARING: Interest = Interest::READABLE.add(Interest::PRIORITY);

/// Waits until the server is told to stop and the time for running transfers is over.
async fn deadline(drain: &mut tokio::sync::watch::Receiver<Option<tokio::time::Instant>>) {
    let at = match drain.wait_for(Option::is_some).await {
        Ok(at) => *at,
        Err(_) => None,
    };
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    async fn connection() -> (AsyncFd<OwnedFd>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        (watch(ours.into(), HEARING).unwrap(), peer)
    }

    async fn line(socket: &AsyncFd<OwnedFd>, decoder: &mut Ear) -> Vec<u8> {
        match tokio::time::timeout(Duration::from_secs(10), hear(socket, decoder)).await {
            Ok(Heard::Line(line)) => line,
            Ok(Heard::TooLong | Heard::Gone) => panic!("no line"),
            Err(_) => panic!("octets lie unread"),
        }
    }

    #[tokio::test]
    async fn an_urgent_octet_between_two_lines_hides_neither() {
        let (socket, mut peer) = connection().await;
        let mut decoder = Ear::default();
        for _ in 0..3 {
            // All of it is there before the event loop looks, so that one event speaks for everything.
            peer.write_all(b"NOOP\r\n").unwrap();
            rustix::net::send(&peer, b"!", SendFlags::OOB).unwrap();
            peer.write_all(b"ABOR\r\n").unwrap();
            assert_eq!(line(&socket, &mut decoder).await, b"NOOP");
            assert_eq!(line(&socket, &mut decoder).await, b"ABOR");
        }
    }

    #[tokio::test]
    async fn lines_that_come_one_by_one_are_heard_and_so_is_the_end() {
        let (socket, mut peer) = connection().await;
        let mut decoder = Ear::default();
        for _ in 0..100 {
            peer.write_all(b"NOOP\r\n").unwrap();
            assert_eq!(line(&socket, &mut decoder).await, b"NOOP");
        }
        peer.write_all(b"QUIT\r\n").unwrap();
        drop(peer);
        assert_eq!(line(&socket, &mut decoder).await, b"QUIT");
        assert!(matches!(hear(&socket, &mut decoder).await, Heard::Gone));
    }

    #[tokio::test]
    async fn more_than_one_read_takes_is_heard_to_its_last_line() {
        let (socket, mut peer) = connection().await;
        let mut decoder = Ear::default();
        peer.write_all(&b"NOOP\r\n".repeat(4096)).unwrap();
        for _ in 0..4096 {
            assert_eq!(line(&socket, &mut decoder).await, b"NOOP");
        }
    }
}
