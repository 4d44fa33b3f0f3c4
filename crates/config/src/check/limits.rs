//! Rules about how many, how fast and how long.

use super::{Rule, line};
use crate::Config;
use crate::problem::Problem;

pub(super) const RULES: &[Rule] = &[
    one_address_may_take_all_places,
    a_rate_was_meant_in_kilobytes,
    no_failure_is_one_failure,
    sessions_may_sleep_for_ever,
    a_login_takes_longer_than_the_session,
];

/// Rates below this many octets per second are slower than a modem, so another unit was meant.
const MODEM: u64 = 4096;

fn one_address_may_take_all_places(config: &Config) -> Option<Problem> {
    let (all, each) = (config.limits.max_clients, config.limits.max_per_ip);
    let reached = all != 0 && (each == 0 || each >= all);
    reached.then(|| {
        Problem::note("one address alone can take all places of max_clients")
            .quote(line(config, "max_per_ip"))
            .suggest(format!("set max_per_ip well below {all}"))
    })
}

fn a_rate_was_meant_in_kilobytes(config: &Config) -> Option<Problem> {
    let rates =
        [("local_max_rate", config.limits.local_max_rate), ("anon_max_rate", config.limits.anon_max_rate)];
    let (name, rate) = rates.into_iter().find(|(_, rate)| (1..MODEM).contains(rate))?;
    let problem = Problem::warning(format!("{name} is {rate} octets per second, slower than a modem"))
        .quote(line(config, name));
    Some(problem.suggest(format!("write {name}={} if {rate} kilobytes are meant", rate * 1024)))
}

fn no_failure_is_one_failure(config: &Config) -> Option<Problem> {
    (config.limits.max_login_fails == 0).then(|| {
        Problem::note("max_login_fails=0 means 1, not any number: the first failure ends the connection")
            .quote(line(config, "max_login_fails"))
            .suggest("write max_login_fails=1, or a larger number")
    })
}

fn sessions_may_sleep_for_ever(config: &Config) -> Option<Problem> {
    (config.limits.idle_session_timeout == 0 && config.limits.max_clients != 0).then(|| {
        Problem::warning(
            "idle sessions never end, also before the login, and each takes a place of max_clients",
        )
        .quote(line(config, "idle_session_timeout"))
        .suggest("set idle_session_timeout=300")
    })
}

fn a_login_takes_longer_than_the_session(config: &Config) -> Option<Problem> {
    let (idle, limits) = (config.limits.idle_session_timeout, &config.limits);
    let slowest = limits.delay_failed_login.max(limits.delay_successful_login);
    (idle != 0 && slowest >= idle).then(|| {
        Problem::warning(format!("a login waits {slowest} s, and a session that waits {idle} s is ended"))
            .quote(line(config, "idle_session_timeout"))
            .suggest("set idle_session_timeout well above the delays of logins")
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{notes, warnings};

    #[test]
    fn one_address_that_may_take_everything_is_told() {
        let told = |text: &str| notes(text).iter().any(|note| note.starts_with("one address alone"));
        assert!(told("max_per_ip=0") && told("max_clients=10\nmax_per_ip=10"));
        assert!(!told("") && !told("max_clients=0\nmax_per_ip=0"));
    }

    #[test]
    fn a_rate_in_the_wrong_unit_is_told() {
        assert!(warnings("local_max_rate=500")[0].contains("slower than a modem"));
        assert!(warnings("local_max_rate=500000\nanon_max_rate=0").is_empty());
    }

    #[test]
    fn limits_that_turn_round_are_told() {
        assert!(notes("max_login_fails=0").iter().any(|note| note.contains("means 1")));
        assert!(warnings("idle_session_timeout=0")[0].contains("never end"));
        assert!(warnings("idle_session_timeout=5\ndelay_failed_login=10")[0].contains("waits 10 s"));
    }
}
