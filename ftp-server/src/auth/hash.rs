//! Hashes of passwords, as operators bring them: argon2id, scrypt, bcrypt, and sha-crypt of shadow files.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use scrypt::Scrypt;
use sha_crypt::ShaCrypt;

/// The hash of a password. Its text is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Argon2,
    Scrypt,
    Bcrypt,
    ShaCrypt,
}

/// Why a text is no hash that this server can check.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadHash {
    /// It begins like no known kind of hash.
    #[error(
        "no known kind of hash: expected $argon2id$, $scrypt$, $2b$, $5$ or $6$, as ftp-server hash-password prints"
    )]
    Unknown,
    /// It begins like a known kind, but is damaged.
    #[error("this hash is damaged or cut off: make a new one with ftp-server hash-password")]
    Damaged,
    /// Checking it takes more memory or time than a login may.
    #[error("checking this hash would cost too much: make a cheaper one with ftp-server hash-password")]
    Costly,
}

impl PasswordHash {
    /// Reads a hash.
    ///
    /// # Errors
    /// It is of an unknown kind, or damaged.
    pub fn parse(text: &str) -> Result<Self, BadHash> {
        let kind = kind(text).ok_or(BadHash::Unknown)?;
        let whole = match kind {
            Kind::Argon2 => argon2_is_whole(text)?,
            Kind::Scrypt => scrypt_is_whole(text)?,
            Kind::Bcrypt => match text.parse::<bcrypt::HashParts>() {
                Ok(parts) if parts.get_cost() > MAX_BCRYPT => return Err(BadHash::Costly),
                parts => parts.is_ok(),
            },
            Kind::ShaCrypt => sha_crypt_is_whole(text)?,
        };
        if whole { Ok(Self { kind, text: text.to_owned() }) } else { Err(BadHash::Damaged) }
    }

    /// Makes the hash of a new password: argon2id with a new salt.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn of(password: &[u8]) -> anyhow::Result<Self> {
        let salt: [u8; 16] = ftp_io::random::bytes()?;
        let made: phc::PasswordHash = Argon2::default()
            .hash_password_with_salt(password, &salt)
            .map_err(|error| anyhow::anyhow!("cannot hash the password: {error}"))?;
        Ok(Self { kind: Kind::Argon2, text: made.to_string() })
    }

    /// A hash that no password has, as costly as those of [`Self::of`]. It stands in for users that do
    /// not exist.
    pub fn of_nobody() -> Self {
        Self { kind: Kind::Argon2, text: HASH_FOR_UNKNOWN_NAMES.to_owned() }
    }

    /// The text of the hash, for the one who has asked for it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is the hash of `password`. Takes time and memory on purpose: call it from the pool
    /// for hashing.
    pub fn verify(&self, password: &[u8]) -> bool {
        match self.kind {
            Kind::Argon2 => phc::PasswordHash::new(&self.text)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
            Kind::Scrypt => phc::PasswordHash::new(&self.text)
                .is_ok_and(|hash| Scrypt::default().verify_password(password, &hash).is_ok()),
            Kind::Bcrypt => bcrypt::verify(password, &self.text).unwrap_or(false),
            Kind::ShaCrypt => sha_crypt::PasswordHash::new(self.text.as_str())
                .is_ok_and(|hash| ShaCrypt::default().verify_password(password, &hash).is_ok()),
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({:?})", self.kind)
    }
}

fn kind(text: &str) -> Option<Kind> {
    let (name, _) = text.strip_prefix('$')?.split_once('$')?;
    match name {
        "argon2id" | "argon2i" | "argon2d" => Some(Kind::Argon2),
        "scrypt" => Some(Kind::Scrypt),
        "2a" | "2b" | "2x" | "2y" => Some(Kind::Bcrypt),
        "5" | "6" => Some(Kind::ShaCrypt),
        _ => None,
    }
}

fn argon2_is_whole(text: &str) -> Result<bool, BadHash> {
    let Ok(hash) = phc::PasswordHash::new(text) else { return Ok(false) };
    let Ok(params) = argon2::Params::try_from(&hash) else { return Ok(false) };
    if params.m_cost() > MAX_KIB || params.t_cost() > MAX_PASSES {
        return Err(BadHash::Costly);
    }
    Ok(hash.salt.is_some() && hash.hash.is_some())
}

fn scrypt_is_whole(text: &str) -> Result<bool, BadHash> {
    let Ok(hash) = phc::PasswordHash::new(text) else { return Ok(false) };
    let Ok(params) = scrypt::Params::try_from(&hash) else { return Ok(false) };
    // 128 * r * 2^log_n bytes are used.
    let kib = u64::from(params.r()).checked_shl(u32::from(params.log_n())).map(|blocks| blocks / 8);
    if kib.is_none_or(|kib| kib > u64::from(MAX_KIB)) {
        return Err(BadHash::Costly);
    }
    Ok(hash.salt.is_some() && hash.hash.is_some())
}

