//! Rules about logs.

use super::{Rule, is_changed, line};
use crate::Config;
use crate::problem::Problem;

pub(super) const RULES: &[Rule] = &[
    nothing_is_logged,
    a_log_has_no_file,
    the_standard_log_is_unused,
    the_detailed_log_is_unused,
    the_protocol_is_not_logged,
];

/// Which logs are written, as vsftpd decides it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sinks {
    /// The detailed form goes to vsftpd_log_file.
    pub(crate) detailed: bool,
    /// The standard form goes to xferlog_file.
    pub(crate) standard: bool,
    /// The detailed form goes to syslog.
    pub(crate) syslog: bool,
}

/// Decides which logs are written.
pub(crate) fn sinks(config: &Config) -> Sinks {
    let log = &config.log;
    let standard = log.dual_log_enable || (log.xferlog_enable && log.xferlog_std_format);
    let detailed = log.dual_log_enable || (log.xferlog_enable && !log.xferlog_std_format);
    Sinks { detailed: detailed && !log.syslog_enable, standard, syslog: log.syslog_enable }
}

fn nothing_is_logged(config: &Config) -> Option<Problem> {
    let nothing = Sinks { detailed: false, standard: false, syslog: false };
    (sinks(config) == nothing).then(|| {
        Problem::note("no logins or transfers are logged")
            .suggest("set xferlog_enable=YES or syslog_enable=YES")
    })
}

fn a_log_has_no_file(config: &Config) -> Option<Problem> {
    let (sinks, log) = (sinks(config), &config.log);
    let name = if sinks.detailed && log.vsftpd_log_file.is_none() {
        "vsftpd_log_file"
    } else if sinks.standard && log.xferlog_file.is_none() {
        "xferlog_file"
    } else {
        return None;
    };
    let problem = Problem::warning(format!("a log is asked for, but {name} names no file"));
    Some(problem.quote(line(config, name)).suggest(format!("set {name} to a path, or remove the line")))
}

fn the_standard_log_is_unused(config: &Config) -> Option<Problem> {
    let unused = is_changed(config, "xferlog_file") && !sinks(config).standard;
    unused.then(|| {
        Problem::warning("xferlog_file has no effect: only the standard form is written there")
            .quote(line(config, "xferlog_file"))
            .suggest("set vsftpd_log_file for the path of the detailed form, or xferlog_std_format=YES")
    })
}

fn the_detailed_log_is_unused(config: &Config) -> Option<Problem> {
    let unused = is_changed(config, "vsftpd_log_file") && !sinks(config).detailed;
    unused.then(|| {
        Problem::note("vsftpd_log_file has no effect: the detailed form is not written to a file")
            .quote(line(config, "vsftpd_log_file"))
            .suggest("set xferlog_enable=YES without xferlog_std_format, or dual_log_enable=YES")
    })
}

fn the_protocol_is_not_logged(config: &Config) -> Option<Problem> {
    let sinks = sinks(config);
    (config.log.log_ftp_protocol && !sinks.detailed && !sinks.syslog).then(|| {
        Problem::warning("log_ftp_protocol has no effect: the detailed form is not written")
            .quote(line(config, "log_ftp_protocol"))
            .suggest("set dual_log_enable=YES or syslog_enable=YES")
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{notes, warnings};
    use super::*;
    use crate::parse;

    fn sinks_of(text: &str) -> (bool, bool, bool) {
        let config = parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        let Sinks { detailed, standard, syslog } = sinks(&config);
        (detailed, standard, syslog)
    }

    #[test]
    fn the_logs_are_chosen_as_vsftpd_chooses_them() {
        for (text, detailed, standard, syslog) in [
            ("", false, false, false),
            ("xferlog_std_format=YES", false, false, false),
            ("xferlog_enable=YES", true, false, false),
            ("xferlog_enable=YES\nxferlog_std_format=YES", false, true, false),
            ("dual_log_enable=YES", true, true, false),
            ("syslog_enable=YES", false, false, true),
            ("xferlog_enable=YES\nsyslog_enable=YES", false, false, true),
            ("xferlog_enable=YES\nxferlog_std_format=YES\nsyslog_enable=YES", false, true, true),
            ("dual_log_enable=YES\nsyslog_enable=YES", false, true, true),
        ] {
            assert_eq!(sinks_of(text), (detailed, standard, syslog), "{text}");
        }
    }

    #[test]
    fn the_usual_mistake_with_xferlog_file_is_told() {
        let found = warnings("xferlog_enable=YES\nxferlog_file=/var/log/vsftpd.log");
        assert!(found[0].starts_with("xferlog_file has no effect"), "{found:?}");
    }

    #[test]
    fn a_silent_server_is_told() {
        assert!(notes("").iter().any(|note| note == "no logins or transfers are logged"));
        assert!(warnings("log_ftp_protocol=YES")[0].starts_with("log_ftp_protocol"));
        assert!(warnings("xferlog_enable=YES\nvsftpd_log_file=")[0].contains("names no file"));
    }
}
