//! One end has failed while the other one waits or transfers. The other one is aborted, so that no end is left
//! with a command that nobody follows.
//!
//! | state of the end | what is done |
//! |---|---|
//! | its transfer command has no final reply | ABOR |
//! | it listens, and no transfer command has used the port | ABOR, which frees the port (RFC 2428 section 4) |
//! | it owes a reply to an earlier command | the reply is awaited, and after a timeout ABOR is sent |
//! | it does not answer ABOR in time | its control connection is closed (H20) |
//! | anything else | nothing: it is in step |

use super::end::{Session, Task};
use super::ends::{Ends, Phase};
use super::judge::{Answer, is_decisive, says_why};
use super::machine::Output;
use super::outcome::{Cause, Failure, Outcome};
use super::request::Side;
use super::stage::Stage;
use super::timer::Timer;
use crate::reply::{Blame, Class};
use crate::timer::Moment;

impl Ends {
    /// The attempt has failed: stops every end that still does something.
    pub(super) fn fail(&mut self, now: Moment, side: Side, stage: Stage, cause: Cause, blame: Blame) {
        self.timers.clear();
        self.cut();
        self.phase = Phase::Rescue(Failure { side, stage, cause, blame, touched: false, complete: None });
        for side in [self.connects, self.connects.other()] {
            let end = self.end(side);
            if end.is_running() || end.listening {
                self.abort(now, side);
            }
        }
        self.finish_rescue();
    }

    /// Aborts one end, at most once.
    pub(super) fn abort(&mut self, now: Moment, side: Side) {
        let timeout = self.timeouts.abort;
        let end = self.end_mut(side);
        if end.session != Session::InStep {
            return;
        }
        end.session = Session::Aborting;
        end.listening = false;
        end.timers.disarm(Timer::Reply);
        end.timers.arm(Timer::Abort, now + timeout);
        self.out.push_back(Output::Abort(side));
    }

    /// Takes a reply that came after the failure. It may explain more than the first one did: a full
    /// disk at one end is a broken connection at the other.
    pub(super) fn rescue_reply(&mut self, side: Side, answer: Answer) {
        let end = self.end_mut(side);
        let Some(asked) = end.asked else { return };
        if !answer.class.is_final() {
            end.started |= asked.task == Task::Transfer && answer.class == Class::Preliminary;
            return;
        }
        end.answered();
        if asked.task == Task::Transfer {
            let blame = end.end_of_run(asked.verb, answer.clone());
            let cause = Cause::Refused(answer.reply);
            if let (Phase::Rescue(failure), Some(blame)) = (&self.phase, blame)
                && says_why(&cause, blame)
                && !is_decisive(failure.blame)
                && failure.cause != Cause::Cancelled
            {
                self.explain(side, asked.stage(), cause, blame);
            }
        }
        self.finish_rescue();
    }

    /// Replaces the failure that came first by one that explains it.
    pub(super) fn explain(&mut self, side: Side, stage: Stage, cause: Cause, blame: Blame) {
        if let Phase::Rescue(failure) = &mut self.phase {
            *failure = Failure { side, stage, cause, blame, touched: false, complete: None };
        }
    }

    /// The abort of that side is complete: its session is in step. If the server has forgotten to end what it
    /// had begun, it may do so over the next data connection. It does not get one.
    pub(super) fn aborted(&mut self, side: Side) {
        let end = self.end_mut(side);
        let forgotten = end.started && end.is_running();
        if !end.aborted() {
            return;
        }
        if forgotten {
            end.close();
            self.out.push_back(Output::Close(side));
        }
        self.finish_rescue();
    }

    /// That side does not answer ABOR (H20): closes its control connection. The other end is not touched.
    pub(super) fn abandon(&mut self, side: Side) {
        self.end_mut(side).close();
        self.out.push_back(Output::Close(side));
        self.finish_rescue();
    }

    /// Tells the failure as soon as both ends are in step or closed.
    pub(super) fn finish_rescue(&mut self) {
        let Phase::Rescue(failure) = &self.phase else { return };
        if !self.source.is_settled() || !self.destination.is_settled() {
            return;
        }
        let mut failure = failure.clone();
        failure.touched = !self.transfer.probes && self.destination.may_have_written(self.proven);
        failure.complete = Side::BOTH.into_iter().find(|side| self.end(*side).complete().is_some());
        self.conclude(Outcome::Failed(failure));
    }
}
