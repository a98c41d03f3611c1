//! A request after the guard, and what it is answered with.

use super::error::{ApiError, ErrorCode, Result};
use super::fleet::{Caller, EventStream, Fleet};
use super::guard::{ClientGroup, Guard, KnownCaller};
use super::serve::WebSettings;
use crate::place;
use crate::queue::Scope;
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use url::form_urlencoded;

/// Everything that answers need.
pub(crate) struct Web {
    /// The queue behind it.
    pub(crate) fleet: Arc<dyn Fleet>,
    /// What the operator has chosen.
    pub(crate) settings: WebSettings,
    /// What is remembered between requests.
    pub(crate) guard: Guard,
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Whom its seats and wrong tokens are counted for.
    pub(crate) who: ClientGroup,
    /// The address that it comes from, if it has one.
    pub(crate) address: Option<IpAddr>,
    /// The address that it has connected to.
    pub(crate) local: Option<SocketAddr>,
    /// Whether the connection is inside TLS.
    pub(crate) is_tls: bool,
    /// The name of the daemon's user, if it is the other end.
    pub(crate) user: Option<Arc<str>>,
}

/// A request whose sender is known.
pub(crate) struct Call {
    /// Everything that answers need.
    pub(crate) web: Arc<Web>,
    /// The other end of the connection.
    pub(crate) peer: Peer,
    /// Who asks, if the route wants to know.
    pub(crate) known: Option<KnownCaller>,
    /// The id in the path; empty if the route has none.
    pub(crate) id: String,
    /// The path with its query.
    pub(crate) target: String,
    /// The query, as pairs.
    pub(crate) query: Pairs,
    /// The body, not yet read.
    pub(crate) body: Vec<u8>,
    /// The number of the last event that the reader has seen.
    pub(crate) last_event: Option<u64>,
    /// The value of the session's cookie.
    pub(crate) cookie: Option<String>,
}

impl Call {
    /// Who asks.
    ///
    /// # Errors
    ///
    /// Nobody is known: the route did not ask for it.
    pub(crate) fn caller(&self) -> Result<&Caller> {
        self.known.as_ref().map(|known| &known.caller).ok_or_else(super::guard::unauthorized)
    }

    /// The queue behind it.
    pub(crate) fn fleet(&self) -> &dyn Fleet {
        &*self.web.fleet
    }

    /// What each form has in it; empty without a session.
    pub(crate) fn secret(&self) -> &str {
        self.known.as_ref().and_then(|known| known.session()).map_or("", |session| &session.secret)
    }

    /// Whether the caller may make jobs.
    pub(crate) fn may_submit(&self) -> bool {
        self.caller().is_ok_and(|caller| caller.scope >= Scope::Submit)
    }
}

/// Keys and values of a query or a form, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads a query or a form.
    ///
    /// # Errors
    ///
    /// A part of it is no UTF-8, or has U+FFFD in it, which stands for that.
    pub(crate) fn parse(text: &[u8]) -> Result<Self> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(text).into_owned().collect();
        let is_strange = |text: &String| text.contains(char::REPLACEMENT_CHARACTER);
        if pairs.iter().any(|(key, value)| is_strange(key) || is_strange(value)) {
            return Err(ApiError::new(
                ErrorCode::BadRequest,
                "a key or value is not UTF-8, or has U+FFFD in it",
            ));
        }
        Ok(Self(pairs))
    }

    /// The value of a key, if it is there and not empty.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let of_key = self.0.iter().filter(|(name, _)| name == key);
        of_key.map(|(_, value)| value.as_str()).find(|value| !value.is_empty())
    }

    /// The value of a key, also if it is empty.
    pub(crate) fn sent(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Refuses keys that are not among `known`, and those that stand twice.
    ///
    /// # Errors
    ///
    /// A key is unknown or stands twice.
    pub(crate) fn only(&self, known: &[&str]) -> Result<()> {
        for (at, (key, _)) in self.0.iter().enumerate() {
            if !known.contains(&key.as_str()) {
                return Err(ApiError::unknown_key(key, known));
            }
            if self.0.iter().take(at).any(|(earlier, _)| earlier == key) {
                return Err(ApiError::bad_value(key, "it is given twice"));
            }
        }
        Ok(())
    }
}

/// A text as a part of a path or a query.
pub fn encode(text: &str) -> String {
    place::escaped(text.as_bytes(), b"")
}

/// What a request is answered with.
pub(crate) enum Answer {
    /// A value for programs, with a status.
    Json(u16, Value),
    /// Text for programs, with its type.
    Text(&'static str, String),
    /// A page for people, with a status.
    Page(u16, String),
    /// A file that never changes under its name.
    Asset(&'static str, &'static str),
    /// Another page of this daemon, with a cookie to set.
    See(String, Option<String>),
    /// Events as they come, as the caller may read them.
    Events(EventStream),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_as_browsers_write_them() {
        let pairs = Pairs::parse(b"a=1+2&b=%C3%A9%2&c&a=&=x").unwrap();
        assert_eq!(pairs.get("a"), Some("1 2"));
        assert_eq!(pairs.get("b"), Some("\u{e9}%2"));
        assert_eq!(pairs.get("c"), None);
        assert_eq!((pairs.sent("c"), pairs.sent("d")), (Some(""), None));
        assert!(Pairs::parse(b"a=%ff").is_err());
        assert_eq!(pairs.only(&["a", "b", "c", ""]).unwrap_err().message, "a: it is given twice");
        assert_eq!(pairs.only(&["a"]).unwrap_err().message, "unknown key \"b\"");
        let encoded = encode("a b/\u{e9}&");
        assert_eq!(Pairs::parse(encoded.as_bytes()).unwrap().0[0].0, "a b/\u{e9}&");
    }
}
