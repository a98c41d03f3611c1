//! The SHA-256 of a certificate, as people compare it.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};

/// The SHA-256 of a certificate, written `SHA256:` and 64 hexadecimal digits.
///
/// ```
/// use ftp_io::tls::Fingerprint;
///
/// let text = format!("SHA256:{}", "0f".repeat(32));
/// assert_eq!(text.parse::<Fingerprint>()?.to_string(), text);
/// // openssl writes it differently.
/// let colons = format!("sha256:{}0F", "0F:".repeat(31));
/// assert_eq!(colons.parse::<Fingerprint>()?.to_string(), text);
/// assert!("SHA256:0f".parse::<Fingerprint>().is_err());
/// # Ok::<(), ftp_io::tls::BadFingerprint>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint([u8; 32]);

/// The text is not a fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a fingerprint is SHA256: and 64 hexadecimal digits")]
pub struct BadFingerprint;

impl Fingerprint {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl Display for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let (prefix, digits) = text.split_at_checked(PREFIX.len()).ok_or(BadFingerprint)?;
        let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b':').collect();
        let mut bytes = [0; 32];
        if !prefix.eq_ignore_ascii_case(PREFIX) || digits.len() != 2 * bytes.len() {
            return Err(BadFingerprint);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|d| d.is_ascii_hexdigit()));
            *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(BadFingerprint)?;
        }
        Ok(Self(bytes))
    }
}

/// How every fingerprint begins.
const PREFIX: &str = "SHA256:";
