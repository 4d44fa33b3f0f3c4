//! The manual page wharfd.conf(5).

use super::roff::Page;
use crate::explain::{default, state};
use crate::table::{Effect, Relation, Row, Scope, chapters};

/// Renders the manual page wharfd.conf(5), in roff.
pub fn man_wharfd_conf() -> String {
    let mut page = Page::new("wharfd.conf", 5, "configuration of the FTP server wharfd");
    page.heading("Description");
    page.paragraph(
        "wharfd reads the configuration file of vsftpd as it is. Every option of vsftpd is accepted, \
         including those known to the builds of Debian, RHEL and Fedora only. The entry of an option says \
         where Wharf differs, and whether it is carried out yet. `wharfd check` lists both for a given file.",
    );
    form(&mut page);
    layers(&mut page);
    page.heading("Options");
    for chapter in chapters() {
        let mut paragraphs = chapter.paragraphs().into_iter();
        page.subheading(paragraphs.next().unwrap_or_default().trim_end_matches('.'));
        paragraphs.for_each(|paragraph| page.paragraph(&paragraph));
        chapter.rows.iter().for_each(|row| option(&mut page, row));
    }
    page.heading("Example");
    page.paragraph("A server for the users of the machine, each in the own home directory:");
    page.example(&[
        "anonymous_enable=NO",
        "local_enable=YES",
        "write_enable=YES",
        "local_umask=022",
        "chroot_local_user=YES",
        "allow_writeable_chroot=YES",
        "pasv_min_port=40000",
        "pasv_max_port=40999",
        "xferlog_enable=YES",
        "pam_service_name=vsftpd",
    ]);
    page.heading("See also");
    page.paragraph("`wharfd`(8), `pam.conf`(5), `shells`(5)");
    page.finish()
}

fn form(page: &mut Page) {
    page.heading("Form of the file");
    page.paragraph(
        "Each line is empty, a comment that begins with # in the first column, or `name=value`. There are no \
         quotes, no escapes, no continued lines and no comments behind a value. Blanks around = and at the \
         end of a line are ignored, as in the newest builds of vsftpd; older ones refuse them. When an option \
         is set twice, the last line wins. A file is at most 100000 octets long.",
    );
    page.paragraph("A value has one of these types:");
    page.entry("YES or NO", "Also `TRUE`, `FALSE`, `1` and `0`, in any letter case. Other words are errors.");
    page.entry("number, port number", "Decimal digits. A leading 0 makes the number octal.");
    page.entry(
        "octal number",
        "Mode bits, with a leading 0. Without it the number is decimal: 22 means 026.",
    );
    page.entry(
        "text",
        "Everything behind =, octet for octet. An empty text means that the option is not set.",
    );
    page.entry("list", "Words separated by commas. An empty list means that the option is not set.");
}

fn layers(page: &mut Page) {
    page.heading("Layers");
    page.paragraph(
        "Files and `-o` settings on the command line are read from left to right, and later ones win. After \
         a login, the file of user_config_dir that is named after the user is read on top. The word \
         `[user]` marks the options that have an effect there.",
    );
}

fn option(page: &mut Page, row: &Row) {
    let mut paragraphs = row.paragraphs().into_iter();
    page.entry(row.name, &paragraphs.next().unwrap_or_default());
    paragraphs.for_each(|paragraph| page.more(&paragraph));
    if let Relation::Better(why) = row.relation {
        page.more(&format!("Unlike in vsftpd: {why}."));
    }
    if let Some(state) = state(row) {
        page.more(&format!("State: {state}."));
    }
    if !row.aliases.is_empty() {
        page.more(&format!("Also written `{}`.", row.aliases.join("`, `")));
    }
    page.more(&facts(row));
}

/// Says type, default, layer and moment of change in one line.
fn facts(row: &Row) -> String {
    let layer = match row.scope {
        Scope::User => " [user]",
        Scope::Main => "",
    };
    let change = match row.effect {
        Effect::NextSession => "new connections after a reload",
        Effect::Reload => "at a reload",
        Effect::Restart => "at a restart",
    };
    format!("Type: {}. Default: {}. Changes bite: {change}.{layer}", row.kind, default(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;

    #[test]
    fn every_option_has_an_entry() {
        let page = man_wharfd_conf();
        for row in rows() {
            assert!(page.contains(&format!(".TP\n\\fB\\%{}\\fR\n", row.name)), "{}", row.name);
        }
    }
}
