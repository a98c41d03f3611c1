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
//! | `digested` | a file that is sent as it is, and digested on its way |
//! | `whole` | a small file that is in memory to a connection |
//! | `kept` | a connection between two files (MODE B) |
//! | `stream`, `lines` | a listing to a connection, in bursts too, and back |
//! | `flow` | one direction between two connections, on the threads of `threads` |
//! | `forward` | one flow: a file passes this host |
//! | `join` | two flows: the work of a relay |

mod burst;
mod data;
mod decode;
mod digested;
mod encode;
mod flow;
mod forward;
mod join;
mod kept;
mod lines;
mod outcome;
#[cfg(target_os = "linux")]
mod pipe;
#[cfg(target_os = "linux")]
mod pool;
mod receive;
mod send;
mod sink;
mod stream;
#[cfg(test)]
mod tests;
mod threads;
mod transit;
mod whole;

pub use crate::meter::{Gate, Meter, Meters, Pass};
pub use decode::is_bad_coding;
pub use flow::Allowance;
pub use forward::{Digest, ForwardEnd, Forwarded, Unclosed, forward};
pub use join::{Digests, Join, JoinEnd, LegId};
pub use kept::KeptConnection;
pub use lines::lines;
pub use outcome::{Coding, CopyEnd, CopyReport, Encoding, Format};
#[cfg(target_os = "linux")]
pub use pipe::was_forbidden as splice_was_forbidden;
#[cfg(target_os = "linux")]
pub use pool::Pipes;
pub use receive::{Ready, Receipt, receive};
pub use send::send;
pub use sink::{Budget, Receiver, Sink};
pub use stream::{Encoded, Pieces, send_pieces};
pub use whole::send_whole;

/// Why a file that was being sent is not whole.
const SHORTER: &str = "the file has become shorter";
