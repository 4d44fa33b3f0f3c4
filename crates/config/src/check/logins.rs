//! Rules about who gets in, and where they end up.

use bstr::ByteSlice;

use super::{Rule, in_vain, is_changed, line};
use crate::Config;
use crate::problem::Problem;

pub(super) const RULES: &[Rule] = &[
    nobody_can_log_in,
    no_password_can_be_right,
    virtual_users_are_never_asked_for,
    passwords_travel_in_clear,
    the_user_list_refuses_everybody,
    the_admitted_are_not_the_only_ones,
    the_user_list_is_unused,
    the_user_list_needs_local_users,
    the_user_list_is_silent,
    the_mail_lists_are_never_asked,
    the_banned_mail_list_is_unused,
    the_mail_password_list_is_unused,
    the_jail_list_names_the_free,
    the_jail_list_is_unused,
    the_jail_list_shuts_nobody_in,
    a_home_overrides_the_root,
    local_options_need_local_users,
    anonymous_options_need_anonymous_users,
    strangers_and_users_share_one_door,
    the_banner_is_hidden_by_the_file,
    the_banner_means_to_have_lines,
    the_message_file_is_unused,
];

fn nobody_can_log_in(config: &Config) -> Option<Problem> {
    (!config.access.local_enable && !config.anonymous.anonymous_enable).then(|| {
        Problem::error("vsftpd: both local and anonymous access disabled!")
            .suggest("set local_enable=YES for users with an account, or anonymous_enable=YES for everybody")
    })
}

fn no_password_can_be_right(config: &Config) -> Option<Problem> {
    let nobody_is_asked =
        config.access.pam_service_name.is_none() && config.wharf.virtual_users_file.is_none();
    (config.access.local_enable && nobody_is_asked).then(|| {
        Problem::error("every login fails: pam_service_name is empty")
            .quote(line(config, "pam_service_name"))
            .suggest(
                "name a file of /etc/pam.d, for instance pam_service_name=vsftpd, or set virtual_users_file",
            )
    })
}

fn virtual_users_are_never_asked_for(config: &Config) -> Option<Problem> {
    let in_vain = config.wharf.virtual_users_file.is_some() && !config.access.local_enable;
    in_vain.then(|| super::in_vain(config, "virtual_users_file", "local_enable=YES"))
}

fn passwords_travel_in_clear(config: &Config) -> Option<Problem> {
    if !config.access.local_enable {
        return None;
    }
    if !config.tls.ssl_enable {
        let problem = Problem::note("passwords and files cross the network in clear");
        return Some(problem.suggest("set ssl_enable=YES, or keep the server inside a network you trust"));
    }
    (!config.tls.force_local_logins_ssl).then(|| {
        Problem::note("passwords of clients that do not ask for TLS cross the network in clear")
            .quote(line(config, "force_local_logins_ssl"))
            .suggest("remove the line when all clients can encrypt")
    })
}

fn the_user_list_refuses_everybody(config: &Config) -> Option<Problem> {
    let access = &config.access;
    (access.userlist_enable && !access.userlist_deny && access.userlist_file.is_none()).then(|| {
        Problem::warning("no user can log in: only listed names are admitted, and there is no list")
            .quote(line(config, "userlist_file"))
            .suggest("set userlist_file to the file with the names")
    })
}

fn the_admitted_are_not_the_only_ones(config: &Config) -> Option<Problem> {
    let access = &config.access;
    (access.local_enable && !access.userlist_deny && !access.userlist_enable).then(|| {
        Problem::warning(
            "every user may log in: userlist_deny=NO admits listed names alone only with userlist_enable",
        )
        .quote(line(config, "userlist_deny"))
        .suggest("set userlist_enable=YES, or remove the line")
    })
}

fn the_user_list_is_unused(config: &Config) -> Option<Problem> {
    let unused = is_changed(config, "userlist_file") && !config.access.userlist_enable;
    unused.then(|| in_vain(config, "userlist_file", "userlist_enable=YES"))
}

fn the_user_list_needs_local_users(config: &Config) -> Option<Problem> {
    let unused = config.access.userlist_enable && !config.access.local_enable;
    unused.then(|| in_vain(config, "userlist_enable", "local_enable=YES"))
}

