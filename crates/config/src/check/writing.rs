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
    users_cannot_read_what_they_make,
    uploads_are_executable,
    resumed_uploads_are_deleted,
    options_of_writing_are_unused,
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
    // Plain guests write by the same switches, and a per-user file can make a guest.
    let guests = config.guest.guest_enable || config.access.user_config_dir.is_some();
    let name = anonymous_switch(config).filter(|_| !config.anonymous.anonymous_enable && !guests)?;
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

fn users_cannot_read_what_they_make(config: &Config) -> Option<Problem> {
    let upload = &config.upload;
    let kept = upload.file_open_mode & !upload.local_umask;
    (config.access.local_enable && upload.write_enable && kept & 0o600 != 0o600).then(|| {
        let problem = Problem::warning(format!(
            "uploaded files get the mode {kept:04o}, which their owner cannot read and write"
        ));
        problem.quote(line(config, "local_umask")).suggest("set local_umask=022 and file_open_mode=0666")
    })
}

fn uploads_are_executable(config: &Config) -> Option<Problem> {
    (config.upload.write_enable && config.upload.file_open_mode & 0o111 != 0).then(|| {
        Problem::note("uploaded files can be executed, unless the umask forbids it")
            .quote(line(config, "file_open_mode"))
            .suggest("set file_open_mode=0666 unless users upload programs")
    })
}

fn resumed_uploads_are_deleted(config: &Config) -> Option<Problem> {
    (config.upload.write_enable && config.upload.delete_failed_uploads).then(|| {
        Problem::note("an upload that breaks off is deleted, so clients cannot continue it")
            .quote(line(config, "delete_failed_uploads"))
            .suggest("set delete_failed_uploads=NO where large uploads are continued")
    })
}

fn options_of_writing_are_unused(config: &Config) -> Option<Problem> {
    let names = ["upload_file", "delete_failed_uploads", "file_open_mode"];
    let name = names.into_iter().find(|name| is_changed(config, name))?;
    // A per-user file can turn writing on.
    let never = !config.upload.write_enable && config.access.user_config_dir.is_none();
    never.then(|| in_vain(config, name, "write_enable=YES"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{errors, notes, warnings};

    #[test]
    fn modes_that_help_nobody_are_told() {
        let text = "local_enable=YES\nwrite_enable=YES\n";
        assert!(warnings(&format!("{text}local_umask=0777"))[0].contains("0000"));
        assert!(notes(&format!("{text}file_open_mode=0777")).iter().any(|note| note.contains("executed")));
    }

    #[test]
    fn options_of_writing_on_a_read_only_server_are_told() {
        let told = |text: &str| notes(text).iter().any(|note| note.starts_with("upload_file has no effect"));
        assert!(told("upload_file=*.jpg") && !told("upload_file=*.jpg\nwrite_enable=YES"));
        assert!(
            notes("write_enable=YES\ndelete_failed_uploads=YES")
                .iter()
                .any(|note| note.contains("continue it"))
        );
    }

    #[test]
    fn guests_write_by_the_switches_for_anonymous_users() {
        let text = "local_enable=YES\nanonymous_enable=NO\nwrite_enable=YES\nanon_upload_enable=YES\n";
        let told =
            |text: &str| notes(text).iter().any(|note| note.starts_with("anon_upload_enable has no effect"));
        assert!(told(text) && !told(&format!("{text}guest_enable=YES")));
    }

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
