//! Many small files between two servers over one proven data connection (MODE B).
//!
//! ```text
//!  Opening    both: TYPE I, MODE B, DGST, RNDZ; then LSTN at one end and SOCK at both,
//!             or EPSV at both, and a host in the middle joins them ([`BatchOpening`])
//!  Line       source:       RETR 1  RETR 2  RETR 3 ...       and MLST 1, MLST 2 ...: has it changed meanwhile?
//!             destination:  STOR 1  STOR 2  STOR 3 ...       MLST before it where a file may have the name
//!             both digests of a file are equal ──> destination:  MFMT, RNFR, RNTO
//!  Closing    both: MODE S
//! ```
//!
//! The commands are sent ahead of the replies to those before them, so a file costs no round trip of its own. How much is
//! ahead is bounded in commands, in bytes of their lines, and in bytes of files ([`Window`]).
//!
//! The n-th file that the source sends is what the n-th STOR stores. So a RETR or STOR that is refused breaks the line: our
//! servers close the connection then, and nothing more is sent. Every STOR stores under a name of its own that nobody knows,
//! and a file gets its final name only after both servers have told the same digest of the whole file, and the source has
//! said that the file is still the one that was listed. So a server that sends files in another order publishes none of
//! them.
//!
//! The first file that is renamed is looked for under its final name (MLST, behind its RNTO). Until it is seen, no file counts
//! as published.
//!
//! Nothing of this depends on who is between the two servers: both tell the digests, and a host in the middle that changes,
//! drops or reorders a byte publishes nothing.
//!
//! A batch fails no file. What it has not published is *left* to the caller, who copies it alone and finds out why.
//!
//! The machine has no I/O and no clock. Both sessions must be logged in and idle, and both servers must take commands ahead
//! ([`Batch::is_possible`]).

mod file;
mod line;
mod machine;
mod opening;
mod settings;
#[cfg(test)]
mod tests;

pub use file::{BatchEnd, BatchFile};
pub use machine::{Batch, BatchInput, BatchOutput};
pub use settings::{BatchOpening, BatchTerms, Timer, Window};
