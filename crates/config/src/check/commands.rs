//! Rules about `cmds_allowed` and `cmds_denied`.

use bstr::BString;

use super::{Rule, line};
use crate::Config;
use crate::problem::Problem;

pub(super) const RULES: &[Rule] = &[
    a_command_does_not_exist,
    transfers_have_no_data_connection,
    clients_are_lost_without_these,
    the_same_thing_has_another_name,
];

/// Every command that a server of this kind knows.
const KNOWN: &str = "ABOR ACCT ALLO APPE AUTH CDUP CLNT CWD DELE EPRT EPSV FEAT HELP HOST LANG LIST MDTM MFMT MKD \
    MLSD MLST MODE NLST NOOP OPTS P@SW PASS PASV PBSZ PORT PROT PWD QUIT REIN REST RETR RMD RNFR RNTO SITE SIZE SMNT \
    STAT STOR STOU STRU SYST TYPE USER XCUP XCWD XMKD XPWD XRMD";

/// Commands that use a data connection.
const TRANSFERS: [&str; 7] = ["RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD"];

/// Commands that open one.
const OPENERS: [&str; 4] = ["PASV", "EPSV", "PORT", "EPRT"];

/// What nearly every client sends whatever its user does.
const NEEDED: [&str; 4] = ["QUIT", "PWD", "TYPE", "CWD"];

/// Commands that vsftpd does not know, beside the one that does the same thing there.
// The aliases XMKD, XRMD and so on are refused together with their proper names.
const YOUNGER: [(&str, &str); 2] = [("LIST", "MLSD"), ("MDTM", "MFMT")];

fn has(list: Option<&[BString]>, name: &str) -> bool {
    list.unwrap_or_default().iter().any(|listed| listed == name)
}

fn a_command_does_not_exist(config: &Config) -> Option<Problem> {
    let commands = &config.commands;
    let lists = [("cmds_allowed", &commands.cmds_allowed), ("cmds_denied", &commands.cmds_denied)];
    let (option, name) = lists.into_iter().find_map(|(option, list)| {
        let unknown = |name: &&BString| !KNOWN.split_whitespace().any(|known| **name == known);
        list.iter().flatten().find(unknown).map(|name| (option, name))
    })?;
    let problem = Problem::warning(format!("{option} names a command that does not exist: {}", shown(name)));
    let help = if name.starts_with(b"SITE") {
        "SITE is refused or admitted as a whole; for SITE CHMOD alone set chmod_enable=NO"
    } else {
        "write the names of FTP commands, separated by commas alone, for instance STOR,DELE,RNFR"
    };
    Some(problem.quote(line(config, option)).suggest(help))
}

fn shown(name: &[u8]) -> String {
    crate::problem::printable(name)
}

fn transfers_have_no_data_connection(config: &Config) -> Option<Problem> {
    let allowed = Some(config.commands.cmds_allowed.as_deref()?);
    let transfer = TRANSFERS.into_iter().find(|name| has(allowed, name))?;
    let opened = OPENERS.iter().any(|name| has(allowed, name));
    (!opened).then(|| {
        Problem::warning(format!("{transfer} is allowed but no command that opens its data connection"))
            .quote(line(config, "cmds_allowed"))
            .suggest("add PASV,EPSV to cmds_allowed")
    })
}

fn clients_are_lost_without_these(config: &Config) -> Option<Problem> {
    let allowed = Some(config.commands.cmds_allowed.as_deref()?);
    let missing: Vec<&str> = NEEDED.into_iter().filter(|name| !has(allowed, name)).collect();
    (!missing.is_empty()).then(|| {
        let names = missing.join(",");
        Problem::note(format!("cmds_allowed refuses {names}, which most clients send"))
            .quote(line(config, "cmds_allowed"))
            .suggest(format!("add {names} unless every client is known to do without"))
    })
}

fn the_same_thing_has_another_name(config: &Config) -> Option<Problem> {
    let denied = Some(config.commands.cmds_denied.as_deref()?);
    let allowed = config.commands.cmds_allowed.as_deref();
    let open = |name: &str| !has(denied, name) && (allowed.is_none() || has(allowed, name));
    let (old, young) = YOUNGER.into_iter().find(|(old, young)| has(denied, old) && open(young))?;
    let problem = Problem::warning(format!(
        "{old} is refused, and {young}, which vsftpd does not know, still does the same"
    ));
    Some(problem.quote(line(config, "cmds_denied")).suggest(format!("add {young} to cmds_denied")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{notes, warnings};

    #[test]
    fn a_command_that_does_not_exist_is_told() {
        assert!(warnings("cmds_denied=DELETE")[0].ends_with("does not exist: DELETE"));
        assert!(warnings("cmds_denied=STOR DELE")[0].ends_with("does not exist: STOR DELE"));
        assert!(warnings("cmds_denied=SITE CHMOD")[0].contains("SITE CHMOD"));
        assert!(warnings("cmds_denied=DELE,RMD,SITE").is_empty());
    }

    #[test]
    fn a_list_that_forgets_what_clients_need_is_told() {
        assert!(warnings("cmds_allowed=RETR,LIST,QUIT")[0].contains("opens its data connection"));
        let text = "cmds_allowed=RETR,LIST,PASV,QUIT";
        assert!(warnings(text).is_empty());
        assert!(
            notes(text).contains(&"cmds_allowed refuses PWD,TYPE,CWD, which most clients send".to_owned())
        );
    }

    #[test]
    fn a_younger_command_for_the_same_thing_is_told() {
        assert!(warnings("cmds_denied=LIST,NLST")[0].contains("MLSD"));
        assert!(warnings("cmds_denied=LIST,NLST,MLSD").is_empty());
        assert!(warnings("cmds_denied=LIST\ncmds_allowed=PASV,RETR").is_empty(), "MLSD is not in the list");
    }
}
