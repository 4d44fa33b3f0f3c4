//! A typed channel on the event loop.

use std::io;
use std::os::fd::BorrowedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_ipc::link::{Link, Received};

use crate::watch::{watch, with_room};

/// A [`Link`] whose waits are the event loop's.
///
/// It is watched for reading only: watched for room too, it would wake us whenever the other side takes a message.
pub(crate) struct AsyncLink<Out, In>(AsyncFd<Link<Out, In>>);

impl<Out, In> AsyncLink<Out, In>
where
    Out: Speakable,
    In: Understandable,
{
    /// Registers a link; it becomes non-blocking.
    pub(crate) fn new(link: Link<Out, In>) -> io::Result<Self> {
        link.set_nonblocking(true)?;
        Ok(Self(watch(link, Interest::READABLE)?))
    }

    /// Sends at once when there is room, and waits for room when there is none.
    pub(crate) async fn send(&self, message: &Out) -> io::Result<()> {
        self.send_with(message, &[]).await
    }

    /// As [`Self::send`], with descriptors.
    pub(crate) async fn send_with(&self, message: &Out, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let link = self.0.get_ref();
        with_room(link, || link.send_with(message, descriptors)).await
    }

    /// Receives one message of several that may have come; `None` when the peer has closed.
    ///
    /// `scratch` lends the buffer for the moment of receiving only, so that waiting costs none.
    pub(crate) async fn receive(&self, scratch: &Scratch) -> io::Result<Option<Received<In>>> {
        self.0.async_io(Interest::READABLE, |link| link.receive(&mut scratch.borrow_mut())).await
    }

    /// Receives the answer to the only question that is open; `None` when the peer has closed.
    ///
    /// Nothing can lie behind the answer, so that is not looked for.
    pub(crate) async fn answer(&self, scratch: &Scratch) -> io::Result<Option<Received<In>>> {
        loop {
            let mut ready = self.0.readable().await?;
            if let Ok(received) = ready.try_io(|link| link.get_ref().receive(&mut scratch.borrow_mut())) {
                ready.clear_ready();
                return received;
            }
        }
    }
}

/// The one receiving buffer of a worker: nothing is kept in it across a wait.
pub(crate) type Scratch = std::cell::RefCell<Vec<u8>>;

/// What can be sent over a link.
pub(crate) trait Speakable:
    wharf_ipc::serde::Serialize + wharf_ipc::serde::de::DeserializeOwned
{
}
impl<T: wharf_ipc::serde::Serialize + wharf_ipc::serde::de::DeserializeOwned> Speakable for T {}
/// What can be received over a link.
pub(crate) trait Understandable: Speakable {}
impl<T: Speakable> Understandable for T {}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_the_loop(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let limit = std::time::Duration::from_secs(20);
        runtime.block_on(async { tokio::time::timeout(limit, test).await.unwrap() });
    }

    fn pair() -> (AsyncLink<u32, u32>, AsyncLink<u32, u32>, Scratch) {
        let (one, other) = Link::pair().unwrap();
        (
            AsyncLink::new(one).unwrap(),
            AsyncLink::new(other).unwrap(),
            Scratch::new(wharf_ipc::link::scratch()),
        )
    }

    #[test]
    fn a_full_link_is_waited_for_and_nothing_is_lost() {
        on_the_loop(async {
            let (one, other, scratch) = pair();
            let speaker = async {
                for number in 0..10_000 {
                    one.send(&number).await.unwrap();
                }
            };
            let hearer = async {
                for number in 0..10_000 {
                    assert_eq!(other.receive(&scratch).await.unwrap().unwrap().message, number);
                }
            };
            tokio::join!(speaker, hearer);
        });
    }

    #[test]
    fn every_question_gets_its_answer_and_the_end_is_heard() {
        on_the_loop(async {
            let (one, other, scratch) = pair();
            let asker = async {
                for number in 0..1000 {
                    one.send(&number).await.unwrap();
                    assert_eq!(one.answer(&scratch).await.unwrap().unwrap().message, number + 1);
                }
                assert!(one.answer(&scratch).await.unwrap().is_none());
            };
            let answerer = async {
                for _ in 0..1000 {
                    let question = other.answer(&scratch).await.unwrap().unwrap().message;
                    other.send(&(question + 1)).await.unwrap();
                }
                drop(other);
            };
            tokio::join!(asker, answerer);
        });
    }

    #[test]
    fn an_end_that_came_right_behind_an_answer_is_heard() {
        on_the_loop(async {
            let (one, other, scratch) = pair();
            other.send(&7).await.unwrap();
            drop(other);
            assert_eq!(one.answer(&scratch).await.unwrap().unwrap().message, 7);
            assert!(one.answer(&scratch).await.unwrap().is_none());
        });
    }
}
