//! Temporary failures are tried again, later and later, for a while.

use crate::context::Context;
use crate::failure::{Failure, Kind};
use std::time::Duration;

/// The retries of one file, or of one question.
#[derive(Debug)]
pub struct Retries<'a> {
    context: &'a Context,
    used: u32,
}

impl<'a> Retries<'a> {
    /// None used yet.
    pub const fn new(context: &'a Context) -> Self {
        Self { context, used: 0 }
    }

    /// Whether there is a next try after `failure`: it is one that time heals, and the retries are
    /// not used up.
    pub fn allow(&self, failure: &Failure) -> bool {
        failure.kind == Kind::Temporary && self.used < self.context.patience.retries
    }

    /// Waits before the next try, or gives `failure` back: there is none, or somebody wants to stop.
    pub async fn after(&mut self, failure: Failure) -> Result<(), Failure> {
        self.after_saying(failure, "").await
    }

    /// The same with words on what the next try will be.
    pub async fn after_saying(&mut self, failure: Failure, words: &str) -> Result<(), Failure> {
        if !self.allow(&failure) {
            return Err(failure);
        }
        let pause = pause(self.used);
        self.used += 1;
        self.context.events.warn(format!(
            "{failure}; trying again in {:.1} s ({} of {}){words}",
            pause.as_secs_f64(),
            self.used,
            self.context.patience.retries
        ));
        let until = self.context.clock.now() + pause;
        tokio::select! {
            () = self.context.clock.sleep_until(Some(until)) => Ok(()),
            () = self.context.cancel.cancelled() => Err(Failure::interrupted()),
        }
    }
}

/// Half a second, doubled each time, at most half a minute.
fn pause(used: u32) -> Duration {
    FIRST.saturating_mul(2_u32.saturating_pow(used)).min(LONGEST)
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_and_have_an_end() {
        let pauses: Vec<u64> = (0..8).map(|used| pause(used).as_secs()).collect();
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(u32::MAX), LONGEST);
    }
}
