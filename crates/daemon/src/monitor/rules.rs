//! From options and an account to what a broker is started with: identity, root, start directory, rules.

use std::os::unix::ffi::OsStrExt;

use serde_bytes::ByteBuf;
use wharf_config::Config;
use wharf_ipc::auth::Account;
use wharf_ipc::broker::{Identity, Rules, Start};
use wharf_proto::ftp::server::policy::Class;

/// The broker of anonymous sessions: jailed in `anon_root`, or in the home of `ftp_username`.
pub(super) fn anonymous(config: &Config, account: &wharf_os::identity::Account, become_it: bool) -> Start {
    let home = account.home.as_os_str().as_bytes();
    let root = config.anonymous.anon_root.as_ref().map_or(home, |root| root);
    Start {
        user: account.name.clone(),
        identity: become_it.then(|| Identity {
            uid: account.uid,
            gid: account.gid,
            groups: account.groups.clone(),
        }),
        root: root.to_vec(),
        start: vec![ByteBuf::from(root.to_vec())],
        start_must_work: true,
        rules: rules(config, Class::Anonymous),
    }
}

/// The broker of a local account: the whole system with its rights, or jailed.
///
/// `jailed` is decided from the main configuration, `config` is the user's own.
pub(super) fn local(config: &Config, account: &Account, jailed: bool) -> Start {
    let home = account.home.as_slice();
    let (outer, inner) = split_home(config, home);
    let mut start = Vec::new();
    let root = if jailed {
        let root =
            outer.map_or_else(|| local_root(config, home).unwrap_or_else(|| home.to_vec()), <[u8]>::to_vec);
        if let (Some(_), Some(inner)) = (outer, inner) {
            start.push(ByteBuf::from([root.as_slice(), inner].concat()));
        }
        start.push(ByteBuf::from(root.clone()));
        root
    } else {
        start.extend(local_root(config, home).map(ByteBuf::from));
        start.push(ByteBuf::from(home.to_vec()));
        b"/".to_vec()
    };
    Start {
        user: account.name.clone(),
        identity: Some(Identity { uid: account.uid, gid: account.gid, groups: account.groups.clone() }),
        root,
        start,
        start_must_work: false,
        rules: rules(config, Class::Local),
    }
}

/// `passwd_chroot_enable`: `/srv/jail/./inside` is a jail and a start directory.
fn split_home<'a>(config: &Config, home: &'a [u8]) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let cut = home.windows(3).position(|window| window == b"/./");
    match cut {
        Some(cut) if config.jail.passwd_chroot_enable => (home.get(..cut), home.get(cut + 2..)),
        _ => (None, None),
    }
}

/// `local_root`; a relative one is below the home.
fn local_root(config: &Config, home: &[u8]) -> Option<Vec<u8>> {
    let root = config.jail.local_root.as_ref()?;
    Some(if root.first() == Some(&b'/') { root.to_vec() } else { [home, b"/", root].concat() })
}

/// Tells whether `chroot_local_user` and `chroot_list_enable` jail this name.
pub(super) fn is_jailed(config: &Config, listed: bool) -> bool {
    let jail = &config.jail;
    if jail.chroot_list_enable { listed != jail.chroot_local_user } else { jail.chroot_local_user }
}

/// What the broker enforces.
pub(super) fn rules(config: &Config, class: Class) -> Rules {
    let write = config.upload.write_enable;
    let anonymous = class != Class::Local;
    let anon = &config.anonymous;
    let other = write && (!anonymous || anon.anon_other_write_enable);
    Rules {
        may_read: config.download.download_enable,
        may_list: config.listing.dirlist_enable,
        may_create: write && (!anonymous || anon.anon_upload_enable),
        may_overwrite: other,
        may_append: other,
        may_make_directory: write && (!anonymous || anon.anon_mkdir_write_enable),
        may_remove: other,
        may_set_mode: write && !anonymous && config.upload.chmod_enable,
        may_set_time: other && config.upload.mdtm_write,
        world_readable_only: anonymous && anon.anon_world_readable_only,
        file_mode: config.upload.file_open_mode & 0o7777,
        delete_broken: config.upload.delete_failed_uploads,
        lock: config.upload.lock_upload_files,
        deny: pattern(config.download.deny_file.as_ref()),
        hide: pattern(config.listing.hide_file.as_ref()),
        show_dot_files: config.listing.force_dot_files,
        hide_owners: config.listing.hide_ids,
        name_owners: config.listing.text_userdb_names,
        local_time: config.listing.use_localtime,
        recurse: config.listing.ls_recurse_enable,
        message_file: if config.messages.dirmessage_enable {
            pattern(config.messages.message_file.as_ref())
        } else {
            None
        },
        sort_limit: config.wharf.sorted_listing_limit,
    }
}

