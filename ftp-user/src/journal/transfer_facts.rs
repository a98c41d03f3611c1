//! What is known of the transfer of a file, as the columns of its row have it.

use super::checksum::text;
use rusqlite::types::ValueRef;
use std::fmt::Display;
use std::str::FromStr;

/// What is known of the transfer of a file, as its row has it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct FactColumns {
    /// The digest of both ends.
    pub(super) digest: Option<Vec<u8>>,
    /// The address of each server at its data connection.
    pub(super) addresses: Option<String>,
    /// How many strangers were refused at each server.
    pub(super) strangers: Option<String>,
    /// The row of what it shares with other files.
    pub(super) path: Option<i64>,
}

impl FactColumns {
    /// The values of these columns.
    pub(super) fn values(&self) -> [ValueRef<'_>; 4] {
        [
            self.digest.as_deref().map_or(ValueRef::Null, ValueRef::Blob),
            text(self.addresses.as_deref()),
            text(self.strangers.as_deref()),
            self.path.map_or(ValueRef::Null, ValueRef::Integer),
        ]
    }
}

/// Two values in one column; `None` if neither is known.
pub(super) fn pair<T: Display>(values: &[Option<T>; 2]) -> Option<String> {
    let word = |value: &Option<T>| value.as_ref().map_or_else(|| UNKNOWN.to_owned(), ToString::to_string);
    let [source, destination] = values;
    (source.is_some() || destination.is_some()).then(|| format!("{} {}", word(source), word(destination)))
}

/// The values of [`pair`]. What cannot be read counts as not known.
pub(super) fn of_pair<T: FromStr>(column: Option<&str>) -> [Option<T>; 2] {
    let mut words = column.unwrap_or_default().split(' ').map(|word| word.parse().ok());
    [words.next().flatten(), words.next().flatten()]
}

/// The bytes of a digest in hexadecimal digits; `None` if it is none.
pub(super) fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes = hex.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
        _ => None,
    });
    bytes.collect()
}

/// A digest in hexadecimal digits.
pub(super) fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What stands for a value that is not known.
const UNKNOWN: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn what_is_written_in_a_column_is_read_again() {
        let at = |text: &str| text.parse::<SocketAddr>().ok();
        for addresses in [
            [None, None],
            [at("192.0.2.1:20"), None],
            [None, at("[2001:db8::1]:20")],
            [at("192.0.2.1:20"), at("192.0.2.2:65535")],
        ] {
            let column = pair(&addresses);
            assert_eq!(column.is_none(), addresses == [None, None]);
            assert_eq!(of_pair(column.as_deref()), addresses);
        }
        assert_eq!(of_pair::<u32>(Some("3 x")), [Some(3), None]);
        assert_eq!(of_pair::<u32>(pair(&[Some(0), Some(u32::MAX)]).as_deref()), [Some(0), Some(u32::MAX)]);
        for hex in ["", "00", "0badcafe"] {
            assert_eq!(hex_of(&bytes_of(hex).unwrap()), hex);
        }
        assert_eq!(bytes_of("0BAD").unwrap(), [0x0b, 0xad]);
        assert_eq!((bytes_of("0"), bytes_of("0g"), bytes_of("é")), (None, None, None));
    }
}
