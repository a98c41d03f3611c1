//! Bytes in hexadecimal digits, two for each of them.

/// The digits, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of these digits, in any case; `None` if something else is among them, or one is left over.
pub fn of_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// The value of one digit.
pub(super) fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["", "00", "0badcafe"] {
            assert_eq!(hex(&of_hex(text.as_bytes()).unwrap()), text);
        }
        assert_eq!(of_hex(b"0BAD").unwrap(), [0x0b, 0xad]);
        for bad in ["0", "0g", "+0", "é"] {
            assert_eq!(of_hex(bad.as_bytes()), None, "{bad}");
        }
    }
}
