//! How fast a server may be: RATE (docs/protocol/extensions.md).

use super::connection::Session;
use crate::failure::Failure;
use ftp_proto::command::{Command, Extension};
use std::num::NonZeroU64;

impl Session {
    /// From now on each transfer of this session moves no more than `rate` bytes per second.
    ///
    /// # Errors
    ///
    /// The server refuses that, or the session is lost.
    pub async fn keep_to(&mut self, rate: NonZeroU64) -> Result<(), Failure> {
        if self.manners.settings.rate == Some(rate) {
            return Ok(());
        }
        let answer = self.ask(Command::Extension(Extension::Rate(Some(rate)))).await?;
        if !answer.is_done() {
            return Err(self.refusal(format!("the server does not keep to {rate} bytes per second"), &answer));
        }
        self.manners.settings.rate = Some(rate);
        Ok(())
    }
}
