//! Many clients at once, and how long the others wait meanwhile.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};

use super::drive::{join, time};
use super::{More, Sample, Share};
use crate::client::Client;
use crate::load::downloads::{Errand, Ready};
use crate::load::noop;
use crate::server::Running;
use crate::stage::{COLD, Stage, TEN};

/// Sessions that ask nothing but NOOP.
const BYSTANDERS: usize = 8;

/// How many NOOPs are sent each second.
const RATE: u32 = 200;

/// Everybody comes for the same file, which is in memory.
pub(super) fn rush(server: &Running<'_>, clients: usize, share: Share) -> io::Result<Sample> {
    let (name, octets) = if share == Share::Part { ("one", TEN / 10) } else { ("ten", TEN) };
    let commands = vec![format!("RETR {name}\r\n"); clients];
    fetch(server, &Errand { commands, octets, is_repeated: false }, true)
}

/// Everybody fetches a file of his own, which is on the disk.
pub(super) fn cold(server: &Running<'_>, stage: &Stage, share: Share) -> io::Result<Sample> {
    forget(&stage.cold())?;
    let clients = if share == Share::Part { COLD.0 / 4 } else { COLD.0 };
    let commands = (0..clients).map(|index| format!("RETR cold/f{index}\r\n")).collect();
    fetch(server, &Errand { commands, octets: COLD.1, is_repeated: false }, false)
}

/// Has the kernel drop the files on the disk from memory.
///
/// # Errors
/// When they are still there: then nothing could be said about the disk.
fn forget(directory: &Path) -> io::Result<()> {
    let files: Vec<_> = (0..COLD.0).map(|index| directory.join(format!("f{index}"))).collect();
    for file in &files {
        fadvise(File::open(file)?, 0, None, Advice::DontNeed)?;
    }
    let most = COLD.0 as u64 * COLD.1 / 100;
    if remembered(&files)? > most {
        // Pages that were in use a moment ago are passed over; this way spares fewer, of other files too.
        fs::write("/proc/sys/vm/drop_caches", "1")?;
    }
    match remembered(&files)? {
        octets if octets > most => Err(io::Error::other(format!(
            "{} MiB of the files that should be on the disk stay in memory",
            octets >> 20
        ))),
        _ => Ok(()),
    }
}

/// Returns how many octets of files are in memory. To ask by reading (`RWF_NOWAIT`) would fetch them.
fn remembered(files: &[PathBuf]) -> io::Result<u64> {
    let mut fincore = Command::new("fincore");
    fincore.args(["--raw", "--bytes", "--noheadings", "--output", "RES"]).args(files);
    let output =
        fincore.output().map_err(|error| io::Error::other(format!("fincore (util-linux): {error}")))?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let octets: Vec<u64> = lines.lines().filter_map(|line| line.trim().parse().ok()).collect();
    // A file of which nothing is known must not be taken for one that is not in memory.
    if octets.len() != files.len() {
        return Err(io::Error::other(format!(
            "fincore told of {} files out of {}",
            octets.len(),
            files.len()
        )));
    }
    Ok(octets.iter().sum())
}

fn fetch(server: &Running<'_>, errand: &Errand, is_listed: bool) -> io::Result<Sample> {
    let bystanders = (0..BYSTANDERS).map(|_| Client::login(server.address).map(Client::into_stream));
    let bystanders = bystanders.collect::<io::Result<Vec<_>>>()?;
    bystanders.iter().try_for_each(|session| session.set_nonblocking(true))?;
    let lister = is_listed.then(|| Client::login(server.address)?.binary()).transpose()?;
    let ready = Ready::new(server.address, errand)?;
    let (is_over, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    time(server, || {
        thread::scope(|scope| {
            let asking =
                scope.spawn(|| noop::measure(&bystanders, RATE, |_| !is_over.load(Ordering::Relaxed)));
            let listing = lister.map(|client| scope.spawn(|| list_until(&is_over, client)));
            let fetched = ready.go(scope, &stop).join();
            is_over.store(true, Ordering::Relaxed);
            let listed = listing.map(join).transpose();
            let latency = asking.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")));
            let (fetched, latency, listed) = (fetched?, latency?, listed?);
            let more = More {
                noop: Some((latency.p99, latency.longest)),
                list: listed.map(|mut times| {
                    times.sort_unstable();
                    noop::share(&times, 0.99)
                }),
                slowest: slowest(fetched.ends),
                ..More::default()
            };
            Ok((fetched.octets as f64 / f64::from(1 << 30), more))
        })
    })
}

/// Lists a small directory again and again; returns how long each time took, from EPSV to the last reply.
fn list_until(is_over: &AtomicBool, mut client: Client) -> io::Result<Vec<Duration>> {
    let mut times = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        client.fetch("LIST few\r\n")?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// Returns how many times longer the last client took than the one in the middle.
fn slowest(mut ends: Vec<Duration>) -> Option<f64> {
    ends.sort_unstable();
    let middle = ends.get(ends.len() / 2)?;
    Some(ends.last()?.as_secs_f64() / middle.as_secs_f64().max(1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_just_written_is_in_memory() {
        let file = std::env::temp_dir().join(format!("wharf-bench-remembered-{}", std::process::id()));
        fs::write(&file, vec![b'w'; 1 << 20]).unwrap();
        let octets = remembered(std::slice::from_ref(&file)).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(octets >= 1 << 20);
        assert!(remembered(&[file]).is_err(), "of a file that is gone nothing is known");
    }

    #[test]
    fn the_slowest_is_compared_with_the_middle() {
        let ends = [3, 1, 2, 2, 6].map(Duration::from_secs);
        assert_eq!(slowest(ends.to_vec()), Some(3.0));
        assert_eq!(slowest(Vec::new()), None);
    }
}
