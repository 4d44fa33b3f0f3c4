//! Landlock: which files, ports, processes and abstract sockets a role can reach at all.
//!
//! The kernel checks it with its own knowledge of pathnames, so it holds against races and links, and for whatever
//! a program opens by whatever call. Everything this library knows is forbidden; then a broker gets its directories.
#![allow(unsafe_code, reason = "asking for the interface's version has no safe wrapper")]

use std::io;
use std::os::fd::BorrowedFd;

use landlock::{
    ABI, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath,
    RestrictSelfAttr, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, make_bitflags,
};

use super::{Access, Role, Wall};

/// The newest interface whose rights are known to the library; older kernels enforce what they can.
const NEWEST: ABI = ABI::V10;

const NOT_FOR_AUTH: &str = "PAM modules open whatever they need";

/// Shuts this process in, or tells what the kernel cannot do.
pub(super) fn restrict(role: Role, paths: &[(BorrowedFd<'_>, Access)]) -> io::Result<Wall> {
    if role == Role::Auth {
        return Ok(Wall::NotWanted(NOT_FOR_AUTH));
    }
    let is_alone = crate::process::is_single_threaded();
    let status = apply(role, paths, is_alone != Some(true))
        .map_err(|error| io::Error::other(format!("Landlock refused the rules of the {role}: {error}")))?;
    Ok(wall(role, &status, is_alone))
}

fn apply(
    role: Role,
    paths: &[(BorrowedFd<'_>, Access)],
    has_threads: bool,
) -> Result<RestrictionStatus, RulesetError> {
    use landlock::Access as _;

    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?;
    if forbids_network(role) {
        rules = rules.handle_access(AccessNet::from_all(NEWEST))?;
    }
    let mut rules = rules.create()?;
    for (directory, access) in paths {
        rules = rules.add_rule(PathBeneath::new(directory, rights(*access)))?;
    }
    if has_threads {
        rules = rules.all_threads(true)?;
    }
    rules.restrict_self()
}

fn forbids_network(role: Role) -> bool {
    matches!(role, Role::Session | Role::Broker | Role::Keyholder | Role::Acme)
}

/// What may be done beneath a directory. Programs, devices, sockets and FIFOs can be made by nobody.
fn rights(access: Access) -> BitFlags<AccessFs> {
    match access {
        Access::Read => make_bitflags!(AccessFs::{ReadFile | ReadDir}),
        Access::ReadWrite => make_bitflags!(AccessFs::{
            ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSym
                | RemoveFile | RemoveDir | Refer
        }),
        Access::UploadOnly => make_bitflags!(AccessFs::{
            ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile
        }),
    }
}

fn wall(role: Role, status: &RestrictionStatus, is_alone: Option<bool>) -> Wall {
    let abi = match status.landlock {
        LandlockStatus::NotEnabled => {
            return Wall::Missing(
                "this kernel has Landlock, but it is not enabled at boot (lsm=landlock,…)".into(),
            );
        }
        LandlockStatus::NotImplemented => return Wall::Missing("this kernel has no Landlock".into()),
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
    };
    if status.ruleset == RulesetStatus::NotEnforced {
        return Wall::Missing("this kernel took the rules but does not enforce them".into());
    }
    let mut lacking = missing(role, abi);
    match is_alone {
        Some(true) => {}
        _ if status.all_threads => {}
        Some(false) => lacking.push("shutting in threads that ran before"),
        None => lacking.push("shutting in threads that may have run before"),
    }
    if lacking.is_empty() {
        Wall::Full
    } else {
        Wall::Partial(format!("not on this kernel: {}", lacking.join(", ")))
    }
}

/// What the role should have and this interface lacks.
///
/// Newer refinements count for nothing here when another wall covers them: no role that is shut in can make the
/// sockets that ABI 9 and 10 speak of.
fn missing(role: Role, abi: ABI) -> Vec<&'static str> {
    let mut lacking = Vec::new();
    if abi < ABI::V3 {
        lacking.push("truncating files");
    }
    if abi < ABI::V4 && forbids_network(role) {
        lacking.push("binding and connecting TCP");
    }
    if abi < ABI::V5 {
        lacking.push("device ioctls");
    }
    if abi < ABI::V6 {
        lacking.push("signals and abstract sockets");
    }
    lacking
}

/// Tells what this kernel can do.
pub(super) fn explain_kernel() -> String {
    /// `LANDLOCK_CREATE_RULESET_VERSION`.
    const ASK_VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the call takes no attributes (null, 0), makes nothing, and answers with a number.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            ASK_VERSION,
        )
    };
    if version > 0 {
        format!("available, interface {version}")
    } else {
        "not available on this kernel".into()
    }
}

/// Describes a role's rules for a person.
pub(super) fn explain(role: Role) -> String {
    match role {
        Role::Auth => format!("unrestricted ({NOT_FOR_AUTH})"),
        Role::Broker => {
            "its directories only, with the rights of its logins; no TCP; no signals to others".into()
        }
        Role::Listener | Role::Mapper => "no file at all; no signals to others".into(),
        Role::Session | Role::Keyholder | Role::Acme => {
            "no file at all; no TCP of its own; no signals to others".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_kernel_is_reported_with_what_it_lacks() {
        assert!(missing(Role::Session, ABI::V6).is_empty());
        assert_eq!(missing(Role::Session, ABI::V5), ["signals and abstract sockets"]);
        assert!(missing(Role::Session, ABI::V3).contains(&"binding and connecting TCP"));
        assert!(!missing(Role::Listener, ABI::V3).contains(&"binding and connecting TCP"));
    }

    #[test]
    fn nobody_may_run_programs_or_make_devices() {
        let never =
            make_bitflags!(AccessFs::{Execute | MakeChar | MakeBlock | MakeSock | MakeFifo | IoctlDev});
        for access in [Access::Read, Access::ReadWrite, Access::UploadOnly] {
            assert!((rights(access) & never).is_empty(), "{access:?}");
        }
        assert!(!rights(Access::UploadOnly).contains(AccessFs::ReadFile));
        assert!(!rights(Access::Read).contains(AccessFs::WriteFile));
    }
}
