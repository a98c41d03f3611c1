//! How the bytes of a file move.

use crate::command::{DataType, Mode, Partial};
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::wire::TransferId;
use std::num::NonZeroU64;

/// How the bytes of a file move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransferTerms {
    /// How the bytes are coded on the connection.
    pub data_type: DataType,
    /// How the connection is structured.
    pub mode: Mode,
    /// Whether the connection may carry another file after this one, so that it need not be closed (MODE B).
    pub keep: bool,
    /// Whose blocks those of MODE B are.
    pub dialect: Dialect,
    /// What becomes of the first part of a broken STOR.
    pub partial: Partial,
    /// The digest that is computed while they move (DGST).
    pub digest: Option<Algorithm>,
    /// The name of the transfer, if it may outlive its control connection (DETA).
    pub detach: Option<TransferId>,
    /// How many bytes move in a second, at most (RATE). What the account may move is a limit of its own, and
    /// the smaller one holds.
    pub rate: Option<NonZeroU64>,
    /// Whether a file that is received inside TLS must end with close_notify.
    pub close_notify: CloseNotify,
}

/// Whether an upload inside TLS must end with close_notify (F11). Anybody on the way can end a TCP connection, so
/// without it a cut file looks whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum CloseNotify {
    /// An upload without it is cut short.
    #[default]
    Required,
    /// The user's own host may end the connection without it. Another server may not.
    Optional,
}
