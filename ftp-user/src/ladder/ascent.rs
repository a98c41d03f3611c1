//! Which candidates are left after a failure. Pure: a failure goes in, a step comes out, and the candidates that
//! share the fault are closed.

use super::candidate::{Candidate, Rung};
use super::security::Hitch;
use ftp_proto::client;
use ftp_proto::reply::Blame;
use ftp_proto::transfer::{Cause, Failure, Side, Store, Timer};

/// The candidates that are left for one file.
#[derive(Clone, Debug)]
pub struct Ascent {
    /// All candidates, in their order.
    pub candidates: Vec<Candidate>,
    /// Which of them have not failed, and do not share a fault that was seen.
    open: Vec<bool>,
    /// The index of the candidate that is tried, or that has failed last.
    current: Option<usize>,
    /// The candidate that worked for an earlier file.
    worked: Option<Candidate>,
    /// The rungs on which nothing arrived in an earlier run.
    silent: Vec<Rung>,
    /// Whether some candidate got as far as transferring, so that a later attempt may succeed.
    pub unfinished: bool,
}

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Try this candidate.
    Attempt(Candidate),
    /// Try again later, from the first candidate.
    Later,
    /// No candidate is left.
    Exhausted,
    /// Give up: no other candidate can help.
    Fail,
}

impl Step {
    /// Whether this file goes on at once: with another candidate, or with the finding that there is none.
    pub const fn continues(self) -> bool {
        matches!(self, Self::Attempt(_) | Self::Exhausted)
    }

    /// The step if the failed attempt has changed the file at the destination. What was stored under a name of its
    /// own is continued later by the same candidate (H35). A file that is appended to must be looked at before
    /// anything else is appended.
    #[must_use]
    pub const fn after_change(self, store: Store) -> Self {
        match (self, store) {
            (Self::Attempt(_) | Self::Exhausted, Store::Replace) => Self::Later,
            (Self::Attempt(_) | Self::Exhausted, Store::Append) => Self::Fail,
            (Self::Later | Self::Fail, Store::Replace | Store::Append) => self,
        }
    }
}

impl Ascent {
    /// Starts with the first candidate. If `worked` is among them, it comes first (H18).
    pub fn new(mut candidates: Vec<Candidate>, worked: Option<Candidate>) -> Self {
        if let Some(index) =
            worked.and_then(|worked| candidates.iter().position(|candidate| *candidate == worked))
        {
            candidates.get_mut(..=index).unwrap_or_default().rotate_right(1);
        }
        let open = vec![true; candidates.len()];
        Self { candidates, open, current: None, worked, silent: Vec::new(), unfinished: false }
    }

    /// The same ascent; nothing arrived on these rungs in an earlier run.
    #[must_use]
    pub fn with_silent(self, silent: Vec<Rung>) -> Self {
        Self { silent, ..self }
    }

    /// Whether the candidate with this index may still work.
    pub fn is_open(&self, index: usize) -> bool {
        self.open.get(index).copied().unwrap_or_default()
    }

    /// Whether nothing arrived on the rung of the candidate with this index in an earlier run.
    pub fn is_silent(&self, index: usize) -> bool {
        self.candidates.get(index).is_some_and(|candidate| self.silent.contains(&candidate.rung()))
    }

    /// Whether the candidate to start with has worked before.
    pub fn knows_path(&self) -> bool {
        self.worked.is_some() && self.candidates.first() == self.worked.as_ref()
    }

    /// What follows is about the candidate with this index.
    #[must_use]
    pub const fn of(&mut self, index: usize) -> &mut Self {
        self.current = Some(index);
        self
    }

    fn candidate(&self) -> Option<Candidate> {
        self.current.and_then(|current| self.candidates.get(current)).copied()
    }

    /// The next candidate, whatever the last failure was.
    pub fn proceed(&mut self) -> Step {
        if let Some(open) = self.current.and_then(|current| self.open.get_mut(current)) {
            *open = false;
        }
        self.current = self.open.iter().position(|open| *open);
        self.candidate().map_or(Step::Exhausted, Step::Attempt)
    }

    /// The next candidate that does not share the fault of this one at `side`.
    fn next_other(&mut self, side: Side) -> Step {
        let failed = self.candidate();
        self.past(|candidate| failed.is_some_and(|failed| failed.shares(candidate, side)))
    }

