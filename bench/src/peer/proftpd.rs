//! ProFTPD: sendfile on; with TLS its module mod_tls, tickets on, resuming not demanded. Scoreboard, logs, delays against timing attacks and name look-ups off.

use super::{Launch, Site};
use crate::certificate::Certificate;

pub(super) fn launch(site: &Site) -> Launch {
    let configuration = site.place.join("conf");
    let mut launch = Launch::new(&site.program, ["-n".as_ref(), "-c".as_ref(), configuration.as_os_str()]);
    let (first, last) = site.passive;
    // In KiB per second.
    let rate = site.rate.map_or_else(String::new, |rate| format!("TransferRate RETR {}\n", rate >> 10));
    let tls = site.certificate.as_ref().map_or_else(String::new, |files| tls(site, files));
    launch.configuration = format!(
        "\
{tls}\
ServerType standalone
DefaultAddress 127.0.0.1
SocketBindTight on
UseIPv6 off
Port {port}
PassivePorts {first} {last}
User nobody
Group nogroup
PidFile {place}/pid
ScoreboardFile none
DelayEngine off
UseReverseDNS off
UseSendfile on
SystemLog none
TransferLog none
WtmpLog off
TimeoutIdle 3600
TimeoutNoTransfer 0
AuthOrder mod_auth_pam.c* mod_auth_unix.c
AuthPAMConfig wharf-bench
RequireValidShell off
<IfModule mod_ctrls.c>
  ControlsEngine off
</IfModule>
<Anonymous {public}>
  User ftp
  Group ftp
  UserAlias anonymous ftp
</Anonymous>
{rate}",
        port = site.port,
        place = site.place.display(),
        public = site.public.display()
    );
    launch
}

/// Returns the lines about TLS. The module lies where the program was unpacked.
fn tls(site: &Site, files: &Certificate) -> String {
    let modules = site.program.parent().map(|sbin| sbin.with_file_name("lib/proftpd")).unwrap_or_default();
    format!(
        "\
ModulePath {modules}
LoadModule mod_tls.c
TLSEngine on
TLSLog none
TLSRequired off
TLSProtocol TLSv1.2 TLSv1.3
TLSSessionTickets on
TLSOptions NoSessionReuseRequired
TLSRenegotiate none
TLSVerifyClient off
TLSECCertificateFile {chain}
TLSECCertificateKeyFile {key}
",
        modules = modules.display(),
        chain = files.chain.display(),
        key = files.key.display()
    )
}
