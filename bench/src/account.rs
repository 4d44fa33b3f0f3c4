//! What a server and all its processes have used: processor time, memory, number of processes.
//!
//! A control group (v2) of its own counts also the processes that came and went; where none can be made, the
//! process tree is added up from `/proc` (proc(5)), which counts ended processes once their parents have waited.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where version 2 groups are mounted, on unified and on hybrid machines.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The ledger of one server.
#[derive(Debug)]
pub(crate) enum Account {
    /// A control group that holds the server and nothing else.
    Group(PathBuf),
    /// The descendants of a process.
    Tree(u32),
}

impl Account {
    /// Makes a group of this name, if the machine lets us.
    pub(crate) fn group(name: &str) -> Option<PathBuf> {
        let mount = MOUNTS.iter().find(|mount| Path::new(mount).join("cgroup.procs").exists())?;
        let group = Path::new(mount).join(name);
        fs::create_dir(&group).ok()?;
        if group.join("cpu.stat").exists() {
            return Some(group);
        }
        fs::remove_dir(&group).unwrap_or_default();
        None
    }

    /// Returns the processor time used so far, in user and kernel mode.
    pub(crate) fn time(&self) -> io::Result<Duration> {
        match self {
            Self::Group(group) => {
                let stat = fs::read_to_string(group.join("cpu.stat"))?;
                let used = field(&stat, "usage_usec")
                    .ok_or_else(|| io::Error::other("cpu.stat has no usage_usec"))?;
                Ok(Duration::from_micros(used))
            }
            // Ticks are hundredths of a second on every Linux that /proc speaks to (USER_HZ).
            Self::Tree(root) => Ok(tree(*root).iter().map(|one| Duration::from_millis(one.ticks * 10)).sum()),
        }
    }

    /// Returns the ids of all its processes.
    pub(crate) fn processes(&self) -> io::Result<Vec<u32>> {
        match self {
            Self::Group(group) => {
                let list = fs::read_to_string(group.join("cgroup.procs"))?;
                Ok(list.lines().filter_map(|line| line.parse().ok()).collect())
            }
            Self::Tree(root) => Ok(tree(*root).iter().map(|one| one.pid).collect()),
        }
    }

    /// Returns how many threads all its processes have.
    pub(crate) fn threads(&self) -> io::Result<u64> {
        let of = |pid| fs::read_to_string(format!("/proc/{pid}/status")).ok();
        Ok(self.processes()?.into_iter().filter_map(of).filter_map(|text| field(&text, "Threads:")).sum())
    }

    /// Returns the proportional set size of all its processes, in KiB.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let of = |pid| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
        Ok(self.processes()?.into_iter().filter_map(of).filter_map(|text| field(&text, "Pss:")).sum())
    }
}

/// How large processes were at a moment, in KiB.
#[derive(Debug, Default)]
pub(crate) struct Mark(Vec<(u32, u64)>);

impl Account {
    /// Has the kernel forget how large each process was at most (proc(5), `clear_refs`); returns how large they are.
    pub(crate) fn mark_memory(&self) -> io::Result<Mark> {
        let mark = |pid| {
            fs::write(format!("/proc/{pid}/clear_refs"), "5").ok()?;
            Some((pid, of_process(pid, "VmRSS:")?))
        };
        Ok(Mark(self.processes()?.into_iter().filter_map(mark).collect()))
    }

    /// Returns by how much the processes were larger at most since they were marked, in KiB; those that were there at the
    /// beginning, than then. Resident pages are counted, shared ones as well, and by the kernel in steps of some 100 KiB.
    pub(crate) fn growth(&self, beginning: &Mark, since: &Mark) -> u64 {
        let at_first = |pid| beginning.0.iter().find(|one| one.0 == pid).map(|one| one.1);
        let grown = |&(pid, size): &(u32, u64)| {
            Some(of_process(pid, "VmHWM:")?.saturating_sub(at_first(pid).unwrap_or(size)))
        };
        since.0.iter().filter_map(grown).sum()
    }
}

fn of_process(pid: u32, name: &str) -> Option<u64> {
    field(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, name)
}

/// Returns what the whole machine could still use, in KiB: what the kernel holds for sockets, tasks and namespaces is gone
/// from it.
pub(crate) fn available() -> io::Result<u64> {
    of_the_machine("MemAvailable:")
}

/// Returns all the memory of the machine, in KiB.
pub(crate) fn installed() -> io::Result<u64> {
    of_the_machine("MemTotal:")
}

fn of_the_machine(name: &str) -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    field(&text, name).ok_or_else(|| io::Error::other(format!("/proc/meminfo has no {name}")))
}

/// Returns the number after a name at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().map(str::split_whitespace);
    words.find_map(|mut words| (words.next()? == name).then(|| words.next()?.parse().ok())?)
}

#[derive(Debug, PartialEq)]
struct Process {
    pid: u32,
    parent: u32,
    /// Its own ticks and those of the children it has waited for.
    ticks: u64,
}

impl Process {
    fn from_stat(stat: &str) -> Option<Self> {
        // The name in brackets may hold blanks and brackets; the fields start after the last one.
        let (head, tail) = stat.rsplit_once(')')?;
        let fields: Vec<u64> = tail.split_whitespace().map(|word| word.parse().unwrap_or(0)).collect();
        Some(Self {
            pid: head.split_whitespace().next()?.parse().ok()?,
            parent: u32::try_from(*fields.get(1)?).ok()?,
            ticks: fields.get(11..15)?.iter().sum(),
        })
    }
}

fn tree(root: u32) -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let stats = entries.flatten().filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let mut rest: Vec<Process> = stats.filter_map(|stat| Process::from_stat(&stat)).collect();
    let mut found: Vec<Process> = rest.extract_if(.., |one| one.pid == root).collect();
    loop {
        let parents: Vec<u32> = found.iter().map(|one| one.pid).collect();
        let more: Vec<Process> = rest.extract_if(.., |one| parents.contains(&one.parent)).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "42 (a) b) S 7 0 0 0 0 0 0 0 0 0 1 2 3 4 20 0";
        assert_eq!(Process::from_stat(stat), Some(Process { pid: 42, parent: 7, ticks: 10 }));
    }

    #[test]
    fn the_size_is_found_among_similar_names() {
        assert_eq!(field("Pss_Dirty: 9 kB\nPss:   12 kB\n", "Pss:"), Some(12));
    }

    #[test]
    fn memory_that_was_touched_and_given_back_counts_as_growth() {
        let account = Account::Tree(std::process::id());
        let mark = account.mark_memory().unwrap();
        drop(std::hint::black_box(vec![1u8; 32 << 20]));
        assert!(account.growth(&Mark::default(), &mark) > 16 << 10);
        let smaller = Mark(mark.0.iter().map(|&(pid, size)| (pid, size - 1024)).collect());
        let both = [&Mark::default(), &smaller].map(|first| account.growth(first, &mark));
        assert!(both[1] >= both[0] + 1024, "what was kept from an earlier turn counts too");
    }

    #[test]
    fn our_own_tree_holds_us_and_uses_memory() {
        let account = Account::Tree(std::process::id());
        assert!(account.processes().unwrap().contains(&std::process::id()));
        assert!(account.memory().unwrap() > 0);
        assert!(account.threads().unwrap() > 0);
    }
}
