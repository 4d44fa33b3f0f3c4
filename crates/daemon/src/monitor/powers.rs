//! What the monitor keeps of root's power, for itself and for every process it starts.

use std::io;

use wharf_os::identity::{Capability, is_root, keep_capabilities};

/// Each with the one who needs it. Everything else (modules, raw devices, tracing, the network's settings, mounts …)
/// is gone before the first client comes, also for a program that a PAM module starts.
const KEPT: [Capability; 13] = [
    // The roles, to become their user for good.
    Capability::SetUid,
    Capability::SetGid,
    Capability::SetPcap,
    Capability::SysChroot,
    // The listener, for port 21, and for port 20 of active data connections.
    Capability::NetBindService,
    // The monitor, for `chown_uploads`, and to end children of other users.
    Capability::Chown,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    // All, for one descriptor per login.
    Capability::SysResource,
    // PAM's modules: the shadow file, their own records, the audit trail.
    Capability::DacOverride,
    Capability::DacReadSearch,
    Capability::AuditWrite,
];

/// Gives the rest up, for good.
pub(super) fn give_up_the_rest() -> io::Result<()> {
    if is_root() { keep_capabilities(&KEPT) } else { Ok(()) }
}
