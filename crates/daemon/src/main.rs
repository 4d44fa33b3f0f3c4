//! `wharfd`: one executable, many roles. Started by a person it is the monitor; started by itself it is whatever
//! role the monitor named.
#![forbid(unsafe_code)]

mod cli;
mod shadow;
mod user;

use std::process::ExitCode;

use wharf_daemon::monitor::resolver;
use wharf_os::spawn::Inherited;

fn main() -> ExitCode {
    wharf_os::voice::prepare();
    match Inherited::from_arguments(std::env::args_os().skip(1)) {
        Ok(Some(inherited)) => role(inherited),
        Ok(None) => cli::run(std::env::args_os().skip(1)),
        Err(error) => {
            wharf_os::say!("wharfd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn role(mut inherited: Inherited) -> ExitCode {
    let role = inherited.role().to_owned();
    if let Err(error) = wharf_os::signals::leave_ending_to_parent() {
        wharf_os::say!("wharfd: {role}: {error}");
        return ExitCode::FAILURE;
    }
    match role.as_str() {
        "session" => return wharf_session::run(&mut inherited),
        "resolver" => return resolver::run(&mut inherited),
        "keymaker" => return wharf_keyholder::own::run(&mut inherited),
        _ => {}
    }
    let monitor = match inherited.require("monitor") {
        Ok(monitor) => monitor,
        Err(error) => {
            wharf_os::say!("wharfd: {role}: {error}");
            return ExitCode::FAILURE;
        }
    };
    match role.as_str() {
        "listener" => wharf_daemon::listener::run(monitor),
        "mapper" => wharf_daemon::mapper::run(monitor),
        "keyholder" => wharf_keyholder::run(monitor),
        "acme" => wharf_acme::run(monitor),
        "verifier" => wharf_auth::verifier::run(monitor),
        "broker" => wharf_storage::broker::run(monitor),
        "auth" => wharf_auth::run(monitor),
        unknown => {
            wharf_os::say!("wharfd: there is no role '{unknown}'");
            ExitCode::FAILURE
        }
    }
}
