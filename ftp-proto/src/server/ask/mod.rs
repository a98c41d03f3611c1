//! What the server machine asks of its driver, and what the driver answers.
//!
//! A [`Ticket`] names a question, and afterwards what came of it: the reserved port, the listener,
//! the prepared file. The machine never uses a ticket twice, and it ignores an answer to a ticket that
//! it has given up. A [`ConnId`] names a data connection; the driver makes it.

mod event;
mod files;
mod interface;

pub use crate::shared::proofs::TryEnd;
pub use event::{Account, Carried, End, Event, TransferFailure};
pub use files::{FileAnswer, FileAsk, FileFailure, Intent, ListStyle, Uploading};
pub use interface::{
    Answer, Ask, CloseNotify, ConnId, DataTls, DetachedState, DetachedTransfer, Ending, Handshake, Input,
    Output, Ticket, TlsRole, TransferTerms,
};