/// Options of a user's file that the listener would have to carry out and knows for the whole site only.
pub(super) fn of_the_listener(site: &Config, user: &Config) -> Vec<&'static str> {
    let (of_site, of_user) = (&site.data, &user.data);
    let differs = [
        (of_site.pasv_min_port != of_user.pasv_min_port, "pasv_min_port"),
        (of_site.pasv_max_port != of_user.pasv_max_port, "pasv_max_port"),
        (of_site.port_promiscuous != of_user.port_promiscuous, "port_promiscuous"),
        (of_site.connect_from_port_20 != of_user.connect_from_port_20, "connect_from_port_20"),
        (of_site.ftp_data_port != of_user.ftp_data_port, "ftp_data_port"),
        (site.limits.connect_timeout < user.limits.connect_timeout, "a longer connect_timeout"),
        (site.limits.accept_timeout < user.limits.accept_timeout, "a longer accept_timeout"),
    ];
    differs.into_iter().filter_map(|(differs, option)| differs.then_some(option)).collect()
}

fn pattern(text: Option<&bstr::BString>) -> Option<ByteBuf> {
    text.map(|text| ByteBuf::from(text.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        wharf_config::parse(text.as_bytes(), None, &Config::default()).unwrap().config
    }

    fn alice(home: &str) -> Account {
        Account {
            name: b"alice".to_vec(),
            uid: 7,
            gid: 8,
            groups: vec![8],
            home: home.into(),
            shell: b"/bin/sh".to_vec(),
        }
    }

    #[test]
    fn the_list_means_the_jailed_or_the_free() {
        let listed_are_jailed = config("chroot_list_enable=YES\n");
        assert!(is_jailed(&listed_are_jailed, true) && !is_jailed(&listed_are_jailed, false));
        let listed_are_free = config("chroot_local_user=YES\nchroot_list_enable=YES\n");
        assert!(!is_jailed(&listed_are_free, true) && is_jailed(&listed_are_free, false));
    }

    #[test]
    fn without_a_jail_the_root_is_the_systems_and_the_home_comes_first() {
        let start = local(&config(""), &alice("/home/alice"), false);
        assert_eq!((start.root.as_slice(), start.start.len()), (&b"/"[..], 1));
        assert_eq!(start.start[0].as_slice(), b"/home/alice");
    }

    #[test]
    fn a_jail_is_the_home_or_local_root() {
        assert_eq!(local(&config(""), &alice("/home/alice"), true).root, b"/home/alice");
        assert_eq!(local(&config("local_root=/srv\n"), &alice("/home/alice"), true).root, b"/srv");
        assert_eq!(local(&config("local_root=ftp\n"), &alice("/home/alice"), true).root, b"/home/alice/ftp");
    }

    #[test]
    fn what_only_the_listener_could_do_for_one_user_is_named() {
        let site = config("pasv_min_port=40000\n");
        assert!(of_the_listener(&site, &site).is_empty());
        let user = config("pasv_min_port=50000\nport_promiscuous=YES\n");
        assert_eq!(of_the_listener(&site, &user), ["pasv_min_port", "port_promiscuous"]);
    }

    #[test]
    fn a_dot_in_the_home_splits_jail_and_start() {
        let start = local(&config("passwd_chroot_enable=YES\n"), &alice("/srv/j/./in/side"), true);
        assert_eq!(start.root, b"/srv/j");
        assert_eq!(start.start[0].as_slice(), b"/srv/j/in/side");
    }

    #[test]
    fn what_nobody_may_write_is_read_only_for_the_broker_too() {
        let rules = rules(&config("anon_upload_enable=YES\nanon_other_write_enable=YES\n"), Class::Anonymous);
        assert!(!rules.may_create && !rules.may_overwrite && !rules.may_remove && !rules.may_make_directory);
        assert!(rules.may_read && rules.world_readable_only);
    }
}
