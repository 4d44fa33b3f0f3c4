//! The replies' texts in Korean, for those that a person reads (RFC 2640 §4, LANG).
//!
//! What programs read stays as it is in every language: 227 and 229, paths, sizes, times, hashes, facts. A reply
//! without a row here is given in English.

use super::Reply;

macro_rules! korean {
    ($($name:ident = $text:literal;)*) => {
        /// The Korean text of a reply, with the same values in the same order.
        pub(super) fn text(reply: &Reply) -> Option<&'static str> {
            match reply {
                $(Reply::$name { .. } => Some($text),)*
                _ => None,
            }
        }

        #[cfg(test)]
        pub(super) const ROWS: &[(&str, &str)] = &[$((stringify!($name), $text)),*];
    };
}

korean! {
    OpeningListing = "디렉터리 목록을 보냅니다.";
    OkToSend = "데이터를 보내 주세요.";
    // Clients take the size out of the parentheses.
    Opening = "{} 모드로 데이터 연결을 엽니다: {} ({} bytes).";
    NoopOk = "NOOP 확인.";
    SwitchingToBinary = "바이너리 모드로 바꿉니다.";
    SwitchingToAscii = "ASCII 모드로 바꿉니다.";
    PortOk = "PORT 명령을 받아들였습니다. PASV를 쓰는 것이 좋습니다.";
    EprtOk = "EPRT 명령을 받아들였습니다. EPSV를 쓰는 것이 좋습니다.";
    EpsvAllOk = "EPSV ALL 확인. 이제부터 EPSV만 받습니다.";
    UmaskIs = "현재 UMASK는 {}입니다.";
    UmaskSet = "UMASK를 {}(으)로 설정했습니다.";
    ChmodOk = "SITE CHMOD 명령을 수행했습니다.";
    SiteOk = "SITE {} 명령을 수행했습니다.";
    ClientNoted = "확인했습니다.";
    StructureOk = "구조를 F로 설정했습니다.";
    ModeOk = "전송 모드를 S로 설정했습니다.";
    ModeZOk = "전송 모드를 Z로 설정했습니다.";
    ModeZLevel = "MODE Z의 압축 수준을 {}(으)로 설정했습니다.";
    AlwaysUtf8 = "항상 UTF8 모드입니다.";
    Utf8Off = "UTF8 모드를 껐습니다.";
    LanguageIs = "지금부터 한국어로 응답합니다.";
    PbszSet = "PBSZ를 0으로 설정했습니다.";
    ProtClear = "데이터 연결을 암호화하지 않습니다.";
    ProtPrivate = "데이터 연결을 암호화합니다.";
    ControlCleared = "제어 연결을 평문으로 계속합니다.";
    AlloIgnored = "ALLO 명령은 필요하지 않습니다.";
    TimeSet = "파일 수정 시각을 설정했습니다.";
    Progress = "진행 상황: {}바이트 전송됨{}.";
    ProgressOf = "진행 상황: {} / {}바이트 전송됨{}.";
    Goodbye = "안녕히 가세요.";
    NoTransferToAbort = "중단할 전송이 없습니다.";
    TransferComplete = "전송을 마쳤습니다.";
    DirectorySent = "디렉터리 목록을 모두 보냈습니다.";
    DirectoryNotOpened = "전송을 마쳤습니다(디렉터리를 열지 못했습니다).";
    AbortSuccessful = "중단했습니다.";
    LoginSuccessful = "로그인했습니다.";
    AlreadyLoggedIn = "이미 로그인되어 있습니다.";
    LoggedInByCertificate = "인증서로 로그인했습니다.";
    ProceedWithNegotiation = "협상을 시작하세요.";
    DirectoryChanged = "디렉터리를 옮겼습니다.";
    DirectoryRemoved = "디렉터리를 지웠습니다.";
    Deleted = "파일을 지웠습니다.";
    Renamed = "이름을 바꿨습니다.";
    Copied = "파일을 복사했습니다.";
    Joined = "조각을 하나로 합쳤습니다.";
    SpecifyPassword = "비밀번호를 입력하세요.";
    AnyPassword = "아무 비밀번호나 입력하세요.";
    RestartAt = "이어받을 위치를 받아들였습니다({}).";
    RangeAccepted = "범위를 받아들였습니다({}-{}).";
    RangeReset = "범위를 해제했습니다. 파일 전체를 다룹니다.";
    ReadyForCpto = "이어서 CPTO를 보내 주세요.";
    ReadyForRnto = "이어서 RNTO를 보내 주세요.";
    Timeout = "시간이 초과되었습니다.";
    DataTimeout = "데이터 전송 시간이 초과되었습니다. 다시 접속해 주세요.";
    TooManyClients = "접속한 사용자가 너무 많습니다. 나중에 다시 시도해 주세요.";
    TooManyFromAddress = "같은 인터넷 주소에서 접속이 너무 많습니다.";
    NotAvailable = "서비스를 제공할 수 없습니다.";
    UsePortOrPasv = "먼저 PORT나 PASV를 보내 주세요.";
    NoConnection = "연결하지 못했습니다.";
    NoConnectionFor = "연결하지 못했습니다: {}.";
    NoPort = "데이터 연결에 쓸 빈 포트가 없습니다. 나중에 다시 시도해 주세요.";
    NetworkWriteFailed = "네트워크로 보내지 못했습니다.";
    NetworkReadFailed = "네트워크에서 받지 못했습니다.";
    FileBusy = "지금은 파일을 열 수 없습니다.";
    TooMuchAtOnce = "동시에 처리할 작업이 너무 많습니다. 나중에 다시 시도해 주세요.";
    BrokenOff = "작업을 중단했습니다.";
    FileReadFailed = "파일을 읽지 못했습니다.";
    FileWriteFailed = "파일에 쓰지 못했습니다.";
    NoSpace = "저장 공간이 부족합니다.";
    UnknownCommand = "알 수 없는 명령입니다.";
    UnknownSite = "알 수 없는 SITE 명령입니다.";
    IllegalPort = "PORT 명령을 받아들일 수 없습니다.";
    IllegalEprt = "EPRT 명령을 받아들일 수 없습니다.";
    BadEprt = "EPRT 명령이 잘못되었습니다.";
    BadEprtProtocol = "EPRT의 프로토콜이 잘못되었습니다.";
    BadType = "알 수 없는 TYPE입니다.";
    ChmodNeedsTwo = "SITE CHMOD에는 인수가 2개 필요합니다.";
    LineTooLong = "명령이 너무 깁니다.";
    NoHttp = "HTTP 명령은 받지 않습니다.";
    TooManyErrors = "오류가 너무 많습니다.";
    OptionNotUnderstood = "알 수 없는 옵션입니다.";
    NulInPathname = "경로에 NUL 문자를 쓸 수 없습니다.";
    BadRestart = "REST에는 위치를 바이트 수로 적어야 합니다.";
    BadTime = "MFMT에는 YYYYMMDDhhmmss 형식의 시각과 경로가 필요합니다.";
    BadMode = "SITE CHMOD에는 8진수 권한이 필요합니다.";
    BadFacts = "MFF에는 지원하는 속성과 경로가 필요합니다.";
    BadRange = "RANG에는 첫 바이트와 마지막 바이트의 위치가 필요합니다.";
    RangeIsForReading = "RANG은 RETR와 HASH에만 쓸 수 있습니다.";
    BadHost = "HOST에는 호스트 이름이 필요합니다.";
    HostAfterLogin = "HOST는 USER보다 먼저 보내야 합니다.";
    UnknownHost = "그런 이름의 호스트는 여기에 없습니다.";
    BadHashRange = "경로와, 필요하면 시작 위치와 끝 위치를 적어야 합니다.";
    BadUtime = "SITE UTIME에는 YYYYMMDDhhmmss 형식의 시각과 경로가 필요합니다.";
    SiteNeedsTwo = "SITE {}에는 인수가 2개 필요합니다.";
    CombNeedsNames = "COMB에는 합친 파일의 이름과 조각들의 이름이 필요합니다.";
    Mmd5NeedsNames = "MMD5에는 쉼표로 구분한 경로들이 필요합니다.";
    NotADirectory = "MLSD는 디렉터리만 보여 줍니다.";
    ReinNotImplemented = "REIN은 지원하지 않습니다.";
    AcctNotImplemented = "ACCT는 지원하지 않습니다.";
    SmntNotImplemented = "SMNT는 지원하지 않습니다.";
    LoginWithUser = "먼저 USER를 보내 주세요.";
    CpfrFirst = "먼저 SITE CPFR을 보내 주세요.";
    RnfrFirst = "먼저 RNFR을 보내 주세요.";
    PbszNeedsTls = "PBSZ는 암호화된 연결에서만 쓸 수 있습니다.";
    ProtNeedsTls = "PROT는 암호화된 연결에서만 쓸 수 있습니다.";
    UnknownAuth = "알 수 없는 AUTH 방식입니다.";
    UnknownHash = "지원하지 않는 해시 방식입니다.";
    UnknownLanguage = "지원하지 않는 언어입니다.";
    UnknownProt = "알 수 없는 PROT 수준입니다.";
    BadModeCommand = "지원하지 않는 MODE입니다.";
    BadStruCommand = "지원하지 않는 STRU입니다.";
    BadNetworkProtocol = "지원하지 않는 네트워크 프로토콜입니다.";
    DataMustBeProtected = "데이터 연결을 암호화해야 합니다.";
    HandshakeFailed = "SSL 연결에 실패했습니다.";
    ReuseRequired = "SSL 연결에 실패했습니다. 세션을 재사용해야 합니다.";
    PleaseLogin = "USER와 PASS로 로그인해 주세요.";
    LoginIncorrect = "로그인 정보가 올바르지 않습니다.";
    LoginDenied = "접근이 거부되었습니다.";
    AnonymousOnly = "이 FTP 서버는 익명 접속만 받습니다.";
    AnonymousMayNotEncrypt = "익명 접속에는 암호화를 쓸 수 없습니다.";
    AnonymousMustEncrypt = "익명 접속도 암호화해야 합니다.";
    LocalMustEncrypt = "익명이 아닌 접속은 암호화해야 합니다.";
    CannotLeaveGuest = "손님 계정에서 다른 사용자로 바꿀 수 없습니다.";
    CannotChangeUser = "다른 사용자로 바꿀 수 없습니다.";
    CccNeedsTls = "CCC는 암호화된 연결에서만 쓸 수 있습니다.";
    ClearControlDenied = "여기에서는 CCC를 쓸 수 없습니다.";
    ProtNotSupported = "지원하지 않는 PROT 수준입니다.";
    PermissionDenied = "권한이 없습니다.";
    CouldNotOpen = "파일을 열지 못했습니다.";
    CouldNotOpenDirectory = "디렉터리를 열지 못했습니다.";
    CouldNotChangeDirectory = "디렉터리를 옮기지 못했습니다.";
    CouldNotMakeDirectory = "디렉터리를 만들지 못했습니다.";
    CouldNotRemoveDirectory = "디렉터리를 지우지 못했습니다.";
    CouldNotDelete = "파일을 지우지 못했습니다.";
    RnfrFailed = "이름을 바꿀 대상을 찾지 못했습니다.";
    RenameFailed = "이름을 바꾸지 못했습니다.";
    CouldNotGetSize = "파일 크기를 알 수 없습니다.";
    CouldNotGetTime = "파일 수정 시각을 알 수 없습니다.";
    CouldNotSetTime = "파일 수정 시각을 설정하지 못했습니다.";
    CouldNotLook = "파일 속성을 알 수 없습니다.";
    CouldNotSetFacts = "파일 속성을 설정하지 못했습니다.";
    CouldNotHash = "파일의 해시를 구하지 못했습니다.";
    CouldNotGetRoom = "남은 공간을 알 수 없습니다.";
    CouldNotMeasure = "디렉터리 크기를 알 수 없습니다.";
    CouldNotRemoveTree = "디렉터리를 모두 지우지는 못했습니다.";
    CouldNotJoin = "조각을 합치지 못했습니다.";
    SiteFailed = "SITE {} 명령을 수행하지 못했습니다.";
    ChmodFailed = "SITE CHMOD 명령을 수행하지 못했습니다.";
    NoAsciiResume = "ASCII 모드에서는 이어받을 수 없습니다.";
    NotEnoughRoom = "남은 공간이 {}바이트뿐입니다.";
    CouldNotCreate = "파일을 만들지 못했습니다.";
    RestartBeyondEnd = "이어받을 위치가 파일 끝을 넘습니다.";
}

/// What stands before and behind the body of a reply of several lines.
pub(super) fn frame(reply: &Reply) -> Option<(&'static str, &'static str)> {
    match reply {
        Reply::Status(_) => Some(("FTP 서버 상태:", "상태 끝")),
        Reply::ListingStatus(_) => Some(("상태:", "상태 끝")),
        Reply::Commands(_) => Some(("다음 명령을 쓸 수 있습니다.", "도움말 끝.")),
        _ => None,
    }
}
