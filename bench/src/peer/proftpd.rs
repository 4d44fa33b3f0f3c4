//! ProFTPD: sendfile on; scoreboard, logs, delays against timing attacks and name look-ups off.

use super::{Launch, Site};

pub(super) fn launch(site: &Site) -> Launch {
    let configuration = site.place.join("conf");
    let mut launch = Launch::new(&site.program, ["-n".as_ref(), "-c".as_ref(), configuration.as_os_str()]);
    let (first, last) = site.passive;
    // In KiB per second.
    let rate = site.rate.map_or_else(String::new, |rate| format!("TransferRate RETR {}\n", rate >> 10));
    launch.configuration = format!(
        "\
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
