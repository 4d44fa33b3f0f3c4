//! The command line: vsftpd's own form, and the verbs `share`, `check`, `explain` and `shadow`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bstr::BString;
use wharf_config::{Config, Severity, Source};
use wharf_daemon::monitor::{self, Share, Site};
use wharf_daemon::own;
use wharf_ipc::auth::SharedAccount;
use wharf_ipc::own::Own;
use wharf_proto::secret::Secret;

/// Tried in this order when no file is named.
const DEFAULT_FILES: [&str; 2] = ["/etc/wharfd.conf", "/etc/vsftpd.conf"];

const USAGE: &str = "\
usage: wharfd [FILE | -oNAME=VALUE | -v] ...        serve a site as vsftpd does
       wharfd share DIR [--port N] [--write]        share a folder, no root needed
                    [--user NAME --password-file F] [--no-tls]
       wharfd check [FILE | -oNAME=VALUE] ...       read a configuration, say what is wrong and what it does
       wharfd explain OPTION                        the manual text of one option
       wharfd user add|passwd|list|remove ...       users of a file beside PAM; 'wharfd user help' says more
       wharfd status [FILE | -oNAME=VALUE] ...      what the running server listens on, tells and has mapped
       wharfd doctor [FILE | -oNAME=VALUE] [--json] can clients reach this server, and if not, why not
       wharfd doctor --probe HOST[:PORT]            the same from outside; 'wharfd doctor --help' says more
       wharfd shadow --old HOST:PORT --new HOST:PORT SCRIPT
                                                    where two servers answer one dialogue differently
       wharfd --explain-sandbox                     what each process may do on this machine";

/// vsftpd's exit status for a command line or configuration that cannot be used.
const UNUSABLE: u8 = 2;

/// Runs what the arguments say.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let rest = arguments.get(1..).unwrap_or_default();
    match arguments.first().and_then(|first| first.to_str()) {
        Some("share") => share(rest),
        Some("check") => check(rest),
        Some("explain") => explain(rest),
        Some("user") => crate::user::run(rest),
        Some("shadow") => crate::shadow::run(rest),
        Some("status") => status(rest),
        Some("doctor") => doctor(rest),
        Some("--explain-sandbox") => {
            print!("{}", wharf_os::sandbox::explain());
            ExitCode::SUCCESS
        }
        Some("-h" | "--help" | "help") => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some("-v" | "--version") => {
            println!("wharfd: version {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => match sources(&arguments) {
            Ok(sources) => monitor::run(Site::Classic(sources)),
            Err(status) => status,
        },
    }
}

/// Files and settings from left to right; the default file when none is named, as vsftpd does.
fn sources(arguments: &[OsString]) -> Result<Vec<Source>, ExitCode> {
    let mut sources = Vec::new();
    let mut named = false;
    for argument in arguments {
        let octets = argument.as_bytes();
        if let Some(setting) = octets.strip_prefix(b"-o") {
            sources.push(Source::Setting(BString::from(setting)));
        } else if octets.starts_with(b"-v") {
            println!("wharfd: version {}", env!("CARGO_PKG_VERSION"));
            return Err(ExitCode::SUCCESS);
        } else if octets.starts_with(b"-") {
            eprintln!("500 OOPS: unrecognise option: {}\n{USAGE}", argument.display());
            return Err(ExitCode::from(UNUSABLE));
        } else {
            named = true;
            sources.push(Source::File(PathBuf::from(argument)));
        }
    }
    if !named {
        sources.extend(
            DEFAULT_FILES
                .iter()
                .map(Path::new)
                .find(|path| path.exists())
                .map(|path| Source::File(path.into())),
        );
    }
    Ok(sources)
}

