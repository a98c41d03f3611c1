//! Secrets that cannot appear in a log: passwords, and the secret of one data connection.

use super::hex::digit;
use std::fmt;
use zeroize::Zeroizing;

/// A password or account. It has no text in `Debug` and is overwritten in memory when dropped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Creates a secret from its bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Returns the bytes, for code that compares or sends them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The secret of 32 bytes that a coordinator gives to both ends of one data connection.
#[derive(Clone, PartialEq, Eq)]
pub struct RendezvousSecret(Zeroizing<[u8; 32]>);

impl RendezvousSecret {
    /// Creates a secret from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 64 hex digits in any case. Returns `None` for anything else.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        let (pairs, []) = hex.as_chunks::<2>() else { return None };
        let mut bytes = Zeroizing::new([0; 32]);
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }

    /// Returns 64 hex digits in lower case, for the command line of RNDZ.
    pub fn to_hex(&self) -> Zeroizing<String> {
        let mut hex = Zeroizing::new(String::with_capacity(64));
        for byte in self.0.iter() {
            for nibble in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(u32::from(nibble), 16));
            }
        }
        hex
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RendezvousSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RendezvousSecret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00017f80ff0a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324";

    #[test]
    fn a_secret_survives_its_hex_digits_in_any_case() {
        let secret = RendezvousSecret::from_hex(HEX.as_bytes()).unwrap();
        assert_eq!(secret.as_bytes()[..5], [0, 1, 0x7f, 0x80, 0xff]);
        assert_eq!(secret.to_hex().as_str(), HEX);
        assert_eq!(RendezvousSecret::from_hex(HEX.to_uppercase().as_bytes()), Some(secret));
    }

    #[test]
    fn a_secret_has_exactly_64_hex_digits() {
        for wrong in
            ["", &HEX[1..], &HEX[2..], &format!("{HEX}0"), &format!("{HEX}00"), &HEX.replace('7', "g")]
        {
            assert_eq!(RendezvousSecret::from_hex(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(RendezvousSecret::from_hex(&[0xff; 64]), None);
    }

    #[test]
    fn a_secret_has_no_debug_text() {
        let secret = RendezvousSecret::new([0x5a; 32]);
        assert_eq!(format!("{secret:?}"), "RendezvousSecret(***)");
    }
}
