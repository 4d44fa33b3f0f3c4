//! One site, played on one stage: both servers, one after the other, on the same files.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use wharf_shadow::{Recording, Script, run};

use crate::contender::{Contender, Running};
use crate::judge::{self, Outcome};
use crate::logs;
use crate::restore::restore;
use crate::rows::{Also, Login, Row, Site};
use crate::snapshot::snapshot;
use crate::stage::Stage;
use crate::surroundings;

/// The longest wait for one answer. Rows about time limits set limits well below it.
const PATIENCE: Duration = Duration::from_secs(15);

/// What one server did in one row.
pub(crate) struct Played {
    pub(crate) dialogue: Recording,
    /// Lines of log and tree, each with the word that says what it is.
    pub(crate) also: Vec<Vec<u8>>,
}

/// Plays the rows of a site against both servers and judges each.
///
/// # Errors
/// When the suite itself cannot go on; a server that does not start is a difference.
pub(crate) fn play(site: &Site, stage: &Stage, contenders: &[Contender; 2]) -> Result<Vec<Outcome>, String> {
    let scripts = site.rows.iter().map(|row| script(site, row, stage)).collect::<Result<Vec<_>, _>>()?;
    let [old, new] = contenders;
    let old = serve(site, &scripts, stage, old)?;
    let new = serve(site, &scripts, stage, new)?;
    let rows = site.rows.iter().enumerate();
    Ok(rows.map(|(index, row)| judge::row(row, stage, of(&old, index), of(&new, index))).collect())
}

/// All rows of one server, or why it did not start.
type Served = Result<Vec<Played>, String>;

fn of(served: &Served, index: usize) -> Result<&Played, &str> {
    match served {
        Ok(rows) => rows.get(index).ok_or("the row was not played"),
        Err(why) => Err(why),
    }
}

fn script(site: &Site, row: &Row, stage: &Stage) -> Result<Script, String> {
    let login = if row.logs_in { site.login } else { Login::Nobody };
    let text = [login.lines().as_bytes(), &row.dialogue].concat();
    Script::parse(&text, &stage.variables(), Path::new("/nonexistent")).map_err(|problems| {
        let told = problems.iter().map(|one| format!("line {} of the dialogue: {}", one.line, one.text));
        format!("{} / {}: {}", site.name, row.name, told.collect::<Vec<_>>().join("; "))
    })
}

fn serve(site: &Site, scripts: &[Script], stage: &Stage, contender: &Contender) -> Result<Served, String> {
    let trouble = |error: std::io::Error| format!("{}: {error}", site.name);
    let tree = site.tree.expanded(stage);
    restore(&tree, stage).map_err(trouble)?;
    let server = match Running::start(contender, site, stage).map_err(trouble)? {
        Ok(server) => server,
        Err(why) => return Ok(Err(why)),
    };
    let ip: IpAddr =
        if surroundings::is_ipv6(site) { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    let to = SocketAddr::new(ip, server.port);
    let mut played = Vec::new();
    for (row, script) in site.rows.iter().zip(scripts) {
        restore(&tree, stage).map_err(trouble)?;
        let before = logs::lengths(&server.place);
        logs::forgotten(&stage.system_log);
        let dialogue = run(script, to, PATIENCE).map_err(|error| format!("{}: {error}", row.name))?;
        server.wait_until_idle();
        let mut also = Vec::new();
        for what in &row.compare {
            match what {
                Also::Log => also.extend(logs::written(&server.place, logs::VSFTPD, before)),
                Also::Xferlog => also.extend(logs::written(&server.place, logs::XFERLOG, before)),
                Also::Syslog => also.extend(logs::told(&stage.system_log)),
                Also::Tree => also.extend(snapshot(stage).map_err(trouble)?),
            }
        }
        played.push(Played { dialogue, also });
    }
    Ok(Ok(played))
}
