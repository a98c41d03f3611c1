//! What the two paths with a host in the middle (the user agent or a relay) have in common: whether both data
//! connections are open, which one broke, and who is to blame for a failure.

use super::end::Run;
use super::ends::{Ends, Progress, StepFailure};
use super::judge::{Answer, says_why};
use super::outcome::{Cause, DataFault};
use super::request::{Side, Timer};
use crate::reply::Blame;
use crate::timer::Moment;

/// The data connections of both ends with the host in the middle.
#[derive(Debug, Default)]
pub(super) struct Middle {
    /// Both data connections are open.
    pub(super) open: bool,
    /// The data connection that broke, and how. The words of its server are awaited.
    pub(super) broken: Option<(Side, String)>,
}

impl Middle {
    /// Takes a reply while the transfer commands run. Returns whether the end has begun or is complete.
    pub(super) fn running_reply(&self, ends: &mut Ends, now: Moment, side: Side, answer: Answer) -> bool {
        match ends.running_reply(side, answer) {
            Progress::None => false,
            Progress::Good => true,
            Progress::Bad(failure) => {
                self.refused(ends, now, side, failure);
                false
            }
        }
    }

    /// The final reply of `side` says that its part has failed.
    pub(super) fn refused(&self, ends: &mut Ends, now: Moment, side: Side, failure: StepFailure) {
        let StepFailure { stage, cause, blame } = failure;
        // If the other end's connection broke, this one was reset for that reason: it tells nothing new.
        let broken = self.broken.as_ref().map(|(broken, _)| *broken).filter(|broken| *broken != side);
        if let Some(broken) = broken.filter(|_| !says_why(&cause, blame)) {
            if !ends.end(broken).is_running() {
                self.give_up(ends, now); // its server has already said what it knows
            }
            return;
        }
        let blame = if blame == Blame::Path { self.blame(ends, side) } else { blame };
        ends.fail(now, side, stage, cause, blame);
    }

    /// Whom to blame if the data connection of `side` fails. If data may have moved, the path was open, and a
    /// later attempt may succeed.
    pub(super) fn blame(&self, ends: &Ends, side: Side) -> Blame {
        let moving = self.open && ends.source.run != Run::Not && ends.end(side).started;
        if moving { Blame::Busy } else { Blame::Path }
    }

    /// The data connection of `side` has broken while its transfer command ran. Its server knows more about that
    /// and may be about to say so.
    pub(super) fn broke(&mut self, ends: &mut Ends, now: Moment, side: Side, why: String) {
        self.broken = Some((side, why));
        ends.timers.arm(Timer::HalfDone, now + ends.timeouts.abort);
    }

    /// Fails the attempt: nothing is known but that a connection broke.
    pub(super) fn give_up(&self, ends: &mut Ends, now: Moment) {
        if let Some((side, why)) = self.broken.clone() {
            let stage = ends.transfer_stage(side);
            ends.fail(now, side, stage, Cause::Data(DataFault::Failed(why)), Blame::Busy);
        }
    }

    /// The wait for the final replies is over.
    pub(super) fn half_done(&self, ends: &mut Ends, now: Moment) {
        if self.broken.is_some() {
            return self.give_up(ends, now);
        }
        let side = if ends.source.is_running() { Side::Source } else { Side::Destination };
        let stage = ends.transfer_stage(side);
        ends.fail(now, side, stage, Cause::Silent(Timer::HalfDone), Blame::Busy);
    }
}
