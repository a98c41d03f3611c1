//! One session: input, poll.

use super::ask::{Input, Output};
use super::{Config, Connection};
use crate::timer::Moment;
use std::sync::Arc;

/// The machine of one control connection.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    connection: Connection,
}

impl Session {
    /// A session that has said nothing yet; [`Input::Start`] makes it greet.
    pub const fn new(config: Arc<Config>, connection: Connection) -> Self {
        Self { config, connection }
    }

    /// Takes one input. Drain with [`Self::poll`] afterwards.
    pub fn input(&mut self, now: Moment, input: Input<'_>) {
        let _ = (now, input, &self.config, &self.connection);
    }

    /// The next output; after [`Output::Wait`] there is nothing more until the next input.
    pub fn poll(&mut self) -> Output {
        Output::Wait(None)
    }
}
