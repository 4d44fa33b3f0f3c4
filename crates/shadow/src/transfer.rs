//! The client's side of a transfer (RFC 959 §3.3): the data connection, the octets, and the replies around them.
//!
//! A transfer is either played whole, or started, left standing while more is said, and finished.

use std::net::TcpStream;
use std::time::Duration;

use crate::data::{self, Data};
use crate::run::Replay;
use crate::script::{Manner, Transfer};

impl Replay<'_> {
    /// Plays a transfer from its first command to its last reply.
    pub(crate) fn transfer(&mut self, transfer: &Transfer) {
        match self.begun(transfer) {
            None => return,
            Some(Ok(stream)) if transfer.manner == Manner::Stalled => {
                self.reply();
                drop(stream);
                return;
            }
            Some(Ok(stream)) => self.data(transfer, stream),
            Some(Err(why)) if transfer.manner != Manner::Absent => self.note(&why),
            Some(Err(_)) => {}
        }
        self.last_reply();
    }

    /// Starts a transfer and leaves its data connection alone.
    pub(crate) fn start(&mut self, transfer: &Transfer) {
        match self.begun(transfer) {
            None => {}
            Some(Ok(stream)) => self.started = Some((transfer.clone(), stream)),
            Some(Err(why)) => self.note(&why),
        }
    }

    /// Moves the data of the transfer that was started, and reads the reply to it or to what was said meanwhile.
    pub(crate) fn finish(&mut self) {
        let Some((transfer, stream)) = self.started.take() else {
            return self.note("no transfer was started");
        };
        match &transfer.upload {
            Some(octets) => data::give(&stream, octets, self.patience),
            // Not written down: how much comes before a transfer is broken off depends on chance.
            None => drop(data::receive(&stream, self.patience)),
        }
        self.last_reply();
    }

    /// Says what begins a transfer; nothing when the server refuses, else the data connection or why there is none.
    fn begun(&mut self, transfer: &Transfer) -> Option<Result<TcpStream, String>> {
        let data = self.set_up(transfer)?;
        let line = [&transfer.command[..], b"\r\n"].concat();
        self.with(|control| control.send(&line));
        if !self.reply()?.is_preliminary() {
            return None;
        }
        let (made, from) = data.made(self.patience);
        if let Some(from) = from {
            self.note(from);
        }
        Some(made)
    }

    fn last_reply(&mut self) {
        while self.reply().is_some_and(|reply| reply.is_preliminary()) {}
    }

    /// Agrees on a data connection; nothing when there is no use in going on.
    fn set_up(&mut self, transfer: &Transfer) -> Option<Data> {
        let (way, source) = (transfer.way, self.source);
        let offered = self.with(|control| data::offer(way, source, control))?;
        let (command, listener) = match offered {
            Ok(offered) => offered,
            Err(error) => {
                self.note(&format!("no port for data here: {}", error.kind()));
                return None;
            }
        };
        self.with(|control| control.send(&[&command, &b"\r\n"[..]].concat()));
        let reply = self.reply()?;
        Some(match listener {
            Some(listener) if transfer.manner != Manner::Absent => Data::Awaited(listener),
            None if reply.is_positive() && transfer.manner != Manner::Absent => {
                Data::passive(&reply, way, source, self.server, self.patience)
            }
            // A listener that is dropped here refuses the server's connection.
            _ => Data::Failed("no data connection was made".into()),
        })
    }

    fn data(&mut self, transfer: &Transfer, stream: TcpStream) {
        match (&transfer.upload, transfer.manner) {
            (Some(octets), Manner::Broken) => {
                let half = octets.get(..octets.len() / 2).unwrap_or_default();
                std::io::Write::write_all(&mut &stream, half).unwrap_or_default();
                reset(stream);
            }
            (None, Manner::Broken) => reset(stream),
            (Some(octets), _) => data::give(&stream, octets, self.patience),
            (None, _) => {
                let received = data::receive(&stream, self.patience);
                self.write_down_data(&received.octets);
                if !received.trouble.is_empty() {
                    self.note(received.trouble);
                }
            }
        }
    }
}

/// Ends a connection the rude way, with a reset.
fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap_or_default();
    drop(stream);
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::path::Path;
    use std::time::Duration;

    use crate::{Script, Variables, compare, run};

    /// A server that has a byte of data for the second command, and answers the third before the transfer ends.
    fn served(texts: [&'static str; 2]) -> crate::Recording {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let data = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let mut stream = listener.accept().unwrap().0;
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let port = data.local_addr().unwrap().port();
            let answers = ["220 hi\r\n".to_owned(), format!("229 (|||{port}|)\r\n"), "150 go\r\n".to_owned()];
            for answer in answers {
                stream.write_all(answer.as_bytes()).unwrap();
                lines.next().unwrap().unwrap();
            }
            let mut data = data.accept().unwrap().0;
            stream.write_all(texts[0].as_bytes()).unwrap();
            data.write_all(b"x").unwrap();
            drop(data);
            stream.write_all(texts[1].as_bytes()).unwrap();
        });
        let text = b"!start RETR f\n!send NOOP\\r\\n\n!finish\n!reply\n";
        let script = Script::parse(text, &Variables::default(), Path::new("/")).unwrap();
        let recording = run(&script, address, Duration::from_secs(10)).unwrap();
        server.join().unwrap();
        recording
    }

    #[test]
    fn what_is_answered_during_a_transfer_is_told_from_what_is_answered_after_it() {
        let [during, done] = ["200 ok\r\n", "226 done\r\n"];
        assert!(compare(&served([during, done]), &served([during, done])).is_same());
        let comparison = compare(&served([during, done]), &served([done, during]));
        let steps: Vec<&str> = comparison.differences.iter().map(|step| step.said.as_str()).collect();
        assert_eq!(steps, ["!finish", "!reply"]);
    }
}
