//! The time of a file on its way to a server.

use crate::failure::Failure;
use ftp_proto::client::{CommandId, Event};
use ftp_proto::command::Verb;
use ftp_proto::reply::{Class, Reply};

/// The time of a file that was sent to a server.
#[derive(Debug, Default)]
pub(crate) struct SentTime {
    /// The command whose reply has not come. The session takes that reply itself, so no other wait can lose it.
    pub(crate) unanswered: Option<(CommandId, Verb)>,
    /// Why the server has not taken it.
    pub(crate) untaken: Option<Untaken>,
}

/// Why a server has not taken the time of a file.
#[derive(Debug)]
pub(crate) enum Untaken {
    /// It knows no command for that.
    Unknown(Failure),
    /// This is its final reply.
    Refused(Verb, Reply, Class),
}

impl SentTime {
    /// Takes a reply to the time that was sent last, whatever else is waited for. Returns whether it was one.
    pub(crate) fn takes(&mut self, event: &Event) -> bool {
        let Event::Reply { to, reply, class } = event else { return false };
        let Some((_, verb)) = self.unanswered.filter(|(id, _)| id == to) else { return false };
        if class.is_final() {
            self.unanswered = None;
            if !matches!(class, Class::Done | Class::More) {
                self.untaken = Some(Untaken::Refused(verb, reply.clone(), *class));
            }
        }
        true
    }
}
