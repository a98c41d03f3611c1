//! A file on its way, as the server holds it.

use super::disk::{Incoming, Prepared};
use super::group::IncomingGroup;
use super::wire::front;
use ftp_proto::coding::{BlockCodes, BlockReader, NotBlocks};
use ftp_proto::command::{Mode, Partial};
use ftp_proto::reply::FileOutcome;
use ftp_proto::server::ask::TransferTerms;
use ftp_proto::wire::TransferId;
use std::collections::VecDeque;

/// One move of one server.
#[derive(Debug)]
pub(super) struct Moving {
    pub(super) prepared: Prepared,
    pub(super) conn: (usize, usize),
    pub(super) partial: Partial,
    pub(super) state: State,
    pub(super) moved: u64,
    pub(super) framing: Framing,
    /// The name of the transfer, if it may outlive its control connection.
    pub(super) detach: Option<TransferId>,
    /// The client has gone: the file is whole only with so many bytes.
    pub(super) doubt: Option<Option<u64>>,
    /// What a group that is sent says of its files.
    pub(super) sent: Option<Vec<FileOutcome>>,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum State {
    Opening,
    Sending { file: Vec<u8>, at: usize },
    Receiving(Incoming),
    ReceivingGroup(IncomingGroup),
}

impl Moving {
    pub(super) const fn new(prepared: Prepared, conn: (usize, usize), terms: TransferTerms) -> Self {
        let TransferTerms { partial, detach, .. } = terms;
        let framing = Framing::of(terms);
        Self {
            prepared,
            conn,
            partial,
            state: State::Opening,
            moved: 0,
            framing,
            detach,
            doubt: None,
            sent: None,
        }
    }
}

/// How the connection tells the end of the file.
#[derive(Debug)]
pub(super) enum Framing {
    /// By its own end.
    Stream,
    /// By a block, so that the connection may be kept.
    Block { codes: BlockCodes, reader: BlockReader, keep: bool },
}

impl Framing {
    const fn of(terms: TransferTerms) -> Self {
        match terms.mode {
            Mode::Block => {
                let codes = BlockCodes::of(terms.dialect);
                Self::Block { codes, reader: BlockReader::new(codes), keep: terms.keep }
            }
            Mode::Stream | Mode::Deflate | Mode::Unserved(_) => Self::Stream,
        }
    }

    /// Whether the connection stays after a whole file.
    pub(super) const fn keeps(&self) -> bool {
        matches!(self, Self::Block { keep: true, .. })
    }

    /// Takes what has come of the file, and nothing of the next one. Returns it, and whether it was the last.
    pub(super) fn take(&mut self, inbox: &mut VecDeque<u8>) -> Result<(Vec<u8>, bool), NotBlocks> {
        let Self::Block { reader, .. } = self else { return Ok((Vec::from(std::mem::take(inbox)), false)) };
        let mut bytes = Vec::new();
        while !inbox.is_empty() && !reader.has_ended() {
            let here = reader.wanted().min(inbox.len());
            let wire = front(inbox, here);
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                bytes.extend_from_slice(reader.next(&mut rest)?);
            }
        }
        Ok((bytes, reader.has_ended()))
    }
}
