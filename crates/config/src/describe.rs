//! A configuration in plain words: what listens, who gets in, who may write, what is logged.
//!
//! For `wharfd check`, so that a person can compare what was meant with what was written. Each line
//! says what is so, not which option made it so; that is `explain.rs`.

mod encryption;
mod traffic;

use bstr::BString;

use crate::Config;
use crate::check::sinks;
use crate::problem::printable;

/// Says what is so about one subject, in one or more lines.
type Part = fn(&Config) -> Vec<String>;

/// Describes a configuration in plain words, one subject on each line.
///
/// Values from the file are shown without control characters. Per-user files may change it for
/// single users, which the text mentions.
pub fn describe(config: &Config) -> String {
    let parts: [(&str, Part); 8] = [
        ("Listens", listening),
        ("Logins", logins),
        ("Shut in", jails),
        ("Writing", writing),
        ("Reading", reading),
        ("Data", traffic::data),
        ("Limits", traffic::limits),
        ("Logs", logs),
    ];
    let mut text = String::new();
    for (subject, sentences) in parts {
        let mut label = subject;
        for sentence in sentences(config) {
            text.push_str(&format!("{label:<9}{sentence}\n"));
            label = "";
        }
    }
    text
}

fn listening(config: &Config) -> Vec<String> {
    let listen = &config.listen;
    let port = listen.listen_port;
    let at = |family: &str, address: &Option<BString>| match address {
        Some(address) => format!("on {} port {port} ({family})", printable(address)),
        None => format!("on every {family} address, port {port}"),
    };
    let mut sentences = Vec::new();
    if listen.listen {
        sentences.push(at("IPv4", &listen.listen_address));
    }
    if listen.listen_ipv6 {
        sentences.push(at("IPv6", &listen.listen_address6));
    }
    if !listen.listen && listen.listen_ipv6 && listen.listen_address6.is_none() {
        sentences.push("IPv4 clients are taken on the IPv6 socket".to_owned());
    }
    if sentences.is_empty() {
        sentences.push("nowhere; inetd hands it the connection of one client".to_owned());
    }
    if config.access.tcp_wrappers {
        sentences.push("for clients that hosts.allow and hosts.deny admit".to_owned());
    }
    sentences.extend(encryption::sentences(config));
    sentences
}

fn logins(config: &Config) -> Vec<String> {
    let (access, anonymous) = (&config.access, &config.anonymous);
    let mut sentences = Vec::new();
    if access.local_enable {
        if let Some(file) = &config.wharf.virtual_users_file {
            sentences.push(format!("users of the file {}", printable(file)));
        }
        sentences.extend(access.pam_service_name.as_ref().map(|service| judged_by_pam(config, service)));
        sentences.extend(user_list(config));
    }
    if anonymous.anonymous_enable {
        let account = shown(&anonymous.ftp_username);
        let asked = if anonymous.no_anon_password { "without a password" } else { "with any password" };
        sentences.push(format!("anybody as anonymous, {asked}, served as account {account}"));
        if anonymous.secure_email_list_enable && !anonymous.no_anon_password {
            sentences.push(format!("  only with a password from {}", shown(&anonymous.email_password_file)));
        }
        if anonymous.deny_email_enable && !anonymous.no_anon_password {
            sentences.push(format!("  not with a password from {}", shown(&anonymous.banned_email_file)));
        }
    }
    if sentences.is_empty() {
        sentences.push("nobody".to_owned());
    }
    if let Some(directory) = &access.user_config_dir {
        sentences.push(format!("files in {} change things for single users", printable(directory)));
    }
    sentences
}

fn judged_by_pam(config: &Config, service: &BString) -> String {
    let service = printable(service);
    if config.guest.guest_enable {
        let account = shown(&config.guest.guest_username);
        return format!(
            "every name that PAM service {service} accepts, as a guest, served as account {account}"
        );
    }
    format!("users with an account, judged by PAM service {service}")
}

