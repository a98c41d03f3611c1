//! Values of rows: those that are written, and those that were read.

use super::StoreError;
use crate::id::{JobId, WorkerId};
use std::borrow::Cow;

/// A value of a row, which belongs to somebody else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::journal) enum Value<'a> {
    /// Nothing is known.
    Null,
    /// A number. Truth values are 0 and 1.
    Integer(i64),
    /// A text in UTF-8.
    Text(&'a str),
    /// Bytes, as they are.
    Blob(&'a [u8]),
}

/// A value of a row.
#[cfg(feature = "postgres")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::journal) enum OwnedValue {
    /// Nothing is known.
    Null,
    /// A number of 64 bits.
    Integer(i64),
    /// A text in UTF-8.
    Text(String),
    /// Bytes, as they are.
    Blob(Vec<u8>),
}

#[cfg(feature = "postgres")]
impl OwnedValue {
    /// The same value, borrowed.
    pub(in crate::journal) fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

#[cfg(feature = "postgres")]
impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Blob(bytes) => Self::Blob(bytes.to_owned()),
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Integer(number.cast_signed())
    }
}

impl From<bool> for Value<'_> {
    fn from(is_true: bool) -> Self {
        Self::Integer(is_true.into())
    }
}

impl From<JobId> for Value<'_> {
    fn from(job: JobId) -> Self {
        job.number().into()
    }
}

impl From<WorkerId> for Value<'_> {
    fn from(worker: WorkerId) -> Self {
        worker.number().into()
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Value<'a> {
    fn from(known: Option<T>) -> Self {
        known.map_or(Self::Null, T::into)
    }
}

/// What a column can be read as.
pub(in crate::journal) trait FromValue<'a>: Sized {
    /// The value as this type; `None` if it is of another one.
    fn from_value(value: Value<'a>) -> Option<Self>;
}

impl FromValue<'_> for i64 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let Value::Integer(number) = value else { return None };
        Some(number)
    }
}

/// Numbers without a sign are kept as the signed ones with the same bits.
impl FromValue<'_> for u64 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(i64::cast_unsigned)
    }
}

impl FromValue<'_> for u32 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue<'_> for bool {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl FromValue<'_> for JobId {
    fn from_value(value: Value<'_>) -> Option<Self> {
        u64::from_value(value).map(Self::new)
    }
}

impl FromValue<'_> for WorkerId {
    fn from_value(value: Value<'_>) -> Option<Self> {
        u64::from_value(value).map(Self::new)
    }
}

impl<'a> FromValue<'a> for &'a str {
    fn from_value(value: Value<'a>) -> Option<Self> {
        let Value::Text(text) = value else { return None };
        Some(text)
    }
}

impl FromValue<'_> for String {
    fn from_value(value: Value<'_>) -> Option<Self> {
        <&str>::from_value(value).map(str::to_owned)
    }
}

impl FromValue<'_> for Vec<u8> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let Value::Blob(bytes) = value else { return None };
        Some(bytes.to_owned())
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Option<T> {
    fn from_value(value: Value<'a>) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

/// A column has another type than it was written with.
pub(super) const OTHER_TYPE: StoreError =
    StoreError::Row(Cow::Borrowed("a column has another type than it was written with"));
