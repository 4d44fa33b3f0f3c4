//! vsftpd, and wharfd, which reads the same language: both get the same lines.

use std::io;
use std::process::Command;

use super::{LIBRARIES, Launch, Site};

/// Every line that decides what work a server does; both get exactly these.
pub(crate) const COMMON: &str = "\
listen=YES
listen_address=127.0.0.1
background=NO
anonymous_enable=YES
ftp_username=ftp
local_enable=YES
pam_service_name=wharf-bench
write_enable=YES
anon_upload_enable=YES
max_clients=20000
max_per_ip=4000
xferlog_enable=NO
syslog_enable=NO
idle_session_timeout=3600
";

/// Takes from vsftpd the namespaces it gives to each session.
pub(crate) const SHARED: &str = "isolate=NO\nisolate_network=NO\n";

pub(super) fn launch(site: &Site) -> Launch {
    let mut launch = Launch::new(&site.program, [site.place.join("conf")]);
    let (first, last) = site.passive;
    let rate = site.rate.map_or_else(String::new, |rate| format!("anon_max_rate={rate}\n"));
    launch.configuration = format!(
        "{COMMON}listen_port={}\npasv_min_port={first}\npasv_max_port={last}\nanon_root={}\nvsftpd_log_file={}\n\
         secure_chroot_dir={}\n{rate}{}",
        site.port,
        site.public.display(),
        site.place.join("log").display(),
        site.place.join("empty").display(),
        site.extra
    );
    launch
}

pub(super) fn version(site: &Site) -> io::Result<String> {
    // vsftpd states it on its standard input, which it takes for the connection.
    let script = r#"exec "$0" -v 0>&1 2>&1"#;
    let mut command = Command::new("sh");
    let output = command.args(["-c", script]).arg(&site.program).env(LIBRARIES, &site.libraries).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
