//! From options to rules: the one place where `config`'s words become `proto`'s.

use std::time::Duration;

use bstr::BString;
use wharf_config::{ClientCharset, Config};
use wharf_names::Charset;
use wharf_proto::ftp::server::announce::{Announce, Network, Otherwise};
use wharf_proto::ftp::server::policy::{Banner, Names, Policy, Rights, UserList};

/// What a policy is made of besides the configuration itself: files that only the monitor can open.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    /// The content of `banner_file`.
    pub(crate) banner: Option<Vec<u8>>,
    /// The content of `userlist_file`.
    pub(crate) user_list: Option<Vec<u8>>,
    /// TLS can be begun.
    pub(crate) has_certificate: bool,
}

/// The rules of a site, or of one user of it.
pub(crate) fn policy(config: &Config, files: &Files) -> Policy {
    Policy {
        names: names(config),
        banner: banner(config, files),
        anonymous: config.anonymous.anonymous_enable,
        local: config.access.local_enable,
        anonymous_without_password: config.anonymous.no_anon_password,
        user_list: config.access.userlist_enable.then(|| UserList {
            names: lines(files.user_list.as_deref().unwrap_or_default()),
            deny: config.access.userlist_deny,
        }),
        refusal_delay: Duration::from_secs(u64::from(config.limits.delay_failed_login)),
        max_login_fails: config.limits.max_login_fails.max(1),
        anonymous_rights: anonymous_rights(config),
        local_rights: local_rights(config),
        anonymous_umask: config.anonymous.anon_umask & 0o777,
        local_umask: config.upload.local_umask & 0o777,
        anonymous_rate: config.limits.anon_max_rate,
        local_rate: config.limits.local_max_rate,
        ascii_download: config.download.ascii_download_enable,
        ascii_upload: config.download.ascii_upload_enable,
        directory_messages: config.messages.dirmessage_enable,
        local_time: config.listing.use_localtime,
        tilde_user: config.listing.tilde_user_enable,
        change_owner: config.anonymous.chown_uploads,
        commands_allowed: config
            .commands
            .cmds_allowed
            .as_ref()
            .map(|verbs| verbs.iter().map(upper).collect()),
        commands_denied: config.commands.cmds_denied.iter().flatten().map(upper).collect(),
        deny_file: octets(config.download.deny_file.as_ref()),
        download_file: octets(config.download.download_file.as_ref()),
        upload_file: octets(config.upload.upload_file.as_ref()),
        announce: announce(config),
        passive_from_anyone: config.data.pasv_promiscuous,
        active_to_anyone: config.data.port_promiscuous,
        idle_timeout: seconds(config.limits.idle_session_timeout),
        data_timeout: seconds(config.limits.data_connection_timeout),
        accept_timeout: seconds(config.limits.accept_timeout),
        connect_timeout: seconds(config.limits.connect_timeout),
        list_missing_is_error: config.wharf.list_missing_is_error,
        hosts: config.extensions.host_config_dir.is_some(),
        mode_z: config.extensions.mode_z_enable,
        log_protocol: config.log.log_ftp_protocol,
        tls: crate::tls::rules(config, files.has_certificate),
    }
}

/// A charset that is not known was refused when the configuration was checked; a user's file falls back to UTF-8.
fn names(config: &Config) -> Names {
    let (charset, is_guessed) = match config.client_charset() {
        Ok(ClientCharset::Fixed(charset)) => (charset, false),
        Ok(ClientCharset::Guessed) => (Charset::UTF_8, true),
        Err(_) => (Charset::UTF_8, false),
    };
    Names { charset, disk: config.disk_charset(), is_guessed, country: config.charset_country() }
}

fn local_rights(config: &Config) -> Rights {
    let write = config.upload.write_enable;
    Rights {
        download: config.download.download_enable,
        list: config.listing.dirlist_enable,
        upload: write,
        overwrite: write,
        append: write,
        make_directory: write,
        remove: write,
        set_time: write && config.upload.mdtm_write,
        site: true,
        set_mode: write && config.upload.chmod_enable,
        hash: config.download.download_enable && config.extensions.hash_enable,
        link: write && config.extensions.symlink_enable,
        passive: config.data.pasv_enable,
        active: config.data.port_enable,
    }
}

