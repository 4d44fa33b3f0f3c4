//! What a configuration says about data connections, for the process that makes them.

use wharf_config::Config;
use wharf_ipc::monitor::Terms;

/// The terms of a site, or of one user of it.
pub(crate) fn terms(config: &Config) -> Terms {
    let (data, limits) = (&config.data, &config.limits);
    Terms {
        pasv_min_port: data.pasv_min_port,
        pasv_max_port: data.pasv_max_port,
        bind_retries: data.bind_retries,
        accept_timeout: limits.accept_timeout,
        pasv_wait_timeout: config.wharf.pasv_wait_timeout,
        connect_timeout: limits.connect_timeout,
        port_promiscuous: data.port_promiscuous,
        source_port: if data.connect_from_port_20 { data.ftp_data_port } else { 0 },
    }
}
