//! From options and an account to what a broker is started with: identity, root, start directory, rules.

use std::os::unix::ffi::OsStrExt;

use bstr::ByteSlice;
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
        rules: rules(config, Class::Anonymous),
    }
}

/// The broker of an account at home: the whole system with its rights, or jailed.
///
/// `jailed` is decided from the site's configuration, `config` is the user's own. `None` when the login name would stand
/// in a path (`user_sub_token`) and leads elsewhere.
pub(super) fn home(
    config: &Config,
    account: &Account,
    class: Class,
    login: &[u8],
    jailed: bool,
) -> Option<Start> {
    let home = with_name(config, &account.home, login)?;
    let wish = match &config.jail.local_root {
        Some(root) => Some(below(&home, with_name(config, root, login)?)),
        None => None,
    };
    let (outer, inner) = split_home(config, &home);
    if jailed {
        let root = outer.map_or_else(|| wish.unwrap_or_else(|| home.clone()), <[u8]>::to_vec);
        let mut start = jail(config, account, class, &root);
        if let (Some(_), Some(inner)) = (outer, inner) {
            start.start.insert(0, ByteBuf::from([root.as_slice(), inner].concat()));
        }
        return Some(start);
    }
    let mut start = jail(config, account, class, b"/");
    start.start = wish.into_iter().chain([home]).map(ByteBuf::from).collect();
    Some(start)
}

/// The broker of an account shut into a directory.
pub(super) fn jail(config: &Config, account: &Account, class: Class, root: &[u8]) -> Start {
    Start {
        user: account.name.clone(),
        identity: Some(Identity { uid: account.uid, gid: account.gid, groups: account.groups.clone() }),
        root: root.to_vec(),
        start: vec![ByteBuf::from(root.to_vec())],
        rules: rules(config, class),
    }
}

/// `user_sub_token`: puts the login name into a path, wherever the token stands.
// Security: a name chooses one directory beneath the others' parent; PAM's data bases may admit `a/../b`.
fn with_name(config: &Config, path: &[u8], login: &[u8]) -> Option<Vec<u8>> {
    let Some(token) = config.guest.user_sub_token.as_ref().filter(|token| !token.is_empty()) else {
        return Some(path.to_vec());
    };
    if !path.contains_str(token) {
        return Some(path.to_vec());
    }
    let is_one_name = !login.is_empty() && login != b"." && login != b".." && !login.contains(&b'/');
    is_one_name.then(|| path.replace(token, login))
}

/// `passwd_chroot_enable`: `/srv/jail/./inside` is a jail and a start directory.
fn split_home<'a>(config: &Config, home: &'a [u8]) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let cut = home.windows(3).position(|window| window == b"/./");
    match cut {
        Some(cut) if config.jail.passwd_chroot_enable => (home.get(..cut), home.get(cut + 2..)),
        _ => (None, None),
    }
}

/// A relative path is below the home.
fn below(home: &[u8], path: Vec<u8>) -> Vec<u8> {
    if path.first() == Some(&b'/') { path } else { [home, b"/", path.as_slice()].concat() }
}

/// Tells whether `chroot_local_user` and `chroot_list_enable` jail this name.
pub(super) fn is_jailed(config: &Config, listed: bool) -> bool {
    let jail = &config.jail;
    if jail.chroot_list_enable { listed != jail.chroot_local_user } else { jail.chroot_local_user }
}

/// What the broker enforces.
pub(super) fn rules(config: &Config, class: Class) -> Rules {
    let write = config.upload.write_enable;
    let anonymous = !class.has_local_rights();
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
        may_link: write && !anonymous && config.extensions.symlink_enable,
        world_readable_only: anonymous && anon.anon_world_readable_only,
        file_mode: config.upload.file_open_mode & 0o7777,
        delete_broken: config.upload.delete_failed_uploads,
        lock: config.upload.lock_upload_files,
        random_unique: config.upload.better_stou,
        composes_names: config.composes_names(),
        disk_charset: config.disk_charset().map(|charset| charset.name().as_bytes().to_vec().into()),
        deny: pattern(config.download.deny_file.as_ref()),
        hide: pattern(config.listing.hide_file.as_ref()),
        show_dot_files: config.listing.force_dot_files,
        hide_owners: config.listing.hide_ids,
        name_owners: config.listing.text_userdb_names,
        name_homes: config.listing.tilde_user_enable,
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

    fn local(config: &Config, account: &Account, jailed: bool) -> Start {
        home(config, account, Class::Local, &account.name, jailed).unwrap()
    }

    #[test]
    fn the_login_name_takes_the_place_of_the_token() {
        let config = config("user_sub_token=$USER\nlocal_root=/srv/$USER/ftp\n");
        let start = home(&config, &alice("/home/$USER"), Class::Guest, b"bob", true).unwrap();
        assert_eq!((start.root.as_slice(), start.user.as_slice()), (&b"/srv/bob/ftp"[..], &b"alice"[..]));
        let free = home(&config, &alice("/home/$USER"), Class::PrivilegedGuest, b"bob", false).unwrap();
        assert_eq!(free.start, [ByteBuf::from(*b"/srv/bob/ftp"), ByteBuf::from(*b"/home/bob")]);
    }

    #[test]
    fn a_name_that_leads_elsewhere_stands_in_no_path() {
        let with_token = config("user_sub_token=$USER\nlocal_root=/srv/$USER\n");
        for name in [&b"a/../b"[..], b"..", b".", b"", b"/etc"] {
            assert_eq!(home(&with_token, &alice("/home/x"), Class::Guest, name, true), None, "{name:?}");
        }
        assert!(
            home(&config("local_root=/srv\n"), &alice("/home/x"), Class::Guest, b"a/../b", true).is_some()
        );
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