    /// The next candidate that does not use the relay of this one.
    pub fn past_relay(&mut self) -> Step {
        let failed = self.candidate();
        self.past(|candidate| failed.is_some_and(|failed| failed.is_of_one_relay(candidate)))
    }

    fn past(&mut self, is_closed: impl Fn(&Candidate) -> bool) -> Step {
        for (open, candidate) in self.open.iter_mut().zip(&self.candidates) {
            *open &= !is_closed(candidate);
        }
        self.proceed()
    }

    /// The step after the current candidate failed with `failure` (H17).
    pub fn after(&mut self, failure: &Failure) -> Step {
        let side = failure.side;
        if let Some(hitch) = self.candidate().and_then(|candidate| Hitch::of(candidate, failure)) {
            let step = self.past(|candidate| hitch.hinders(candidate));
            return self.or_later(step);
        }
        let step = match (&failure.cause, failure.blame) {
            // When its peer refuses it, Pure-FTPd answers 451 and pyftpdlib does not answer at all.
            (Cause::Ended(client::Failure::Silent(_)), _)
            | (Cause::Refused(_) | Cause::Silent(_), Blame::Busy)
                if failure.touched =>
            {
                self.unfinished = true;
                self.next_other(side)
            }
            // The relay refuses, whichever end listens.
            (Cause::Relay(_), Blame::Path) => self.past_relay(),
            (
                Cause::Ended(
                    client::Failure::Closed | client::Failure::Silent(_) | client::Failure::OutOfStep,
                )
                | Cause::Relay(_),
                _,
            ) => self.later(side),
            (Cause::Ended(client::Failure::NotFtp(_)), _) => Step::Fail,
            (Cause::Ended(_), _) => Step::Later,
            (Cause::Cancelled, _) => Step::Fail,
            // The other end is done and this one does not know it. It may help if the other end listens:
            // some servers lose a connection that is complete before their transfer command.
            (Cause::Silent(Timer::HalfDone), _) => {
                self.unfinished = true;
                self.next_other(side)
            }
            (Cause::Silent(_), Blame::Busy) => self.later(side),
            // The server does not know these commands. It may know the older ones of the same rung.
            (_, Blame::Unsupported) => self.proceed(),
            // The path itself is closed. Other commands do not help; the other end must listen.
            (_, Blame::Path) => self.next_other(side),
            (_, Blame::Busy) => Step::Later,
            (_, Blame::Missing | Blame::File | Blame::Space | Blame::Login | Blame::Peer) => Step::Fail,
        };
        self.or_later(step)
    }

    /// The step after the current candidate stalled.
    pub fn stalled(&mut self) -> Step {
        let step = self.later(Side::Source);
        self.or_later(step)
    }

    /// Retry later or use an intermediary. If a server falls silent, hangs up or stalls while it talks to
    /// the other server, the fault may lie between the two. If the same candidate worked before, it does
    /// not. A relay that fails in the middle of a file is avoided, too.
    fn later(&mut self, side: Side) -> Step {
        let is_other = |index| Some(index) != self.current && self.is_open(index);
        let mut candidates = self.candidates.iter().enumerate();
        let has_third_host = candidates
            .any(|(index, candidate)| is_other(index) && !matches!(candidate, Candidate::Direct(_)));
        match self.candidate() {
            Some(candidate) if Some(candidate) == self.worked => Step::Later,
            Some(Candidate::Direct(_)) if has_third_host => {
                self.unfinished = true;
                self.next_other(side)
            }
            Some(Candidate::Relay(_)) => {
                self.unfinished = true;
                self.past_relay()
            }
            Some(Candidate::Direct(_) | Candidate::Through) | None => Step::Later,
        }
    }

