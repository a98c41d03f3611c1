//! One attempt.

use super::{Heard, Job, Output, Party, Plan, Side, Timeouts};
use crate::client::Failure;
use crate::timer::Moment;

/// The machine of one attempt.
#[derive(Debug)]
pub struct Transfer {
    job: Job,
    plan: Plan,
}

impl Transfer {
    /// Starts the attempt at `now`; both sessions are logged in and idle.
    pub fn new(
        job: Job,
        plan: Plan,
        source: Party,
        destination: Party,
        timeouts: Timeouts,
        now: Moment,
    ) -> Self {
        let _ = (source, destination, timeouts, now);
        Self { job, plan }
    }

    /// A reply to the last command of that side arrived.
    pub fn reply(&mut self, now: Moment, side: Side, heard: Heard) {
        let _ = (now, side, heard, &self.job, self.plan);
    }

    /// The abort of that side is complete: its session is in step.
    pub fn aborted(&mut self, now: Moment, side: Side) {
        let _ = (now, side);
    }

    /// That side's session is over.
    pub fn ended(&mut self, now: Moment, side: Side, failure: Failure) {
        let _ = (now, side, failure);
    }

    /// The caller gives up (Ctrl-C, stall): both ends are aborted.
    pub fn cancel(&mut self, now: Moment) {
        let _ = now;
    }

    /// The deadline of the last [`Output::Wait`] has come.
    pub fn timeout(&mut self, now: Moment) {
        let _ = now;
    }

    /// The next output.
    pub fn poll(&mut self) -> Output {
        Output::Wait(None)
    }
}
