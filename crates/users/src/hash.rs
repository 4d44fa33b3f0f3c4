//! Hashes of passwords: which kinds are understood, what checking one may cost, and how new ones are made.
//!
//! New ones are argon2id. The others come from files that are taken over: `/etc/shadow`, files of `pam_pwdfile`,
//! `htpasswd`. The algorithms are other people's crates; what is ours is to let nothing through to them whose form is
//! not exactly that of its kind, or whose cost would stop the machine.

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use bstr::ByteSlice;
use wharf_proto::secret::Secret;

use crate::fault::{Fault, Kind as FaultKind};

/// The longest hash, in octets; the longest of all kinds that are understood needs about 200.
pub const LONGEST: usize = 256;

/// The longest password, in octets; the server looks at no longer one.
pub const LONGEST_PASSWORD: usize = 128;

/// The cost of new hashes: the memory in KiB and the passes that OWASP asks for at the least.
///
/// It is paid at each login, in a process of its own, so ten people who log in at once need ten times 19 MiB; more would
/// turn a few strangers' wrong guesses into a burden. One check takes about 20 ms of one core.
const NEW_MEMORY: u32 = 19 * 1024;
const NEW_PASSES: u32 = 2;
const NEW_LANES: u32 = 1;

// What a hash in the file may ask for. A line that was mistyped or taken over unseen must not eat the machine whenever
// somebody says its name: each limit allows about a second of one core, and a quarter of a GiB.
const MOST_MEMORY: u64 = 256 * 1024; // KiB
const MOST_WORK: u64 = 1024 * 1024; // KiB times passes
const MOST_BCRYPT_COST: u32 = 14;
const MOST_ROUNDS: u32 = 1_000_000;

/// The shortest output of argon2, in octets: a hash that was cut off must not match many passwords.
const SHORTEST_OUTPUT: usize = 16;

/// A hash that nobody's password has, of the cost of new ones: what is checked when there is no other.
pub(crate) const STAND_IN: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$d2hhcmYtc3RhbmQtaW4u$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The kinds that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `$argon2id$`, or `$argon2i$` of older libraries; RFC 9106, in the PHC form.
    Argon2,
    /// `$2a$`, `$2b$`, `$2y$`. Looks at 72 octets of a password only, as everywhere.
    Bcrypt,
    /// `$5$`.
    Sha256,
    /// `$6$`.
    Sha512,
    /// `$y$`, with the parameters that the system's own `passwd` writes.
    Yescrypt,
    /// Empty, or begins with `!` or `*`: no password matches.
    Locked,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Argon2 => "argon2",
            Self::Bcrypt => "bcrypt",
            Self::Sha256 => "sha256-crypt",
            Self::Sha512 => "sha512-crypt",
            Self::Yescrypt => "yescrypt",
            Self::Locked => "locked",
        })
    }
}

/// A hash whose form and cost were found good.
#[derive(Debug, Clone, Copy)]
pub struct Hash<'a> {
    kind: Kind,
    text: &'a str,
}

impl<'a> Hash<'a> {
    /// Judges a hash; the error is a sentence.
    ///
    /// # Errors
    /// When it is of no kind that is understood, is damaged, or would cost too much to check.
    pub fn parse(octets: &'a [u8]) -> Result<Self, String> {
        if octets.len() > LONGEST {
            return Err(format!("the hash is longer than {LONGEST} octets"));
        }
        let is_plain = octets.iter().all(|octet| octet.is_ascii_graphic() && *octet != b':');
        let text = str::from_utf8(octets).ok().filter(|_| is_plain);
        let text = text.ok_or("a hash holds printable ASCII without blanks and ':' only")?;
        let kind = match text.split('$').nth(1).unwrap_or_default() {
            _ if text.is_empty() || text.starts_with(['!', '*']) => Kind::Locked,
            _ if !text.starts_with('$') => return Err(UNKNOWN.into()),
            "argon2id" | "argon2i" => argon2_is_sound(text).map(|()| Kind::Argon2)?,
            "2a" | "2b" | "2y" => bcrypt_is_sound(text).map(|()| Kind::Bcrypt)?,
            "5" => sha_is_sound(text, 43).map(|()| Kind::Sha256)?,
            "6" => sha_is_sound(text, 86).map(|()| Kind::Sha512)?,
            "y" => yescrypt_is_sound(text).map(|()| Kind::Yescrypt)?,
            _ => return Err(UNKNOWN.into()),
        };
        Ok(Self { kind, text })
    }

    /// Tells the kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Tells whether a password belongs to this hash; takes as long as the hash says, a second at most.
    ///
    /// An empty password and one that holds NUL belong to none: the C library would read both as something else.
    #[must_use]
    pub fn matches(&self, password: &Secret) -> bool {
        let octets = password.expose();
        let is_right = match self.kind {
            Kind::Argon2 => Argon2::default().verify_password(octets, self.text).is_ok(),
            Kind::Bcrypt => bcrypt::verify(octets, self.text).unwrap_or(false),
            Kind::Sha256 | Kind::Sha512 => {
                sha_crypt::ShaCrypt::default().verify_password(octets, self.text).is_ok()
            }
            Kind::Yescrypt => yescrypt::Yescrypt::default().verify_password(octets, self.text).is_ok(),
            Kind::Locked => false,
        };
        is_right && check_password(password).is_ok()
    }
}

