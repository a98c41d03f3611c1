//! What a request is told when it cannot be answered: one code, one sentence, and what to do about it.

use clap::ValueEnum;
use serde_json::{Value, json};
use std::fmt;

/// The kinds of errors. Each has a name for programs and a status of HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, ValueEnum)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The request is malformed.
    BadRequest,
    /// A key of the body or the query is unknown.
    UnknownKey,
    /// A value of the body or the query cannot be used.
    BadValue,
    /// No worker has the site.
    UnknownSite,
    /// No token, or a wrong one.
    Unauthorized,
    /// The token does not permit it.
    Forbidden,
    /// There is no such thing, or it is none of the caller's business.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The request came too slowly.
    Timeout,
    /// The state of the job or the series does not permit it.
    Conflict,
    /// The body is too large.
    TooLarge,
    /// The body is of another type.
    UnsupportedType,
    /// The request was meant for another host.
    WrongHost,
    /// Too many requests of this kind.
    TooMany,
    /// The head is too large.
    HeadTooLarge,
    /// The daemon has failed.
    Internal,
    /// The store or the daemon is not available for now.
    Unavailable,
}

impl ErrorCode {
    /// All codes, as the description of the API lists them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        let (name, _) = self.name_and_status();
        name
    }

    /// Its status of HTTP.
    pub const fn status(self) -> u16 {
        let (_, status) = self.name_and_status();
        status
    }

    const fn name_and_status(self) -> (&'static str, u16) {
        match self {
            Self::BadRequest => ("bad_request", 400),
            Self::UnknownKey => ("unknown_key", 400),
            Self::BadValue => ("bad_value", 400),
            Self::UnknownSite => ("unknown_site", 400),
            Self::Unauthorized => ("unauthorized", 401),
            Self::Forbidden => ("forbidden", 403),
            Self::NotFound => ("not_found", 404),
            Self::MethodNotAllowed => ("method_not_allowed", 405),
            Self::Timeout => ("timeout", 408),
            Self::Conflict => ("conflict", 409),
            Self::TooLarge => ("too_large", 413),
            Self::UnsupportedType => ("unsupported_type", 415),
            Self::WrongHost => ("wrong_host", 421),
            Self::TooMany => ("too_many", 429),
            Self::HeadTooLarge => ("head_too_large", 431),
            Self::Internal => ("internal", 500),
            Self::Unavailable => ("unavailable", 503),
        }
    }
}

/// The answer to a request, or why there is none.
pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// Why a request cannot be answered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The kind of the error.
    pub code: ErrorCode,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it; empty if nothing can be done.
    pub hint: String,
}

impl ApiError {
    /// An error of this kind, with what is wrong.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: String::new() }
    }

    /// The same error, with what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// There is no such job, file or page, or the caller may not know of it.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no such {what}"))
    }

    /// A value cannot be used. `name` says where it stands.
    pub fn bad_value(name: &str, why: impl fmt::Display) -> Self {
        Self::new(ErrorCode::BadValue, format!("{name}: {why}"))
    }

    /// The `after` of a list is not where one of its slices has ended.
    pub fn bad_cursor() -> Self {
        Self::bad_value("after", "this is not a cursor of this list")
    }

    /// A key is unknown. `known` are those that exist.
    pub fn unknown_key(key: &str, known: &[&str]) -> Self {
        let hint = match known {
            [] => "it takes none".to_owned(),
            known => format!("known keys: {}", known.join(", ")),
        };
        Self::new(ErrorCode::UnknownKey, format!("unknown key {key:?}")).hint(hint)
    }

    /// The store cannot be asked for now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, message).hint("try again in a few seconds")
    }

    /// The body that a program reads.
    pub fn body(&self) -> Value {
        json!({"error": {"code": self.code.name(), "message": self.message, "hint": self.hint}})
    }
}
