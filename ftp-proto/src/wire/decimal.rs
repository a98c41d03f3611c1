//! Decimal numbers in commands, replies and listings.

use std::str::FromStr;

/// Why a text is not a decimal number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadDecimal {
    /// There is no digit.
    Empty,
    /// A byte is not a digit.
    NotADigit,
    /// The number is too large for its type.
    OutOfRange,
}

/// Parses digits only. Rust's own parser would accept a sign.
pub(crate) fn decimal<T: FromStr>(text: &[u8]) -> Result<T, BadDecimal> {
    if text.is_empty() {
        return Err(BadDecimal::Empty);
    }
    if !text.iter().all(u8::is_ascii_digit) {
        return Err(BadDecimal::NotADigit);
    }
    std::str::from_utf8(text).ok().and_then(|digits| digits.parse().ok()).ok_or(BadDecimal::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_a_number() {
        let check = |text: &[u8], expect| assert_eq!(decimal::<u8>(text), expect, "{}", text.escape_ascii());
        check(b"0", Ok(0));
        check(b"007", Ok(7));
        check(b"255", Ok(255));
        check(b"256", Err(BadDecimal::OutOfRange));
        check(b"", Err(BadDecimal::Empty));
        check(b"+1", Err(BadDecimal::NotADigit));
        check(b"-1", Err(BadDecimal::NotADigit));
        check(b"1 ", Err(BadDecimal::NotADigit));
        check(b"\xD9\xA1", Err(BadDecimal::NotADigit));
    }
}
