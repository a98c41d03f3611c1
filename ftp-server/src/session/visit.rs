//! Visits of a whole session to a thread that may block.
//!
//! Work on files that may block needs a thread of its own, and to get there and back wakes two threads. When a client
//! has sent many commands ahead, the session goes there itself instead, and does all their work in one visit:
//!
//! ```text
//!  Away <── no command waits ── a command waits ──> Ready ── work comes up ──> Wanted ── the task goes ──> Here
//!    ^                                                                                                      |
//!    '──────────────── the machine waits, its turn is over, or the visit has taken long enough ─────────────'
//! ```
//!
//! The operator cannot end the session during a visit. So it does only work on file systems of this host there, and not for long.

use std::time::Duration;

use ftp_proto::server::ask::Ticket;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;

use super::context::WorkResult;
use crate::limits::Turn;

/// Where a session is.
#[derive(Default)]
pub(super) enum Visit {
    /// In its task, and it has no reason to leave that.
    #[default]
    Away,
    /// In its task, and commands wait: the next work takes it to a thread.
    Ready,
    /// About to visit a thread in a turn of its owner, where it begins with this work.
    Wanted {
        /// What the work answers.
        ticket: Ticket,
        turn: Turn,
        work: FirstWork,
    },
    /// On a thread that may block.
    Here {
        /// There is new work until this moment.
        until: Moment,
        /// The directory that was found last to be on a file system of this host, as paths name it.
        near: Option<Vec<u8>>,
    },
}

/// The work with which a visit begins.
type FirstWork = Box<dyn FnOnce() -> WorkResult + Send>;

impl Visit {
    /// Records whether commands wait.
    pub(super) fn note_commands(&mut self, wait: bool) {
        match self {
            Self::Away if wait => *self = Self::Ready,
            Self::Ready if !wait => *self = Self::Away,
            Self::Away | Self::Ready | Self::Wanted { .. } | Self::Here { .. } => {}
        }
    }

    /// Takes out what a visit begins with, if one is wanted, and begins it at `now`.
    pub(super) fn begin(&mut self, now: Moment) -> Option<(Turn, FirstWork)> {
        match std::mem::replace(self, Self::Here { until: now + LONGEST, near: None }) {
            Self::Wanted { turn, work, .. } => Some((turn, work)),
            other @ (Self::Away | Self::Ready | Self::Here { .. }) => {
                *self = other;
                None
            }
        }
    }

    /// Whether the session is on a thread that may block.
    pub(super) const fn is_here(&self) -> bool {
        matches!(self, Self::Here { .. })
    }

    /// Whether `is_near` holds for all of these, of which there is at least one. During a visit that is asked once for
    /// files of one directory that follow each other.
    pub(super) fn are_near(&mut self, paths: &[&PathName], is_near: impl Fn(&PathName) -> bool) -> bool {
        let mut is_known = |path: &PathName| {
            let Self::Here { near, .. } = self else { return is_near(path) };
            let directory = path.as_bytes().rsplitn(2, |&byte| byte == b'/').nth(1).unwrap_or_default();
            if near.as_deref() == Some(directory) {
                return true;
            }
            *near = is_near(path).then(|| directory.to_vec());
            near.is_some()
        };
        !paths.is_empty() && paths.iter().all(|path| is_known(path))
    }

    /// Forgets the work for `ticket`, if a visit was to begin with it.
    pub(super) fn cancel(&mut self, ticket: Ticket) {
        if matches!(self, Self::Wanted { ticket: of, .. } if *of == ticket) {
            *self = Self::Ready;
        }
    }
}

/// How long a visit may take on new work.
const LONGEST: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Owner, Turns};
    use ftp_proto::server::ask::Answer;

    fn wanted(turns: &std::sync::Arc<Turns>, ticket: Ticket) -> Visit {
        let turn = turns.take(&Owner::Account(b"ann".to_vec())).expect("there is a turn");
        let work = move || WorkResult::Answer(ticket, Answer::Permit(true));
        Visit::Wanted { ticket, turn, work: Box::new(work) }
    }

    #[test]
    fn a_session_is_ready_for_a_visit_while_commands_wait() {
        let mut visit = Visit::default();
        visit.note_commands(false);
        assert!(matches!(visit, Visit::Away));
        visit.note_commands(true);
        assert!(matches!(visit, Visit::Ready));
        assert!(visit.begin(Moment::START).is_none() && matches!(visit, Visit::Ready));
        visit.note_commands(false);
        assert!(matches!(visit, Visit::Away));
    }

    #[test]
    fn a_visit_begins_with_its_work_and_takes_no_more_after_its_time() {
        let (turns, ticket) = (Turns::new(1), Ticket(3));
        let mut visit = wanted(&turns, ticket);
        visit.note_commands(false);
        let (turn, work) = visit.begin(Moment::START).expect("a visit is wanted");
        assert!(matches!(work(), WorkResult::Answer(of, Answer::Permit(true)) if of == ticket));
        assert!(matches!(visit, Visit::Here { until, .. } if until == Moment::START + LONGEST));
        assert!(turns.take(&Owner::Account(b"bob".to_vec())).is_none());
        drop(turn);
        assert!(turns.take(&Owner::Account(b"bob".to_vec())).is_some());
    }

    #[test]
    fn during_a_visit_files_of_one_directory_are_looked_at_once() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let asked = std::cell::Cell::new(0);
        let is_near = |path: &PathName| {
            asked.set(asked.get() + 1);
            path.as_bytes().starts_with(b"/near/")
        };
        let mut visit = Visit::Ready;
        for _ in 0..2 {
            assert!(visit.are_near(&[&name("/near/a")], is_near));
        }
        assert_eq!(asked.take(), 2);
        visit = Visit::Here { until: Moment::START, near: None };
        assert!(!visit.are_near(&[], is_near));
        assert!(visit.are_near(&[&name("/near/a"), &name("/near/b")], is_near));
        assert_eq!(asked.take(), 1);
        assert!(!visit.are_near(&[&name("/near/a"), &name("/far/b")], is_near));
        assert!(!visit.are_near(&[&name("/far/b")], is_near));
        assert_eq!(asked.take(), 2);
        assert!(visit.are_near(&[&name("/near/deeper/a")], is_near));
        assert_eq!(asked.take(), 1);
    }

    #[test]
    fn work_that_is_cancelled_begins_no_visit_and_gives_its_turn_back() {
        let turns = Turns::new(1);
        let mut visit = wanted(&turns, Ticket(3));
        visit.cancel(Ticket(4));
        assert!(matches!(visit, Visit::Wanted { .. }));
        visit.cancel(Ticket(3));
        assert!(visit.begin(Moment::START).is_none());
        assert!(turns.take(&Owner::Account(b"bob".to_vec())).is_some());
    }
}