/// `$5$` or `$6$`, perhaps `rounds=N$`, a salt, and the digest in the alphabet of crypt.
fn sha_crypt_is_whole(text: &str) -> Result<bool, BadHash> {
    let long = text.starts_with("$6$");
    let mut fields = text.split('$').skip(2);
    let mut salt = fields.next();
    if let Some(rounds) = salt.and_then(|field| field.strip_prefix("rounds=")) {
        match rounds.parse::<u32>() {
            Ok(rounds) if rounds > MAX_ROUNDS => return Err(BadHash::Costly),
            Ok(_) => salt = fields.next(),
            Err(_) => return Ok(false),
        }
    }
    let (Some(salt), Some(digest), None) = (salt, fields.next(), fields.next()) else { return Ok(false) };
    let is_crypt = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    Ok(salt.len() <= 16 && digest.len() == if long { 86 } else { 43 } && digest.bytes().all(is_crypt))
}

/// Memory that one check may use, in KiB.
const MAX_KIB: u32 = 256 * 1024;
/// Passes of argon2 over that memory.
const MAX_PASSES: u32 = 16;
/// The cost of bcrypt, a power of two: about four seconds.
const MAX_BCRYPT: u32 = 16;
/// Rounds of sha-crypt, whose default is 5,000.
const MAX_ROUNDS: u32 = 5_000_000;
/// The hash of 32 random bytes that were not kept.
const HASH_FOR_UNKNOWN_NAMES: &str = "$argon2id$v=19$m=19456,t=2,p=1$ODQ0MjM0NGM4ODQ5MTQ3NDQ5YmQyYjUz$gu0dsGtqUPTkKQ/alft9r/FPj2UqNuBdWRjdgH9Kh5k";

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Debian's argon2, Python's hashlib, htpasswd, mkpasswd and openssl.
    const MADE_ELSEWHERE: [&str; 7] = [
        "$argon2id$v=19$m=4096,t=2,p=1$c2FsdHNhbHRzYWx0$emOOGW7RySkmys8tol7FQR+he0bbVMWjoXDkXZDrzdc",
        "$scrypt$ln=14,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$vLDAqTBwxSz8n8L8p2kO852bJldRT61U4M24oD4B0BQ",
        "$2y$06$tpSg5xa1fzrlhhAKURvVrOZkVmAcU.1zb57FPlVz5gr79qmIDGCgu",
        "$2b$05$t7ABDOzQF3rSGp7b7qk7BOUdCSvPqGbanyPlFfWFBo7pHMP2S/nQW",
        "$5$saltsalt$lOuaJaYbI208AtCESeN0Gv1lD9MCBkQ.mFJxSrwmNo2",
        "$6$saltsalt$qxX5hyZVJwD3dODyGhejR0gwFitxOPL13lRPBADc4ntcDmi7ue06tPVjHpMB6URrf0gKCVEurS.x/.mYjo0A91",
        "$6$rounds=2000$ok7SVZWdc8GpBSCH$oUvn.dtp/25xsVuEYwgD6aPKL.M/VFTvnik9R/8wvTn14wa2KzudwZ7/WIszz1HWWoaWexoBl99yFZucDL2.J1",
    ];

    #[test]
    fn a_new_hash_is_argon2id_and_only_its_password_opens_it() {
        let hash = PasswordHash::of(b"secret").unwrap();
        assert!(hash.text().starts_with("$argon2id$v=19$m="), "{}", hash.text());
        let read = PasswordHash::parse(hash.text()).unwrap();
        assert_eq!(read, hash);
        assert!(read.verify(b"secret"));
        for wrong in ["", "Secret", "secret "] {
            assert!(!read.verify(wrong.as_bytes()), "{wrong}");
        }
        assert_ne!(PasswordHash::of(b"secret").unwrap(), hash, "every hash has its own salt");
    }

    #[test]
    fn hashes_that_other_programs_have_made_are_checked() {
        for text in MADE_ELSEWHERE {
            let hash = PasswordHash::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(hash.verify(b"open:sesame"), "{text}");
            assert!(!hash.verify(b"open:sesam"), "{text}");
        }
    }

    #[test]
    fn nobody_has_a_hash_that_no_password_opens() {
        let nobody = PasswordHash::parse(PasswordHash::of_nobody().text()).unwrap();
        assert!(!nobody.verify(b"") && !nobody.verify(b"nobody"));
        let cost = |hash: &PasswordHash| hash.text().split('$').nth(3).map(str::to_owned);
        assert_eq!(cost(&nobody), cost(&PasswordHash::of(b"x").unwrap()), "as costly as a new one");
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let check = |text: &str, expect| assert_eq!(PasswordHash::parse(text), Err(expect), "{text}");
        for text in ["", "secret", "$", "$1$salt$x", "$argon2id", "$pbkdf2$x$y"] {
            check(text, BadHash::Unknown);
        }
        for text in [
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0",
            "$argon2id$v=19$m=x$c2FsdHNhbHRzYWx0$aGFzaA",
            "$scrypt$ln=16,r=8,p=1$c2FsdA",
            "$2b$12$short",
            "$5$salt",
            "$6$salt$short",
            "$6$rounds=many$salt$x",
        ] {
            check(text, BadHash::Damaged);
        }
        check("$6$rounds=99999999$salt$x", BadHash::Costly);
        check("$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo", BadHash::Costly);
    }

    #[test]
    fn debug_text_shows_no_hash() {
        assert_eq!(format!("{:?}", PasswordHash::of_nobody()), "PasswordHash(Argon2)");
    }
}
