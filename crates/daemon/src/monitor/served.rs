//! As whom a proven name is served, and where: its own account, the account of guests, or an entry of the file of
//! virtual users.

use wharf_config::Config;
use wharf_ipc::auth::{Account, Question};
use wharf_ipc::monitor::Verdict;
use wharf_proto::ftp::server::policy::Class;

use super::login::{Then, Waiting};
use super::{Monitor, files, rules};
use crate::terms::terms;

/// A proven guest, on the way to the account it is served as.
#[derive(Debug)]
pub(super) struct Guest {
    /// The site's configuration with the user's own over it.
    config: Config,
    /// Whether the options for local users would shut this name in.
    jailed: bool,
}

impl Monitor {
    pub(super) fn serve_anonymous(&mut self, mut waiting: Waiting, account: &wharf_os::identity::Account) {
        match self.user_config(&mut waiting) {
            Ok(config) => {
                let become_it = wharf_os::identity::is_root();
                let start = rules::anonymous(config.as_ref().unwrap_or(&waiting.config), account, become_it);
                self.enter(&start, waiting);
            }
            Err(text) => self.settle_attempt(waiting, Verdict::Oops { text }, None),
        }
    }

    /// Serves a name that PAM has proven, as itself or as a guest.
    pub(super) fn serve_proven(&mut self, mut waiting: Waiting, name: Vec<u8>, account: Option<Account>) {
        waiting.user = name;
        let (jailed, config) = match self.of_this_user(&mut waiting) {
            Ok(found) => found,
            Err(text) => return self.settle_attempt(waiting, Verdict::Oops { text }, None),
        };
        if config.guest.guest_enable {
            return self.find_guest_account(waiting, Guest { config, jailed });
        }
        let Some(account) = account else {
            let text = [b"cannot locate user entry:", waiting.user.as_slice()].concat();
            let user = waiting.user.escape_ascii();
            wharf_os::say!(
                "wharfd: PAM accepts {user}, but this system has no such account: create it, or set \
                 guest_enable=YES to serve such names as guest_username"
            );
            return self.settle_attempt(waiting, Verdict::Oops { text }, None);
        };
        self.enter_home(waiting, &config, &account, jailed);
    }

    /// Finds the account of guests: the site's is known, one that a user's file names has to be looked up.
    fn find_guest_account(&mut self, waiting: Waiting, guest: Guest) {
        let name = guest.config.guest.guest_username.as_ref().map(|name| name.to_vec()).unwrap_or_default();
        match self.settings.guest.clone().filter(|account| account.name == name) {
            Some(account) => self.serve_guest(waiting, &guest, Some(&account)),
            None => self.ask_auth(&Question::Identify(name), waiting, Then::ServeGuest(Box::new(guest))),
        }
    }

    pub(super) fn serve_guest(&mut self, mut waiting: Waiting, guest: &Guest, account: Option<&Account>) {
        let Some(account) = account else {
            let name = guest.config.guest.guest_username.as_ref().map_or(&b""[..], |name| name);
            let text = [b"vsftpd: cannot locate user specified in 'guest_username':", name].concat();
            return self.settle_attempt(waiting, Verdict::Oops { text }, None);
        };
        let privileged = guest.config.guest.virtual_use_local_privs;
        waiting.class = if privileged { Class::PrivilegedGuest } else { Class::Guest };
        let jailed = !privileged || guest.jailed;
        self.enter_home(waiting, &guest.config, account, jailed);
    }

    /// Serves a user of `virtual_users_file`: always shut into the directory that the file names.
    pub(super) fn serve_virtual(&mut self, mut waiting: Waiting, account: &Account) {
        waiting.user.clone_from(&account.name);
        waiting.class = Class::PrivilegedGuest;
        match self.user_config(&mut waiting) {
            Ok(config) => {
                let config = config.as_ref().unwrap_or(&waiting.config);
                let start = rules::jail(config, account, waiting.class, &account.home);
                self.enter(&start, waiting);
            }
            Err(text) => self.settle_attempt(waiting, Verdict::Oops { text }, None),
        }
    }

    /// The one account of a shared folder sees the folder, as the process that shares it does.
    pub(super) fn serve_shared(&mut self, waiting: Waiting) {
        let Some(account) = self.settings.anonymous.clone() else { return };
        let become_it = wharf_os::identity::is_root();
        let mut start = rules::anonymous(&waiting.config, &account, become_it);
        start.rules = rules::rules(&waiting.config, Class::Local);
        start.user.clone_from(&waiting.user);
        self.enter(&start, waiting);
    }

    fn enter_home(&mut self, waiting: Waiting, config: &Config, account: &Account, jailed: bool) {
        match rules::home(config, account, waiting.class, &waiting.user, jailed) {
            Some(start) => self.enter(&start, waiting),
            None => {
                let user = waiting.user.escape_ascii();
                wharf_os::say!(
                    "wharfd: login of {user} refused: the name would stand in a path (user_sub_token) and \
                     must not contain '/' or be '.' or '..'"
                );
                let detail = "the name cannot stand in a path".to_owned();
                self.settle_attempt(waiting, Verdict::Refused { detail }, None);
            }
        }
    }

    /// Whether the site's options shut this name in, and the configuration that holds for it.
    ///
    /// Compat: the jail is decided by the site's file alone, before the user's is read.
    fn of_this_user(&self, waiting: &mut Waiting) -> Result<(bool, Config), Vec<u8>> {
        let jail = &waiting.config.jail;
        let listed = match (jail.chroot_list_enable, &jail.chroot_list_file) {
            (true, Some(file)) => files::lines(file)
                .map_err(|_| [b"could not read chroot() list file:", file.as_slice()].concat())?
                .contains(&waiting.user),
            _ => false,
        };
        let jailed = rules::is_jailed(&waiting.config, listed);
        let config = self.user_config(waiting)?.unwrap_or_else(|| Config::clone(&waiting.config));
        Ok((jailed, config))
    }

    /// Reads the user's own configuration; the session gets it whole, the listener what concerns it.
    fn user_config(&self, waiting: &mut Waiting) -> Result<Option<Config>, Vec<u8>> {
        let loaded = waiting.config.load_user(&waiting.user).map_err(|problems| {
            super::site::report(&problems);
            problems
                .first()
                .map_or_else(|| b"bad user file".to_vec(), |first| first.message.clone().into_bytes())
        })?;
        if let Some(loaded) = &loaded {
            super::site::report(&loaded.problems);
        }
        let config = loaded.map(|loaded| loaded.config);
        let own = terms(config.as_ref().unwrap_or(&waiting.config));
        waiting.terms = (own != terms(&self.settings.config)).then_some(own);
        if let Some(config) = &config {
            waiting.overlay = config.to_text();
        }
        Ok(config)
    }
}
