//! What monitor and listener are asked, and their answers, which come through the session's mailbox.
//!
//! A mailbox outlives a question that was given up, so each question begins with an empty place for its answer.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use serde_bytes::ByteBuf;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wharf_config::Config;
use wharf_ipc::monitor::Verdict;
use wharf_ipc::{SessionId, listener, monitor, verifier};
use wharf_proto::ftp::server::ask::{Attempt, Expected, NoConnection};
use wharf_proto::ftp::server::policy::Policy;
use wharf_transport::Proof;

use super::SLACK;
use crate::log::Whose;
use crate::policy;
use crate::worker::{Slot, Worker};

/// How long a stranger's own side may take to accept an active data connection, and how long it takes to be told that it
/// did not: two lost packets are made up for by then.
const STRANGERS_TIME: Duration = Duration::from_secs(5);

/// What came of a data connection.
type Found = Result<OwnedFd, NoConnection>;

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
        proof: Option<Proof>,
    ) -> (Verdict, Option<OwnedFd>) {
        let refused = |detail: &str| (Verdict::Refused { detail: detail.to_owned() }, None);
        let answer = self.mail(session, |mail| anew(&mut mail.verdict));
        let peer = whose.address.parse().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
        let Attempt { name, password } = attempt;
        let proof = proof.map(forwarded).filter(|proof| proof.is_bounded());
        let question =
            monitor::FromWorker::Login { session, peer, name, password, proof: proof.map(Box::new) };
        match answer {
            Some(answer) if self.monitor.send(&question).await.is_ok() => {
                answer.await.unwrap_or_else(|_| refused("the monitor is gone"))
            }
            _ => refused("the monitor is gone"),
        }
    }

    /// A port for the peer to connect to; `may_share` says that its connections are known by the TLS session they resume.
    pub(super) async fn expect(&self, session: SessionId, anyone: bool, may_share: bool) -> Option<Expected> {
        let promised = self.mail(session, |mail| {
            let (port, at) = mail.promised.take()?;
            let holds = !anyone && at.elapsed() < Duration::from_secs(listener::PROMISE);
            holds.then(|| mail.arrival.clear())?;
            Some(port)
        })?;
        if promised.is_some() {
            return promised.map(|port| Expected { port, is_shared: false });
        }
        let (number, port) = self.mail(session, |mail| {
            mail.arrival.clear();
            mail.wishes = mail.wishes.wrapping_add(1);
            mail.is_sharing = false;
            (mail.wishes, anew(&mut mail.port))
        })?;
        let question = listener::FromWorker::Expect { session, number, anyone, may_share };
        self.listener().send(&question).await.ok()?;
        // The listener answers in time or is dead, and a dead one leaves nobody to say so.
        let longest = Duration::from_secs(listener::LONGEST_WAIT.into()) + SLACK;
        let port = in_time(Some(longest), port).await.flatten();
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
        self.mail(session, |mail| mail.arrival.take()).flatten()?.ok()
    }

    /// The data connection that the peer makes to the expected port; it may have come already.
    pub(super) async fn arrival(&self, session: SessionId, limit: Option<Duration>) -> Found {
        let arrival = self.mail(session, |mail| mail.arrival.wait()).ok_or(NoConnection::Failed)?;
        let found = in_time(limit, arrival).await.unwrap_or(Err(NoConnection::Failed));
        if found.is_err() {
            let _ = self.listener().send(&listener::FromWorker::Forget { session }).await;
        }
        found
    }

    /// The data connection that we make to a stranger.
    // Security: what is answered at the same time and in the same words tells nobody which ports are open (RFC 2577 §3).
    pub(super) async fn dial_stranger(
        &self,
        session: SessionId,
        to: SocketAddr,
        limit: Option<Duration>,
    ) -> Found {
        let limit = limit.map_or(STRANGERS_TIME, |limit| limit.min(STRANGERS_TIME));
        let end = Instant::now() + limit;
        let found = self.dial(session, to, Some(limit)).await;
        if found.is_err() {
            tokio::time::sleep_until(end).await;
        }
        found
    }

    /// The data connection that we make to the peer.
    pub(super) async fn dial(&self, session: SessionId, to: SocketAddr, limit: Option<Duration>) -> Found {
        let begun = self.begin_to_dial(session, to).await.ok_or(NoConnection::Failed)?;
        match in_time(limit, begun).await {
            Some(found) => found,
            None => {
                let _ = self.listener().send(&listener::FromWorker::Forget { session }).await;
                Err(NoConnection::NoAnswer)
            }
        }
    }

    async fn begin_to_dial(&self, session: SessionId, to: SocketAddr) -> Option<oneshot::Receiver<Found>> {
        let (number, arrival) = self.mail(session, |mail| {
            mail.promised = None;
            mail.is_sharing = false;
            // What was expected or dialled before is too late from here on.
            mail.wishes = mail.wishes.wrapping_add(1);
            (mail.wishes, anew(&mut mail.arrival))
        })?;
        self.listener().send(&listener::FromWorker::Dial { session, number, to }).await.ok()?;
        Some(arrival)
    }
}

/// What a client proved, in the words of the monitor. Nobody believes it before it was verified again.
fn forwarded(proof: Proof) -> verifier::Proof {
    verifier::Proof {
        chain: proof.chain.into_iter().map(ByteBuf::from).collect(),
        is_tls13: proof.is_tls13,
        scheme: proof.scheme,
        message: ByteBuf::from(proof.message),
        signature: ByteBuf::from(proof.signature),
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
