//! Whose a data connection is that came to a shared port: what its client says first is looked at, and left where it is.
//!
//! The listener lends us such a connection because one of our sessions may be meant (RFC 5077 §3, RFC 8446 §4.2.11). What
//! is named here is a guess that the handshake proves: see `wharf_transport`.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use wharf_ipc::listener::FromWorker;
use wharf_transport::{Look, Offer, look};

use crate::watch::watch;
use crate::worker::{ToListener, Worker};

/// How much of what a client says first is looked at. A ClientHello with several large tickets has 4 KiB.
const MOST: usize = 16 * 1024;

impl Worker {
    /// Looks at a connection and tells the listener whose it is. Others do not wait meanwhile.
    pub(crate) fn recognise(
        self: &Rc<Self>,
        link: &Rc<ToListener>,
        connection: u64,
        lent: Option<OwnedFd>,
        limit: Duration,
    ) {
        let (worker, link) = (Rc::clone(self), Rc::clone(link));
        tokio::task::spawn_local(async move {
            let heard = match lent {
                Some(socket) => tokio::time::timeout(limit, first_words(socket)).await.unwrap_or_default(),
                // Our table of descriptors is full.
                None => None,
            };
            let is_nobodys = heard.is_none();
            let answer = match heard.and_then(|offer| worker.whose(&offer)) {
                Some(session) => FromWorker::Recognised { session, connection },
                None => FromWorker::Unknown { connection, is_nobodys },
            };
            // A listener that is gone has taken the connection along.
            let _ = link.send(&answer).await;
        });
    }
}

/// Waits until a client has begun TLS; `None` when it does something else.
async fn first_words(socket: OwnedFd) -> Option<Offer> {
    let socket = watch(socket, Interest::READABLE).ok()?;
    let mut octets = vec![0; MOST];
    loop {
        let mut ready = socket.readable().await.ok()?;
        let is_over = ready.ready().is_read_closed();
        let peek = rustix::net::recv(socket.get_ref(), &mut octets[..], RecvFlags::PEEK);
        match peek.map_err(io::Error::from) {
            Ok((read, _)) => match look(octets.get(..read).unwrap_or_default()) {
                Look::Offers(offer) => return Some(offer),
                Look::Nothing => return None,
                Look::More if read == MOST || read == 0 || is_over => return None,
                Look::More => {}
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
        // What is there has been seen; the kernel tells when there is more.
        ready.clear_ready();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn connection() -> (OwnedFd, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        (ours.into(), peer)
    }

    /// A ClientHello of TLS 1.2 with an empty list of suites and no extension.
    fn hello() -> Vec<u8> {
        let mut hello = vec![22, 3, 1, 0, 43, 1, 0, 0, 39, 3, 3];
        hello.extend([7; 32]);
        hello.extend([0, 0, 0, 1, 0]);
        hello
    }

    #[tokio::test]
    async fn words_that_come_octet_by_octet_are_heard_and_stay_where_they_are() {
        let (ours, mut peer) = connection();
        let kept = ours.try_clone().unwrap();
        let heard = first_words(ours);
        let said = async {
            for octet in hello() {
                peer.write_all(&[octet]).unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (heard, ()) = tokio::join!(heard, said);
        assert!(heard.is_some());
        let mut octets = [0; 100];
        let (read, _) = rustix::net::recv(&kept, &mut octets[..], RecvFlags::empty()).unwrap();
        assert_eq!(octets[..read], hello());
    }

    #[tokio::test]
    async fn who_hangs_up_or_speaks_no_tls_is_nobody() {
        for words in [&b""[..], &hello()[..20], b"220 hello\r\n"] {
            let (ours, mut peer) = connection();
            peer.write_all(words).unwrap();
            drop(peer);
            let heard = tokio::time::timeout(Duration::from_secs(20), first_words(ours)).await;
            assert!(heard.expect("it ends by itself").is_none(), "{words:?}");
        }
    }
}
