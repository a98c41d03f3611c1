//! Which sessions of a server were lost. Whoever saw something in such a session, or before it was lost, looks again.

use crate::session::{SessionId, newest_session};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lost sessions of a server: those that ended in any other way than by this program's own QUIT. Also a server that was
/// restarted loses its sessions, and may have another disk afterwards.
#[derive(Debug, Default)]
pub struct Losses(Mutex<Lost>);

#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    number: u64,
    /// The newest session that was open when the last loss was noticed.
    newest: Option<SessionId>,
}

impl Losses {
    /// Notes that a session was lost. It may have been lost long ago.
    pub fn note(&self) {
        let mut lost = self.lost();
        lost.number += 1;
        lost.newest = Some(newest_session()).max(lost.newest);
    }

    /// How many sessions were lost.
    pub fn number(&self) -> u64 {
        self.lost().number
    }

    /// Whether what was seen in this session may have changed with a loss since; `None` is a session that nobody knows. What
    /// was seen in a session that was opened after the last loss was noticed is as it was.
    pub fn concern(&self, session: Option<SessionId>) -> bool {
        let newest = self.lost().newest;
        newest.is_some_and(|newest| session.is_none_or(|session| session <= newest))
    }

    fn lost(&self) -> MutexGuard<'_, Lost> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_concerns_what_was_seen_in_sessions_that_were_open_then() {
        let losses = Losses::default();
        assert!(!losses.concern(None) && !losses.concern(Some(SessionId::new(0))));
        losses.note();
        assert_eq!(losses.number(), 1);
        assert!(losses.concern(None) && losses.concern(Some(newest_session())));
        assert!(!losses.concern(Some(SessionId::new(u64::MAX))));
    }
}
