//! Sessions of browsers: a token was exchanged for a cookie.

use super::tokens::digest;
use crate::web::error::{ApiError, ErrorCode, Result};
use ftp_io::lock::Lock;
use ftp_io::random;
use ftp_proto::timer::Moment;
use ftp_proto::wire::hex;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// The name of the cookie.
pub(crate) const COOKIE: &str = "ftp-user-session";

/// For how long a session lasts.
pub(crate) const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// A session, as a request finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Session {
    /// The hash of the token that it was made with. The session ends with that token.
    pub(crate) token: [u8; 32],
    /// What each form of the page has in it.
    pub(crate) secret: String,
    /// When it was made.
    since: Moment,
}

impl Session {
    /// Whether a form has the secret of this session in it.
    pub(crate) fn has_secret(&self, secret: &str) -> bool {
        self.secret.as_bytes().ct_eq(secret.as_bytes()).into()
    }
}

/// All sessions, by the hash of their cookie.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    /// Opens a session, and returns the value of its cookie.
    ///
    /// # Errors
    ///
    /// The system has no random bytes.
    pub(crate) fn open(&self, token: [u8; 32], now: Moment) -> Result<String> {
        let (cookie, secret) = (random()?, random()?);
        let mut open = self.open.locked();
        open.retain(|_, session| now.since(session.since) < LIFETIME);
        let of_token = |session: &Session| session.token == token;
        if open.values().filter(|session| of_token(session)).count() >= MOST_OF_TOKEN {
            remove_oldest(&mut open, of_token);
        }
        if open.len() >= MOST_SESSIONS {
            remove_oldest(&mut open, |_| true);
        }
        open.insert(digest(&cookie), Session { token, secret, since: now });
        drop(open);
        Ok(cookie)
    }

    /// The session of a cookie, if it has not ended.
    pub(crate) fn find(&self, cookie: &str, now: Moment) -> Option<Session> {
        let found = self.open.locked().get(&digest(cookie)).cloned();
        found.filter(|session| now.since(session.since) < LIFETIME)
    }

    /// Ends the session of a cookie.
    pub(crate) fn close(&self, cookie: &str) {
        self.open.locked().remove(&digest(cookie));
    }
}

/// Removes the oldest session among those that a condition names.
fn remove_oldest(open: &mut HashMap<[u8; 32], Session>, is_meant: impl Fn(&Session) -> bool) {
    let meant = open.iter().filter(|(_, session)| is_meant(session));
    if let Some(oldest) = meant.min_by_key(|(_, session)| session.since).map(|(key, _)| *key) {
        open.remove(&oldest);
    }
}

/// 32 random bytes as text: a token, or the value of a cookie.
///
/// # Errors
///
/// The system has no random bytes.
pub fn random() -> Result<String> {
    let no_bytes = |error| ApiError::new(ErrorCode::Internal, format!("no random bytes: {error}"));
    Ok(hex(&random::bytes::<32>().map_err(no_bytes)?))
}

/// The largest number of sessions of one token.
const MOST_OF_TOKEN: usize = 100;
/// The largest number of sessions at the same time.
const MOST_SESSIONS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_only_its_own_oldest_session() {
        let (sessions, now) = (Sessions::default(), Moment::START);
        let other = sessions.open([1; 32], now).unwrap();
        let first = sessions.open([2; 32], now + Duration::from_secs(1)).unwrap();
        for _ in 0..MOST_OF_TOKEN {
            sessions.open([2; 32], now + Duration::from_secs(2)).unwrap();
        }
        assert!(sessions.find(&other, now).is_some() && sessions.find(&first, now).is_none());
    }

    #[test]
    fn a_session_ends_after_twelve_hours_or_when_it_is_closed() {
        let (sessions, now) = (Sessions::default(), Moment::START);
        let cookie = sessions.open([7; 32], now).unwrap();
        let found = sessions.find(&cookie, now + (LIFETIME - Duration::from_secs(1))).unwrap();
        assert_eq!(found.token, [7; 32]);
        assert!(found.has_secret(&found.secret) && !found.has_secret("") && found.secret != cookie);
        assert_eq!(sessions.find(&cookie, now + LIFETIME), None);
        assert_eq!(sessions.find("other", now), None);
        sessions.close(&cookie);
        assert_eq!(sessions.find(&cookie, now), None);
    }
}
