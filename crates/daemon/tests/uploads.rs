//! Uploads that meet a full disk, a lock, or an end. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use wharf_testkit::{Account, PamService, Site, needs_root, read_all};

fn local(lines: &[&str]) -> (Site, Account, PamService) {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let builder =
        lines.iter().fold(builder.local(&pam).set("write_enable=YES"), |builder, line| builder.set(line));
    (builder.start(), account, pam)
}

/// A disk of 256 KiB, gone when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        fs::create_dir(at).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k,mode=777", "none"]).arg(at).status();
        assert!(mounted.unwrap().success());
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_452_and_the_partial_file_is_kept_or_removed_as_configured() {
    needs_root!();
    for (option, kept) in [("delete_failed_uploads=NO", true), ("delete_failed_uploads=YES", false)] {
        let (site, account, _pam) = local(&[option, "xferlog_enable=YES"]);
        let disk = SmallDisk::mount(&site.place().join("disk"));
        let mut dialogue = site.login(&account);
        dialogue.ask(&format!("CWD {}", disk.0.display()), 250);
        let mut data = dialogue.epsv();
        dialogue.ask("STOR big", 150);
        // The server closes when the disk is full, so not all of this has to go out.
        let _ = data.write_all(&[b'x'; 4_000_000]);
        drop(data);
        dialogue.expect(452);
        dialogue.ask("NOOP", 200);
        assert_eq!(disk.0.join("big").exists(), kept, "{option}");
        assert!(site.text("vsftpd.log").contains("FAIL UPLOAD: "), "{option}");
        dialogue.ask("QUIT", 221);
    }
}

#[test]
fn a_download_waits_for_the_upload_of_the_same_file() {
    needs_root!();
    let (site, account, _pam) = local(&[]);
    let mut writer = site.login(&account);
    let mut arriving = writer.epsv();
    writer.ask("STOR report", 150);
    arriving.write_all(b"first half, ").unwrap();

    let mut reader = site.login(&account);
    let leaving = reader.epsv();
    reader.send("RETR report");
    arriving.write_all(b"second half").unwrap();
    drop(arriving);
    writer.expect(226);
    reader.expect(150);
    assert_eq!(read_all(leaving), b"first half, second half");
    reader.expect(226);
}

#[test]
fn a_refused_upload_lets_its_lock_go() {
    needs_root!();
    let (site, account, _pam) = local(&[]);
    let mut dialogue = site.login(&account);
    dialogue.give("STOR notes", b"abc");
    dialogue.ask("REST 100", 350);
    let data = dialogue.epsv();
    dialogue.ask("STOR notes", 554);
    drop(data);
    dialogue.give("APPE notes", b"def");
    assert_eq!(fs::read(account.home.join("notes")).unwrap(), b"abcdef");
}

#[test]
fn a_connection_that_never_comes_costs_no_file() {
    needs_root!();
    let (site, account, _pam) = local(&["accept_timeout=1"]);
    let mut dialogue = site.login(&account);
    dialogue.give("STOR precious", b"keep me");
    dialogue.ask("EPSV", 229);
    dialogue.ask("STOR precious", 425);
    dialogue.ask("EPSV", 229);
    dialogue.ask("STOR fresh", 425);
    assert_eq!(fs::read(account.home.join("precious")).unwrap(), b"keep me");
    assert!(!account.home.join("fresh").exists());
}
