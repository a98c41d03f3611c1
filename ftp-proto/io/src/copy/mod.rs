//! Moves the bytes of a file or a listing between a file and a data connection, or between two
//! connections (STRU F; MODE S, B and Z).
//!
//! A connection that was closed in order is the end of the file; to a receiver a reset never is (E10), and to a
//! sender only behind bytes that mark their own end (E25). A copy that does not reach its end resets its connections,
//! so that the peers know. Inside TLS only close_notify is the end (I03).
//!
//! | module | what |
//! |---|---|
//! | `send`, `receive` | a file to a connection and back, in bursts (`burst`) on threads that may block |
//! | `coding` | between the bytes of a file and those on the connection: TYPE A, MODE B, MODE Z, digests |
//! | `data` | a data connection during a file, and between two files (MODE B) |
//! | `listing` | a listing to a connection, in bursts too, and back |
//! | `flow` | one direction between two connections, on threads of its own, through a `pipe` where that works |
//! | `forward` | one flow: a file passes this host |
//! | `join` | two flows: the work of a relay |

mod burst;
mod coding;
mod data;
mod flow;
mod forward;
mod join;
mod listing;
#[cfg(target_os = "linux")]
mod pipe;
mod receive;
mod send;
#[cfg(test)]
pub(crate) mod tests;

use std::io;

pub use coding::is_bad_coding;
pub use data::KeptConnection;
pub use flow::Allowance;
pub use forward::{Digest, ForwardEnd, Forwarded, Unclosed, forward};
use ftp_proto::coding::BlockCodes;
use ftp_proto::digest::Algorithm;
pub use join::{Digests, Join, JoinEnd};
pub use listing::{Encoded, Lines, Pieces, lines, send_pieces};
#[cfg(target_os = "linux")]
pub use pipe::{Pipes, was_forbidden as splice_was_forbidden};
pub use receive::{Budget, Receipt, ReceiptProgress, Receiver, Sink, receive};
pub use send::{send, send_whole};

pub use crate::meter::{Gate, Meter, Meters, Pass};

/// The first `length` bytes of a buffer, which is replaced if it is smaller. A new one is allocated zeroed, so pages that are
/// never used are never touched: most files are smaller than their buffer.
fn room(buffer: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if buffer.len() < length {
        *buffer = vec![0; length];
    }
    buffer.get_mut(..length).unwrap_or_default()
}

/// Why a file that was being sent is not whole.
const SHORTER: &str = "the file has become shorter";

/// What happens to the bytes of a file on their way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Coding {
    /// Nothing (TYPE I, L 8).
    #[default]
    Image,
    /// Line ends are LF in files and CR LF on the connection (TYPE A).
    Ascii,
}

/// How a connection carries bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Encoding {
    /// As they are (MODE S).
    #[default]
    None,
    /// As blocks (MODE B). The connection must not end before the block that ends the file.
    Block(BlockCodes),
    /// As one zlib stream (MODE Z, RFC 1950). The connection must not end before the stream.
    Zlib,
}

impl Encoding {
    /// Whether the bytes on the connection mark their own end.
    const fn marks_end(self) -> bool {
        match self {
            Self::None => false,
            Self::Block(_) | Self::Zlib => true,
        }
    }
}

/// How a file crosses a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Format {
    /// What happens to its bytes.
    pub coding: Coding,
    /// How the connection carries them.
    pub encoding: Encoding,
    /// Whether the connection stays open after a whole file ([`CopyReport::kept`]), for the next one. The encoding must
    /// tell the end of the file.
    pub keep: bool,
    /// Which digest of the bytes of the file is computed while they move.
    pub digest: Option<Algorithm>,
    /// How many bytes of the file may move. A sender ends there. A receiver that gets more ends with
    /// [`CopyEnd::File`] and the error EFBIG.
    pub limit: Option<u64>,
}

impl From<Coding> for Format {
    fn from(coding: Coding) -> Self {
        Self { coding, ..Self::default() }
    }
}

/// How a copy went.
#[derive(Debug)]
#[must_use]
pub struct CopyReport {
    /// Bytes that crossed the connection.
    pub bytes: u64,
    /// Why there were no more.
    pub end: CopyEnd,
    /// The digest that was asked for, in lower-case hexadecimal digits, and the number of its bytes.
    pub digest: Option<(String, u64)>,
    /// The connection, if it stays open.
    pub kept: Option<KeptConnection>,
}

impl CopyReport {
    /// A copy that computed no digest and kept no connection.
    const fn plain(bytes: u64, end: CopyEnd) -> Self {
        Self { bytes, end, digest: None, kept: None }
    }
}

/// Why a copy ended.
#[derive(Debug)]
#[must_use]
pub enum CopyEnd {
    /// The file has ended, and the connection was closed in order or is kept.
    Whole,
    /// The connection failed.
    Broken(io::Error),
    /// [`Meter::stop`](crate::meter::Meter::stop) was called.
    Stopped,
    /// The file could not be read or written: full disk, failing disk.
    File(io::Error),
}
