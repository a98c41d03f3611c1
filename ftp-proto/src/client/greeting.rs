//! The greeting: 300 or 220 decides the dialect, 120 asks for patience (H06).

use super::Failure;
use super::session::Session;
use crate::reply::{Greeting, Reply, greeting, loses_early};
use crate::timer::{Moment, Timer};

impl Session {
    /// A reply before the dialect is known.
    pub(super) fn greeted(&mut self, now: Moment, reply: Reply) {
        match greeting(reply.code) {
            Greeting::Speaks(dialect) => {
                self.timers.disarm(Timer::Greeting);
                self.dialect = dialect;
                self.loses_early = loses_early(&reply);
                self.begin_login(now);
            }
            // The whole login has its own timer, so that patience has an end.
            Greeting::Wait => self.timers.arm(Timer::Greeting, now + self.config.reply_timeout),
            Greeting::Refused => self.end(Failure::Unavailable(reply)),
            Greeting::NotFtp => {
                self.end(Failure::NotFtp(format!("expected a greeting, got {:?}", reply.display())))
            }
        }
    }
}