fn user_list(config: &Config) -> Option<String> {
    let access = &config.access;
    let file = shown(&access.userlist_file);
    access.userlist_enable.then(|| match access.userlist_deny {
        true => format!("  except those named in {file}"),
        false => format!("  only those named in {file}"),
    })
}

fn jails(config: &Config) -> Vec<String> {
    let (jail, anonymous) = (&config.jail, &config.anonymous);
    let mut sentences = Vec::new();
    if config.access.local_enable && config.wharf.virtual_users_file.is_some() {
        sentences.push("users of the file, each in the directory that the file names".to_owned());
    }
    if config.access.local_enable && plain_guests(config) {
        let account = shown(&config.guest.guest_username);
        let place = jail.local_root.as_ref().map_or(format!("the home of {account}"), |root| printable(root));
        sentences.push(format!("all guests, in {place}"));
    } else if config.access.local_enable && config.access.pam_service_name.is_some() {
        let place =
            jail.local_root.as_ref().map_or("their home directory".to_owned(), |root| printable(root));
        let file = shown(&jail.chroot_list_file);
        sentences.push(match (jail.chroot_local_user, jail.chroot_list_enable) {
            (true, false) => format!("all users, in {place}"),
            (true, true) => format!("all users, in {place}, except those named in {file}"),
            (false, true) => format!("only the users named in {file}, in {place}"),
            (false, false) => format!("no user: all start in {place} and see the whole machine"),
        });
    }
    if anonymous.anonymous_enable {
        let root = anonymous.anon_root.as_ref();
        let home = || format!("the home of {}", shown(&anonymous.ftp_username));
        sentences.push(format!("anonymous sessions, in {}", root.map_or_else(home, |root| printable(root))));
    }
    sentences
}

/// Guests with the rights of anonymous users.
fn plain_guests(config: &Config) -> bool {
    config.guest.guest_enable && !config.guest.virtual_use_local_privs
}

fn writing(config: &Config) -> Vec<String> {
    if !config.upload.write_enable {
        return vec!["nobody: the server is read-only".to_owned()];
    }
    let mut sentences = Vec::new();
    if config.access.local_enable && !plain_guests(config) {
        let umask = config.upload.local_umask;
        sentences
            .push(format!("users, wherever their account may write; new files lose the bits {umask:03o}"));
    }
    if config.access.local_enable && plain_guests(config) {
        sentences.push(anonymous_writing("guests", config));
    }
    if config.anonymous.anonymous_enable {
        sentences.push(anonymous_writing("anonymous sessions", config));
    }
    if let Some(pattern) = &config.upload.upload_file {
        sentences.push(format!("only names that match {}", printable(pattern)));
    }
    if config.upload.delete_failed_uploads {
        sentences.push("uploads that break off are deleted".to_owned());
    }
    sentences
}

fn anonymous_writing(who: &str, config: &Config) -> String {
    let anonymous = &config.anonymous;
    let rights: Vec<&str> = [
        (anonymous.anon_upload_enable, "upload new files"),
        (anonymous.anon_mkdir_write_enable, "make directories"),
        (anonymous.anon_other_write_enable, "delete, rename and overwrite"),
    ]
    .into_iter()
    .filter_map(|(allowed, right)| allowed.then_some(right))
    .collect();
    match rights.as_slice() {
        [] => format!("{who}: nothing"),
        rights => format!("{who} may {}", rights.join(", ")),
    }
}