fn anonymous_rights(config: &Config) -> Rights {
    let local = local_rights(config);
    let anonymous = &config.anonymous;
    let other = local.upload && anonymous.anon_other_write_enable;
    Rights {
        upload: local.upload && anonymous.anon_upload_enable,
        overwrite: other,
        append: other,
        make_directory: local.upload && anonymous.anon_mkdir_write_enable,
        remove: other,
        set_time: other && config.upload.mdtm_write,
        site: false,
        set_mode: false,
        link: false,
        ..local
    }
}

/// A file comes before a text; both empty leave the house's own.
fn banner(config: &Config, files: &Files) -> Banner {
    match files.banner.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Banner::File(text.to_vec()),
        None => Banner::Line(
            config.messages.ftpd_banner.as_ref().map_or_else(|| b"(Wharf)".to_vec(), |text| text.to_vec()),
        ),
    }
}

fn lines(octets: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = octets.split(|&octet| octet == b'\n').map(<[u8]>::to_vec).collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

/// What 227 tells. A text that is no address is a name: the monitor has it looked up.
fn announce(config: &Config) -> Announce {
    let rules = config.addresses_for().unwrap_or_default();
    let network = |rule: &wharf_config::ForNetwork| Network { address: rule.network, length: rule.length };
    let text = config.data.pasv_address.as_ref().map(|text| String::from_utf8_lossy(text));
    let otherwise = match text {
        None => Otherwise::Local,
        Some(_) if config.finds_its_address() => Otherwise::ByClient,
        Some(text) => text.trim().parse().map_or(Otherwise::LookedUp, Otherwise::Fixed),
    };
    Announce { by_network: rules.iter().map(|rule| (network(rule), rule.address)).collect(), otherwise }
}

/// As everywhere in the configuration, no seconds mean no limit.
fn seconds(count: u32) -> Option<Duration> {
    (count > 0).then(|| Duration::from_secs(u64::from(count)))
}

fn upper(verb: &BString) -> Vec<u8> {
    verb.to_ascii_uppercase()
}

fn octets(text: Option<&BString>) -> Option<Vec<u8>> {
    text.map(|text| text.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Policy {
        let config = wharf_config::parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        policy(&config, &Files::default())
    }

    #[test]
    fn nobody_writes_unless_write_enable_says_so() {
        let rules =
            rules("anon_upload_enable=YES\nanon_other_write_enable=YES\nanon_mkdir_write_enable=YES\n");
        let rights = rules.anonymous_rights;
        assert!(!rights.upload && !rights.overwrite && !rights.make_directory && !rights.remove);
        assert!(!rules.local_rights.upload && !rules.local_rights.set_mode);
    }

    #[test]
    fn anonymous_upload_alone_neither_overwrites_nor_removes() {
        let rights = rules("write_enable=YES\nanon_upload_enable=YES\n").anonymous_rights;
        assert!(rights.upload);
        assert!(!rights.overwrite && !rights.append && !rights.remove && !rights.site);
    }

    #[test]
    fn an_address_is_a_number_a_name_or_to_be_found_out() {
        use Otherwise::{ByClient, Fixed, Local, LookedUp};
        let announced = |text: &str| rules(text).announce.otherwise;
        assert_eq!((announced(""), announced("pasv_address=auto")), (Local, ByClient));
        assert_eq!(announced("pasv_address=192.0.2.7"), Fixed([192, 0, 2, 7].into()));
        assert_eq!(announced("pasv_address=ftp.example.org\npasv_addr_resolve=YES"), LookedUp);
        let by_network = rules("pasv_address_for=10.0.0.0/8=10.0.0.1").announce.by_network;
        assert_eq!(
            by_network,
            [(Network { address: [10, 0, 0, 0].into(), length: 8 }, [10, 0, 0, 1].into())]
        );
    }

    #[test]
    fn no_seconds_mean_no_limit() {
        let rules = rules("accept_timeout=0\nconnect_timeout=0\ndata_connection_timeout=7\n");
        assert_eq!((rules.accept_timeout, rules.connect_timeout), (None, None));
        assert_eq!(rules.data_timeout, Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_banner_file_comes_before_the_banner_text_unless_it_is_empty() {
        let config = wharf_config::parse(b"ftpd_banner=short\n", None, &Config::default()).unwrap().config;
        let long = Files { banner: Some(b"one\ntwo\n".to_vec()), ..Files::default() };
        assert_eq!(policy(&config, &long).banner, Banner::File(b"one\ntwo\n".to_vec()));
        let empty = Files { banner: Some(Vec::new()), ..Files::default() };
        assert_eq!(policy(&config, &empty).banner, Banner::Line(b"short".to_vec()));
    }
}
