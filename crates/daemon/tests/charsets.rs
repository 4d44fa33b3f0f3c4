//! File names in other charsets than UTF-8, with clients that speak them: Python's ftplib and lftp. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use wharf_testkit::{Account, PamService, Site, has, needs_root};

struct Served {
    site: Site,
    account: Account,
    _pam: PamService,
}

fn served(lines: &[&str]) -> Served {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let builder = builder.local(&pam).set("write_enable=YES").set("chroot_local_user=YES");
    let builder = builder.set("allow_writeable_chroot=YES");
    let site = lines.iter().fold(builder, |builder, line| builder.set(line)).start();
    Served { site, account, _pam: pam }
}

/// What a client of an old Korean system does with files: everything in its own charset.
const OLD_CLIENT: &str = "
import ftplib, io, sys
port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
ftp = ftplib.FTP(encoding='cp949')
ftp.connect('127.0.0.1', port, timeout=20)
ftp.login(user, password)
# Another user speaks UTF-8; what its letters become is shown and can be used.
listed = sorted(ftp.nlst())
print('before:', listed)
ftp.mkd('새 폴더')
ftp.cwd('새 폴더')
print('here:', ftp.pwd())
ftp.storbinary('STOR 회의록 최종.hwp', io.BytesIO(b'content'))
print('inside:', [name for name, facts in ftp.mlsd()])
lines = []
ftp.retrlines('LIST', lines.append)
print('line:', lines[0].endswith(' 회의록 최종.hwp'))
got = []
ftp.retrbinary('RETR 회의록 최종.hwp', got.append)
print('got:', b''.join(got))
ftp.rename('회의록 최종.hwp', '똠방각하.txt')
ftp.cwd('/')
for name in listed:
    if '&#' in name:
        ftp.rename(name, '이름이 바뀜')
print('after:', sorted(ftp.nlst()))
ftp.quit()
";

fn old_client(served: &Served) -> String {
    run(served, OLD_CLIENT)
}

fn run(served: &Served, script: &str) -> String {
    let port = served.site.address.port().to_string();
    let mut python = Command::new("python3");
    python.env("PYTHONIOENCODING", "utf-8").args(["-c", script, &port, &served.account.name]);
    let ran = python.arg(&served.account.password).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn a_client_that_speaks_cp949_sees_hangul_and_the_disk_has_utf8() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let served = served(&["charset=CP949"]);
    served.account.file("한글.txt", b"1");
    served.account.file("café 😀", b"2");
    let said = old_client(&served);
    assert!(said.contains("before: ['caf&#233; &#128512;', '한글.txt']"), "{said}");
    assert!(said.contains("here: /새 폴더"), "{said}");
    assert!(said.contains("inside: ['회의록 최종.hwp']"), "{said}");
    assert!(said.contains("line: True") && said.contains("got: b'content'"), "{said}");
    assert!(said.contains("after: ['새 폴더', '이름이 바뀜', '한글.txt']"), "{said}");
    assert_eq!(fs::read(served.account.home.join("새 폴더/똠방각하.txt")).unwrap(), b"content");
    assert_eq!(fs::read(served.account.home.join("이름이 바뀜")).unwrap(), b"2");
}

#[test]
fn a_charset_is_guessed_from_the_first_name_that_is_no_utf8() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let served = served(&["charset=AUTO", "charset_country=kr"]);
    let said = old_client(&served);
    assert!(said.contains("here: /새 폴더") && said.contains("after: ['새 폴더']"), "{said}");
    assert!(served.account.home.join("새 폴더/똠방각하.txt").exists());
}

/// What a client does that speaks UTF-8, with a name in two spellings and one of another time.
const NEW_CLIENT: &str = "
import ftplib, io, sys, unicodedata
port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
ftp = ftplib.FTP(encoding='utf-8')
ftp.connect('127.0.0.1', port, timeout=20)
ftp.login(user, password)
apart = unicodedata.normalize('NFD', '사진')
ftp.mkd(apart)
ftp.storbinary('STOR ' + apart + '/' + unicodedata.normalize('NFD', '바다.jpg'), io.BytesIO(b'sea'))
for name in ('사진/바다.jpg', apart + '/' + unicodedata.normalize('NFD', '바다.jpg')):
    got = []
    ftp.retrbinary('RETR ' + name, got.append)
    print('got:', b''.join(got))
print('listed:', sorted(ftp.nlst()))
print('old:', ftp.size('옛날/한글.txt'), ftp.nlst('옛날'))
print('macs:', ftp.size('가을.txt'))
ftp.rename('옛날/한글.txt', '옛날/새글.txt')
ftp.quit()
";

#[test]
fn names_of_macos_become_whole_and_old_names_are_shown_as_what_they_mean() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let served = served(&["normalize=nfc", "disk_charset=CP949"]);
    let home = &served.account.home;
    // 옛날 and 한글.txt as they were written twenty years ago, and 가을.txt as macOS left it.
    let old = home.join(OsStr::from_bytes(b"\xbf\xbe\xb3\xaf"));
    fs::create_dir(&old).unwrap();
    fs::write(old.join(OsStr::from_bytes(b"\xc7\xd1\xb1\xdb.txt")), b"12345").unwrap();
    served.account.own(&old);
    served.account.file("\u{1100}\u{1161}\u{110b}\u{1173}\u{11af}.txt", b"123");
    let said = run(&served, NEW_CLIENT);
    assert_eq!(said.matches("got: b'sea'").count(), 2, "{said}");
    assert_eq!(fs::read(home.join("사진/바다.jpg")).unwrap(), b"sea");
    assert!(said.contains("'옛날'") && said.contains("'사진'"), "{said}");
    assert!(said.contains("old: 5 ['옛날/한글.txt']"), "{said}");
    assert!(said.contains("macs: 3"), "{said}");
    // Renamed, it has a name of today in a directory of then.
    assert!(old.join("새글.txt").exists());
}

#[test]
fn lftp_with_the_charset_of_its_host_mirrors_hangul_both_ways() {
    needs_root!();
    if !has("lftp") {
        return;
    }
    let served = served(&["charset=EUC-KR"]);
    let place = tempfile::tempdir().unwrap();
    let (up, down) = (place.path().join("up"), place.path().join("down"));
    fs::create_dir_all(up.join("사진")).unwrap();
    fs::write(up.join("사진/바다.jpg"), b"sea").unwrap();
    let Served { site, account, .. } = &served;
    // The server names UTF8 among its features, and lftp must not take that for its own charset.
    let script = format!(
        "set ftp:use-feat no; set ftp:use-utf8 no; set ftp:charset EUC-KR; set file:charset UTF-8; \
         open -u {},{} -p {} 127.0.0.1; mirror -R {} there; mirror there {}",
        account.name,
        account.password,
        site.address.port(),
        up.display(),
        down.display(),
    );
    let ran = Command::new("lftp").env("LC_ALL", "C.UTF-8").args(["--norc", "-c", &script]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(fs::read(account.home.join("there/사진/바다.jpg")).unwrap(), b"sea");
    assert_eq!(fs::read(down.join("사진/바다.jpg")).unwrap(), b"sea");
}