fn the_user_list_is_silent(config: &Config) -> Option<Problem> {
    let unused = config.access.userlist_log && !config.access.userlist_enable;
    unused.then(|| in_vain(config, "userlist_log", "userlist_enable=YES"))
}

fn the_mail_lists_are_never_asked(config: &Config) -> Option<Problem> {
    let anonymous = &config.anonymous;
    let listed = anonymous.secure_email_list_enable || anonymous.deny_email_enable;
    (anonymous.anonymous_enable && anonymous.no_anon_password && listed).then(|| {
        Problem::warning("no anonymous password is asked for, so the lists of passwords are never looked at")
            .quote(line(config, "no_anon_password"))
            .suggest("set no_anon_password=NO")
    })
}

fn the_banned_mail_list_is_unused(config: &Config) -> Option<Problem> {
    let unused = is_changed(config, "banned_email_file") && !config.anonymous.deny_email_enable;
    unused.then(|| in_vain(config, "banned_email_file", "deny_email_enable=YES"))
}

fn the_mail_password_list_is_unused(config: &Config) -> Option<Problem> {
    let unused = is_changed(config, "email_password_file") && !config.anonymous.secure_email_list_enable;
    unused.then(|| in_vain(config, "email_password_file", "secure_email_list_enable=YES"))
}

fn the_jail_list_names_the_free(config: &Config) -> Option<Problem> {
    let jail = &config.jail;
    (config.access.local_enable && jail.chroot_local_user && jail.chroot_list_enable).then(|| {
        Problem::note("the users in chroot_list_file are those who are NOT shut in")
            .quote(line(config, "chroot_list_enable"))
            .suggest("set chroot_local_user=NO if the list names the users to shut in")
    })
}

fn the_jail_list_is_unused(config: &Config) -> Option<Problem> {
    let unused = is_changed(config, "chroot_list_file") && !config.jail.chroot_list_enable;
    unused.then(|| in_vain(config, "chroot_list_file", "chroot_list_enable=YES"))
}

fn the_jail_list_shuts_nobody_in(config: &Config) -> Option<Problem> {
    let jail = &config.jail;
    let listed = jail.chroot_list_enable && jail.chroot_list_file.is_none();
    (config.access.local_enable && listed).then(|| {
        Problem::warning("chroot_list_enable has no list: chroot_list_file names no file")
            .quote(line(config, "chroot_list_enable"))
            .suggest("set chroot_list_file to the file with the names")
    })
}

fn a_home_overrides_the_root(config: &Config) -> Option<Problem> {
    (config.jail.passwd_chroot_enable && config.jail.local_root.is_some()).then(|| {
        Problem::note(
            "local_root has no effect for users whose home holds /./, as passwd_chroot_enable is YES",
        )
        .quote(line(config, "local_root"))
        .suggest("look for /./ in the homes of /etc/passwd, or set passwd_chroot_enable=NO")
    })
}

fn local_options_need_local_users(config: &Config) -> Option<Problem> {
    let names = ["chroot_local_user", "chroot_list_enable", "local_root", "local_umask", "local_max_rate"];
    let name = names.into_iter().find(|name| is_changed(config, name))?;
    (!config.access.local_enable).then(|| in_vain(config, name, "local_enable=YES"))
}

fn anonymous_options_need_anonymous_users(config: &Config) -> Option<Problem> {
    let names = ["anon_root", "no_anon_password", "deny_email_enable", "secure_email_list_enable"];
    let name = names.into_iter().find(|name| is_changed(config, name))?;
    (!config.anonymous.anonymous_enable).then(|| in_vain(config, name, "anonymous_enable=YES"))
}

fn strangers_and_users_share_one_door(config: &Config) -> Option<Problem> {
    let both = config.access.local_enable && config.anonymous.anonymous_enable;
    both.then(|| {
        Problem::note("anybody may log in as anonymous beside the users with an account")
            .quote(line(config, "anonymous_enable"))
            .suggest("set anonymous_enable=NO unless everybody is meant to come in")
    })
}

fn the_banner_is_hidden_by_the_file(config: &Config) -> Option<Problem> {
    let messages = &config.messages;
    (messages.banner_file.is_some() && messages.ftpd_banner.is_some()).then(|| {
        Problem::note("ftpd_banner is not shown, as banner_file takes its place")
            .quote(line(config, "ftpd_banner"))
            .suggest("remove one of the two")
    })
}

