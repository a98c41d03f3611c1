//! Who is let in: bounds on sessions, so that a flood of connections leaves the others unharmed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Limits;

/// Counts the sessions.
#[derive(Debug)]
pub struct Doors {
    limits: Limits,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    all: Count,
    by_address: HashMap<IpAddr, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sessions: usize,
    unauthenticated: usize,
}

/// A session that was let in; it is counted until it is dropped.
#[derive(Debug)]
pub struct Admitted {
    doors: Arc<Doors>,
    from: IpAddr,
    unauthenticated: bool,
}

/// Why a connection is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Full {
    /// `--max-sessions`.
    #[error("Too many sessions; try again later")]
    Sessions,
    /// `--max-sessions-per-address`.
    #[error("Too many sessions from your address")]
    Address,
    /// `--max-unauthenticated`.
    #[error("Too many connections that have not logged in; try again later")]
    Unauthenticated,
}

impl Doors {
    /// Doors with these limits.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, inside: Mutex::default() })
    }

    /// Lets a connection from `from` in, or says what is full.
    pub fn admit(self: &Arc<Self>, from: IpAddr) -> Result<Admitted, Full> {
        let mut inside = self.inside();
        let here = inside.by_address.get(&from).copied().unwrap_or_default();
        let full = |count: usize, limit: Option<usize>| limit.is_some_and(|limit| count >= limit);
        if full(inside.all.sessions, self.limits.sessions) {
            return Err(Full::Sessions);
        }
        if full(here.sessions, self.limits.per_address) {
            return Err(Full::Address);
        }
        if full(inside.all.unauthenticated, self.limits.unauthenticated)
            || full(here.unauthenticated, self.limits.unauthenticated_per_address)
        {
            return Err(Full::Unauthenticated);
        }
        inside.change(from, |count| {
            count.sessions += 1;
            count.unauthenticated += 1;
        });
        Ok(Admitted { doors: Arc::clone(self), from, unauthenticated: true })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn change(&mut self, from: IpAddr, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        let here = self.by_address.entry(from).or_default();
        change(here);
        if here.sessions == 0 {
            self.by_address.remove(&from);
        }
    }
}

impl Admitted {
    /// The session has logged in: it no longer counts among those that have not.
    pub fn logged_in(&mut self) {
        if std::mem::take(&mut self.unauthenticated) {
            self.doors.inside().change(self.from, |count| count.unauthenticated -= 1);
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let unauthenticated = usize::from(self.unauthenticated);
        self.doors.inside().change(self.from, |count| {
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
        let doors = Doors::new(Limits { sessions: Some(2), ..Limits::default() });
        let first = doors.admit(ANN).unwrap();
        let _second = doors.admit(BOB).unwrap();
        assert_eq!(doors.admit(BOB).unwrap_err(), Full::Sessions);
        drop(first);
        assert!(doors.admit(BOB).is_ok());
    }

    #[test]
    fn one_address_does_not_take_the_places_of_others() {
        let doors = Doors::new(Limits { per_address: Some(1), ..Limits::default() });
        let _ann = doors.admit(ANN).unwrap();
        assert_eq!(doors.admit(ANN).unwrap_err(), Full::Address);
        assert!(doors.admit(BOB).is_ok());
    }

    #[test]
    fn a_login_makes_room_for_the_next_one_who_has_not_logged_in() {
        let limits =
            Limits { unauthenticated: Some(2), unauthenticated_per_address: Some(1), ..Limits::default() };
        let doors = Doors::new(limits);
        let mut ann = doors.admit(ANN).unwrap();
        assert_eq!(doors.admit(ANN).unwrap_err(), Full::Unauthenticated);
        ann.logged_in();
        ann.logged_in();
        let _again = doors.admit(ANN).unwrap();
        let _bob = doors.admit(BOB).unwrap();
        drop(ann);
        assert!(doors.inside().by_address.contains_key(&ANN));
    }

    #[test]
    fn nobody_is_remembered_after_leaving() {
        let doors = Doors::new(Limits::default());
        drop(doors.admit(ANN).unwrap());
        assert!(doors.inside().by_address.is_empty());
    }
}
