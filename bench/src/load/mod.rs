//! Much at once: many sessions that say nothing, downloads that never end, and a NOOP now and then.
//!
//! What is measured is how long a NOOP takes: on sessions chosen at random, sent at a fixed rate whether or not earlier
//! ones have been answered, so that a server that stalls is charged for everybody who waits.

pub(crate) mod crowd;
pub(crate) mod downloads;
pub(crate) mod noop;
mod page;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::account::available;
use crate::options::Options;
use crate::peer::Kind;
use crate::report::Page;
use crate::server::{Contender, Field, Part, Running};
use crate::stage::MEDIUM;

use crowd::Crowd;
use downloads::{Downloads, Errand, Ready};
use noop::Latency;

/// How many sessions are held.
pub(crate) const SESSIONS: usize = 10_000;

/// Buffers that a server gives back after a login have this long to go.
const SETTLE: Duration = Duration::from_secs(2);

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Plan {
    sessions: usize,
    downloads: usize,
    /// NOOPs per second.
    rate: u32,
    /// How long they are sent while nothing else happens, and while the downloads run.
    quiet: Duration,
    busy: Duration,
}

impl Plan {
    fn new(quick: bool) -> Self {
        let seconds = |full| Duration::from_secs(if quick { 2 } else { full });
        let sessions = if quick { 1_000 } else { SESSIONS };
        Self { sessions, downloads: 50, rate: 500, quiet: seconds(5), busy: seconds(10) }
    }
}

/// What one contender did.
#[derive(Debug)]
struct Visit {
    name: &'static str,
    kind: Kind,
    held: usize,
    /// How many of them stayed for the NOOPs.
    asked: usize,
    opening: Duration,
    /// Why not all sessions were opened.
    stopped: Option<String>,
    before: Memory,
    with: Memory,
    processes: usize,
    threads: u64,
    quiet: Latency,
    busy: Latency,
    downloads: Downloads,
    /// Processor time per second of all the server's processes while the downloads ran.
    used: f64,
    /// How many of the sessions still answered at the end.
    alive: usize,
}

/// In KiB.
#[derive(Debug, Clone, Copy)]
struct Memory {
    /// Proportional set size of the server's processes.
    processes: u64,
    /// What the whole machine has left.
    available: u64,
}

impl Memory {
    fn of(server: &Running<'_>) -> io::Result<Self> {
        Ok(Self { processes: server.account.memory()?, available: available()? })
    }
}

/// Visits every contender, one after the other, and writes the page.
pub(crate) fn measure(options: &Options, field: &Field) -> io::Result<Page> {
    let plan = Plan::new(options.quick);
    let files = crowd::raise_descriptor_limit(plan.sessions)?;
    let mut page = page::begin(&plan, field, files)?;
    let (mut visits, mut failed) = (Vec::new(), Vec::new());
    let began = std::time::Instant::now();
    // A thread for each session is no reference here, and a second wharfd would tell nothing new.
    let takes_part = |one: &&Contender| one.part != Part::Noise && one.kind != Kind::Bare;
    for contender in field.contenders.iter().filter(takes_part) {
        let (past, name) = (began.elapsed().as_secs(), contender.name);
        eprintln!("[{past:4} s] {} idle sessions and {} downloads: {name} …", plan.sessions, plan.downloads);
        match visit(contender, &plan) {
            Ok(visit) => visits.push(visit),
            Err(error) => {
                eprintln!("{}, load: {error}; the server said:\n{}", contender.name, contender.said());
                failed.push((contender.name, error.to_string()));
            }
        }
    }
    page::fill(&mut page, &plan, &visits, &failed);
    Ok(page)
}

fn visit(contender: &Contender, plan: &Plan) -> io::Result<Visit> {
    let server = Running::start(contender)?;
    thread::sleep(SETTLE);
    let before = Memory::of(&server)?;
    let mut crowd = Crowd::open(None, server.address, plan.sessions, crowd::LONGEST)?;
    let held = crowd.sessions.len();
    thread::sleep(SETTLE);
    let with = Memory::of(&server)?;
    let (processes, threads) = (server.account.processes()?.len(), server.account.threads()?);
    // A few more than that: those who leave may be slow at it.
    crowd.make_room(plan.downloads + 50);
    thread::sleep(SETTLE);
    let quiet = noop::measure(&crowd.sessions, plan.rate, |past| past < plan.quiet)?;
    let (busy, downloads, used) = beside_downloads(&server, plan, || {
        noop::measure(&crowd.sessions, plan.rate, |past| past < plan.busy)
    })?;
    let alive = noop::count_answers(&crowd.sessions)?;
    Ok(Visit {
        name: contender.name,
        kind: contender.kind,
        held,
        asked: crowd.sessions.len(),
        opening: crowd.opening,
        stopped: crowd.stopped,
        before,
        with,
        processes,
        threads,
        quiet,
        busy,
        downloads,
        used,
        alive,
    })
}

/// Does something while the downloads run; returns also what they moved, and the server's use of processors.
fn beside_downloads(
    server: &Running<'_>,
    plan: &Plan,
    work: impl FnOnce() -> io::Result<Latency>,
) -> io::Result<(Latency, Downloads, f64)> {
    let stop = AtomicBool::new(false);
    let commands = vec!["RETR medium\r\n".to_owned(); plan.downloads];
    let errand = Errand { commands, octets: MEDIUM, is_repeated: true };
    let ready = Ready::new(server.address, &errand)?;
    thread::scope(|scope| {
        let flowing = ready.go(scope, &stop);
        let measured = flowing.wait().and_then(|()| {
            let before = server.account.time()?;
            let began = std::time::Instant::now();
            let latency = work()?;
            let used = server.account.time()?.saturating_sub(before);
            Ok((latency, used.as_secs_f64() / began.elapsed().as_secs_f64()))
        });
        stop.store(true, Ordering::Relaxed);
        let downloads = flowing.join();
        // What broke a download is more telling than that the measuring could not go on.
        let downloads = downloads?;
        measured.map(|(latency, used)| (latency, downloads, used))
    })
}
