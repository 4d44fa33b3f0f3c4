//! Sessions with TLS: many handshakes, and what a session costs that says nothing.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::drive::{join, time};
use super::{More, Sample};
use crate::client::{Client, HOME};
use crate::load::crowd::Crowd;
use crate::server::Running;
use crate::tls::{Protection, Terms};

/// A server has this long to let everybody in.
const OPENING: Duration = Duration::from_secs(12);

/// So many sessions come and go before.
const FIRST: usize = 16;

/// Buffers that are given back after a login have this long to go.
const SETTLE: Duration = Duration::from_millis(500);

/// Connects, says AUTH TLS, shakes hands in full and says QUIT, so often or as often as the time allows.
///
/// A session that fails is counted and does not end the others.
pub(super) fn handshakes(
    server: &Running<'_>,
    sessions: usize,
    at_once: usize,
    longest: Duration,
) -> io::Result<Sample> {
    let terms = terms()?;
    let (next, done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let visit = || Client::connect(HOME, server.address)?.protect(&terms)?.quit();
    let visits = |end: Instant| {
        let mut last = None;
        while next.fetch_add(1, Ordering::Relaxed) < sessions && Instant::now() < end {
            match visit() {
                Ok(()) => done.fetch_add(1, Ordering::Relaxed),
                Err(error) => {
                    last = Some(error);
                    failed.fetch_add(1, Ordering::Relaxed)
                }
            };
        }
        Ok(last)
    };
    time(server, || {
        let end = Instant::now() + longest;
        let errors = thread::scope(|scope| {
            let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(|| visits(end))).collect();
            threads.into_iter().map(join).collect::<io::Result<Vec<_>>>()
        })?;
        match (done.load(Ordering::Relaxed), errors.into_iter().flatten().next()) {
            (0, Some(error)) => Err(error),
            (count, _) => {
                let failed = Some(failed.load(Ordering::Relaxed));
                Ok((count as f64, More { failed, ..More::default() }))
            }
        }
    })
}

/// Opens sessions with TLS, logs in, and looks how much larger the server is with them.
pub(super) fn idle(server: &Running<'_>, sessions: usize) -> io::Result<Sample> {
    let terms = terms()?;
    // What a server does and loads once, for the first handshake of all, is no part of a session.
    drop(Crowd::open(Some(&terms), server.address, FIRST, OPENING)?);
    server.calm()?;
    let before = server.account.memory()?;
    let mut opened = None;
    let mut sample = time(server, || {
        let crowd = Crowd::open(Some(&terms), server.address, sessions, OPENING)?;
        let held = crowd.sessions.len();
        opened = Some(crowd);
        Ok((held as f64, More::default()))
    })?;
    thread::sleep(SETTLE);
    let with = server.account.memory()?;
    sample.memory = with;
    sample.more.each = Some(with.saturating_sub(before) as f64 / sample.amount.max(1.0));
    // Those whose logins failed have ended the opening; those that were closed again since are missed as well.
    let alive = opened.as_ref().map_or(0, Crowd::alive);
    sample.more.failed = Some(sessions.saturating_sub(alive));
    Ok(sample)
}

fn terms() -> io::Result<Terms> {
    Terms::of(Protection::AesGcm)?.ok_or_else(|| io::ErrorKind::Unsupported.into())
}
