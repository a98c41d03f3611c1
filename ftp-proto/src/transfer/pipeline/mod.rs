//! Small files between two servers that keep no data connection: a connection for each file, and one round trip.
//!
//! ```text
//!                burst 1         burst 2                       burst 3
//!  source:       TYPE            MDTM 1 PORT 1 RETR 1          MDTM 2 PORT 2 RETR 2
//!                                MDTM 1 SIZE 1                 MDTM 2 SIZE 2
//!  destination:  TYPE PASV 1     STOR part 1 SIZE part 1       STOR part 2 SIZE part 2
//!                                PASV 2                        MFMT 1 RNFR part 1 RNTO 1 PASV 3
//! ```
//!
//! A *burst* is what a server is sent in one piece, at a moment when it owes no reply. The server reads it in order, so what
//! is behind a transfer command is done after the transfer. The replies to one burst have the port for the next file and
//! everything that verifies the last one. So a file costs one round trip, and the servers are told of its port, its transfer,
//! its size and the names of the file before it in that time.
//!
//! Where the listing has told the time of a file and the source knows MLST, one MLST behind RETR takes the place of MDTM and SIZE.
//!
//! Where both servers tell a common digest by HASH or a command of its kind, these go behind SIZE in the same bursts, and
//! verify the file as well.
//!
//! Nothing in a burst can do harm if something before it in the same burst is refused:
//!
//! * A part is renamed one burst after its transfer, when both servers have called it whole, both have told the size that
//!   the listing has told (and the same digest, if they are asked), and the time of the source is what it was before.
//! * One file is named in a burst. A refusal of RNFR or RNTO ends all naming, so no RNTO meets an RNFR that was left over.
//!   The first pair is sent one command after the other, because nobody knows what an earlier user of the session has left,
//!   and the file is looked for under its final name (SIZE, behind its RNTO).
//! * If RETR is refused while the other end waits for a connection, both sessions are closed.
//! * A reply that cannot answer its command ends the pipeline: replies have come in another order. Its code shows it, or, of MLST,
//!   that it has no facts: 250 may also end a transfer.
//!
//! As a [batch](super::batch), a pipeline fails no file. What it has not published is *left* to the caller.
//!
//! The machine has no I/O and no clock. Both sessions must be logged in and idle, with everything in force that
//! [`Pipeline::start`] does not set: stream mode, and PROT P if the data connections run TLS. Nothing may have the final name
//! of a file; the caller has looked ([`super::batch::BatchFile::asks`] is not read).

mod burst;
mod machine;
#[cfg(test)]
mod tests;

pub use machine::{Pipeline, PipelineFile, PipelineTerms};
