//! Every reply this server can give, and how it goes onto the wire (RFC 959 §4.2, RFC 1123 §4.1.2).
//!
//! Texts are vsftpd's where scripts may depend on them. A verb names a reply and never formats one; so there is
//! one place where octets of a file name could turn into a line of their own, and it is `neutralise`.

mod korean;

use wharf_names::Translation;

macro_rules! replies {
    (
        single { $($(#[$doc:meta])* $name:ident $(($($field:ident: $type:ty),+))? = $code:literal $text:literal;)* }
        framed { $($(#[$fdoc:meta])* $fname:ident = $fcode:literal $first:literal .. $last:literal;)* }
    ) => {
        /// A reply, with the values that its text shows.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Reply {
            $($(#[$doc])* #[doc = concat!("`", $code, " ", $text, "`")] $name $(($($type),+))?,)*
            $($(#[$fdoc])* #[doc = concat!("`", $fcode, "-", $first, "` … `", $fcode, " ", $last, "`")] $fname(Vec<Vec<u8>>),)*
        }

        impl Reply {
            /// The three digits.
            #[must_use]
            pub fn code(&self) -> u16 {
                match self {
                    $(Self::$name $(($(replies!(@wild $field)),+))? => $code,)*
                    $(Self::$fname(_) => $fcode,)*
                }
            }

            /// The lines without their ends; the last one ends the reply.
            fn lines(&self, language: Language) -> Vec<Vec<u8>> {
                match self {
                    $(Self::$name $(($($field),+))? => {
                        vec![fill($code, language.text(self).unwrap_or($text), &[$($($field as &dyn Show),+)?])]
                    })*
                    $(Self::$fname(body) => {
                        let (first, last) = language.frame(self).unwrap_or(($first, $last));
                        framed($fcode, first, body, last)
                    })*
                }
            }
        }

        #[cfg(test)]
        const ENGLISH: &[(&str, &str)] = &[$((stringify!($name), $text)),*];
    };
    (@wild $field:ident) => { _ };
}

replies! {
    single {
        OpeningListing = 150 "Here comes the directory listing.";
        OkToSend = 150 "Ok to send data.";
        Opening(mode: &'static str, name: Vec<u8>, size: u64) = 150 "Opening {} mode data connection for {} ({} bytes).";
        OpeningUnique(name: Vec<u8>) = 150 "FILE: {}";
        NoopOk = 200 "NOOP ok.";
        SwitchingToBinary = 200 "Switching to Binary mode.";
        SwitchingToAscii = 200 "Switching to ASCII mode.";
        PortOk = 200 "PORT command successful. Consider using PASV.";
        EprtOk = 200 "EPRT command successful. Consider using EPSV.";
        EpsvAllOk = 200 "EPSV ALL ok.";
        UmaskIs(umask: Octal) = 200 "Your current UMASK is {}";
        UmaskSet(umask: Octal) = 200 "UMASK set to {}";
        ChmodOk = 200 "SITE CHMOD command ok.";
        SiteOk(word: &'static str) = 200 "SITE {} command ok.";
        HashIs(method: &'static str) = 200 "{}";
        ClientNoted = 200 "Noted.";
        ServerIs = 200 "Name=Wharf;";
        StructureOk = 200 "Structure set to F.";
        ModeOk = 200 "Mode set to S.";
        ModeZOk = 200 "Mode set to Z.";
        ModeZLevel(level: u16) = 200 "MODE Z LEVEL set to {}.";
        AlwaysUtf8 = 200 "Always in UTF8 mode.";
        Utf8Off = 200 "UTF8 mode is off.";
        LanguageIs = 200 "Replies are in English.";
        MlstOptions(facts: Vec<u8>) = 200 "MLST OPTS {}";
        PbszSet = 200 "PBSZ set to 0.";
        ProtClear = 200 "PROT now Clear.";
        ProtPrivate = 200 "PROT now Private.";
        ControlCleared = 200 "Control connection continues in clear.";
        AlloIgnored = 202 "ALLO command ignored.";
        Size(octets: u64) = 213 "{}";
        Modified(stamp: String) = 213 "{}";
        TimeSet = 213 "File modification time set.";
        ModifyFact(stamp: String, name: Vec<u8>) = 213 "Modify={}; {}";
        FactsSet(facts: String, name: Vec<u8>) = 213 "{} {}";
        Hash(method: &'static str, range: String, digits: String, name: Vec<u8>) = 213 "{} {} {} {}";
        Progress(octets: u64, pace: Pace) = 213 "Status: {} bytes transferred{}.";
        ProgressOf(octets: u64, size: u64, pace: Pace) = 213 "Status: {} of {} bytes transferred{}.";
        SiteHelp(words: String) = 214 "{}";
        System = 215 "UNIX Type: L8";
        /// Banner lines: one is the text, of several each is `220-…` and an empty `220 ` follows.
        Greeting(banner: Vec<u8>) = 220 "{}";
        GreetingAfter(banner: Lines) = 220 "";
        Goodbye = 221 "Goodbye.";
        NoTransferToAbort = 225 "No transfer to ABOR.";
        TransferComplete = 226 "Transfer complete.";
        DirectorySent = 226 "Directory send OK.";
        DirectoryNotOpened = 226 "Transfer done (but failed to open directory).";
        AbortSuccessful = 226 "ABOR successful.";
        PassiveMode(numbers: String) = 227 "Entering Passive Mode ({}).";
        ExtendedPassiveMode(port: u16) = 229 "Entering Extended Passive Mode (|||{}|)";
        /// The start directory's message goes before it as `230-…`.
        LoginSuccessful(message: Lines) = 230 "Login successful.";
        AlreadyLoggedIn = 230 "Already logged in.";
        /// RFC 4217 §4: by certificate. The start directory's message goes before it, too.
        LoggedInByCertificate(message: Lines) = 232 "Login successful, by certificate.";
        ProceedWithNegotiation = 234 "Proceed with negotiation.";
        /// The directory's message goes before it as `250-…`.
        DirectoryChanged(message: Lines) = 250 "Directory successfully changed.";
        DirectoryRemoved = 250 "Remove directory operation successful.";
        Deleted = 250 "Delete operation successful.";
        Renamed = 250 "Rename successful.";
        Checksum(digits: String) = 250 "{}";
        Copied = 250 "Copy successful.";
        Joined = 250 "Combine successful.";
        Md5(name: Vec<u8>, digits: String) = 251 "{} {}";
        Md5s(list: Vec<u8>) = 252 "{}";
        CurrentDirectory(path: Quoted) = 257 "{} is the current directory";
        DirectoryMade(path: Quoted) = 257 "{} created";
        SpecifyPassword = 331 "Please specify the password.";
        AnyPassword = 331 "Any password will do.";
        RestartAt(octets: u64) = 350 "Restart position accepted ({}).";
        RangeAccepted(start: u64, last: u64) = 350 "Range accepted ({}-{}).";
        RangeReset = 350 "Range reset: all of the file.";
        ReadyForCpto = 350 "Ready for CPTO.";
        ReadyForRnto = 350 "Ready for RNTO.";
        Timeout = 421 "Timeout.";
        DataTimeout = 421 "Data timeout. Reconnect. Sorry.";
        TooManyClients = 421 "There are too many connected users, please try later.";
        TooManyFromAddress = 421 "There are too many connections from your internet address.";
        NotAvailable = 421 "Service not available.";
        UsePortOrPasv = 425 "Use PORT or PASV first.";
        NoConnection = 425 "Failed to establish connection.";
        NoConnectionFor(cause: &'static str) = 425 "Failed to establish connection: {}.";
        NoPort = 425 "No port is free for a data connection; please try again later.";
        NetworkWriteFailed = 426 "Failure writing network stream.";
        NetworkReadFailed = 426 "Failure reading network stream.";
        FileBusy = 450 "Temporarily failed to open file.";
        TooMuchAtOnce = 450 "Too much to be done at once; please try again later.";
        BrokenOff = 451 "Broken off.";
        FileReadFailed = 451 "Failure reading local file.";
        FileWriteFailed = 451 "Failure writing to local file.";
        NoSpace = 452 "Insufficient storage space.";
        UnknownCommand = 500 "Unknown command.";
        UnknownSite = 500 "Unknown SITE command.";
        IllegalPort = 500 "Illegal PORT command.";
        IllegalEprt = 500 "Illegal EPRT command.";
        BadEprt = 500 "Bad EPRT command.";
        BadEprtProtocol = 500 "Bad EPRT protocol.";
        BadType = 500 "Unrecognised TYPE command.";
        ChmodNeedsTwo = 500 "SITE CHMOD needs 2 arguments.";
        LineTooLong = 500 "Input line too long.";
        NoHttp = 500 "HTTP protocol commands not allowed.";
        TooManyErrors = 500 "Too many errors.";
        Oops(text: Vec<u8>) = 500 "OOPS: {}";
        OptionNotUnderstood = 501 "Option not understood.";
        NulInPathname = 501 "A pathname cannot hold a NUL.";
        BadRestart = 501 "REST needs a position in octets.";
        BadTime = 501 "MFMT needs a time as YYYYMMDDhhmmss and a pathname.";
        BadMode = 501 "SITE CHMOD needs an octal mode.";
        BadFacts = 501 "MFF needs facts that it knows and a pathname.";
        BadRange = 501 "RANG needs the first and the last octet.";
        RangeIsForReading = 501 "RANG is for RETR and HASH.";
        BadHost = 501 "HOST needs the name of a host.";
        BadHashRange = 501 "This needs a pathname and, if anything, where to start and where to end.";
        BadUtime = 501 "SITE UTIME needs times as YYYYMMDDhhmmss and a pathname.";
        SiteNeedsTwo(word: &'static str) = 501 "SITE {} needs 2 arguments.";
        CombNeedsNames = 501 "COMB needs the name of the whole and those of its parts.";
        Mmd5NeedsNames = 501 "MMD5 needs pathnames with commas between them.";
        NotADirectory = 501 "MLSD lists directories only.";
        ReinNotImplemented = 502 "REIN not implemented.";
        AcctNotImplemented = 502 "ACCT not implemented.";
        SmntNotImplemented = 502 "SMNT not implemented.";
        LoginWithUser = 503 "Login with USER first.";
        HostAfterLogin = 503 "HOST comes before USER.";
        CpfrFirst = 503 "SITE CPFR required first.";
        RnfrFirst = 503 "RNFR required first.";
        PbszNeedsTls = 503 "PBSZ needs a secure connection.";
        ProtNeedsTls = 503 "PROT needs a secure connection.";
        UnknownAuth = 504 "Unknown AUTH type.";
        UnknownHost = 504 "No host of this name is here.";
        UnknownHash = 504 "This hash is not known here.";
        UnknownLanguage = 504 "This language is not spoken here.";
        UnknownProt = 504 "PROT not recognized.";
        BadModeCommand = 504 "Bad MODE command.";
        BadStruCommand = 504 "Bad STRU command.";
        BadNetworkProtocol = 522 "Bad network protocol.";
        DataMustBeProtected = 522 "Data connections must be encrypted.";
        HandshakeFailed = 522 "SSL connection failed";
        ReuseRequired = 522 "SSL connection failed: session reuse required";
        PleaseLogin = 530 "Please login with USER and PASS.";
        LoginIncorrect = 530 "Login incorrect.";
        LoginDenied = 530 "Permission denied.";
        AnonymousOnly = 530 "This FTP server is anonymous only.";
        AnonymousMayNotEncrypt = 530 "Anonymous sessions may not use encryption.";
        AnonymousMustEncrypt = 530 "Anonymous sessions must use encryption.";
        LocalMustEncrypt = 530 "Non-anonymous sessions must use encryption.";
        CannotLeaveGuest = 530 "Can't change from guest user.";
        CannotChangeUser = 530 "Can't change to another user.";
        CccNeedsTls = 533 "CCC needs a secure connection.";
        ClearControlDenied = 534 "CCC is not permitted here.";
        ProtNotSupported = 536 "PROT not supported.";
        PermissionDenied = 550 "Permission denied.";
        CouldNotOpen = 550 "Failed to open file.";
        CouldNotOpenDirectory = 550 "Failed to open directory.";
        CouldNotChangeDirectory = 550 "Failed to change directory.";
        CouldNotMakeDirectory = 550 "Create directory operation failed.";
        CouldNotRemoveDirectory = 550 "Remove directory operation failed.";
        CouldNotDelete = 550 "Delete operation failed.";
        RnfrFailed = 550 "RNFR command failed.";
        RenameFailed = 550 "Rename failed.";
        CouldNotGetSize = 550 "Could not get file size.";
        CouldNotGetTime = 550 "Could not get file modification time.";
        CouldNotSetTime = 550 "Could not set file modification time.";
        CouldNotLook = 550 "Could not get file facts.";
        CouldNotSetFacts = 550 "Could not set file facts.";
        CouldNotHash = 550 "Could not hash file.";
        CouldNotGetRoom = 550 "Could not get the space that is left.";
        CouldNotMeasure = 550 "Could not measure directory.";
        CouldNotRemoveTree = 550 "Could not remove all of the directory.";
        CouldNotJoin = 550 "Combine failed.";
        SiteFailed(word: &'static str) = 550 "SITE {} command failed.";
        ChmodFailed = 550 "SITE CHMOD command failed.";
        NoAsciiResume = 550 "No support for resume of ASCII transfer.";
        NotEnoughRoom(octets: u64) = 552 "Only {} bytes are free.";
        CouldNotCreate = 553 "Could not create file.";
        RestartBeyondEnd = 554 "Restart position is beyond the end of the file.";
    }
    framed {
        Features = 211 "Features:" .. "End";
        Status = 211 "FTP server status:" .. "End of status";
        ListingStatus = 213 "Status follows:" .. "End of status";
        Commands = 214 "The following commands are recognized." .. "Help OK.";
        FactsOf = 250 "Listing" .. "End";
    }
}

/// The languages that replies are given in; their codes are the same in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// `EN`, in vsftpd's words where it has any.
    #[default]
    English,
    /// `KO`.
    Korean,
}

impl Language {
    /// Both, with their tags (RFC 5646).
    pub const ALL: [(Self, &str); 2] = [(Self::English, "EN"), (Self::Korean, "KO")];

    /// Finds the language of a tag; `ko-KR` is Korean as well.
    #[must_use]
    pub fn tagged(tag: &[u8]) -> Option<Self> {
        let primary = tag.split(|&octet| octet == b'-').next().unwrap_or_default();
        let is = |(_, tag): &(Self, &str)| tag.as_bytes().eq_ignore_ascii_case(primary);
        Self::ALL.into_iter().find(is).map(|(language, _)| language)
    }

    fn text(self, reply: &Reply) -> Option<&'static str> {
        if self == Self::Korean { korean::text(reply) } else { None }
    }

    fn frame(self, reply: &Reply) -> Option<(&'static str, &'static str)> {
        if self == Self::Korean { korean::frame(reply) } else { None }
    }
}

impl Reply {
    /// The lines as they go onto the wire, without CR LF, and with IAC not yet doubled.
    pub(crate) fn shown(&self, language: Language) -> Vec<Vec<u8>> {
        let last = self.lines(language);
        let (Self::GreetingAfter(before)
        | Self::LoginSuccessful(before)
        | Self::LoggedInByCertificate(before)
        | Self::DirectoryChanged(before)) = self
        else {
            return last;
        };
        let code = self.code();
        before.0.iter().map(|line| coded(code, b'-', line)).chain(last).collect()
    }

    /// The lines that a log shows: what stands inside a listing is no reply.
    pub(crate) fn logged(&self, language: Language) -> Vec<Vec<u8>> {
        let mut shown = self.shown(language);
        if let Self::ListingStatus(_) = self {
            let last = shown.len().saturating_sub(1);
            shown.drain(1.min(last)..last);
        }
        shown
    }

    /// Appends the reply to what is sent.
    pub fn encode(&self, out: &mut Vec<u8>, language: Language, names: Translation) {
        let mut wire = Vec::new();
        for line in self.shown(language) {
            wire.clear();
            names.push(&mut wire, &line);
            for &octet in &wire {
                // Telnet's IAC is doubled on the control connection (RFC 959 §4.1.3 by way of RFC 854).
                out.extend(core::iter::repeat_n(octet, if octet == 255 { 2 } else { 1 }));
            }
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Lines that go before a reply's last one: a banner, a directory's message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lines(Vec<Vec<u8>>);

impl Lines {
    /// Cuts the text of a message file into lines; CR LF ends a line as LF does.
    #[must_use]
    pub fn of_message(text: Option<&[u8]>) -> Self {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Self::default() };
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = text.split(|&octet| octet == b'\n');
        Self(lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec()).collect())
    }
}

/// A pathname in the quotes of 257, each quote inside doubled (RFC 959 appendix II).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted(pub Vec<u8>);

/// Permission bits, printed as `0`, `022`, `0755` are: with one leading zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Octal(pub u32);

/// Octets per second, printed as ` at 123 bytes/s`, or nothing while nobody can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(pub Option<u64>);

/// A value that a reply's text can hold.
trait Show {
    fn show(&self, line: &mut Vec<u8>);
}

impl Show for Vec<u8> {
    fn show(&self, line: &mut Vec<u8>) {
        neutralise(self, line);
    }
}

impl Show for Pace {
    fn show(&self, line: &mut Vec<u8>) {
        if let Self(Some(octets)) = self {
            line.extend_from_slice(format!(" at {octets} bytes/s").as_bytes());
        }
    }
}

impl Show for Lines {
    fn show(&self, _: &mut Vec<u8>) {}
}

impl Show for Quoted {
    fn show(&self, line: &mut Vec<u8>) {
        let mut doubled = vec![b'"'];
        for &octet in &self.0 {
            doubled.extend(core::iter::repeat_n(octet, if octet == b'"' { 2 } else { 1 }));
        }
        doubled.push(b'"');
        neutralise(&doubled, line);
    }
}

impl Show for Octal {
    fn show(&self, line: &mut Vec<u8>) {
        let text = if self.0 == 0 { "0".to_owned() } else { format!("0{:o}", self.0) };
        line.extend_from_slice(text.as_bytes());
    }
}

macro_rules! show_as_displayed {
    ($($type:ty),*) => {$(
        impl Show for $type {
            fn show(&self, line: &mut Vec<u8>) {
                line.extend_from_slice(self.to_string().as_bytes());
            }
        }
    )*};
}
show_as_displayed!(u16, u64, &'static str, String);

fn fill(code: u16, text: &str, values: &[&dyn Show]) -> Vec<u8> {
    let mut line = format!("{code} ").into_bytes();
    let mut values = values.iter();
    for (index, piece) in text.split("{}").enumerate() {
        if index > 0
            && let Some(value) = values.next()
        {
            value.show(&mut line);
        }
        line.extend_from_slice(piece.as_bytes());
    }
    line
}

fn framed(code: u16, first: &str, body: &[Vec<u8>], last: &str) -> Vec<Vec<u8>> {
    let mut lines = vec![coded(code, b'-', first.as_bytes())];
    for line in body {
        let mut safe = Vec::with_capacity(line.len() + 1);
        // Security: a line that begins with three digits could be taken for the end of the reply.
        if line.iter().take_while(|octet| octet.is_ascii_digit()).count() >= 3 {
            safe.push(b' ');
        }
        neutralise(line, &mut safe);
        lines.push(safe);
    }
    lines.push(coded(code, b' ', last.as_bytes()));
    lines
}

fn coded(code: u16, mark: u8, text: &[u8]) -> Vec<u8> {
    let mut line = code.to_string().into_bytes();
    line.push(mark);
    neutralise(text, &mut line);
    line
}

// Security: a file may be called "x\r\n226 Transfer complete."; such octets never end a reply line early.
// vsftpd turns LF into NUL, which clients written in C take for the end of the text.
fn neutralise(text: &[u8], line: &mut Vec<u8>) {
    line.extend(text.iter().map(|&octet| if matches!(octet, b'\r' | b'\n' | 0) { b'?' } else { octet }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        reply.encode(&mut out, Language::English, Translation::NONE);
        out
    }

    #[test]
    fn a_text_takes_its_values_in_order() {
        let reply = Reply::Opening("BINARY", b"a b".to_vec(), 12);
        assert_eq!(wire(&reply), b"150 Opening BINARY mode data connection for a b (12 bytes).\r\n");
        assert_eq!(wire(&Reply::ProgressOf(1, 2, Pace(None))), b"213 Status: 1 of 2 bytes transferred.\r\n");
        assert_eq!(reply.code(), 150);
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        let reply = Reply::DirectoryMade(Quoted(b"/x\r\n226 Transfer complete.\0".to_vec()));
        assert_eq!(wire(&reply), b"257 \"/x??226 Transfer complete.?\" created\r\n");
    }

    #[test]
    fn quotes_and_iac_are_doubled() {
        assert_eq!(
            wire(&Reply::CurrentDirectory(Quoted(b"/\"\xff".to_vec()))),
            b"257 \"/\"\"\xff\xff\" is the current directory\r\n"
        );
    }

    #[test]
    fn a_body_line_cannot_end_its_reply() {
        let reply = Reply::ListingStatus(vec![b"213 End of status".to_vec()]);
        assert_eq!(wire(&reply), b"213-Status follows:\r\n 213 End of status\r\n213 End of status\r\n");
    }

    #[test]
    fn a_banner_is_one_line_and_a_file_of_one_goes_before_an_empty_line() {
        assert_eq!(wire(&Reply::Greeting(b"(hello)".to_vec())), b"220 (hello)\r\n");
        let file = |text: &[u8]| wire(&Reply::GreetingAfter(Lines::of_message(Some(text))));
        assert_eq!(file(b"a\n"), b"220-a\r\n220 \r\n");
        assert_eq!(file(b"a\r\n\nb"), b"220-a\r\n220-\r\n220-b\r\n220 \r\n");
    }

    #[test]
    fn a_message_goes_before_its_reply_line_by_line() {
        let message = Lines::of_message(Some(b"one\r\n\n250 two\n"));
        assert_eq!(
            wire(&Reply::DirectoryChanged(message)),
            b"250-one\r\n250-\r\n250-250 two\r\n250 Directory successfully changed.\r\n"
        );
        assert_eq!(wire(&Reply::LoginSuccessful(Lines::of_message(None))), b"230 Login successful.\r\n");
    }

    #[test]
    fn permission_bits_have_one_leading_zero() {
        assert_eq!(wire(&Reply::UmaskIs(Octal(0o77))), b"200 Your current UMASK is 077\r\n");
        assert_eq!(wire(&Reply::UmaskSet(Octal(0))), b"200 UMASK set to 0\r\n");
    }

    #[test]
    fn a_language_is_found_by_its_tag_and_only_texts_differ() {
        assert_eq!(Language::tagged(b"ko-KR"), Some(Language::Korean));
        assert_eq!(Language::tagged(b"En"), Some(Language::English));
        assert_eq!(Language::tagged(b"tlh"), None);
        let korean = |reply: &Reply| {
            let mut out = Vec::new();
            reply.encode(&mut out, Language::Korean, Translation::NONE);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(korean(&Reply::NoSpace), "452 저장 공간이 부족합니다.\r\n");
        assert_eq!(korean(&Reply::Size(5)), "213 5\r\n");
        let opening = Reply::Opening("BINARY", b"a b".to_vec(), 12);
        assert_eq!(korean(&opening), "150 BINARY 모드로 데이터 연결을 엽니다: a b (12 bytes).\r\n");
        assert_eq!(
            korean(&Reply::Commands(vec![b" X".to_vec()])),
            "214-다음 명령을 쓸 수 있습니다.\r\n X\r\n214 도움말 끝.\r\n"
        );
    }

    #[test]
    fn a_korean_text_holds_the_same_values_as_the_english() {
        for (name, text) in korean::ROWS {
            let (_, english) = ENGLISH.iter().find(|(english, _)| english == name).unwrap();
            assert_eq!(text.matches("{}").count(), english.matches("{}").count(), "{name}");
            assert!(!text.contains(['\r', '\n']) && !text.is_ascii(), "{name}");
        }
    }

    #[test]
    fn what_has_no_korean_text_is_for_programs() {
        let untold: Vec<&str> = ENGLISH
            .iter()
            .filter(|(name, text)| {
                let has_words =
                    text.split("{}").any(|piece| piece.split(' ').filter(|word| word.len() > 2).count() > 2);
                has_words && !korean::ROWS.iter().any(|(korean, _)| korean == name)
            })
            .map(|(name, _)| *name)
            .collect();
        // 227, 229 and 257 are taken apart by clients.
        let for_programs = ["PassiveMode", "ExtendedPassiveMode", "CurrentDirectory"];
        assert_eq!(untold, for_programs, "a new reply wants its Korean text in reply/korean.rs");
    }
}
