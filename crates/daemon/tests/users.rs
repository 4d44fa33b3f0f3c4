//! `wharfd user`: the file of users beside PAM, edited through the real executable.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use wharf_proto::secret::Secret;
use wharf_testkit::{Account, has, needs_root, run};
use wharf_users::{Answer, Users};

/// A directory with a file of users, which does not exist yet.
struct Place {
    directory: tempfile::TempDir,
    file: PathBuf,
}

/// What the program said, and its exit status.
#[derive(Debug)]
struct Told {
    status: i32,
    out: String,
    err: String,
}

impl Place {
    fn make() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let file = directory.path().join("wharfd.users");
        Self { directory, file }
    }

    fn with(text: &str) -> Self {
        let place = Self::make();
        fs::write(&place.file, text).unwrap();
        place.mode(0o600);
        place
    }

    fn mode(&self, mode: u32) {
        fs::set_permissions(&self.file, Permissions::from_mode(mode)).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
        command.arg("user").args(words).arg("--file").arg(&self.file);
        command
    }

    fn user(&self, words: &[&str], input: &str) -> Told {
        told(&mut self.command(words), input)
    }

    /// Adds a user with this directory as the root; panics when that fails.
    fn add(&self, name: &str, more: &[&str], input: &str) -> Told {
        let told = self.user(&[&self.add_words(name), more].concat(), input);
        assert_eq!(told.status, 0, "{told:?}");
        told
    }

    fn add_words<'a>(&'a self, name: &'a str) -> [&'a str; 8] {
        ["add", name, "--root", self.directory.path().to_str().unwrap(), "--uid", "1001", "--gid", "1002"]
    }

    fn answer(&self, name: &str, password: &str) -> Answer {
        Users::read(&self.file).unwrap().verify(name.as_bytes(), &Secret::new(password.into()))
    }

    fn lets_in(&self, name: &str, password: &str) -> bool {
        matches!(self.answer(name, password), Answer::Verified(_))
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }
}

fn told(command: &mut Command, input: &str) -> Told {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses before it reads is no fault of the test.
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap_or_default();
    let output = child.wait_with_output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    Told { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn a_user_is_added_listed_changed_and_removed() {
    let place = Place::make();
    let (file, root) = (place.file.display(), place.directory.path().display());
    let added = place.add("ann", &["--comment", "Ann, accounts"], "first\n");
    assert_eq!(added.out, format!("added ann to {file}: root {root}, rights of user 1001 and group 1002\n"));
    assert_eq!(added.err, "");
    assert_eq!(fs::metadata(&place.file).unwrap().permissions().mode() & 0o7777, 0o600);
    let Answer::Verified(ann) = place.answer("ann", "first") else { panic!("{:?}", place.text()) };
    assert_eq!((ann.uid, ann.gid, ann.comment.as_str()), (1001, 1002, "Ann, accounts"));
    assert_eq!(ann.root, place.directory.path());

    fs::write(&place.file, format!("# those who bring goods\n\n{}", place.text())).unwrap();
    assert_eq!(place.user(&["passwd", "ann"], "second\n").out, "ann has a new password\n");
    assert!(place.lets_in("ann", "second") && !place.lets_in("ann", "first"));
    place.add("bob", &[], "third");

    let listed = place.user(&["list"], "");
    assert_eq!((listed.status, listed.err.as_str()), (0, ""));
    let rows: Vec<Vec<&str>> = listed.out.lines().map(|row| row.split_whitespace().collect()).collect();
    let root = root.to_string();
    assert_eq!(rows[0], ["NAME", "HASH", "UID", "GID", "ROOT", "COMMENT"]);
    assert_eq!(rows[1], ["ann", "argon2", "1001", "1002", &root, "Ann,", "accounts"]);
    assert_eq!(rows[2], ["bob", "argon2", "1001", "1002", &root]);
    assert!(!listed.out.contains('$'), "no hash may be shown: {}", listed.out);

    let removed = place.user(&["remove", "ann"], "");
    assert_eq!(removed.out, format!("removed ann from {file}; the user's files stay\n"));
    assert_eq!(place.answer("ann", "second"), Answer::NoSuchUser);
    assert!(place.lets_in("bob", "third"));
    assert!(place.text().starts_with("# those who bring goods\n\nbob:"), "{}", place.text());
}

#[test]
fn many_who_add_at_once_lose_nothing() {
    let place = Place::make();
    let add = |n: usize| {
        let name = format!("user{n}");
        place.command(&place.add_words(&name)).args(["--hash", "!"]).stdout(Stdio::null()).spawn().unwrap()
    };
    let running: Vec<_> = (0..24).map(add).collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    let users = Users::read(&place.file).unwrap();
    let mut names: Vec<String> = users.list().map(|user| user.unwrap().0.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 24, "{}", place.text());
    assert_eq!(fs::read_dir(place.directory.path()).unwrap().count(), 1);
}

#[test]
fn of_two_who_add_one_name_one_is_refused() {
    let place = Place::make();
    let add = || place.command(&place.add_words("ann")).args(["--hash", "!"]).output();
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(add);
        (add().unwrap(), one.join().unwrap().unwrap())
    });
    let mut statuses = [one.status.code(), other.status.code()];
    statuses.sort();
    assert_eq!(statuses, [Some(0), Some(1)]);
    assert_eq!(place.text().lines().count(), 1);
}

