//! How many sessions, tunnels and joins there are, in all and of each token.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::limits::Limits;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A session of a user agent.
    Session,
    /// A control connection.
    Tunnel,
    /// Two data connections.
    Join,
}

/// How many of a kind there may be: in all, and of one token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bound {
    all: usize,
    of_one: usize,
}

/// The sessions, tunnels and joins of all tokens. Clones share them.
#[derive(Clone, Debug)]
pub struct Quotas(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: HashMap<Kind, usize>,
    of: HashMap<(Kind, String), usize>,
}

/// One session, tunnel or join. Dropping it gives it back.
#[derive(Debug)]
#[must_use]
pub struct Share {
    quotas: Quotas,
    kind: Kind,
    name: String,
}

/// Why there is none left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Full {
    /// The token has all that it may have.
    #[error("this token has all {1} {0} that it may have")]
    OfOne(Kind, usize),
    /// The relay has all that it may have.
    #[error("the relay has all {1} {0} that it may have")]
    InAll(Kind, usize),
}

impl Quotas {
    /// Creates quotas with nothing taken.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner { limits, taken: Mutex::default() }))
    }

    /// Takes one for the token `name`.
    ///
    /// # Errors
    ///
    /// Fails if the token, or the relay, has all that it may have. What others hold is never touched.
    pub fn take(&self, kind: Kind, name: &str) -> Result<Share, Full> {
        let Bound { all, of_one } = self.0.limits.of(kind);
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (kind, name.to_owned());
        if taken.of.get(&key).is_some_and(|count| *count >= of_one) {
            return Err(Full::OfOne(kind, of_one));
        }
        if taken.all.get(&kind).is_some_and(|count| *count >= all) {
            return Err(Full::InAll(kind, all));
        }
        *taken.all.entry(kind).or_default() += 1;
        *taken.of.entry(key).or_default() += 1;
        Ok(Share { quotas: self.clone(), kind, name: name.to_owned() })
    }

    fn give_back(&self, kind: Kind, name: &str) {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.all.get_mut(&kind) {
            *count = count.saturating_sub(1);
        }
        let key = (kind, name.to_owned());
        if let Some(count) = taken.of.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.of.remove(&key);
            }
        }
    }
}

impl Limits {
    const fn of(&self, kind: Kind) -> Bound {
        let all = match kind {
            Kind::Session => self.sessions,
            Kind::Tunnel => self.tunnels,
            Kind::Join => self.joins,
        };
        Bound { all, of_one: Self::share(all) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.quotas.give_back(self.kind, &self.name);
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "sessions",
            Self::Tunnel => "tunnels",
            Self::Join => "joins",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_quarter_and_others_keep_theirs() {
        let quotas = Quotas::new(Limits { joins: 8, sessions: 8, ..Limits::USUAL });
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(quotas.take(Kind::Join, "ann").unwrap());
        }
        assert_eq!(quotas.take(Kind::Join, "ann").unwrap_err(), Full::OfOne(Kind::Join, 2));
        held.push(quotas.take(Kind::Session, "ann").unwrap());
        for name in ["bob", "bob", "eve", "eve", "joe", "joe"] {
            held.push(quotas.take(Kind::Join, name).unwrap());
        }
        let full = quotas.take(Kind::Join, "sue").unwrap_err();
        assert_eq!(full.to_string(), "the relay has all 8 joins that it may have");
        drop(held.remove(0));
        held.push(quotas.take(Kind::Join, "sue").unwrap());
        drop(held);
        assert!(quotas.0.taken.lock().unwrap().of.is_empty());
        assert_eq!(quotas.take(Kind::Join, "ann").map(drop), Ok(()));
    }
}
