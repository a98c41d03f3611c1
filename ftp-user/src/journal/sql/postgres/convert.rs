//! Values of rows, to PostgreSQL and back.
//!
//! A text of PostgreSQL cannot have a NUL. U+0001 escapes it: NUL is written as U+0001 U+0001, and U+0001 as U+0001 U+0002. Texts
//! stay in the order of their bytes, and different texts stay different. Checksums are those of the texts themselves.

use super::super::value::{FromValue, OTHER_TYPE};
use super::super::{OwnedValue, Result, StoreError, Value};
use std::borrow::Cow;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// A value that is sent.
pub(super) type Parameter = Box<dyn ToSql + Sync + Send>;

/// The value as the server wants it, which has said of which type it is.
pub(super) fn parameter(value: &OwnedValue, wanted: &Type) -> Result<Parameter> {
    let strange = || StoreError::Database(format!("a value of the type {wanted} is not known"));
    let number = match value {
        OwnedValue::Null => None,
        OwnedValue::Integer(number) => Some(*number),
        OwnedValue::Text(text) => return Ok(Box::new(escaped(text).into_owned())),
        OwnedValue::Blob(bytes) => return Ok(Box::new(bytes.clone())),
    };
    Ok(match *wanted {
        Type::INT8 => Box::new(number),
        Type::INT4 => Box::new(number.map(i32::try_from).transpose().map_err(|_| strange())?),
        Type::BOOL => Box::new(number.map(|number| number != 0)),
        Type::TEXT | Type::VARCHAR if number.is_none() => Box::new(None::<String>),
        Type::BYTEA if number.is_none() => Box::new(None::<Vec<u8>>),
        _ => return Err(strange()),
    })
}

/// One value of each of many rows, as an array.
pub(super) fn array<'v>(values: impl Iterator<Item = Value<'v>>, wanted: &Type) -> Result<Parameter> {
    fn all<'v, T: FromValue<'v>>(values: impl Iterator<Item = Value<'v>>) -> Result<Vec<T>> {
        values.map(|value| T::from_value(value).ok_or(OTHER_TYPE)).collect()
    }
    Ok(match *wanted {
        Type::INT8 => Box::new(all::<Option<i64>>(values)?),
        Type::BYTEA => Box::new(all::<Option<Vec<u8>>>(values)?),
        _ => {
            let texts = all::<Option<&str>>(values)?.into_iter();
            Box::new(texts.map(|text| text.map(|text| escaped(text).into_owned())).collect::<Vec<_>>())
        }
    })
}

/// The values of a row.
pub(super) fn values(row: &Row) -> Result<Vec<OwnedValue>> {
    (0..row.len()).map(|column| value(row, column)).collect()
}

fn value(row: &Row, column: usize) -> Result<OwnedValue> {
    let kind = row.columns().get(column).map_or(&Type::UNKNOWN, |column| column.type_());
    let number = match *kind {
        Type::INT8 => row.try_get(column),
        Type::INT4 => row.try_get::<_, Option<i32>>(column).map(|number| number.map(i64::from)),
        Type::BOOL => row.try_get::<_, Option<bool>>(column).map(|is_true| is_true.map(i64::from)),
        Type::BYTEA => {
            let bytes = row.try_get::<_, Option<Vec<u8>>>(column).map_err(|_| OTHER_TYPE)?;
            return Ok(bytes.map_or(OwnedValue::Null, OwnedValue::Blob));
        }
        Type::TEXT | Type::VARCHAR => {
            let text = row.try_get::<_, Option<&str>>(column).map_err(|_| OTHER_TYPE)?;
            return Ok(text.map_or(OwnedValue::Null, |text| OwnedValue::Text(plain(text))));
        }
        _ => return Err(OTHER_TYPE),
    };
    Ok(number.map_err(|_| OTHER_TYPE)?.map_or(OwnedValue::Null, OwnedValue::Integer))
}

/// A text without NUL that stands for this one.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte <= 1) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('\u{1}', "\u{1}\u{2}").replace('\0', "\u{1}\u{1}"))
}

/// The text that stands for it in the database.
fn plain(text: &str) -> String {
    if !text.contains('\u{1}') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        match next {
            '\u{1}' => plain.push(if rest.next() == Some('\u{1}') { '\0' } else { '\u{1}' }),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_nul_is_kept_and_stays_in_its_order() {
        let texts = [
            "",
            "\0",
            "\0\0",
            "\0a",
            "\u{1}",
            "\u{1}\u{1}",
            "\u{1}\u{2}",
            "\u{2}",
            "a",
            "a\0",
            "a\u{1}b",
            "ä",
        ];
        for pair in texts.windows(2) {
            assert!(pair[0] < pair[1] && escaped(pair[0]) < escaped(pair[1]), "{pair:?}");
        }
        for text in texts {
            assert!(!escaped(text).contains('\0'));
            assert_eq!(plain(&escaped(text)), text);
        }
    }
}
