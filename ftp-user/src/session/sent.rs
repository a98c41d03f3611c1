//! A command that was sent, its final reply, and the first word of the server about a transfer command.

use super::answer::Answer;
use super::connection::Session;
use crate::failure::Failure;
use ftp_proto::client::{CommandId, Event};
use ftp_proto::command::Verb;

/// A command that was sent.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) id: CommandId,
    pub(crate) verb: Verb,
}

impl Sent {
    /// The final reply, if the event is that.
    pub(crate) fn final_reply(self, session: &Session, event: Event) -> Result<Option<Answer>, Failure> {
        match event {
            Event::Reply { to, reply, class } if to == self.id && class.is_final() => {
                Ok(Some(Answer { reply, class, verb: self.verb }))
            }
            Event::Ended(failure) => Err(session.lost(&failure)),
            Event::Reply { .. }
            | Event::Sent(_)
            | Event::Received { .. }
            | Event::Ready { .. }
            | Event::TlsAbsent
            | Event::TakesMore
            | Event::Unasked(_)
            | Event::AbortDone => Ok(None),
        }
    }
}

impl Session {
    /// Waits for the first reply. Returns it if it is the final one: some servers omit the preliminary reply
    /// (modern-servers 1).
    pub(crate) async fn first_reply(&mut self, sent: Sent) -> Result<Option<Answer>, Failure> {
        loop {
            let event = self.next_or_cancelled().await?;
            if matches!(&event, Event::Reply { to, class, .. } if *to == sent.id && !class.is_final()) {
                return Ok(None);
            }
            if let Some(answer) = sent.final_reply(self, event)? {
                return Ok(Some(answer));
            }
        }
    }
}
