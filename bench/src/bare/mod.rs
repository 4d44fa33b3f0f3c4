//! The reference: how little a server could do. A thread for each connection and no checks of any kind.
//!
//! It knows the commands that are measured and nothing else, takes every pathname as given beneath its directory, and
//! must never listen on anything but the loopback of the benchmark's own namespace.

mod listing;
mod secure;
mod transfer;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

use rustls::ServerConfig;

use crate::tls::wire::Wire;
use listing::Form;
use transfer::Pipe;

/// The first argument that makes us this server.
pub(crate) const WORD: &str = "--bare";

/// Enough for a session, which has no deep calls and keeps its buffers on the heap.
const STACK: usize = 128 << 10;

/// Serves until it is ended by a signal.
///
/// # Errors
/// When the arguments are not an address, a directory and two ports, perhaps with the two files of a certificate, or when
/// it cannot listen there.
pub(crate) fn serve(mut arguments: impl Iterator<Item = String>) -> io::Result<ExitCode> {
    let usage =
        || io::Error::other(format!("usage: {WORD} ADDRESS DIRECTORY FIRST-PORT LAST-PORT [CHAIN KEY]"));
    let mut next = || arguments.next().ok_or_else(usage);
    let (address, root) = (next()?, PathBuf::from(next()?));
    let (first, last) = (port(&next()?)?, port(&next()?)?);
    let tls = match (arguments.next(), arguments.next()) {
        (Some(chain), Some(key)) => Some(secure::config(Path::new(&chain), Path::new(&key))?),
        _ => None,
    };
    let ports: &Ports = Box::leak(Box::new(Ports { first, last, next: AtomicU16::new(first) }));
    let root: &Path = Box::leak(root.into_boxed_path());
    for control in TcpListener::bind(address)?.incoming() {
        let (control, tls) = (control?, tls.clone());
        thread::Builder::new().stack_size(STACK).spawn(move || {
            // A client that goes away ends its session, and that is all.
            Session::new(control, root, ports, tls).and_then(Session::converse).unwrap_or_default();
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn port(word: &str) -> io::Result<u16> {
    word.parse().map_err(|_| io::Error::other(format!("{word} is no port")))
}

/// Passive ports, taken in turn.
struct Ports {
    first: u16,
    last: u16,
    next: AtomicU16,
}

impl Ports {
    /// Returns a listener on the next port that is free.
    fn listen(&self) -> io::Result<TcpListener> {
        let count = self.last - self.first + 1;
        let mut last = io::ErrorKind::AddrInUse.into();
        for _ in 0..count {
            let port = self.first + self.next.fetch_add(1, Ordering::Relaxed) % count;
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Ok(listener) => return Ok(listener),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

struct Session<'a> {
    control: BufReader<Wire>,
    root: &'a Path,
    ports: &'a Ports,
    tls: Option<Arc<ServerConfig>>,
    /// Whether data is protected too.
    is_private: bool,
    /// Kept from transfer to transfer: one port serves a session.
    listener: Option<TcpListener>,
    pipe: Option<Pipe>,
}

impl<'a> Session<'a> {
    fn new(
        control: TcpStream,
        root: &'a Path,
        ports: &'a Ports,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        control.set_nodelay(true)?;
        let control = BufReader::with_capacity(512, Wire::Clear(control));
        Ok(Self { control, root, ports, tls, is_private: false, listener: None, pipe: None })
    }

    fn converse(mut self) -> io::Result<()> {
        self.say("220 bare\r\n")?;
        let mut line = String::new();
        loop {
            line.clear();
            if self.control.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let (verb, argument) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
            match verb {
                "USER" => self.say("331 -\r\n")?,
                "PASS" => self.say("230 -\r\n")?,
                "NOOP" | "TYPE" | "PBSZ" => self.say("200 -\r\n")?,
                "EPSV" => self.passive()?,
                "RETR" => self.retrieve(argument)?,
                "STOR" => self.store(argument)?,
                "LIST" => self.list(argument, Form::Long)?,
                "MLSD" => self.list(argument, Form::Facts)?,
                "NLST" => self.list(argument, Form::Names)?,
                "AUTH" => self = self.protect()?,
                "PROT" => {
                    self.is_private = argument == "P";
                    self.say("200 -\r\n")?;
                }
                "QUIT" => return self.say("221 -\r\n"),
                _ => self.say("500 -\r\n")?,
            }
        }
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.control.get_mut().write_all(line.as_bytes())
    }

    fn protect(mut self) -> io::Result<Self> {
        let Some(tls) = self.tls.clone() else {
            self.say("500 -\r\n")?;
            return Ok(self);
        };
        self.say("234 -\r\n")?;
        let wire = secure::accept(&tls, self.control.into_inner().into_socket())?;
        Ok(Self { control: BufReader::with_capacity(512, wire), ..self })
    }

    fn passive(&mut self) -> io::Result<()> {
        if self.listener.is_none() {
            self.listener = Some(self.ports.listen()?);
        }
        let port = self.listener.as_ref().map_or(Ok(0), |one| one.local_addr().map(|here| here.port()))?;
        self.say(&format!("229 (|||{port}|)\r\n"))
    }

    /// Takes the data connection and says so.
    fn data(&mut self) -> io::Result<TcpStream> {
        let listener = self.listener.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let (data, _) = listener.accept()?;
        self.say("150 -\r\n")?;
        Ok(data)
    }

    fn pipe(&mut self) -> io::Result<&Pipe> {
        if self.pipe.is_none() {
            self.pipe = Some(Pipe::new()?);
        }
        self.pipe.as_ref().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Returns what a data connection is to be protected by.
    fn guard(&self) -> Option<&Arc<ServerConfig>> {
        self.tls.as_ref().filter(|_| self.is_private)
    }

    fn retrieve(&mut self, name: &str) -> io::Result<()> {
        let file = File::open(self.root.join(name))?;
        let data = self.data()?;
        match self.guard() {
            Some(tls) => secure::send(tls, &file, data)?,
            None => {
                transfer::send(&file, &data, || self.pipe())?;
                drop(data);
            }
        }
        self.say("226 -\r\n")
    }

    fn store(&mut self, name: &str) -> io::Result<()> {
        let file = File::create(self.root.join(name))?;
        let data = self.data()?;
        match self.guard() {
            Some(tls) => secure::receive(tls, &data, &file)?,
            None => transfer::receive(&data, &file, self.pipe()?)?,
        }
        drop(data);
        self.say("226 -\r\n")
    }

    fn list(&mut self, name: &str, form: Form) -> io::Result<()> {
        let directory = File::open(self.root.join(name))?;
        let data = self.data()?;
        listing::send(&directory, &data, form)?;
        drop(data);
        self.say("226 -\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Client, Piece};

    #[test]
    fn our_own_client_gets_and_puts_and_lists_what_is_there() {
        let root = std::env::temp_dir().join(format!("wharf-bench-bare-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("small"), [b'w'; 1024]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ports = Ports { first: 61_000, last: 61_999, next: AtomicU16::new(0) };
        let path = root.clone();
        let server = thread::spawn(move || {
            let session = Session::new(listener.accept().unwrap().0, &path, &ports, None);
            session.unwrap().converse().unwrap();
        });
        let mut client = Client::login(address).unwrap();
        assert_eq!(client.fetch("RETR small\r\n").unwrap().octets, 1024);
        client.store("STOR large\r\n", &Piece::new(3 << 20).unwrap(), 6 << 20).unwrap();
        assert_eq!(client.fetch("RETR large\r\n").unwrap().octets, 6 << 20);
        assert_eq!(client.fetch("NLST .\r\n").unwrap().octets, "small\r\nlarge\r\n".len() as u64);
        assert!(client.fetch("MLSD .\r\n").unwrap().octets > client.fetch("NLST .\r\n").unwrap().octets);
        client.quit().unwrap();
        server.join().unwrap();
        std::fs::remove_dir_all(root).unwrap();
    }
}
