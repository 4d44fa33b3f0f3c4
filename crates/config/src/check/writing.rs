//! Rules about what may be written, and what it costs.

use super::{Rule, in_vain, is_changed, line};
use crate::Config;
use crate::problem::Problem;

pub(super) const RULES: &[Rule] = &[
    anonymous_writing_is_off,
    anonymous_writing_needs_anonymous_users,
    strangers_can_share_files,
    strangers_can_destroy_files,
    no_upload_changes_owner,
    the_new_owner_is_missing,
    the_new_owner_is_unused,
    files_are_made_world_writable,
    ascii_transfers_cost_more,
];

/// The switches that let anonymous sessions write.
fn anonymous_switch(config: &Config) -> Option<&'static str> {
    let anonymous = &config.anonymous;
    [
        ("anon_upload_enable", anonymous.anon_upload_enable),
        ("anon_mkdir_write_enable", anonymous.anon_mkdir_write_enable),
        ("anon_other_write_enable", anonymous.anon_other_write_enable),
    ]
    .into_iter()
    .find_map(|(name, on)| on.then_some(name))
}

fn anonymous_writing_is_off(config: &Config) -> Option<Problem> {
    let name = anonymous_switch(config).filter(|_| !config.upload.write_enable)?;
    Some(
        Problem::note(format!("{name} has no effect while write_enable is NO: nothing can be written"))
            .quote(line(config, name))
            .suggest("set write_enable=YES, or remove the line"),
    )
}

fn anonymous_writing_needs_anonymous_users(config: &Config) -> Option<Problem> {
    let name = anonymous_switch(config).filter(|_| !config.anonymous.anonymous_enable)?;
    Some(in_vain(config, name, "anonymous_enable=YES"))
}

fn anonymous_uploads(config: &Config) -> bool {
    let anonymous = &config.anonymous;
    let uploads = anonymous.anon_upload_enable || anonymous.anon_other_write_enable;
    config.upload.write_enable && anonymous.anonymous_enable && uploads
}

fn strangers_can_share_files(config: &Config) -> Option<Problem> {
    let anonymous = &config.anonymous;
    let readable = !anonymous.anon_world_readable_only || anonymous.anon_umask & 0o004 == 0;
    let fetched = readable && config.download.download_enable && !anonymous.chown_uploads;
    (anonymous_uploads(config) && fetched).then(|| {
        Problem::warning("anonymous users can fetch what other anonymous users have uploaded")
            .suggest("set anon_world_readable_only=YES and anon_umask=077, or chown_uploads=YES")
    })
}

fn strangers_can_destroy_files(config: &Config) -> Option<Problem> {
    (anonymous_uploads(config) && config.anonymous.anon_other_write_enable).then(|| {
        Problem::warning("anonymous users can delete, rename and overwrite files")
            .quote(line(config, "anon_other_write_enable"))
            .suggest("set anon_other_write_enable=NO; new uploads need only anon_upload_enable")
    })
}

fn no_upload_changes_owner(config: &Config) -> Option<Problem> {
    (config.anonymous.chown_uploads && !anonymous_uploads(config)).then(|| {
        Problem::note("chown_uploads has no effect while anonymous users cannot upload")
            .quote(line(config, "chown_uploads"))
            .suggest("set write_enable=YES and anon_upload_enable=YES, or remove the line")
    })
}

fn the_new_owner_is_missing(config: &Config) -> Option<Problem> {
    (config.anonymous.chown_uploads && config.anonymous.chown_username.is_none()).then(|| {
        Problem::error("vsftpd: cannot locate user specified in 'chown_username':")
            .suggest("set chown_username to the account that shall own anonymous uploads")
    })
}

fn the_new_owner_is_unused(config: &Config) -> Option<Problem> {
    let names = ["chown_username", "chown_upload_mode"];
    let name = names.into_iter().find(|name| is_changed(config, name))?;
    (!config.anonymous.chown_uploads).then(|| in_vain(config, name, "chown_uploads=YES"))
}

fn files_are_made_world_writable(config: &Config) -> Option<Problem> {
    let upload = &config.upload;
    let writable = upload.file_open_mode & !upload.local_umask & 0o002 != 0;
    (config.access.local_enable && upload.write_enable && writable).then(|| {
        Problem::warning("everybody on this machine can change uploaded files")
            .quote(line(config, "local_umask"))
            .suggest("set local_umask=022, or 077 to keep files private")
    })
}

fn ascii_transfers_cost_more(config: &Config) -> Option<Problem> {
    let (down, up) = (config.download.ascii_download_enable, config.download.ascii_upload_enable);
    let name = if down { "ascii_download_enable" } else { "ascii_upload_enable" };
    (down || up).then(|| {
        Problem::note(
            "transfers in ASCII mode are converted, which costs work and spoils files that are no text",
        )
        .quote(line(config, name))
        .suggest("leave it off unless a client depends on it")
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{errors, notes, warnings};

    #[test]
    fn anonymous_uploads_without_the_master_switch_are_told() {
        assert!(notes("anon_upload_enable=YES").iter().any(|note| note.contains("nothing can be written")));
    }

    #[test]
    fn a_place_where_strangers_share_files_is_told() {
        let open = "write_enable=YES\nanon_upload_enable=YES\n";
        assert!(warnings(open).is_empty(), "the defaults are safe");
        for leak in ["anon_umask=022", "anon_world_readable_only=NO"] {
            assert!(warnings(&format!("{open}{leak}"))[0].contains("fetch what other"), "{leak}");
        }
        assert!(warnings(&format!("{open}anon_umask=022\nchown_uploads=YES")).is_empty());
    }

    #[test]
    fn a_missing_new_owner_is_an_error() {
        assert_eq!(errors("chown_uploads=YES\nchown_username=").len(), 1);
        assert!(errors("chown_username=").is_empty());
    }

    #[test]
    fn a_umask_that_opens_files_to_all_is_told() {
        let text = "local_enable=YES\nwrite_enable=YES\n";
        assert!(warnings(text).is_empty());
        assert!(warnings(&format!("{text}local_umask=0"))[0].contains("everybody"));
    }
}
