//! Shuts a process in, for good, before it meets anything from outside.
//!
//! Three walls, each complete by itself: no new privileges; Landlock, which knows pathnames, ports and signals; seccomp,
//! which knows system calls. What each role may do is data, in `policy/*.policy`, a reason on every line.
//! A kernel that lacks a wall is not an error: the [`Report`] says so, and the caller logs it. Changing users and
//! entering an empty root come before, in [`crate::identity`] and [`crate::process`].

mod landlock;
mod policy;
mod seccomp;
mod table;

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

pub use policy::Role;

/// What a role may do beneath a directory; everything else is refused by the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// List and read.
    Read,
    /// List, read, write, create files, directories and symbolic links, rename, remove.
    ReadWrite,
    /// List, write and create, but read no file: a drop box. Removing a file and renaming it within its directory
    /// stay possible, for uploads that broke off and for publishing under the final name.
    UploadOnly,
}

/// How far one wall stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wall {
    /// Everything we ask for is enforced.
    Full,
    /// Something is missing; the words say what.
    Partial(String),
    /// Nothing is enforced; the words say why.
    Missing(String),
    /// The role does without this wall; the words say why.
    NotWanted(&'static str),
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("enforced"),
            Self::Partial(what) => write!(f, "enforced in part ({what})"),
            Self::Missing(why) => write!(f, "NOT enforced ({why})"),
            Self::NotWanted(why) => write!(f, "not used ({why})"),
        }
    }
}

/// What is in force after a process was shut in. Log it: a wall that is missing must never go unnoticed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Report {
    /// Who was shut in.
    pub role: Role,
    /// Pathnames, ports, signals.
    pub landlock: Wall,
    /// System calls.
    pub seccomp: Wall,
}

impl Report {
    /// Tells whether every wall stands that the role should have.
    pub fn is_complete(&self) -> bool {
        [&self.landlock, &self.seccomp].iter().all(|wall| matches!(wall, Wall::Full | Wall::NotWanted(_)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: no new privileges: enforced; Landlock: {}; seccomp: {}",
            self.role, self.landlock, self.seccomp
        )
    }
}

/// The walls of one role, not yet raised.
#[derive(Debug)]
pub struct Sandbox<'a> {
    role: Role,
    paths: Vec<(BorrowedFd<'a>, Access)>,
}

impl<'a> Sandbox<'a> {
    /// Prepares a role's walls; the listed directories are the only ones it will be able to open things in.
    pub fn for_role(role: Role, paths: &[(BorrowedFd<'a>, Access)]) -> Self {
        Self { role, paths: paths.to_vec() }
    }

    /// Raises every wall at once, for a role without threads.
    pub fn enter(self) -> io::Result<Report> {
        self.begin()?.finish()
    }

    /// Raises the walls that threads inherit: no new privileges, and Landlock.
    ///
    /// A role with a pool starts its threads after this and before [`Begun::finish`], which forbids starting any.
    /// Kernels before Landlock ABI 8 cannot shut in threads that run already; then the report says so.
    pub fn begin(self) -> io::Result<Begun> {
        crate::process::no_new_privileges()?;
        let landlock = landlock::restrict(self.role, &self.paths)?;
        Ok(Begun { role: self.role, landlock })
    }
}

/// A process half shut in.
#[derive(Debug)]
#[must_use = "the system calls are not filtered yet"]
pub struct Begun {
    role: Role,
    landlock: Wall,
}

impl Begun {
    /// Raises the last wall, seccomp, for all threads at once.
    pub fn finish(self) -> io::Result<Report> {
        let seccomp = seccomp::restrict(self.role)?;
        Ok(Report { role: self.role, landlock: self.landlock, seccomp })
    }
}

/// Tells a person what each role may do on this machine, from the policies themselves.
pub fn explain() -> String {
    let mut text = String::new();
    text += &format!("Landlock: {}\n", landlock::explain_kernel());
    text += &format!("seccomp:  {}\n", seccomp::explain_kernel());
    for role in Role::ALL {
        text += &format!("\n{role}\n  pathnames and network: {}\n", landlock::explain(role));
        text += &match policy::Policy::of(role) {
            Ok(policy) => policy.explain(),
            Err(error) => format!("  the policy cannot be read: {error}\n"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_wall_is_shouted_and_makes_the_report_incomplete() {
        let report = Report {
            role: Role::Session,
            landlock: Wall::Missing("this kernel has no Landlock".into()),
            seccomp: Wall::Full,
        };
        assert!(!report.is_complete());
        assert!(report.to_string().contains("Landlock: NOT enforced"));
        assert!(Report { landlock: Wall::NotWanted("PAM"), ..report }.is_complete());
    }

    #[test]
    fn the_explanation_names_every_role_and_its_reasons() {
        let text = explain();
        for role in Role::ALL {
            assert!(text.contains(&format!("\n{role}\n")), "{role}");
        }
        assert!(text.contains("execve") && text.contains("no role starts programs"));
    }
}