fn the_banner_means_to_have_lines(config: &Config) -> Option<Problem> {
    config.messages.ftpd_banner.as_ref().filter(|banner| banner.contains_str("\\n")).map(|_| {
        Problem::note("\\n in ftpd_banner is sent as it stands and makes no new line")
            .quote(line(config, "ftpd_banner"))
            .suggest("put the lines into a file, and name it in banner_file")
    })
}

fn the_message_file_is_unused(config: &Config) -> Option<Problem> {
    let unused = is_changed(config, "message_file") && !config.messages.dirmessage_enable;
    unused.then(|| in_vain(config, "message_file", "dirmessage_enable=YES"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{errors, notes, warnings};

    #[test]
    fn a_server_that_lets_nobody_in_is_an_error() {
        assert_eq!(errors("anonymous_enable=NO"), ["vsftpd: both local and anonymous access disabled!"]);
    }

    #[test]
    fn an_empty_pam_service_is_an_error_only_for_local_users() {
        assert_eq!(errors("local_enable=YES\npam_service_name=").len(), 1);
        assert!(errors("pam_service_name=").is_empty());
        assert!(errors("local_enable=YES\npam_service_name=\nvirtual_users_file=/etc/u").is_empty());
        assert!(notes("virtual_users_file=/etc/u").iter().any(|note| note.contains("local_enable is NO")));
    }

    #[test]
    fn a_list_that_nobody_asks_is_told() {
        assert!(
            warnings("no_anon_password=YES\nsecure_email_list_enable=YES")[0].contains("never looked at")
        );
        assert!(warnings("userlist_enable=YES\nuserlist_deny=NO\nuserlist_file=")[0].starts_with("no user"));
        assert!(notes("userlist_file=/etc/x").iter().any(|note| note.contains("userlist_enable is NO")));
    }

    #[test]
    fn a_list_of_the_admitted_that_admits_everybody_is_told() {
        let text = "local_enable=YES\nuserlist_deny=NO\n";
        assert!(warnings(text)[0].starts_with("every user may log in"));
        assert!(warnings(&format!("{text}userlist_enable=YES")).is_empty());
        let told = notes("local_enable=NO\nuserlist_enable=YES\nuserlist_deny=NO");
        assert!(
            told.contains(&"userlist_enable has no effect while local_enable is NO".to_owned()),
            "{told:?}"
        );
    }

    #[test]
    fn options_for_users_that_cannot_log_in_are_told() {
        for (text, option) in [
            ("local_enable=NO\nchroot_local_user=YES", "chroot_local_user"),
            ("local_enable=NO\nlocal_umask=022", "local_umask"),
            ("local_enable=YES\nanonymous_enable=NO\nanon_root=/srv/ftp", "anon_root"),
            ("local_enable=YES\nanonymous_enable=NO\nno_anon_password=YES", "no_anon_password"),
        ] {
            let told = notes(text);
            assert!(
                told.iter().any(|note| note.starts_with(&format!("{option} has no effect"))),
                "{text}: {told:?}"
            );
        }
    }

    #[test]
    fn a_jail_list_without_a_file_is_told() {
        let text = "local_enable=YES\nchroot_list_enable=YES\nchroot_list_file=";
        assert!(warnings(text)[0].starts_with("chroot_list_enable has no list"));
    }

    #[test]
    fn a_home_that_overrides_the_root_is_told() {
        let text = "local_enable=YES\npasswd_chroot_enable=YES\nlocal_root=/srv/ftp";
        assert!(notes(text).iter().any(|note| note.starts_with("local_root has no effect for users")));
    }

    #[test]
    fn anonymous_logins_beside_others_are_told() {
        let told =
            |text: &str| notes(text).iter().any(|note| note.starts_with("anybody may log in as anonymous"));
        assert!(told("local_enable=YES\nanonymous_enable=YES") && !told("anonymous_enable=YES"));
    }

    #[test]
    fn the_turned_meaning_of_the_jail_list_is_told() {
        let text = "local_enable=YES\nchroot_local_user=YES\nchroot_list_enable=YES";
        assert!(notes(text).iter().any(|note| note.contains("NOT shut in")));
    }

    #[test]
    fn a_banner_of_several_lines_is_told() {
        assert!(notes("ftpd_banner=one\\ntwo").iter().any(|note| note.contains("no new line")));
    }
}
