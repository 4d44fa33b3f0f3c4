//! What monitor and listener are asked, and their answers, which come through the session's mailbox.
//!
//! A mailbox outlives a question that was given up, so each question begins with an empty place for its answer.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use wharf_config::Config;
use wharf_ipc::monitor::Verdict;
use wharf_ipc::{SessionId, listener, monitor};
use wharf_proto::ftp::server::ask::Attempt;
use wharf_proto::ftp::server::policy::Policy;

use super::SLACK;
use crate::log::Whose;
use crate::policy;
use crate::worker::{Slot, Worker};

impl Worker {
    /// The rules of a login: the present ones, or those of `overlay`; `None` when that cannot be read.
    ///
    /// The monitor has read and checked the text. Security: were it unreadable now, the site's rules might allow what
    /// the user's own forbid.
    pub(super) fn policy_of(&self, overlay: &[u8], present: Arc<Policy>) -> Option<Arc<Policy>> {
        if overlay.is_empty() {
            return Some(present);
        }
        let loaded = wharf_config::parse(overlay, None, &Config::default()).ok()?;
        Some(Arc::new(policy::policy(&loaded.config, &self.files())))
    }

    /// Asks the monitor who somebody is.
    pub(super) async fn login(
        &self,
        session: SessionId,
        whose: &Whose,
        attempt: Attempt,
    ) -> (Verdict, Option<OwnedFd>) {
        let refused = |detail: &str| (Verdict::Refused { detail: detail.to_owned() }, None);
        let answer = self.mail(session, |mail| anew(&mut mail.verdict));
        let peer = whose.address.parse().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
        let question =
            monitor::FromWorker::Login { session, peer, name: attempt.name, password: attempt.password };
        match answer {
            Some(answer) if self.monitor.send(&question).await.is_ok() => {
                answer.await.unwrap_or_else(|_| refused("the monitor is gone"))
            }
            _ => refused("the monitor is gone"),
        }
    }

    pub(super) async fn expect(&self, session: SessionId, anyone: bool) -> Option<u16> {
        let promised = self.mail(session, |mail| {
            let (port, at) = mail.promised.take()?;
            let holds = !anyone && at.elapsed() < Duration::from_secs(listener::PROMISE);
            holds.then(|| mail.arrival.clear())?;
            Some(port)
        })?;
        if promised.is_some() {
            return promised;
        }
        let (number, port) = self.mail(session, |mail| {
            mail.arrival.clear();
            mail.wishes = mail.wishes.wrapping_add(1);
            (mail.wishes, anew(&mut mail.port))
        })?;
        self.listener().send(&listener::FromWorker::Expect { session, number, anyone }).await.ok()?;
        // The listener answers at once or is dead, and a dead one leaves nobody to say so.
        let port = in_time(Some(SLACK), port).await.flatten();
        // Between question and answer only a connection of an earlier wish can have come.
        self.mail(session, |mail| mail.arrival.clear())?;
        port
    }

    pub(super) async fn change_owner(&self, session: SessionId, file: &Arc<OwnedFd>) -> bool {
        use std::os::fd::AsFd;
        let Some(done) = self.mail(session, |mail| anew(&mut mail.owner)) else { return false };
        let question = monitor::FromWorker::ChangeOwner { session };
        self.monitor.send_with(&question, &[file.as_fd()]).await.is_ok() && done.await.unwrap_or(false)
    }

    /// The expected data connection, if it has come already.
    pub(super) fn arrived(&self, session: SessionId) -> Option<OwnedFd> {
        self.mail(session, |mail| mail.arrival.take()).flatten().flatten()
    }

    /// The data connection that the peer makes to the expected port; it may have come already.
    pub(super) async fn arrival(&self, session: SessionId, limit: Option<Duration>) -> Option<OwnedFd> {
        let arrival = self.mail(session, |mail| mail.arrival.wait())?;
        let found = in_time(limit, arrival).await.flatten();
        if found.is_none() {
            let _ = self.listener().send(&listener::FromWorker::Forget { session }).await;
        }
        found
    }

    /// The data connection that we make to the peer.
    pub(super) async fn dial(
        &self,
        session: SessionId,
        to: SocketAddr,
        limit: Option<Duration>,
    ) -> Option<OwnedFd> {
        let (number, arrival) = self.mail(session, |mail| {
            mail.promised = None;
            // What was expected or dialled before is too late from here on.
            mail.wishes = mail.wishes.wrapping_add(1);
            (mail.wishes, anew(&mut mail.arrival))
        })?;
        self.listener().send(&listener::FromWorker::Dial { session, number, to }).await.ok()?;
        in_time(limit, arrival).await.flatten()
    }
}

/// Begins to wait for an answer; what lies there belongs to an earlier question.
fn anew<T>(slot: &mut Slot<T>) -> oneshot::Receiver<T> {
    slot.clear();
    slot.wait()
}

/// Waits for an answer; `None` when it does not come within the limit, or never will.
async fn in_time<T>(limit: Option<Duration>, answer: oneshot::Receiver<T>) -> Option<T> {
    match limit {
        None => answer.await.ok(),
        Some(limit) => tokio::time::timeout(limit, answer).await.ok().and_then(Result::ok),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_never_answered_waits_no_longer_than_the_limit() {
        let mut slot = Slot::<u16>::default();
        let answer = anew(&mut slot);
        assert_eq!(in_time(Some(SLACK), answer).await, None);
        let answer = anew(&mut slot);
        let Slot::Waiting(sender) = slot else { panic!("nobody waits") };
        sender.send(7).unwrap();
        assert_eq!(in_time(None, answer).await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_an_earlier_question_is_no_answer() {
        let mut slot = Slot::Here(1);
        assert_eq!(in_time(Some(SLACK), anew(&mut slot)).await, None);
        let mut slot = Slot::Here(1);
        assert_eq!(in_time(Some(SLACK), slot.wait()).await, Some(1));
    }
}
