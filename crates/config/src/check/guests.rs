//! Rules about guests, and about the login name as part of a path.

use bstr::ByteSlice;

use super::{Rule, in_vain, is_changed, line};
use crate::Config;
use crate::problem::Problem;

pub(super) const RULES: &[Rule] = &[
    guests_cannot_log_in,
    guests_have_no_account,
    guests_are_root,
    guest_options_are_unused,
    guests_share_one_directory,
    a_token_is_not_replaced,
    a_token_stands_nowhere,
];

/// Tells whether some session can be a guest's; a per-user file can make it one too.
fn may_have_guests(config: &Config) -> bool {
    config.guest.guest_enable || config.access.user_config_dir.is_some()
}

fn guests_cannot_log_in(config: &Config) -> Option<Problem> {
    (config.guest.guest_enable && !config.access.local_enable).then(|| {
        Problem::warning("guest_enable has no effect while local_enable is NO: guests count as local users")
            .quote(line(config, "guest_enable"))
            .suggest("set local_enable=YES; their names need no account of the system")
    })
}

fn guests_have_no_account(config: &Config) -> Option<Problem> {
    (config.guest.guest_enable && config.guest.guest_username.is_none()).then(|| {
        Problem::error("vsftpd: cannot locate user specified in 'guest_username':")
            .quote(line(config, "guest_username"))
            .suggest("set guest_username to the account that guests are served as")
    })
}

fn guests_are_root(config: &Config) -> Option<Problem> {
    let is_root = config.guest.guest_username.as_ref().is_some_and(|name| name == "root");
    (config.guest.guest_enable && is_root).then(|| {
        Problem::warning("guests are served with the rights of root")
            .quote(line(config, "guest_username"))
            .suggest("make an account of its own for them, and name it in guest_username")
    })
}

fn guest_options_are_unused(config: &Config) -> Option<Problem> {
    let names = ["guest_username", "virtual_use_local_privs"];
    let name = names.into_iter().find(|name| is_changed(config, name))?;
    (!may_have_guests(config)).then(|| in_vain(config, name, "guest_enable=YES"))
}

fn guests_share_one_directory(config: &Config) -> Option<Problem> {
    let apart = config.guest.user_sub_token.is_some() || config.access.user_config_dir.is_some();
    (config.guest.guest_enable && !apart).then(|| {
        Problem::note("all guests see the same directory, and each other's files")
            .quote(line(config, "guest_enable"))
            .suggest("set user_sub_token=$USER and local_root=/srv/ftp/$USER for a directory each")
    })
}

fn a_token_is_not_replaced(config: &Config) -> Option<Problem> {
    let root = config.jail.local_root.as_ref()?;
    let token = ["$USER", "$user", "%u", "%U", "@USER"].into_iter().find(|token| root.contains_str(token))?;
    config.guest.user_sub_token.is_none().then(|| {
        Problem::warning(format!(
            "{token} in local_root is taken as it stands while user_sub_token is not set"
        ))
        .quote(line(config, "local_root"))
        .suggest(format!("set user_sub_token={token}, and the login name takes its place"))
    })
}

fn a_token_stands_nowhere(config: &Config) -> Option<Problem> {
    let token = config.guest.user_sub_token.as_ref()?;
    let root = config.jail.local_root.as_ref()?;
    (!root.contains_str(token)).then(|| {
        Problem::note("user_sub_token does not occur in local_root, so all users get the same directory")
            .quote(line(config, "local_root"))
            .suggest("write the token where the login name is to stand; capital letters count")
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{errors, notes, warnings};

    fn told(messages: &[String], text: &str) -> bool {
        messages.iter().any(|message| message.contains(text))
    }

    #[test]
    fn guests_need_local_logins_and_an_account() {
        assert!(told(&warnings("guest_enable=YES"), "while local_enable is NO"));
        assert!(told(&errors("guest_enable=YES\nguest_username="), "'guest_username':"));
        assert!(told(&warnings("guest_enable=YES\nguest_username=root"), "rights of root"));
    }

    #[test]
    fn options_of_guests_without_guests_are_told() {
        assert!(told(&notes("guest_username=web"), "guest_username has no effect while guest_enable is NO"));
        assert!(!told(
            &notes("guest_username=web\nuser_config_dir=/etc/vsftpd/users"),
            "has no effect while"
        ));
    }

    #[test]
    fn a_token_that_is_not_replaced_is_told() {
        let text = "local_enable=YES\nlocal_root=/srv/ftp/$USER\n";
        assert!(told(&warnings(text), "$USER in local_root is taken as it stands"));
        assert!(!told(&warnings(&format!("{text}user_sub_token=$USER")), "as it stands"));
        assert!(told(&notes(&format!("{text}user_sub_token=$user")), "does not occur in local_root"));
    }

    #[test]
    fn guests_that_share_everything_are_told() {
        assert!(told(&notes("local_enable=YES\nguest_enable=YES"), "the same directory"));
    }
}
