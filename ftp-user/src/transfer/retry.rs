//! Temporary failures are tried again, later and later, for a while.

use crate::app::App;
use crate::cli::Exit;
use crate::problem::Problem;
use std::time::Duration;

/// The retries of one file, or of one question.
#[derive(Debug)]
pub struct Retries<'a> {
    app: &'a App,
    used: u32,
}

impl<'a> Retries<'a> {
    /// None used yet.
    pub const fn new(app: &'a App) -> Self {
        Self { app, used: 0 }
    }

    /// Whether there is a next try after `problem`: it is one that time heals, and the retries are
    /// not used up.
    pub fn allow(&self, problem: &Problem) -> bool {
        problem.exit == Exit::Temporary && self.used < self.app.waits.retries
    }

    /// Waits before the next try, or gives `problem` back: there is none, or somebody wants to stop.
    pub async fn after(&mut self, problem: Problem) -> Result<(), Problem> {
        self.after_saying(problem, "").await
    }

    /// The same with words on what the next try will be.
    pub async fn after_saying(&mut self, problem: Problem, words: &str) -> Result<(), Problem> {
        if !self.allow(&problem) {
            return Err(problem);
        }
        let pause = pause(self.used);
        self.used += 1;
        self.app.events.warn(format!(
            "{problem}; trying again in {:.1} s ({} of {}){words}",
            pause.as_secs_f64(),
            self.used,
            self.app.waits.retries
        ));
        let until = self.app.clock.now() + pause;
        tokio::select! {
            () = self.app.clock.sleep_until(Some(until)) => Ok(()),
            () = self.app.stop.raised() => Err(Problem::interrupted()),
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
