//! One end has failed while the other waits or moves: the other is ABORted, and no end is left
//! behind with a command that nobody follows.
//!
//! | the end | what is done |
//! |---|---|
//! | its transfer command has no final reply | ABOR |
//! | it listens and no transfer command used that | ABOR frees the listener (RFC 2428 section 4) |
//! | it owes a reply of the set-up | the reply is awaited; silent: ABOR, which resynchronises |
//! | it does not answer ABOR in time | its control connection is closed (H20) |
//! | anything else | nothing: it is in step |

use super::ends::{Ends, Phase};
use super::judge::is_decisive;
use super::leg::{Fate, Task};
use super::{Cause, Heard, Outcome, Output, Side, Trouble};
use crate::reply::{Blame, Class};
use crate::timer::{Moment, Timer};

impl Ends {
    /// The attempt has failed: whoever still does something is stopped.
    pub(super) fn fail(&mut self, now: Moment, side: Side, during: &'static str, cause: Cause, blame: Blame) {
        self.timers.clear();
        self.failed = true;
        self.phase = Phase::Rescue(Trouble { side, during, cause, blame, touched: false });
        for side in [Side::Source, Side::Destination] {
            let leg = self.leg(side);
            if leg.runs() || leg.listening {
                self.stop(now, side);
            }
        }
        self.finish_rescue();
    }

    /// ABORs one end, once.
    pub(super) fn stop(&mut self, now: Moment, side: Side) {
        let patience = self.timeouts.abort;
        let leg = self.leg_mut(side);
        if leg.fate != Fate::Following {
            return;
        }
        leg.fate = Fate::Aborting;
        leg.listening = false;
        leg.timers.disarm(Timer::Reply);
        leg.timers.arm(Timer::AbortDrain, now + patience);
        self.out.push_back(Output::Abort(side));
    }

    /// A final reply that came after the failure: it may tell more than the first one did (a full
    /// disk at one end is a broken connection at the other).
    pub(super) fn rescue_heard(&mut self, side: Side, heard: Heard) {
        let leg = self.leg_mut(side);
        let Some(asked) = leg.asked else { return };
        if !heard.class.is_final() {
            leg.started |= asked.task == Task::Transfer && heard.class == Class::Preliminary;
            return;
        }
        leg.answered();
        if asked.task == Task::Transfer {
            let blame = leg.end_of_run(asked.verb, heard.clone());
            if let (Phase::Rescue(trouble), Some(blame)) = (&mut self.phase, blame)
                && is_decisive(blame)
                && !is_decisive(trouble.blame)
                && trouble.cause != Cause::Cancelled
            {
                let during = asked.name();
                let cause = Cause::Refused(heard.reply);
                *trouble = Trouble { side, during, cause, blame, touched: false };
            }
        }
        self.finish_rescue();
    }

    /// Done, when both ends are in step or gone.
    pub(super) fn finish_rescue(&mut self) {
        let Phase::Rescue(trouble) = &self.phase else { return };
        if !self.source.settled() || !self.destination.settled() {
            return;
        }
        let mut trouble = trouble.clone();
        trouble.touched = self.destination.may_have_written(self.proven);
        self.conclude(Outcome::Failed(trouble));
    }
}
