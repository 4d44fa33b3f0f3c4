//! One control connection: reads lines, runs the machine, sends what it says.
//!
//! While a transfer runs the connection stays alive: the machine decides which lines are answered aside, which end
//! the transfer, and which wait for its end.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_proto::ftp::line::{Decoder, Line};
use wharf_proto::ftp::server::ask::{Ask, Step};
use wharf_proto::ftp::server::session::{Aside, Next, Session};
use zeroize::Zeroize;

use crate::alarm::Alarm;
use crate::ask::{Hands, Work};
use crate::log::Whose;
use crate::watch::{watch, with_room};
use crate::worker::Worker;

/// How long a peer may take to read our replies; who does not read is not there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A session with its socket.
pub(crate) struct Control {
    worker: Rc<Worker>,
    whose: Whose,
    socket: Rc<AsyncFd<OwnedFd>>,
    decoder: Decoder,
    /// What came during a transfer and waits for its end.
    parked: Option<Heard>,
    machine: Session,
    idle: Alarm,
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
    ) -> io::Result<Self> {
        let socket = Rc::new(watch(socket, HEARING)?);
        worker.mail(whose.session, |mail| mail.control = Some(Rc::clone(&socket)));
        Ok(Self {
            worker,
            whose,
            socket,
            decoder: Decoder::default(),
            parked: None,
            machine,
            idle: Alarm::default(),
        })
    }

    /// Serves until the peer leaves, is told to leave, or is gone.
    pub(crate) async fn serve(mut self, first: Step) {
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
                Next::Ask(ask) => match self.perform(ask, &mut hands).await {
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
        let idle = self.machine.policy().idle_timeout;
        let mut drain = self.worker.drain.subscribe();
        let heard = tokio::select! {
            biased;
            _ = drain.wait_for(Option::is_some) => return Some(self.machine.shutting_down()),
            heard = hear(&self.socket, &mut self.decoder) => Some(heard),
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
                let step = self.machine.command(&line);
                // Security: it may have been a password.
                line.zeroize();
                Some(step)
            }
            Heard::TooLong => Some(self.machine.line_too_long()),
            Heard::Gone => None,
        }
    }

    /// Does what the machine asks and gives it the answer; `None` when the peer has gone.
    async fn perform(&mut self, ask: Ask, hands: &mut Hands) -> Option<Step> {
        match ask {
            Ask::Connect(..) => self.perform_with_an_ear(ask, hands).await,
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
                heard = hear(&self.socket, &mut self.decoder), if self.parked.is_none() => match heard {
                    Heard::Line(line) => match self.machine.aside(&line, work.octets()) {
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
                Ask::Connect(..) | Ask::Move(..) => break,
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
        let output = self.machine.take_output();
        let mut left = output.as_slice();
        while !left.is_empty() {
            let send = || Ok(rustix::net::send(&self.socket, left, flags)?);
            let sent = match send() {
                Err(error) if io::Error::kind(&error) == io::ErrorKind::WouldBlock => {
                    let send = with_room(&self.socket, send);
                    tokio::time::timeout(PATIENCE, send).await.map_err(|_| io::ErrorKind::TimedOut)??
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

    /// Ends our side first, so that the last reply arrives even when the peer has sent more than we read.
    fn say_goodbye(&self) {
        let _ = rustix::net::shutdown(self.socket.get_ref(), rustix::net::Shutdown::Write);
    }
}

/// Waits for a line. Dropping it loses nothing: what was read stands in the decoder.
async fn hear(socket: &AsyncFd<OwnedFd>, decoder: &mut Decoder) -> Heard {
    loop {
        match decoder.next_line() {
            Some(Line::Command(line)) => return Heard::Line(line),
            Some(Line::TooLong) => return Heard::TooLong,
            None => {}
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
                decoder.push(buffer.get(..read).unwrap_or_default());
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

    async fn line(socket: &AsyncFd<OwnedFd>, decoder: &mut Decoder) -> Vec<u8> {
        match tokio::time::timeout(Duration::from_secs(10), hear(socket, decoder)).await {
            Ok(Heard::Line(line)) => line,
            Ok(Heard::TooLong | Heard::Gone) => panic!("no line"),
            Err(_) => panic!("octets lie unread"),
        }
    }

    #[tokio::test]
    async fn an_urgent_octet_between_two_lines_hides_neither() {
        let (socket, mut peer) = connection().await;
        let mut decoder = Decoder::default();
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
        let mut decoder = Decoder::default();
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
        let mut decoder = Decoder::default();
        peer.write_all(&b"NOOP\r\n".repeat(4096)).unwrap();
        for _ in 0..4096 {
            assert_eq!(line(&socket, &mut decoder).await, b"NOOP");
        }
    }
}