fn check(arguments: &[OsString]) -> ExitCode {
    let sources = match sources(arguments) {
        Ok(sources) => sources,
        Err(status) => return status,
    };
    match wharf_config::load(&sources) {
        Err(problems) => {
            problems.iter().for_each(|problem| println!("{problem}"));
            ExitCode::from(UNUSABLE)
        }
        Ok(loaded) => {
            let mut problems = loaded.check();
            problems.extend(loaded.check_site());
            problems.extend(monitor::verifier::check(&loaded.config));
            problems.splice(0..0, loaded.problems);
            problems.iter().for_each(|problem| println!("{problem}"));
            println!("{}", wharf_config::describe(&loaded.config));
            let bad = problems.iter().any(|problem| problem.severity == Severity::Error);
            if bad { ExitCode::from(UNUSABLE) } else { ExitCode::SUCCESS }
        }
    }
}

/// The exit status of a service that does not run (LSB).
const NOT_RUNNING: u8 = 3;

fn status(arguments: &[OsString]) -> ExitCode {
    let sources = match sources(arguments) {
        Ok(sources) => sources,
        Err(status) => return status,
    };
    // A configuration that cannot be read is no reason not to look at the usual place.
    let named = wharf_config::load(&sources).ok().and_then(|loaded| monitor::status::path(&loaded.config));
    let path = named.unwrap_or_else(|| monitor::status::USUAL.into());
    match monitor::status::show(&path) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("wharfd status: {text}");
            ExitCode::from(NOT_RUNNING)
        }
    }
}

fn doctor(arguments: &[OsString]) -> ExitCode {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{}", wharf_daemon::doctor::USAGE);
        return ExitCode::SUCCESS;
    }
    wharf_daemon::doctor::run(arguments, |named| {
        let sources = sources(named).map_err(|_| Vec::new())?;
        let loaded = wharf_config::load(&sources)?;
        let problems = loaded.check();
        match problems.iter().any(|problem| problem.severity == Severity::Error) {
            true => Err(problems),
            false => Ok(loaded.config),
        }
    })
}

