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

/// Added for rows about FTPS, with the files of the certificate.
const TLS: &str = "ssl_enable=YES\nallow_anon_ssl=YES\n";

/// What only vsftpd gets with them. Its own default cipher is 3DES, and since TLS 1.3 it may take a resumed session for a new one.
pub(super) const TLS_VSFTPD: &str = "ssl_ciphers=HIGH\nrequire_ssl_reuse=NO\n";

/// Takes from vsftpd the namespaces it gives to each session.
pub(crate) const SHARED: &str = "isolate=NO\nisolate_network=NO\n";

pub(super) fn launch(site: &Site, own: &str) -> Launch {
    let mut launch = Launch::new(&site.program, [site.place.join("conf")]);
    let (first, last) = site.passive;
    let rate = site.rate.map_or_else(String::new, |rate| format!("anon_max_rate={rate}\n"));
    let tls = site.certificate.as_ref().map_or_else(String::new, |files| {
        let (chain, key) = (files.chain.display(), files.key.display());
        format!("{TLS}{own}rsa_cert_file={chain}\nrsa_private_key_file={key}\n")
    });
    launch.configuration = format!(
        "{COMMON}listen_port={}\npasv_min_port={first}\npasv_max_port={last}\nanon_root={}\nvsftpd_log_file={}\n\
         secure_chroot_dir={}\n{rate}{tls}{}",
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
