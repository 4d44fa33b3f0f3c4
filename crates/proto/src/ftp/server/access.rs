//! What a session may do, asked in one place: verbs, rights, and pathnames by their pattern.
//!
//! This is politeness, a clear 550 in time; the broker and the kernel enforce the same rules again.

use super::command::{Spec, When};
use super::policy::{Right, Rights};
use super::session::Session;
use super::state::{Pathname, State};
use crate::ftp::reply::Reply;
use crate::path::{BadPath, VirtualPath};
use crate::pattern;

/// What a pathname is wanted for, beyond what `deny_file` says of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Anything else.
    Any,
    /// RETR (`download_file`).
    Download,
    /// STOR, STOU, APPE (`upload_file`).
    Upload,
}

/// Verbs that do what another does, with the one that somebody who denies that would name.
const EXTENSIONS: [(&str, &[&str]); 18] = [
    ("MLSD", &["LIST"]),
    ("MLST", &["LIST"]),
    ("MFMT", &["MDTM"]),
    ("P@SW", &["PASV"]),
    ("MFF", &["MDTM"]),
    ("RMDA", &["RMD", "DELE"]),
    ("COMB", &["APPE", "STOR", "DELE"]),
    ("DSIZ", &["LIST"]),
    ("RANG", &["REST", "RETR"]),
    ("HASH", &["RETR"]),
    ("XCRC", &["RETR"]),
    ("XMD5", &["RETR"]),
    ("XSHA1", &["RETR"]),
    ("XSHA256", &["RETR"]),
    ("XSHA512", &["RETR"]),
    ("MD5", &["RETR"]),
    ("MMD5", &["RETR"]),
    ("AVBL", &["STOR"]),
];

impl Session {
    /// Tells whether the site lets this verb through (`cmds_allowed`, `cmds_denied`).
    pub(super) fn permits_verb(&self, typed: &[u8], spec: Option<&Spec>) -> bool {
        let listed = |verbs: &[Vec<u8>], verb: &[u8]| verbs.iter().any(|listed| listed == verb);
        // Security: who denies MKD means XMKD as well.
        let verb = spec.map_or(typed, |spec| spec.verb.as_bytes());
        let denied = &self.policy.commands_denied;
        if listed(denied, typed) || listed(denied, verb) {
            return false;
        }
        // Security: who denies LIST does not want directories to be listed, in whatever form.
        let extended = EXTENSIONS.iter().find(|(extension, _)| extension.as_bytes() == verb);
        if extended.is_some_and(|(_, classic)| classic.iter().any(|one| listed(denied, one.as_bytes()))) {
            return false;
        }
        self.policy.commands_allowed.as_ref().is_none_or(|allowed| listed(allowed, typed))
    }

    /// Tells whether the session has a right; before login, whether some login would have it.
    pub(super) fn permits(&self, right: Right) -> bool {
        match (right, &self.state) {
            (Right::Encrypt, _) => self.policy.tls.is_some(),
            (Right::Host, _) => self.policy.hosts,
            (Right::ClearControl, _) => self.policy.tls.is_some_and(|tls| tls.clear_control),
            (_, State::LoggedIn(inside)) => self.policy.rights(inside.class).permit(right),
            (_, State::NotLoggedIn(_)) => {
                let local = self.policy.local && self.policy.local_rights.permit(right);
                let anonymous = self.policy.anonymous && self.policy.anonymous_rights.permit(right);
                local || anonymous
            }
        }
    }

    /// Tells whether a verb runs before login, here and now.
    pub(super) fn runs_before_login(&self, spec: &Spec) -> bool {
        let fits = match spec.when {
            When::Always => true,
            // Compat: a second AUTH is 530 like any command that is out of place.
            When::BeforeLogin => !self.protection.of_control(),
            When::LoggedIn => false,
        };
        let is_offered = spec.right != Right::Host || self.policy.hosts;
        fits && is_offered && (spec.right != Right::Encrypt || self.policy.tls.is_some())
    }

    /// Tells what a verb whose right the session has not is answered.
    pub(super) fn refusal(&self, right: Right) -> Reply {
        match right {
            // RFC 2228 §3; a site without TLS has never heard of it.
            Right::ClearControl if self.policy.tls.is_none() => Reply::UnknownCommand,
            Right::Host => Reply::UnknownCommand,
            Right::ClearControl if self.protection.of_control() => Reply::ClearControlDenied,
            Right::ClearControl => Reply::CccNeedsTls,
            _ => Reply::PermissionDenied,
        }
    }

    pub(super) fn rights(&mut self) -> Rights {
        let class = self.inside().class;
        *self.policy.rights(class)
    }

    /// Tells whether the login is one that the site does not know by name.
    pub(super) fn is_stranger(&mut self) -> bool {
        !self.inside().class.has_local_rights()
    }

    /// Tells whether somebody is logged in whom the site does not know by name.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        matches!(&self.state, State::LoggedIn(inside) if !inside.class.has_local_rights())
    }

    /// Takes a typed pathname to one that may be used.
    ///
    /// # Errors
    /// The reply to give: 501 for a NUL, 550 for what a pattern forbids, `unusable` for empty and endless ones.
    pub(super) fn resolve(
        &mut self,
        typed: &[u8],
        purpose: Purpose,
        unusable: Reply,
    ) -> Result<Pathname, Reply> {
        let pathname = self.expand(typed);
        let path = VirtualPath::resolve(&self.inside().cwd, &pathname.typed).map_err(|bad| match bad {
            BadPath::Nul => Reply::NulInPathname,
            BadPath::Empty | BadPath::TooLong => unusable,
        })?;
        if self.forbids(&path, purpose) {
            return Err(Reply::PermissionDenied);
        }
        Ok(Pathname { path, ..pathname })
    }

    /// Spells a pathname for replies and logs, whether it may be used or not; its `path` is the root.
    pub(super) fn expand(&mut self, typed: &[u8]) -> Pathname {
        let inside = self.inside();
        let typed = match typed {
            [b'~'] => inside.start.as_bytes().to_vec(),
            [b'~', b'/', below @ ..] => below_directory(&inside.start, below),
            _ => typed.to_vec(),
        };
        let logged =
            if typed.starts_with(b"/") { typed.clone() } else { below_directory(&inside.cwd, &typed) };
        Pathname { path: VirtualPath::root(), logged, typed }
    }

    fn forbids(&self, path: &VirtualPath, purpose: Purpose) -> bool {
        let hits = |pattern: &Vec<u8>| pattern::denies(pattern, path.as_bytes());
        let only = match purpose {
            Purpose::Any => None,
            Purpose::Download => self.policy.download_file.as_ref(),
            Purpose::Upload => self.policy.upload_file.as_ref(),
        };
        self.policy.deny_file.as_ref().is_some_and(hits) || only.is_some_and(|pattern| !hits(pattern))
    }
}

fn below_directory(directory: &VirtualPath, name: &[u8]) -> Vec<u8> {
    let mut whole = directory.as_bytes().to_vec();
    if !directory.is_root() {
        whole.push(b'/');
    }
    whole.extend_from_slice(name);
    whole
}