fn explain(arguments: &[OsString]) -> ExitCode {
    let Some(name) = arguments.first().and_then(|name| name.to_str()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(UNUSABLE);
    };
    match wharf_config::explain(name) {
        Some(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        None => {
            let hint =
                wharf_config::nearest(name).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            eprintln!("wharfd: there is no option {name}{hint}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn share(arguments: &[OsString]) -> ExitCode {
    match read_share(arguments) {
        Ok(share) => monitor::run(Site::Share(Box::new(share))),
        Err(text) => {
            eprintln!("wharfd share: {text}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn read_share(arguments: &[OsString]) -> Result<Share, String> {
    let (mut folder, mut port, mut write, mut tls) = (None, 2121_u16, false, true);
    let (mut user, mut password_file) = (None, None);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{} needs a value", argument.display()));
        match argument.to_str() {
            Some("--port") => {
                port = value()?.to_str().and_then(|text| text.parse().ok()).filter(|port| *port > 0).ok_or(
                    "--port needs a number from 1 to 65535; without root, one from 1024 on".to_owned(),
                )?;
            }
            Some("--write") => write = true,
            Some("--no-tls") => tls = false,
            Some("--user") => user = Some(value()?.clone()),
            Some("--password-file") => password_file = Some(PathBuf::from(value()?)),
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option {option}\n{USAGE}"));
            }
            _ if folder.is_none() => folder = Some(PathBuf::from(argument)),
            _ => return Err(format!("one folder at a time; what is {}?", argument.display())),
        }
    }
    let folder = folder.ok_or_else(|| format!("which folder?\n{USAGE}"))?;
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    if !folder.is_dir() {
        return Err(format!("{} is not a folder", folder.display()));
    }
    let login = login(user, password_file.as_deref())?;
    let certificate = tls
        .then(own::certificate)
        .transpose()
        .map_err(|text| format!("{text}\n  (or share without encryption: --no-tls)"))?;
    let config = share_config(&folder, port, write, login.is_some(), certificate.as_ref())?;
    let account = whose_rights(&folder)?;
    if let (true, Some(account)) = (write, &account) {
        can_be_written(&folder, account)?;
    }
    Ok(Share { account, folder, config, login, fingerprint: certificate.map(|own| own.fingerprint) })
}

/// Root promises no writing that the rights it shares with do not allow.
fn can_be_written(folder: &Path, account: &wharf_os::identity::Account) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let it = std::fs::metadata(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let bit = if it.uid() == account.uid { 0o200 } else { 0o002 };
    if it.mode() & bit != 0 {
        return Ok(());
    }
    Err(format!(
        "{0} belongs to root, and root shares only with the rights of nobody, who may not write there;\n  \
         give it to a user first (chown USER {0}), or start this as that user",
        folder.display()
    ))
}

fn login(user: Option<OsString>, password_file: Option<&Path>) -> Result<Option<SharedAccount>, String> {
    match (user, password_file) {
        (None, None) => Ok(None),
        (Some(user), Some(file)) => {
            let mut password = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            while password.last().is_some_and(|octet| matches!(octet, b'\n' | b'\r')) {
                password.pop();
            }
            if password.is_empty() {
                return Err(format!("{} is empty: it must hold the password", file.display()));
            }
            Ok(Some(SharedAccount { name: user.into_vec(), password: Secret::new(password) }))
        }
        (Some(_), None) => {
            Err("--user needs --password-file: a password on the command line is seen by everybody".into())
        }
        (None, Some(_)) => Err("--password-file needs --user".into()),
    }
}

/// The options of the command line as options of the table, so that one mechanism enforces both.
fn share_config(
    folder: &Path,
    port: u16,
    write: bool,
    login: bool,
    certificate: Option<&Own>,
) -> Result<Config, String> {
    let yes = |on: bool| if on { "YES" } else { "NO" };
    let mut text = format!(
        "listen=NO\nlisten_ipv6=YES\nlisten_port={port}\nanonymous_enable={}\nlocal_enable={}\nwrite_enable={}\n\
         anon_upload_enable={write}\nanon_mkdir_write_enable={write}\nanon_other_write_enable={write}\n\
         anon_world_readable_only=NO\nanon_umask=022\nlocal_umask=022\nno_anon_password=NO\nlock_upload_files=NO\n\
         drain_timeout=5\nmax_login_fails=3\nuse_localtime=YES\n",
        yes(!login),
        yes(login),
        yes(write),
        write = yes(write && !login),
    )
    .into_bytes();
    if let Some(own) = certificate {
        // Offered to all and demanded of nobody: the simplest clients come, too.
        text.extend_from_slice(
            format!(
                "ssl_enable=YES\nrsa_cert_file={}\nrsa_private_key_file={}\nallow_anon_ssl=YES\n\
                 force_local_logins_ssl=NO\nforce_local_data_ssl=NO\nrequire_ssl_reuse=AUTO\n",
                own.certificate, own.key
            )
            .as_bytes(),
        );
    }
    text.extend_from_slice(b"anon_root=");
    text.extend_from_slice(folder.as_os_str().as_bytes());
    text.push(b'\n');
    wharf_config::parse(&text, None, &Config::default())
        .map(|loaded| loaded.config)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Root shares with the rights of the folder's owner, or with nobody's; never with its own.
fn whose_rights(folder: &Path) -> Result<Option<wharf_os::identity::Account>, String> {
    use std::os::unix::fs::MetadataExt;
    if !wharf_os::identity::is_root() {
        return Ok(None);
    }
    let owner = std::fs::metadata(folder).map_err(|error| format!("{}: {error}", folder.display()))?.uid();
    let nobody = wharf_os::identity::lookup(OsStr::new("nobody").as_bytes())
        .ok()
        .flatten()
        .ok_or("root shares a folder as its owner or as nobody, and there is no account nobody here")?;
    // What the logs call those who come without a name.
    let nobody = wharf_os::identity::Account { name: b"anonymous".to_vec(), ..nobody };
    if owner == 0 {
        return Ok(Some(nobody));
    }
    let gid = std::fs::metadata(folder).map_or(nobody.gid, |folder| folder.gid());
    Ok(Some(wharf_os::identity::Account {
        uid: owner,
        gid,
        groups: vec![gid],
        home: folder.to_owned(),
        ..nobody
    }))
}
