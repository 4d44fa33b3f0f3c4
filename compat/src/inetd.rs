//! A small inetd: starts a server for each connection, which becomes the server's standard input and output.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Listens until it goes out of scope; the servers that it started are then waited for.
pub(crate) struct Inetd {
    shared: Arc<Shared>,
    port: u16,
    accepts: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    children: Mutex<Vec<Child>>,
    is_over: AtomicBool,
}

impl Inetd {
    /// Listens, and starts a command for each connection.
    pub(crate) fn listen(port: u16, mut command: Command) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let shared = Arc::new(Shared::default());
        let accepts = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for stream in listener.incoming().flatten() {
                    if shared.is_over.load(Ordering::Acquire) {
                        return;
                    }
                    let child = serve(&mut command, stream).expect("what could be started once can be again");
                    shared.children.lock().unwrap_or_else(PoisonError::into_inner).push(child);
                }
            }
        });
        Ok(Self { shared, port, accepts: Some(accepts) })
    }

    /// Waits until every server has ended; after `patience`, ends them.
    pub(crate) fn wait_until_idle(&self, patience: Duration) {
        let end = Instant::now() + patience;
        let mut children = self.shared.children.lock().unwrap_or_else(PoisonError::into_inner);
        while !children.is_empty() {
            children.retain_mut(|child| !child.try_wait().is_ok_and(|status| status.is_some()));
            if Instant::now() > end {
                children.iter_mut().for_each(|child| child.kill().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Inetd {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // One more connection wakes the thread, which then sees that it is over.
        let woken = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
        if let Some(thread) = self.accepts.take().filter(|_| woken) {
            thread.join().unwrap_or_default();
        }
    }
}

fn serve(command: &mut Command, stream: TcpStream) -> io::Result<Child> {
    let stream = OwnedFd::from(stream);
    let (output, errors) = (stream.try_clone()?, stream.try_clone()?);
    let child = command.stdin(stream).stdout(output).stderr(errors).spawn();
    // A command keeps what it was given; but the connection ends only when nobody holds it any more.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    child
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn each_connection_is_standard_input_and_output_of_a_program_of_its_own() {
        let port = wharf_testkit::Ports::claim();
        let inetd = Inetd::listen(port.control(), Command::new("cat")).unwrap();
        for text in ["one", "two"] {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port.control())).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut back = String::new();
            stream.read_to_string(&mut back).unwrap();
            assert_eq!(back, text);
        }
        inetd.wait_until_idle(Duration::from_secs(10));
        assert!(inetd.shared.children.lock().unwrap().is_empty());
    }
}
