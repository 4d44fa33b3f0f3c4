//! What the listener gives up: before it listens, and for good once it does.
//!
//! Binding port 21 comes first, because it may need root; binding port 20 for each active data connection is the one
//! right that stays.

use std::io;

use wharf_config::Config;
use wharf_os::identity::{self, Capability};
use wharf_os::process;
use wharf_os::sandbox::{Role, Sandbox};

/// Takes on the habits of every role of ours.
pub(super) fn begin() -> io::Result<()> {
    process::die_with_parent()?;
    process::no_core()?;
    process::not_dumpable()?;
    // Fewer descriptors mean fewer clients, not a listener that cannot start.
    if let Err(error) = process::raise_descriptor_limit() {
        super::say(&format!("cannot raise the limit of open files: {error}"));
    }
    Ok(())
}

/// Becomes nobody, in a root without files, shut in by the kernel.
///
/// An error means that something could not be given up: the process must end. A wall that this kernel lacks is told.
pub(super) fn finish(config: &Config) -> io::Result<()> {
    if identity::is_root() {
        leave_root(config)?;
    }
    // A change of user makes the kernel forget both.
    process::die_with_parent()?;
    process::not_dumpable()?;
    let report = Sandbox::for_role(Role::Listener, &[]).enter()?;
    if !report.is_complete() {
        super::say(&report.to_string());
    }
    Ok(())
}

fn leave_root(config: &Config) -> io::Result<()> {
    let account = if config.process.run_as_launching_user { None } else { Some(nobody(config)?) };
    process::enter_root(process::vanished_directory()?)?;
    let keep = [Capability::NetBindService];
    match account {
        Some((uid, gid)) => identity::become_user_keeping(uid, gid, &[], &keep),
        None => identity::keep_capabilities(&keep),
    }
}

fn nobody(config: &Config) -> io::Result<(u32, u32)> {
    let name = config.process.nopriv_user.as_deref().map_or(&b""[..], |name| name.as_ref());
    let account = identity::lookup(name)?.ok_or_else(|| {
        let name = String::from_utf8_lossy(name);
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no user '{name}': create it, or name another with nopriv_user"),
        )
    })?;
    Ok((account.uid, account.gid))
}
