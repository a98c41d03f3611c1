//! What a direct transfer needs besides the control sessions: a server that tells how far it is.

use super::progress::Progress;
use super::sessions::Sessions;
use ftp_proto::client::{CommandId, Event};
use ftp_proto::command::Command;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;

/// The questions about the progress of a direct transfer.
#[derive(Debug, Default)]
pub(super) struct Direct {
    /// The STAT that awaits its reply.
    status: Option<CommandId>,
}

impl Direct {
    /// Asks the server on that side with STAT, unless it has yet to answer the last one.
    pub(super) fn ask(&mut self, sessions: &mut Sessions<'_>, side: Side) {
        if self.status.is_none() {
            self.status = Some(sessions.of(side).send(Command::Stat(None), None));
        }
    }

    /// Whether a server has yet to answer STAT.
    pub(super) const fn is_asking(&self) -> bool {
        self.status.is_some()
    }

    /// Handles the reply if it answers STAT. Returns whether it did.
    pub(super) fn take(&mut self, now: Moment, event: &Event, progress: &mut Progress) -> bool {
        let Event::Reply { to, reply, class } = event else { return false };
        if self.status != Some(*to) {
            return false;
        }
        progress.status(now, reply);
        if class.is_final() {
            self.status = None;
        }
        true
    }
}
