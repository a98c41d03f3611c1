//! One session: input, poll.

use super::{CommandId, Config, Output};
use crate::command::Command;
use crate::timer::Moment;

/// The machine of one control connection, user side.
#[derive(Debug)]
pub struct Session {
    config: Config,
}

impl Session {
    /// Waits for the greeting from `now` on.
    pub fn new(config: Config, now: Moment) -> Self {
        let _ = now;
        Self { config }
    }

    /// Takes octets of the server.
    pub fn bytes(&mut self, now: Moment, octets: &[u8]) {
        let _ = (now, octets, &self.config);
    }

    /// The connection has ended or broken.
    pub fn closed(&mut self, now: Moment) {
        let _ = now;
    }

    /// The deadline of the last [`Output::Wait`] has come.
    pub fn timeout(&mut self, now: Moment) {
        let _ = now;
    }

    /// Sends a command. Several may be under way; replies are matched in order. `patience` replaces
    /// the reply timeout for this command (HASH of a large file, a transfer).
    pub fn send(
        &mut self,
        now: Moment,
        command: Command,
        patience: Option<std::time::Duration>,
    ) -> CommandId {
        let _ = (now, command, patience);
        CommandId(0)
    }

    /// Sends ABOR with Telnet IP and Synch for whatever transfer is under way, and counts the
    /// replies until the session is in step: [`super::Event::AbortDone`], or `Ended(OutOfStep)`.
    /// The aborted command's own final reply still comes as [`super::Event::Reply`] if the server
    /// sends it.
    pub fn abort(&mut self, now: Moment) {
        let _ = now;
    }

    /// Sends QUIT or BYE and ends.
    pub fn quit(&mut self, now: Moment) {
        let _ = now;
    }

    /// The next output.
    pub fn poll(&mut self) -> Output {
        Output::Wait(None)
    }
}
