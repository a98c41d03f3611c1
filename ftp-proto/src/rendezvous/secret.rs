//! The secret of one data connection, and how it travels on a command line.

use std::fmt;
use zeroize::Zeroizing;

/// The 32 secret octets that a coordinator gives both ends for one data connection.
#[derive(Clone, PartialEq, Eq)]
pub struct RendezvousSecret(Zeroizing<[u8; 32]>);

impl RendezvousSecret {
    /// Takes 32 random octets.
    pub fn new(octets: [u8; 32]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// Reads 64 hex digits, any case.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        let (pairs, []) = hex.as_chunks::<2>() else { return None };
        let mut octets = Zeroizing::new([0; 32]);
        if pairs.len() != octets.len() {
            return None;
        }
        for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
            *octet = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(octets))
    }

    /// 64 lower-case hex digits, for the command line to the server.
    pub fn to_hex(&self) -> Zeroizing<String> {
        let mut hex = Zeroizing::new(String::with_capacity(64));
        for octet in self.0.iter() {
            for nibble in [octet >> 4, octet & 15] {
                hex.extend(char::from_digit(u32::from(nibble), 16));
            }
        }
        hex
    }

    pub(super) fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RendezvousSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RendezvousSecret(***)")
    }
}

/// The value of one hex digit.
fn digit(c: u8) -> Option<u8> {
    u8::try_from(char::from(c).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00017f80ff0a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324";

    #[test]
    fn a_secret_survives_its_hex_digits_in_any_case() {
        let secret = RendezvousSecret::from_hex(HEX.as_bytes()).unwrap();
        assert_eq!(secret.octets()[..5], [0, 1, 0x7f, 0x80, 0xff]);
        assert_eq!(secret.to_hex().as_str(), HEX);
        assert_eq!(RendezvousSecret::from_hex(HEX.to_uppercase().as_bytes()), Some(secret));
    }

    #[test]
    fn anything_but_64_hex_digits_is_no_secret() {
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
