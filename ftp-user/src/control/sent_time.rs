//! The time of a file on its way to a server.

use crate::failure::Failure;
use ftp_proto::client::CommandId;
use ftp_proto::command::Verb;

/// The time of a file that was sent to a server.
#[derive(Debug, Default)]
pub(super) struct SentTime {
    /// The command whose reply was not awaited.
    pub(super) unanswered: Option<(CommandId, Verb)>,
    /// Why the server has not taken it.
    pub(super) refusal: Option<Failure>,
}
