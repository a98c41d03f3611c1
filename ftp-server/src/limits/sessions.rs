//! How many sessions there may be, so that a flood of connections leaves the others unharmed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::settings::Limits;

/// Counts the sessions of a server.
#[derive(Debug)]
pub struct Sessions {
    limits: Limits,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: Count,
    by_address: HashMap<IpAddr, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sessions: usize,
    unauthenticated: usize,
}

/// The place of one session. The session counts until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct SessionSlot {
    sessions: Arc<Sessions>,
    from: IpAddr,
    unauthenticated: bool,
}

/// Why a connection is turned away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Full {
    /// `--max-sessions` is reached.
    #[error("Too many sessions; try again later")]
    Sessions,
    /// `--max-sessions-per-address` is reached.
    #[error("Too many sessions from your address")]
    Address,
    /// `--max-unauthenticated` is reached.
    #[error("Too many connections that have not logged in; try again later")]
    Unauthenticated,
}

impl Sessions {
    /// No session is counted yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, counts: Mutex::default() })
    }

    /// Takes a place for a connection from `from`.
    ///
    /// # Errors
    /// A limit is reached: the connection has to be turned away.
    pub fn admit(self: &Arc<Self>, from: IpAddr) -> Result<SessionSlot, Full> {
        let mut counts = self.counts();
        let here = counts.by_address.get(&from).copied().unwrap_or_default();
        let full = |count: usize, limit: Option<usize>| limit.is_some_and(|limit| count >= limit);
        if full(counts.all.sessions, self.limits.sessions) {
            return Err(Full::Sessions);
        }
        if full(here.sessions, self.limits.per_address) {
            return Err(Full::Address);
        }
        if full(counts.all.unauthenticated, self.limits.unauthenticated)
            || full(here.unauthenticated, self.limits.unauthenticated_per_address)
        {
            return Err(Full::Unauthenticated);
        }
        counts.change(from, |count| {
            count.sessions += 1;
            count.unauthenticated += 1;
        });
        Ok(SessionSlot { sessions: Arc::clone(self), from, unauthenticated: true })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn change(&mut self, from: IpAddr, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        let here = self.by_address.entry(from).or_default();
        change(here);
        if here.sessions == 0 {
            self.by_address.remove(&from);
        }
    }
}

impl SessionSlot {
    /// Records that the session has logged in.
    pub fn logged_in(&mut self) {
        if std::mem::take(&mut self.unauthenticated) {
            self.sessions.counts().change(self.from, |count| count.unauthenticated -= 1);
        }
    }
}

impl Drop for SessionSlot {
    fn drop(&mut self) {
        let unauthenticated = usize::from(self.unauthenticated);
        self.sessions.counts().change(self.from, |count| {
            count.sessions -= 1;
            count.unauthenticated -= unauthenticated;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn sessions_are_counted_until_they_end() {
        let sessions = Sessions::new(Limits { sessions: Some(2), ..Limits::default() });
        let first = sessions.admit(ANN).unwrap();
        let _second = sessions.admit(BOB).unwrap();
        assert_eq!(sessions.admit(BOB).unwrap_err(), Full::Sessions);
        drop(first);
        assert!(sessions.admit(BOB).is_ok());
    }

    #[test]
    fn one_address_does_not_take_the_places_of_others() {
        let sessions = Sessions::new(Limits { per_address: Some(1), ..Limits::default() });
        let _ann = sessions.admit(ANN).unwrap();
        assert_eq!(sessions.admit(ANN).unwrap_err(), Full::Address);
        assert!(sessions.admit(BOB).is_ok());
    }

    #[test]
    fn a_login_makes_room_for_the_next_one_who_has_not_logged_in() {
        let limits =
            Limits { unauthenticated: Some(2), unauthenticated_per_address: Some(1), ..Limits::default() };
        let sessions = Sessions::new(limits);
        let mut ann = sessions.admit(ANN).unwrap();
        assert_eq!(sessions.admit(ANN).unwrap_err(), Full::Unauthenticated);
        ann.logged_in();
        ann.logged_in();
        let _again = sessions.admit(ANN).unwrap();
        let _bob = sessions.admit(BOB).unwrap();
        drop(ann);
        assert!(sessions.counts().by_address.contains_key(&ANN));
    }

    #[test]
    fn nobody_is_remembered_after_leaving() {
        let sessions = Sessions::new(Limits::default());
        drop(sessions.admit(ANN).unwrap());
        assert!(sessions.counts().by_address.is_empty());
    }
}
