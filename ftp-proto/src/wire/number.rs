//! Decimal numbers in commands, replies and listings, ranges of bytes, and numbers of things for people.

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

/// Returns a number with the name of what it counts: `1 name`, `2 names`. `thing` is a singular that takes
/// an `s`.
///
/// ```
/// use ftp_proto::wire::counted;
///
/// assert_eq!(counted(1, "name"), "1 name");
/// assert_eq!(counted(0, "byte"), "0 bytes");
/// ```
pub fn counted(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// A part of a file: `length` bytes from byte `first` on, or all that follow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ByteRange {
    /// How many bytes stand before it in the file.
    pub first: u64,
    /// How many bytes it has; `None` means that it ends where the file ends.
    pub length: Option<u64>,
}

impl ByteRange {
    /// The whole file.
    pub const WHOLE: Self = Self { first: 0, length: None };

    /// Everything behind the first `first` bytes, as REST means it (RFC 3659 section 5).
    pub const fn from(first: u64) -> Self {
        Self { first, length: None }
    }

    /// The bytes from `first` on and before `end`, as ProFTPD reads the numbers of XCRC and its relatives.
    /// `None` if `end` stands before `first`.
    pub const fn before(first: u64, end: u64) -> Option<Self> {
        match end.checked_sub(first) {
            Some(length) => Some(Self { first, length: Some(length) }),
            None => None,
        }
    }

    /// The bytes from `first` to `last`, both included, as RANG means it (draft-bryan-ftp-range section
    /// 3). `None` if `last` stands before `first`.
    pub const fn through(first: u64, last: u64) -> Option<Self> {
        Self::before(first, last.saturating_add(1))
    }

    /// How many bytes of a file of `size` bytes belong to it. `None` if it begins behind the end of the
    /// file.
    pub const fn within(self, size: u64) -> Option<u64> {
        match (size.checked_sub(self.first), self.length) {
            (Some(rest), Some(length)) if length < rest => Some(length),
            (rest, _) => rest,
        }
    }
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

    #[test]
    fn a_range_is_cut_at_the_end_of_the_file() {
        let range = ByteRange::through(2, 4).unwrap();
        assert_eq!((range.first, range.length), (2, Some(3)));
        for (size, within) in [(1, None), (2, Some(0)), (3, Some(1)), (5, Some(3)), (100, Some(3))] {
            assert_eq!(range.within(size), within, "{size}");
        }
        assert_eq!(ByteRange::from(5).within(7), Some(2));
        assert_eq!(ByteRange::WHOLE.within(0), Some(0));
        assert_eq!(ByteRange::through(1, 0).map(|range| range.length), Some(Some(0)), "RANG 1 0 is empty");
        assert_eq!(ByteRange::through(2, 0), None);
        assert_eq!(ByteRange::before(0, u64::MAX).unwrap().within(u64::MAX), Some(u64::MAX));
    }
}
