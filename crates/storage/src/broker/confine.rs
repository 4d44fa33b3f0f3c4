//! The walls of the broker: the one place that knows how the sandbox is asked for.

use std::io;
use std::os::fd::BorrowedFd;

use wharf_ipc::broker::Rules;
use wharf_os::sandbox::{Access, Role, Sandbox};

/// Shuts this process in for good: its root, read-only where the rules write nothing, and its own system calls.
///
/// # Errors
/// The kernel has a wall and refuses to put it up. A wall that the kernel lacks is reported to the log only.
pub(super) fn confine(root: BorrowedFd<'_>, rules: &Rules) -> io::Result<()> {
    let report = Sandbox::for_role(Role::Broker, &[(root, access(rules))]).enter()?;
    if !report.is_complete() {
        wharf_os::say!("wharfd: broker: {report}");
    }
    Ok(())
}

/// What the kernel should let this identity do at most.
///
/// The message file, the password file, and changing the mode of a file need reading.
fn access(rules: &Rules) -> Access {
    let writes = rules.may_create
        || rules.may_overwrite
        || rules.may_append
        || rules.may_make_directory
        || rules.may_remove;
    let reads = rules.may_read || rules.may_set_mode || rules.message_file.is_some() || rules.name_homes;
    match (writes, reads) {
        (false, _) => Access::Read,
        (true, true) => Access::ReadWrite,
        (true, false) => Access::UploadOnly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_only_read_gets_a_wall_that_lets_nothing_be_written() {
        assert_eq!(access(&Rules { may_read: true, may_list: true, ..Rules::default() }), Access::Read);
        assert_eq!(access(&Rules { may_create: true, ..Rules::default() }), Access::UploadOnly);
        assert_eq!(
            access(&Rules { may_create: true, may_read: true, ..Rules::default() }),
            Access::ReadWrite
        );
    }
}
