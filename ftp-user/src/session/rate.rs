//! How fast a server may be: RATE (docs/protocol/extensions.md).

use super::connection::Session;
use crate::failure::Failure;
use ftp_proto::command::{Command, Extension};
use ftp_proto::feature::Capabilities;
use std::num::NonZeroU64;

/// Whether a server with these capabilities knows RATE.
pub fn knows_rate(capabilities: &Capabilities) -> bool {
    capabilities.others.iter().any(|line| line.eq_ignore_ascii_case("RATE"))
}

impl Session {
    /// From now on each transfer of this session moves no more than `rate` bytes per second.
    ///
    /// # Errors
    ///
    /// The server refuses that, or the session is lost.
    pub async fn keep_to(&mut self, rate: NonZeroU64) -> Result<(), Failure> {
        if self.rate == Some(rate) {
            return Ok(());
        }
        let answer = self.ask(Command::Extension(Extension::Rate(Some(rate)))).await?;
        if !answer.is_done() {
            return Err(self.refusal(format!("the server does not keep to {rate} bytes per second"), &answer));
        }
        self.rate = Some(rate);
        Ok(())
    }
}
