//! A file on its way, as the server holds it.

use super::disk::{Incoming, Prepared};
use ftp_proto::command::Partial;

/// One move of one server.
#[derive(Debug)]
pub(super) struct Moving {
    pub(super) prepared: Prepared,
    pub(super) conn: (usize, usize),
    pub(super) partial: Partial,
    pub(super) state: State,
    pub(super) moved: u64,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum State {
    Opening,
    Sending { file: Vec<u8>, at: usize },
    Receiving(Incoming),
}

impl Moving {
    pub(super) const fn new(prepared: Prepared, conn: (usize, usize), partial: Partial) -> Self {
        Self { prepared, conn, partial, state: State::Opening, moved: 0 }
    }
}