const UNKNOWN: &str = "the hash is of no kind that is understood (argon2id, bcrypt, sha512-crypt, sha256-crypt, \
                       yescrypt): set the password anew with 'wharfd user passwd'";

/// Makes a hash of a new password.
///
/// # Errors
/// When the password is empty, too long or could not be typed, or the system has no random octets.
pub fn make(password: &Secret) -> Result<String, Fault> {
    check_password(password).map_err(Fault::refused)?;
    let mut salt = [0; 16];
    let filled = rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty());
    if filled != Ok(salt.len()) {
        return Err(Fault::new(FaultKind::Broken, "the system has no random octets for a salt"));
    }
    let params = Params::new(NEW_MEMORY, NEW_PASSES, NEW_LANES, None);
    params
        .map(|params| Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
        .map_err(|error| error.to_string())
        .and_then(|argon| {
            argon.hash_password_with_salt(password.expose(), &salt).map_err(|error| error.to_string())
        })
        .map(|hash| hash.to_string())
        .map_err(|error| Fault::new(FaultKind::Broken, format!("cannot hash the password: {error}")))
}

/// Judges a password that somebody wants; the error is a sentence.
///
/// # Errors
/// When it is empty, longer than the server looks at, or holds what no client can send.
pub fn check_password(password: &Secret) -> Result<(), &'static str> {
    match password.expose() {
        [] => Err("an empty password lets everybody in: use a longer one"),
        long if long.len() > LONGEST_PASSWORD => Err("the password is longer than 128 octets"),
        octets if octets.find_byteset(b"\0\r\n").is_some() => Err("a password holds no NUL and no line end"),
        _ => Ok(()),
    }
}

fn argon2_is_sound(text: &str) -> Result<(), String> {
    let damaged = || "the argon2 hash is damaged".to_owned();
    let hash = PasswordHash::new(text).map_err(|_| damaged())?;
    let params = Params::try_from(&hash).map_err(|_| damaged())?;
    let is_whole = hash.salt.is_some() && hash.hash.as_ref().is_some_and(|it| it.len() >= SHORTEST_OUTPUT);
    if !is_whole {
        return Err(damaged());
    }
    let (memory, passes) = (u64::from(params.m_cost()), u64::from(params.t_cost()));
    if memory > MOST_MEMORY || memory.saturating_mul(passes) > MOST_WORK {
        return Err(format!(
            "checking this argon2 hash costs too much: {memory} KiB and {passes} passes, \
             at most {MOST_MEMORY} KiB, and {MOST_WORK} KiB over all passes, are allowed"
        ));
    }
    Ok(())
}

fn bcrypt_is_sound(text: &str) -> Result<(), String> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| "the bcrypt hash is damaged")?;
    match parts.get_cost() {
        4..=MOST_BCRYPT_COST => Ok(()),
        cost => {
            Err(format!("checking this bcrypt hash has the cost {cost}; 4 to {MOST_BCRYPT_COST} are allowed"))
        }
    }
}

/// `$6$[rounds=N$]salt$digest`, with a digest of that many characters.
fn sha_is_sound(text: &str, digest: usize) -> Result<(), String> {
    let damaged = || "the sha-crypt hash is damaged".to_owned();
    let fields: Vec<&str> = text.split('$').skip(2).collect();
    let (rounds, salt, found) = match *fields.as_slice() {
        [salt, found] => (None, salt, found),
        [rounds, salt, found] => (Some(rounds.strip_prefix("rounds=").ok_or_else(damaged)?), salt, found),
        _ => return Err(damaged()),
    };
    if salt.is_empty() || salt.len() > 16 || found.len() != digest || !is_crypt64(salt) || !is_crypt64(found)
    {
        return Err(damaged());
    }
    match rounds.map(str::parse::<u32>) {
        None | Some(Ok(1000..=MOST_ROUNDS)) => Ok(()),
        Some(_) => Err(format!(
            "checking this sha-crypt hash takes a number of rounds outside 1000 to {MOST_ROUNDS}"
        )),
    }
}

/// `$y$jNR$salt$digest`: flavour, memory and block size as one character each, which is all that libxcrypt writes.
///
/// The format knows more parameters; hashes with them are unheard of, and parallelism and time would need limits too.
fn yescrypt_is_sound(text: &str) -> Result<(), String> {
    const DAMAGED: &str = "the yescrypt hash is damaged, or has parameters that 'passwd' does not write";
    let fields: Vec<&str> = text.split('$').skip(2).collect();
    let [parameters, salt, digest] = *fields.as_slice() else { return Err(DAMAGED.into()) };
    let is_usual = parameters.len() == 3 && parameters.starts_with('j');
    // Security: the crate compares as many octets as the hash has, so that one cut short would match by chance.
    if !is_usual || salt.is_empty() || digest.len() != 43 || !is_crypt64(salt) || !is_crypt64(digest) {
        return Err(DAMAGED.into());
    }
    let parameters: yescrypt::Params = parameters.parse().map_err(|_| DAMAGED)?;
    let memory = parameters.n().saturating_mul(u64::from(parameters.r())) / 8;
    if memory > MOST_MEMORY {
        return Err(format!(
            "checking this yescrypt hash takes {memory} KiB; at most {MOST_MEMORY} are allowed"
        ));
    }
    Ok(())
}

/// Tells whether a text is of the 64 characters that crypt(5) writes numbers with.
fn is_crypt64(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'.' || octet == b'/')
}

#[cfg(test)]
mod tests;
