//! Many small files between two servers over one proven data connection (MODE B).
//!
//! ```text
//!  Opening    both: TYPE I, MODE B, DGST, RNDZ; then LSTN at one end and SOCK at both,
//!             or EPSV at both, and a host in the middle joins them ([`BatchOpening`])
//!  Line       source:       PACK SEND 1   PACK SEND 2   PACK SEND 3 ...
//!             destination:  PACK STORE 1  PACK STORE 2  PACK STORE 3 ...   PACK LOOK before it where something may have a name
//!             both digests of a file are equal ──> destination:  PACK KEEP (the files of this group that are verified)
//! ```
//!
//! Files that follow each other and have the same directories are a *group*, which is one transfer and costs two or three
//! commands, however many files it has. The commands are sent ahead of the replies to those before them, so a group costs no
//! round trip of its own. How much is ahead is bounded in commands, in bytes of their lines, in bytes of files, and in groups
//! that the destination holds ([`Window`]). Of several groups no more is sent ahead than moves in two seconds, or 128 KiB
//! (`pace`): a PACK KEEP waits behind the transfers that were sent before it, and files without a name are lost with the
//! connection.
//!
//! The n-th group that the source sends is what the n-th PACK STORE stores. So a transfer that is refused breaks the line: our
//! servers close the connection then, and nothing more is sent. Nobody sees the files of a group before PACK KEEP, which names
//! only those of which both servers have told the same digest and the listed size. The source leaves out a file that is not
//! what was listed, before or after it has read it. So a server that sends files in another order publishes none of them. If
//! both contradict each other, or a reply cannot be read, both sessions are closed.
//!
//! The first file that is named is looked for under its final name (MLST, behind its PACK KEEP). Until it is seen, no file
//! counts as published.
//!
//! Nothing of this depends on who is between the two servers: both tell the digests, and a host in the middle that changes,
//! drops or reorders a byte publishes nothing.
//!
//! A batch fails no file. What it has not published is *left* to the caller, who copies it alone and finds out why. Where the
//! data connection has broken, one file is enough for that ([`Batch::has_broken`]).
//!
//! The last settings and the data connection stay in force, for the next batch on the same sessions ([`BatchOpening::Kept`]). MODE S
//! has to come before anything else that needs a data connection.
//!
//! The machine has no I/O and no clock. Both sessions must be logged in and idle, and both servers must take commands ahead
//! ([`Batch::is_possible`]).

mod files;
mod group;
mod line;
mod machine;
mod opening;
mod pace;
#[cfg(test)]
pub(super) mod tests;

pub use files::{BatchEnd, BatchFile, BatchOpening, BatchTerms, Timer, Window};
pub use machine::Batch;
