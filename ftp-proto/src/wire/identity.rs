//! Names that are digits: the SHA-256 of a certificate, and the random name of a transfer that may outlive its control
//! connection.

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
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(BadFingerprint);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|d| d.is_ascii_hexdigit()));
            *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(BadFingerprint)?;
        }
        Ok(Self(bytes))
    }

    /// Returns 64 hexadecimal digits in lower case, as PINC has them.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
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
        let text = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|d| d.is_ascii_hexdigit()))?;
        let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl Display for TransferId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}
