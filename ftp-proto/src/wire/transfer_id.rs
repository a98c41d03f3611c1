//! The name of a transfer that may outlive its control connection.

use std::fmt::{self, Display, Formatter};

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