#[test]
fn hashes_of_other_programs_are_taken_over() {
    let place = Place::make();
    let mut made = Vec::new();
    if has("perl") {
        let settings = [
            ("yescrypt", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$"),
            ("sha512-crypt", "$6$rounds=2000$saltsalt$"),
            ("sha256-crypt", "$5$salt$"),
            ("bcrypt", "$2b$05$abcdefghijklmnopqrstuu"),
            ("bcrypt", "$2y$05$abcdefghijklmnopqrstuu"),
        ];
        for (kind, setting) in settings {
            let hash =
                run(Command::new("perl").args(["-e", "print crypt('tr0ub4dor', $ARGV[0])", setting]), "")
                    .stdout;
            // A C library without the kind answers with something that is no hash of it.
            if hash.starts_with(setting.get(..3).unwrap()) {
                made.push((kind, hash));
            }
        }
    }
    if has("openssl") {
        for (kind, option) in [("sha512-crypt", "-6"), ("sha256-crypt", "-5")] {
            made.push((kind, run(Command::new("openssl").args(["passwd", option, "tr0ub4dor"]), "").stdout));
        }
    }
    // Python had the module up to 3.12.
    let script = "import crypt; print(crypt.crypt('tr0ub4dor', crypt.METHOD_SHA512))";
    if has("python3") {
        let outcome = run(Command::new("python3").args(["-W", "ignore", "-c", script]), "");
        made.extend(outcome.success.then_some(("sha512-crypt", outcome.stdout)));
    }
    for (n, (kind, hash)) in made.iter().enumerate() {
        let (name, hash) = (format!("u{n}"), hash.trim_end());
        place.add(&name, &["--hash", hash], "");
        assert!(place.lets_in(&name, "tr0ub4dor"), "{hash}");
        assert!(!place.lets_in(&name, "tr0ub4do"), "{hash}");
        let row = place.user(&["list"], "").out;
        assert!(row.lines().last().unwrap().contains(kind), "{row}");
    }
}

#[test]
fn known_hashes_lock_unlock_and_come_in_by_standard_input() {
    const YESCRYPT: &str = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79";
    let place = Place::make();
    place.add("ann", &["--hash", "-"], &format!("{YESCRYPT}\n"));
    assert!(place.lets_in("ann", "correct horse"));
    let locked = place.user(&["passwd", "ann", "--hash", &format!("!{YESCRYPT}")], "");
    assert_eq!((locked.status, locked.out.as_str()), (0, "ann is locked\n"));
    assert_eq!(place.answer("ann", "correct horse"), Answer::Locked);
    assert!(place.user(&["list"], "").out.contains("  locked  "));
    place.user(&["passwd", "ann"], "anew\n");
    assert!(place.lets_in("ann", "anew"));
}

#[test]
fn passwords_come_from_files_descriptors_and_input_but_never_from_arguments() {
    let place = Place::make();
    let secret = place.directory.path().join("secret");
    fs::write(&secret, "from file\nsecond line\n").unwrap();
    place.add("ann", &["--password-file", secret.to_str().unwrap()], "");
    assert!(place.lets_in("ann", "from file"));
    place.add("bob", &["--password-fd", "0"], "from descriptor\r\n");
    assert!(place.lets_in("bob", "from descriptor"));
    place.add("carl", &[], "from input");
    assert!(place.lets_in("carl", "from input"));
    let told = place.user(&["passwd", "carl", "--password", "x"], "");
    assert_eq!(told.status, 2);
    assert!(told.err.starts_with("wharfd user: there is no option --password here\nusage: wharfd user add"));
}

#[test]
fn whose_rights_are_taken_is_said() {
    let place = Place::make();
    let root = place.directory.path().to_str().unwrap();
    let told = place.user(&["add", "ann", "--root", root], "x\n");
    if has_account("ftp") {
        assert!(told.out.trim_end().ends_with("(account ftp)"), "{told:?}");
    } else {
        assert_eq!(told.status, 1);
        assert_eq!(
            told.err,
            "wharfd user: with whose rights shall ann's files be opened? Say --as ACCOUNT, or --uid N --gid N \
             (the account ftp, which is taken otherwise, does not exist here)\n"
        );
    }
    let told = place.user(&["add", "bob", "--root", root, "--as", "no-such-account"], "x\n");
    assert_eq!(
        (told.status, told.err.as_str()),
        (
            1,
            "wharfd user: this machine has no account no-such-account: name another with --as, or give --uid N --gid N\n"
        )
    );
    needs_root!();
    let account = Account::make(place.directory.path());
    let told = place.user(&["add", "bob", "--root", root, "--as", &account.name], "x\n");
    let (uid, gid, name) = (account.uid, account.gid, &account.name);
    assert!(
        told.out.ends_with(&format!("rights of user {uid} and group {gid} (account {name})\n")),
        "{told:?}"
    );
}

fn has_account(name: &str) -> bool {
    wharf_os::identity::lookup(name.as_bytes()).unwrap().is_some()
}

#[test]
fn a_root_that_the_user_cannot_use_is_warned_of() {
    let place = Place::make();
    // Nobody, not even who runs this test, has these numbers.
    let numbers = ["--uid", "4000001", "--gid", "4000002", "--hash", "!"];
    let add =
        |name: &str, root: &str| place.user(&[&["add", name, "--root", root], &numbers[..]].concat(), "");
    let lost = add("ann", "/nonexistent/ann");
    assert_eq!(lost.status, 0);
    assert_eq!(
        lost.err,
        "wharfd user: warning: /nonexistent does not exist yet: 'install -d -o 4000001 -g 4000002 /nonexistent/ann' \
         makes a root that the user may write in\n"
    );
    let closed = place.directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let closed = closed.to_str().unwrap();
    assert_eq!(
        add("bob", closed).err,
        format!("wharfd user: warning: by its mode (0700), user 4000001 may not list {closed}\n")
    );
    let reserved = add("Anonymous", place.directory.path().to_str().unwrap());
    assert!(
        reserved.err.contains("warning: where anonymous_enable is on, that name means an anonymous user")
    );
}

#[test]
fn what_cannot_be_done_is_told_and_nothing_changes() {
    let text = "ann:!:1:1::/\nbob:!:0:1::/\n";
    let place = Place::with(text);
    let file = place.file.display().to_string();
    let with = |more: &[&'static str]| [&["--root", "/", "--uid", "1", "--gid", "1"], more].concat();
    let add = |name: &'static str, more: &[&'static str]| [vec!["add", name], with(more)].concat();
    let cases: Vec<(Vec<&str>, &str, String)> = vec![
        (
            add("ann", &[]),
            "x",
            format!("{file} has a user ann already: 'wharfd user passwd ann' gives them another password"),
        ),
        (add("-x", &[]), "x", String::new()),
        (add("a:b", &[]), "x", "a name holds neither ':' nor '/'".into()),
        (add("a/b", &[]), "x", "a name holds neither ':' nor '/'".into()),
        (add("a b", &[]), "x", "a name holds printable ASCII without blanks only".into()),
        (add("", &[]), "x", "the name is empty".into()),
        (add("carl", &["--comment", "a:b"]), "x", "a comment holds no ':', which ends the field".into()),
        (
            vec!["add", "carl", "--root", "srv", "--uid", "1", "--gid", "1"],
            "x",
            "the root 'srv' is not an absolute path: begin it with /".into(),
        ),
        (
            vec!["add", "carl", "--root", "/", "--uid", "0", "--gid", "1"],
            "x",
            "the user number is 0, which is root's: use another".into(),
        ),
        (
            vec!["add", "carl", "--root", "/", "--uid", "1", "--gid", "0"],
            "x",
            "the group number is 0, which is root's: use another".into(),
        ),
        (
            vec!["add", "carl", "--root", "/", "--as", "root"],
            "x",
            "the user number is 0, which is root's: use another".into(),
        ),
        (add("carl", &[]), "", "the first line of standard input is empty".into()),
        (
            add("carl", &["--password-file", "/nonexistent"]),
            "",
            "cannot open /nonexistent: No such file or directory (os error 2)".into(),
        ),
        (
            add("carl", &["--hash", "!:0:0::/"]),
            "",
            "a hash holds printable ASCII without blanks and ':' only".into(),
        ),
        (
            add("carl", &["--hash", "$2b$31$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"]),
            "",
            "checking this bcrypt hash has the cost 31; 4 to 14 are allowed".into(),
        ),
        (vec!["passwd", "carl"], "x", format!("{file} knows no user carl")),
        (vec!["passwd", "bob"], "x", format!("{file}:2: the user number is 0, which is root's: use another")),
        (vec!["remove", "carl"], "", format!("{file} knows no user carl")),
    ];
    for (words, input, sentence) in cases {
        let told = place.user(&words, input);
        if sentence.is_empty() {
            assert_eq!(told.status, 2, "{words:?}: {told:?}");
        } else {
            assert_eq!((told.status, told.err), (1, format!("wharfd user: {sentence}\n")), "{words:?}");
        }
        assert_eq!(place.text(), text, "{words:?}");
    }
    let long = place.user(&["passwd", "ann"], &"x".repeat(129));
    assert_eq!(long.err, "wharfd user: the password is longer than 128 octets\n");
}

#[test]
fn a_list_shows_the_good_lines_and_tells_the_bad_ones() {
    let place = Place::with("ann:!:1:1::/\nbob:!:0:1::/\n# end\ncarl\n");
    let listed = place.user(&["list"], "");
    assert_eq!(listed.status, 1);
    assert!(listed.out.contains("ann ") && !listed.out.contains("bob"), "{}", listed.out);
    let file = place.file.display();
    assert_eq!(
        listed.err,
        format!(
            "wharfd user: {file}:2: the user number is 0, which is root's: use another\n\
             wharfd user: {file}:4: a line has six fields, name:hash:uid:gid:comment:root\n"
        )
    );
}

#[test]
fn a_file_that_others_could_have_written_or_read_is_not_touched() {
    let place = Place::with("ann:!:1:1::/\n");
    let file = place.file.display();
    for (mode, what) in [
        (0o644, "holds hashes and can be read by everybody"),
        (0o620, "can be written by others than its owner"),
    ] {
        place.mode(mode);
        let sentence = format!("wharfd user: {file} {what} (mode {mode:04o}): type 'chmod 600 {file}'\n");
        for words in
            [&["list"][..], &["remove", "ann"], &["passwd", "ann", "--hash", "!"], &place.add_words("bob")]
        {
            let told = place.user(words, "x\n");
            assert_eq!((told.status, &told.err), (1, &sentence), "{words:?}");
        }
    }
    place.mode(0o640);
    assert_eq!(place.user(&["remove", "ann"], "").status, 0);
    assert_eq!(fs::metadata(&place.file).unwrap().permissions().mode() & 0o7777, 0o640);
}

#[test]
fn without_a_file_only_adding_works() {
    let place = Place::make();
    let file = place.file.display();
    for words in [&["list"][..], &["remove", "ann"], &["passwd", "ann"]] {
        let told = place.user(words, "x\n");
        let sentence = format!("wharfd user: {file} does not exist: 'wharfd user add' makes it\n");
        assert_eq!((told.status, told.err), (1, sentence), "{words:?}");
    }
    assert!(!place.file.exists());
}

/// `wharfd user passwd ann` at a terminal that types what a test says, each after what it waits for.
fn at_a_terminal(place: &Place, typed: &[(&str, &str)]) -> (i32, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let open = || File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    // Held open, so that its state can be looked at after the program has ended.
    let screen = open();
    let mut command = place.command(&["passwd", "ann"]);
    let mut child = command.stdin(open()).stdout(open()).stderr(open()).spawn().unwrap();
    drop(command);
    let mut terminal = File::from(terminal);
    let mut shown = String::new();
    for (question, answer) in typed {
        while !shown.ends_with(question) {
            let mut octets = [0; 256];
            let count = terminal.read(&mut octets).unwrap();
            shown.push_str(&String::from_utf8_lossy(octets.get(..count).unwrap()));
        }
        terminal.write_all(answer.as_bytes()).unwrap();
    }
    let status = child.wait().unwrap().code().unwrap();
    assert!(
        tcgetattr(&screen).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ISIG),
        "left mute"
    );
    drop(screen);
    let mut rest = Vec::new();
    // When nobody holds the other end, reading ends with an error.
    terminal.read_to_end(&mut rest).unwrap_or_default();
    (status, shown + &String::from_utf8_lossy(&rest))
}

