//! One control connection: reads lines, runs the machine, sends what it says.
//!
//! While a transfer runs the connection stays alive: the machine decides which lines are answered aside, which end
//! the transfer, and which wait for its end.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_proto::ftp::line::{Decoder, Line};
use wharf_proto::ftp::server::ask::{Ask, Step};
use wharf_proto::ftp::server::session::{Aside, Next, Session};
use zeroize::Zeroize;

use crate::alarm::Alarm;
use crate::ask::{Hands, Work};
use crate::log::Whose;
use crate::watch::watch;
use crate::worker::Worker;

/// How long a peer may take to read our replies; who does not read is not there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A session with its socket.
pub(crate) struct Control {
    worker: Rc<Worker>,
    whose: Whose,
    socket: AsyncFd<OwnedFd>,
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
        let socket = watch(socket, Interest::READABLE | Interest::WRITABLE)?;
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
            if self.flush().await.is_err() {
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
        self.write_records();
        let output = self.machine.take_output();
        let mut left = output.as_slice();
        // There nearly always is room, and then nobody needs a timer.
        if !left.is_empty()
            && let Ok(sent) = rustix::net::send(&self.socket, left, rustix::net::SendFlags::NOSIGNAL)
        {
            left = left.get(sent..).unwrap_or_default();
        }
        while !left.is_empty() {
            let send = self.socket.async_io(Interest::WRITABLE, |socket| {
                Ok(rustix::net::send(socket, left, rustix::net::SendFlags::NOSIGNAL)?)
            });
            let sent = tokio::time::timeout(PATIENCE, send).await.map_err(|_| io::ErrorKind::TimedOut)??;
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
        let read = socket.async_io(Interest::READABLE, |socket| {
            // On the stack and only for this moment: an idle session keeps no buffer.
            let mut buffer = [0; 4096];
            let (read, _) = rustix::net::recv(socket, &mut buffer[..], rustix::net::RecvFlags::empty())?;
            decoder.push(buffer.get(..read).unwrap_or_default());
            Ok(read)
        });
        if !matches!(read.await, Ok(1..)) {
            return Heard::Gone;
        }
    }
}

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
