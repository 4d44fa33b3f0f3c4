//! The numbers of system calls, by name and machine.
//!
//! Both machines' numbers are compiled in, so that a policy which names a call that one of them lacks, or that none
//! has, is found wherever the tests run.

use super::policy::Machine;

const TABLE: &str = include_str!("syscalls.table");

/// A call that some machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    x86_64: Option<i64>,
    aarch64: Option<i64>,
}

impl Numbers {
    pub(super) fn on(self, machine: Machine) -> Option<i64> {
        match machine {
            Machine::X86_64 => self.x86_64,
            Machine::Aarch64 => self.aarch64,
        }
    }
}

/// Finds a call by name; `None` when no machine has it.
pub(super) fn find(name: &str) -> Option<Numbers> {
    rows().find(|(known, _)| *known == name).map(|(_, numbers)| numbers)
}

fn rows() -> impl Iterator<Item = (&'static str, Numbers)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let name = words.next()?;
        let mut number = || words.next().and_then(|word| word.parse().ok());
        Some((name, Numbers { x86_64: number(), aarch64: number() }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_of_this_machine_is_what_libc_says() {
        let Some(machine) = Machine::here() else { return };
        for (name, number) in [
            ("read", libc::SYS_read),
            ("openat2", libc::SYS_openat2),
            ("execve", libc::SYS_execve),
            ("execveat", libc::SYS_execveat),
            ("ptrace", libc::SYS_ptrace),
            ("socket", libc::SYS_socket),
            ("connect", libc::SYS_connect),
            ("splice", libc::SYS_splice),
            ("sendfile", libc::SYS_sendfile),
            ("getdents64", libc::SYS_getdents64),
            ("statx", libc::SYS_statx),
            ("newfstatat", libc::SYS_newfstatat),
            ("io_uring_setup", libc::SYS_io_uring_setup),
            ("mount", libc::SYS_mount),
            ("tgkill", libc::SYS_tgkill),
            ("clone3", libc::SYS_clone3),
        ] {
            assert_eq!(find(name).and_then(|numbers| numbers.on(machine)), Some(number), "{name}");
        }
    }

    #[test]
    fn every_line_is_a_name_and_two_columns_in_order() {
        let names: Vec<&str> = rows().map(|(name, _)| name).collect();
        assert!(names.len() > 350);
        assert!(names.is_sorted());
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            assert_eq!(line.split_ascii_whitespace().count(), 3, "{line}");
        }
        for (name, numbers) in rows() {
            assert!(numbers.x86_64.is_some() || numbers.aarch64.is_some(), "{name}");
        }
    }

    #[test]
    fn no_number_is_given_twice_on_one_machine() {
        for machine in [Machine::X86_64, Machine::Aarch64] {
            let mut numbers: Vec<i64> = rows().filter_map(|(_, numbers)| numbers.on(machine)).collect();
            let count = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), count, "{machine:?}");
        }
    }
}
