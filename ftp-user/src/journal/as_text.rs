//! How texts of the system and values of options are written in JSON. Bytes that are no UTF-8 become an array of numbers.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::str::FromStr;

/// A value that JSON has as a text.
pub trait AsText: Sized {
    /// The value in JSON.
    fn to_json(&self) -> Value;

    /// The value of what is in JSON.
    ///
    /// # Errors
    ///
    /// It is something else, in words.
    fn of_json(value: &Value) -> Result<Self, String>;
}

/// A value whose text is the one that is typed.
pub trait TypedText: Display + FromStr<Err: Display> {}

impl<T: TypedText> AsText for T {
    fn to_json(&self) -> Value {
        Value::String(self.to_string())
    }

    fn of_json(value: &Value) -> Result<Self, String> {
        value.as_str().ok_or(NO_TEXT)?.parse().map_err(|why: T::Err| why.to_string())
    }
}

impl TypedText for ftp_proto::wire::Fingerprint {}

impl AsText for OsString {
    fn to_json(&self) -> Value {
        json_of(self)
    }

    fn of_json(value: &Value) -> Result<Self, String> {
        text_of(value).ok_or_else(|| NO_TEXT.to_owned())
    }
}

impl AsText for PathBuf {
    fn to_json(&self) -> Value {
        json_of(self.as_os_str())
    }

    fn of_json(value: &Value) -> Result<Self, String> {
        OsString::of_json(value).map(Self::from)
    }
}

impl<T: AsText> AsText for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }

    fn of_json(value: &Value) -> Result<Self, String> {
        if value.is_null() { Ok(None) } else { T::of_json(value).map(Some) }
    }
}

impl<T: AsText> AsText for Vec<T> {
    fn to_json(&self) -> Value {
        self.iter().map(T::to_json).collect()
    }

    fn of_json(value: &Value) -> Result<Self, String> {
        value.as_array().ok_or(NO_TEXT)?.iter().map(T::of_json).collect()
    }
}

/// A text of the system in JSON.
pub fn json_of(text: &OsStr) -> Value {
    match text.to_str() {
        Some(text) => text.into(),
        None => text.as_bytes().into(),
    }
}

/// The text that is in JSON; `None` if there is something else.
pub fn text_of(value: &Value) -> Option<OsString> {
    let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
    match value {
        Value::String(text) => Some(text.into()),
        Value::Array(bytes) if !bytes.is_empty() => {
            bytes.iter().map(byte).collect::<Option<_>>().map(OsString::from_vec)
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// Writes a field with `#[serde(with = "as_text")]`.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<T: AsText, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_json().serialize(serializer)
}

/// Reads a field with `#[serde(with = "as_text")]`.
///
/// # Errors
///
/// It is no such text.
pub fn deserialize<'de, T: AsText, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::of_json(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

const NO_TEXT: &str = "it is not text";
