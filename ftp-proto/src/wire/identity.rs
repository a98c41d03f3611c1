//! Names that are digits: the SHA-256 of a certificate, and the random name of a transfer that may outlive its control
//! connection.

use super::{hex, of_hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// The SHA-256 of a certificate, written `SHA256:` and 64 hexadecimal digits.
///
/// ```
/// use ftp_proto::wire::Fingerprint;
///
/// let text = format!("SHA256:{}", "0f".repeat(32));
/// assert_eq!(text.parse::<Fingerprint>()?.to_string(), text);
/// // openssl writes it differently.
/// let colons = format!("sha256:{}0F", "0F:".repeat(31));
/// assert_eq!(colons.parse::<Fingerprint>()?.to_string(), text);
/// assert!("SHA256:0f".parse::<Fingerprint>().is_err());
/// # Ok::<(), ftp_proto::wire::BadFingerprint>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize)]
pub struct Fingerprint([u8; 32]);

/// The text is not a fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a fingerprint is SHA256: and 64 hexadecimal digits")]
pub struct BadFingerprint;

impl Fingerprint {
    /// The fingerprint of a certificate (DER).
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// Reads 64 hexadecimal digits in any case, as PINC has them.
    ///
    /// # Errors
    ///
    /// The text is anything else.
    pub fn from_hex(digits: &[u8]) -> Result<Self, BadFingerprint> {
        of_hex(digits).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(BadFingerprint)
    }

    /// Returns 64 hexadecimal digits in lower case, as PINC has them.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }
}

impl Display for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.to_hex())
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        // Some programs print the digits alone.
        let digits = match text.split_at_checked(PREFIX.len()) {
            Some((prefix, digits)) if prefix.eq_ignore_ascii_case(PREFIX) => digits,
            Some(_) | None => text,
        };
        let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b':').collect();
        Self::from_hex(&digits)
    }
}

/// How every fingerprint begins.
const PREFIX: &str = "SHA256:";

/// The name of a transfer that may outlive its control connection (DETA): 128 random bits, written as 32
/// hexadecimal digits.
///
/// ```
/// use ftp_proto::wire::TransferId;
///
/// let id = TransferId::from_hex(b"00112233445566778899AABBCCDDEEFF");
/// assert_eq!(id.map(|id| id.to_string()).as_deref(), Some("00112233445566778899aabbccddeeff"));
/// assert_eq!(TransferId::from_hex(b"0011"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TransferId([u8; 16]);

impl TransferId {
    /// The name that consists of these random bytes.
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// Reads 32 hexadecimal digits in any case.
    pub fn from_hex(digits: &[u8]) -> Option<Self> {
        of_hex(digits)?.try_into().ok().map(Self)
    }
}

impl Display for TransferId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}
