//! Turns a policy into filters and puts them in force for every thread of the process.
//!
//! Two filters, because each knows two answers only: one that ends the process for the calls of `[kill]`, and one that
//! refuses with `EPERM` what `[allow]` does not list. The kernel takes the sterner answer.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads, sock_filter,
};

use super::Wall;
use super::policy::{Line, Machine, Policy, Role, Test};
use crate::context::invalid_data;

/// Filters this process, or tells why the kernel cannot.
pub(super) fn restrict(role: Role) -> io::Result<Wall> {
    let Some(machine) = Machine::here() else {
        return Ok(Wall::Missing(format!(
            "the system calls of {} machines are not known to this build",
            std::env::consts::ARCH
        )));
    };
    for program in programs(role, machine).map_err(invalid_data)? {
        match apply_filter_all_threads(&program) {
            Ok(()) => {}
            Err(Error::Seccomp(error)) if is_absence(&error) => {
                return Ok(Wall::Missing(format!("this kernel does not filter system calls: {error}")));
            }
            Err(Error::Seccomp(error) | Error::Prctl(error)) => return Err(error),
            Err(error) => return Err(io::Error::other(error.to_string())),
        }
    }
    Ok(Wall::Full)
}

/// Tells what this kernel can do.
pub(super) fn explain_kernel() -> String {
    let actions = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    if Machine::here().is_none() {
        format!("not available (the calls of {} machines are not known)", std::env::consts::ARCH)
    } else if actions.contains("kill_process") && actions.contains("errno") {
        "available".into()
    } else {
        "not known to be available on this kernel".into()
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL))
}

/// The filters of a role, in the order they must be installed in.
fn programs(role: Role, machine: Machine) -> Result<Vec<BpfProgram>, String> {
    let policy = Policy::of(role)?;
    // The one that kills comes first: the other would not let a second filter in.
    let kill =
        compile(&policy.kill, machine, SeccompAction::Allow, SeccompAction::KillProcess).map(|program| {
            let mut guarded = foreign_calls_kill(machine);
            guarded.extend(program);
            guarded
        })?;
    if policy.allow.is_empty() {
        return Ok(vec![kill]);
    }
    let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    Ok(vec![kill, compile(&policy.allow, machine, refuse, SeccompAction::Allow)?])
}

fn compile(
    lines: &[Line],
    machine: Machine,
    otherwise: SeccompAction,
    when_listed: SeccompAction,
) -> Result<BpfProgram, String> {
    let mut rules = BTreeMap::new();
    for line in lines {
        let number = super::table::find(line.call).and_then(|numbers| numbers.on(machine));
        // A call that this machine never had.
        let Some(number) = number else { continue };
        rules.insert(number, alternatives(&line.tests).map_err(|error| error.to_string())?);
    }
    let machine = match machine {
        Machine::X86_64 => TargetArch::x86_64,
        Machine::Aarch64 => TargetArch::aarch64,
    };
    SeccompFilter::new(rules, otherwise, when_listed, machine)
        .and_then(BpfProgram::try_from)
        .map_err(|error| error.to_string())
}

/// Writes "one of these values" as several rules, of which one must hold.
fn alternatives(tests: &[Test]) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let mut rules: Vec<Vec<SeccompCondition>> = vec![Vec::new()];
    for test in tests {
        let mut longer = Vec::new();
        for rule in &rules {
            for value in &test.values {
                let operator = test.mask.map_or(SeccompCmpOp::Eq, SeccompCmpOp::MaskedEq);
                // Every argument we test is an int or a set of flags below bit 32; the kernel ignores the rest.
                let condition =
                    SeccompCondition::new(test.argument, SeccompCmpArgLen::Dword, operator, *value)?;
                let mut rule = rule.clone();
                rule.push(condition);
                longer.push(rule);
            }
        }
        rules = longer;
    }
    // No rule at all means "whatever the arguments are".
    rules.into_iter().filter(|rule| !rule.is_empty()).map(SeccompRule::new).collect()
}

/// Ends a process that calls through the x32 interface.
///
/// Its calls have the same numbers with one bit more, and some of their own, so a list of numbers does not catch them.
/// The 32-bit interface is recognised by its architecture, in seccompiler's own preamble.
fn foreign_calls_kill(machine: Machine) -> BpfProgram {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const FIRST_X32: u32 = 0x4000_0000;
    const NUMBER: u32 = 0;
    match machine {
        Machine::Aarch64 => Vec::new(),
        Machine::X86_64 => vec![
            sock_filter { code: LOAD_WORD, jt: 0, jf: 0, k: NUMBER },
            sock_filter { code: JUMP_IF_AT_LEAST, jt: 0, jf: 1, k: FIRST_X32 },
            sock_filter { code: RETURN, jt: 0, jf: 0, k: SeccompAction::KillProcess.into() },
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_compiles_for_every_machine() {
        for role in Role::ALL {
            for machine in [Machine::X86_64, Machine::Aarch64] {
                let programs = programs(role, machine).unwrap();
                assert_eq!(programs.len(), if role == Role::Auth { 1 } else { 2 }, "{role} {machine:?}");
                assert!(programs.iter().all(|program| !program.is_empty() && program.len() < 4096));
            }
        }
    }

    #[test]
    fn a_list_of_values_becomes_one_rule_each_and_no_test_none() {
        assert!(alternatives(&[]).unwrap().is_empty());
        let two = Test { argument: 0, mask: None, values: vec![1, 2] };
        let three = Test { argument: 1, mask: Some(7), values: vec![1, 2, 3] };
        assert_eq!(alternatives(&[two, three]).unwrap().len(), 6);
    }
}