#[test]
fn at_a_terminal_the_password_is_asked_for_twice_and_never_shown() {
    let place = Place::with("ann:!:1:1::/\n");
    let typed = [("new password for ann: ", "hunterX\x7f2\r"), ("the same again: ", "nonsense\x15hunter2\r")];
    let (status, shown) = at_a_terminal(&place, &typed);
    assert_eq!(status, 0, "{shown}");
    assert!(!shown.contains("hunter") && shown.contains("ann has a new password"), "{shown}");
    assert!(place.lets_in("ann", "hunter2"));
}

#[test]
fn at_a_terminal_two_different_passwords_or_an_interruption_change_nothing() {
    let text = "ann:!:1:1::/\n";
    let place = Place::with(text);
    let first = "new password for ann: ";
    for (typed, sentence) in [
        (
            &[(first, "one\r"), ("the same again: ", "other\r")][..],
            "the two passwords differ; nothing was changed",
        ),
        (&[(first, "secr\x03")], "interrupted; nothing was changed"),
        (&[(first, "\x04")], "interrupted; nothing was changed"),
        (&[(first, "\r")], "an empty password lets everybody in: use a longer one"),
    ] {
        let (status, shown) = at_a_terminal(&place, typed);
        assert_eq!(status, 1, "{shown}");
        assert!(shown.contains(sentence), "{shown}");
        assert_eq!(place.text(), text);
    }
}

#[test]
fn help_is_no_error_and_nonsense_is_told_with_the_usage() {
    let wharfd =
        |words: &[&str]| told(Command::new(env!("CARGO_BIN_EXE_wharfd")).arg("user").args(words), "");
    let help = wharfd(&["help"]);
    assert_eq!(help.status, 0);
    assert!(help.out.starts_with("usage: wharfd user add NAME --root DIR"));
    for (words, sentence) in [(&[][..], "add, passwd, list or remove?"), (&["delete"], "what is delete?")] {
        let told = wharfd(words);
        assert_eq!(told.status, 2);
        assert!(told.err.starts_with(&format!("wharfd user: {sentence}\nusage: ")), "{}", told.err);
    }
}