    /// If any candidate got as far as transferring, retry later instead of reporting that there is no path.
    fn or_later(&self, step: Step) -> Step {
        if step == Step::Exhausted && self.unfinished { Step::Later } else { step }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{direct, failed, relayed};
    use super::*;
    use ftp_proto::command::Verb;
    use ftp_proto::transfer::{DataFault, Opening, Posture, RelayFault, Stage};

    fn candidate(rung: Rung, opening: Opening) -> Candidate {
        direct(if rung == Rung::DestListens { Side::Destination } else { Side::Source }, opening)
    }

    fn ascent() -> Ascent {
        let mut ascent = Ascent::new(
            vec![
                candidate(Rung::DestListens, Opening::Lstn),
                candidate(Rung::DestListens, Opening::Pasv),
                candidate(Rung::SourceListens, Opening::Lstn),
            ],
            None,
        );
        assert_eq!(ascent.proceed(), Step::Attempt(candidate(Rung::DestListens, Opening::Lstn)));
        ascent
    }

    fn failure(blame: Blame, cause: Cause) -> Failure {
        failed(Side::Source, Stage::Command(Verb::Sock), cause, blame)
    }

    fn check(blame: Blame, expect: Step) {
        assert_eq!(ascent().after(&failure(blame, Cause::Silent(Timer::Reply))), expect, "{blame:?}");
    }

    #[test]
    fn h17_only_a_refused_candidate_leads_to_the_next_one() {
        check(Blame::Path, Step::Attempt(candidate(Rung::SourceListens, Opening::Lstn)));
        check(Blame::Unsupported, Step::Attempt(candidate(Rung::DestListens, Opening::Pasv)));
        check(Blame::Busy, Step::Later);
        for blame in [Blame::Missing, Blame::File, Blame::Space, Blame::Login, Blame::Peer] {
            check(blame, Step::Fail);
        }
    }

    #[test]
    fn the_ladder_ends() {
        let mut ascent = ascent();
        let closed = failure(Blame::Path, Cause::Silent(Timer::Reply));
        assert_eq!(ascent.after(&closed), Step::Attempt(candidate(Rung::SourceListens, Opening::Lstn)));
        assert_eq!(ascent.after(&closed), Step::Exhausted);
    }

    #[test]
    fn an_end_that_never_confirms_may_do_so_if_the_other_end_listens() {
        let mut ascent = ascent();
        let deaf = failure(Blame::Busy, Cause::Silent(Timer::HalfDone));
        assert_eq!(ascent.after(&deaf), Step::Attempt(candidate(Rung::SourceListens, Opening::Lstn)));
        assert_eq!(ascent.after(&failure(Blame::Path, Cause::Silent(Timer::Connect))), Step::Later);
    }

    #[test]
    fn h17_after_a_temporary_failure_the_other_end_may_listen() {
        let touched = |cause: Cause| Failure {
            touched: true,
            stage: Stage::Command(Verb::Stor),
            ..failure(Blame::Busy, cause)
        };
        let other = Step::Attempt(candidate(Rung::SourceListens, Opening::Lstn));
        for cause in
            [Cause::Silent(Timer::Connect), Cause::Ended(client::Failure::Silent(client::Timer::Reply))]
        {
            let mut ascent = ascent();
            assert_eq!(ascent.after(&touched(cause.clone())), other, "{cause:?}");
            // No candidate was refused permanently.
            assert_eq!(ascent.after(&failure(Blame::Path, Cause::Silent(Timer::Reply))), Step::Later);
        }
        let gone = Cause::Ended(client::Failure::Closed);
        assert_eq!(ascent().after(&touched(gone)), Step::Later);
    }

    #[test]
    fn two_servers_that_fail_each_other_get_an_intermediary() {
        let [dest, source] =
            [Rung::DestListens, Rung::SourceListens].map(|rung| candidate(rung, Opening::Pasv));
        let gone = failure(Blame::Busy, Cause::Ended(client::Failure::Closed));
        let mute = failure(Blame::Busy, Cause::Silent(Timer::Reply));
        let all = vec![dest, source, Candidate::Through];
        let mut ascent = Ascent::new(all.clone(), None);
        ascent.proceed();
        assert_eq!(ascent.after(&gone), Step::Attempt(source));
        assert_eq!(ascent.stalled(), Step::Attempt(Candidate::Through));
        assert_eq!(ascent.after(&mute), Step::Later);
        // If they have talked to each other before, they are expected to do so again.
        let mut ascent = Ascent::new(all, Some(dest));
        ascent.proceed();
        assert_eq!([ascent.after(&gone), ascent.stalled()], [Step::Later, Step::Later]);
        // No intermediary is allowed.
        let mut ascent = Ascent::new(vec![dest, source], None);
        ascent.proceed();
        assert_eq!([ascent.after(&gone), ascent.stalled()], [Step::Later, Step::Later]);
    }

    #[test]
    fn h18_the_candidate_that_worked_is_tried_first_the_next_time() {
        let (first, second) =
            (candidate(Rung::DestListens, Opening::Lstn), candidate(Rung::SourceListens, Opening::Lstn));
        let mut ascent = Ascent::new(vec![first, second], Some(second));
        assert_eq!(
            [ascent.proceed(), ascent.proceed(), ascent.proceed()],
            [Step::Attempt(second), Step::Attempt(first), Step::Exhausted]
        );
        let mut ascent = Ascent::new(vec![first], Some(second));
        assert_eq!([ascent.proceed(), ascent.proceed()], [Step::Attempt(first), Step::Exhausted]);
    }

    #[test]
    fn a_lost_session_is_tried_again_and_a_cancelled_one_is_not() {
        let mut ascent = ascent();
        assert_eq!(ascent.after(&failure(Blame::Path, Cause::Ended(client::Failure::Closed))), Step::Later);
        assert_eq!(ascent.after(&failure(Blame::Path, Cause::Cancelled)), Step::Fail);
        let noise =
            Cause::Ended(client::Failure::NotFtp(ftp_proto::reply::NotFtp::NoCode(b"noise".to_vec())));
        assert_eq!(ascent.after(&failure(Blame::Peer, noise)), Step::Fail);
    }

    /// All candidates of two relays, then the one through this host.
    fn relays() -> Vec<Candidate> {
        use Posture::{Active, Passive};
        let mut all = Vec::new();
        for relay in [0, 1] {
            for source in [Passive, Active] {
                all.extend([Passive, Active].map(|destination| relayed(relay, source, destination)));
            }
        }
        all.push(Candidate::Through);
        all
    }

    #[test]
    fn if_a_relay_cannot_connect_to_a_server_the_server_connects_to_the_relay() {
        let leg =
            |side| Failure { side, ..failure(Blame::Path, Cause::Data(DataFault::Failed("refused".into()))) };
        let all = relays();
        let mut ascent = Ascent::new(all.clone(), None);
        ascent.proceed();
        // The relay cannot connect to the destination: the destination connects. It cannot connect to the
        // source either: the destination still connects.
        assert_eq!(ascent.after(&leg(Side::Destination)), Step::Attempt(all[1]));
        assert_eq!(ascent.after(&leg(Side::Source)), Step::Attempt(all[3]));
        assert_eq!(ascent.after(&leg(Side::Destination)), Step::Attempt(all[4]));
        // A server that refuses PASV or PORT is the same.
        assert_eq!(ascent.after(&failure(Blame::Path, Cause::Silent(Timer::Connect))), Step::Attempt(all[6]));
    }

    #[test]
    fn a_relay_that_fails_in_the_middle_of_a_file_is_avoided() {
        let all = relays();
        let lost = failure(Blame::Busy, Cause::Relay(RelayFault::Lost("gone".into())));
        let mut ascent = Ascent::new(all.clone(), None);
        ascent.proceed();
        assert_eq!(ascent.after(&lost), Step::Attempt(all[4]));
        assert_eq!(ascent.stalled(), Step::Attempt(Candidate::Through));
        // A relay that cannot be reached at all.
        let mut ascent = Ascent::new(all.clone(), None);
        ascent.proceed();
        let closed = failure(Blame::Path, Cause::Relay(RelayFault::Refused("no".into())));
        assert_eq!(
            [ascent.past_relay(), ascent.after(&closed)],
            [Step::Attempt(all[4]), Step::Attempt(Candidate::Through)]
        );
        // If there is nothing else, the relay is tried again later.
        let mut ascent = Ascent::new(all[..4].to_vec(), None);
        ascent.proceed();
        assert_eq!(ascent.after(&lost), Step::Later);
    }

    #[test]
    fn h35_a_changed_file_is_continued_later_and_one_that_is_appended_to_is_left_alone() {
        let another = Step::Attempt(candidate(Rung::SourceListens, Opening::Pasv));
        for step in [another, Step::Exhausted] {
            assert!(step.continues());
            assert_eq!(step.after_change(Store::Replace), Step::Later);
            assert_eq!(step.after_change(Store::Append), Step::Fail);
        }
        for step in [Step::Later, Step::Fail] {
            assert!(!step.continues());
            assert_eq!([Store::Replace, Store::Append].map(|store| step.after_change(store)), [step, step]);
        }
    }
}
