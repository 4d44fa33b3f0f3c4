//! What a session costs that is logged in and says nothing.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::figures::median;
use crate::options::Options;
use crate::server::{Contender, Running};

/// How many are held.
pub(crate) const SESSIONS: usize = 500;

/// How often, at most: opening them takes long, and memory varies little.
const TURNS: usize = 3;

/// Buffers that a server gives back after a login have this long to go.
const SETTLE: Duration = Duration::from_secs(1);

/// The medians of one contender.
#[derive(Debug)]
pub(crate) struct Held {
    /// How the page calls the contender.
    pub(crate) name: &'static str,
    /// KiB of proportional set size that each session adds.
    pub(crate) each: f64,
    /// KiB of all processes while the sessions are held.
    pub(crate) whole: f64,
    /// How many processes there are while the sessions are held.
    pub(crate) processes: f64,
    /// Seconds until all were logged in.
    pub(crate) opening: f64,
}

/// Lets the contenders take turns, each freshly started: memory is not given back like time.
pub(crate) fn compare(options: &Options, contenders: &[Contender]) -> io::Result<Vec<Held>> {
    let mut turns: Vec<Vec<Held>> = contenders.iter().map(|_| Vec::new()).collect();
    for turn in 1..=options.runs().min(TURNS) {
        eprintln!("{SESSIONS} idle sessions, turn {turn} …");
        for (contender, held) in contenders.iter().zip(&mut turns) {
            held.push(hold(contender)?);
        }
    }
    let of = |held: &[Held], value: fn(&Held) -> f64| median(held.iter().map(value));
    let rows = contenders.iter().zip(&turns).map(|(contender, held)| Held {
        name: contender.name,
        each: of(held, |one| one.each),
        whole: of(held, |one| one.whole),
        processes: of(held, |one| one.processes),
        opening: of(held, |one| one.opening),
    });
    Ok(rows.collect())
}

fn hold(contender: &Contender) -> io::Result<Held> {
    let server = Running::start(contender)?;
    thread::sleep(SETTLE);
    let before = server.account.memory()?;
    let began = Instant::now();
    let clients = (0..SESSIONS).map(|_| Client::login(server.address)).collect::<io::Result<Vec<_>>>()?;
    let opening = began.elapsed().as_secs_f64();
    thread::sleep(SETTLE);
    let whole = server.account.memory()?;
    let processes = server.account.processes()?.len() as f64;
    clients.into_iter().try_for_each(Client::quit)?;
    let each = whole.saturating_sub(before) as f64 / SESSIONS as f64;
    Ok(Held { name: contender.name, each, whole: whole as f64, processes, opening })
}