fn reading(config: &Config) -> Vec<String> {
    let mut sentences = vec![match (config.download.download_enable, config.listing.dirlist_enable) {
        (true, true) => "files can be downloaded and directories listed".to_owned(),
        (true, false) => "files can be downloaded, directories cannot be listed".to_owned(),
        (false, true) => "directories can be listed, files cannot be downloaded".to_owned(),
        (false, false) => "nothing can be downloaded or listed".to_owned(),
    }];
    if config.anonymous.anonymous_enable && config.anonymous.anon_world_readable_only {
        sentences.push("anonymous sessions read only what everybody on the machine may read".to_owned());
    }
    if let Some(pattern) = &config.download.download_file {
        sentences.push(format!("only names that match {} can be downloaded", printable(pattern)));
    }
    if let Some(pattern) = &config.download.deny_file {
        sentences.push(format!("names that match {} are out of reach", printable(pattern)));
    }
    if let Some(pattern) = &config.listing.hide_file {
        sentences.push(format!("names that match {} are not listed", printable(pattern)));
    }
    sentences
}

fn logs(config: &Config) -> Vec<String> {
    let sinks = sinks(config);
    let log = &config.log;
    let mut sentences = Vec::new();
    if sinks.detailed {
        sentences.push(format!("logins, transfers and changes in {}", shown(&log.vsftpd_log_file)));
    }
    if sinks.syslog {
        sentences.push("logins, transfers and changes in syslog".to_owned());
    }
    if log.log_ftp_protocol && !sentences.is_empty() {
        sentences.push("every command and reply as well".to_owned());
    }
    if sinks.standard {
        sentences.push(format!("transfers in {}", shown(&log.xferlog_file)));
    }
    if sentences.is_empty() {
        sentences.push("none".to_owned());
    }
    sentences
}

fn shown(value: &Option<BString>) -> String {
    value.as_ref().map_or_else(|| "(not set)".to_owned(), |value| printable(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn described(text: &str) -> String {
        describe(&parse(text.as_bytes(), None, &Config::default()).unwrap().config)
    }

    #[test]
    fn the_defaults_are_a_read_only_anonymous_server() {
        let text = described("");
        for line in [
            "Listens  on every IPv4 address, port 21\n",
            "Logins   anybody as anonymous, with any password, served as account ftp\n",
            "Shut in  anonymous sessions, in the home of ftp\n",
            "Writing  nobody: the server is read-only\n",
            "Data     passive on ports 5001 to 65535\n",
            "Logs     none\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn the_list_of_jailed_users_is_told_the_right_way_round() {
        let list = "local_enable=YES\nchroot_list_enable=YES\n";
        assert!(described(list).contains("Shut in  only the users named in /etc/vsftpd.chroot_list"));
        let turned = described(&format!("{list}chroot_local_user=YES"));
        assert!(turned.contains("all users, in their home directory, except those named in"), "{turned}");
    }

    #[test]
    fn what_strangers_may_write_is_told() {
        let text = described("write_enable=YES\nanon_upload_enable=YES\nanon_mkdir_write_enable=YES");
        assert!(
            text.contains("Writing  anonymous sessions may upload new files, make directories\n"),
            "{text}"
        );
    }

    #[test]
    fn guests_and_users_of_a_file_are_told_apart() {
        let guests = "local_enable=YES\nanonymous_enable=NO\nguest_enable=YES\nwrite_enable=YES\n";
        let text = described(guests);
        assert!(text.contains("every name that PAM service ftp accepts, as a guest, served as account ftp"));
        assert!(
            text.contains("all guests, in the home of ftp\n") && text.contains("guests: nothing"),
            "{text}"
        );
        let text = described(&format!("{guests}virtual_use_local_privs=YES"));
        assert!(text.contains("no user: all start in") && text.contains("users, wherever"), "{text}");
        let file =
            "local_enable=YES\nanonymous_enable=NO\npam_service_name=\nvirtual_users_file=/etc/wharfd.users";
        let text = described(file);
        assert!(
            text.contains("Logins   users of the file /etc/wharfd.users\nShut in  users of the file"),
            "{text}"
        );
    }

    #[test]
    fn values_cannot_speak_to_the_terminal() {
        assert!(!described("deny_file=a\x1b[2J").contains('\x1b'));
    }
}
