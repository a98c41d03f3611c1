//! The race of several candidates for one file (as RFC 8305 does for the addresses of a host).
//!
//! ```text
//!  candidate 0   Start ---- head start ----.                          Abort --> Ended
//!  candidate 1                             Start -- Moving, Moving --> wins ------------> Ended(Moved)
//!  candidate 2                                                       (never started)
//! ```
//!
//! The best candidate starts. If it has not begun to move data after a head start, the next one starts beside it,
//! with sessions of its own and with its own name for the copy, and so on. The head start begins when both ends
//! have their transfer commands, because only then anything depends on the path. A candidate has won when both ends
//! have reported it as moving and it is certain that one of them is right. The others are aborted, and the race is over when all of them have ended.
//!
//! Some servers say that the transfer has begun before their data connection stands. If nothing shows that it does,
//! the candidate is a *claimant*: for a time nobody starts and nobody is aborted. After it the claimant is believed,
//! unless its destination is known to have received nothing.
//!
//! Between two servers that know PROB, only the first candidate transfers. The others probe: they obtain and prove
//! a data connection and move nothing. The first one whose probe succeeds wins, and transfers.
//!
//! If a server limits its sessions, the candidates take turns: the same order, one at a time, each with little
//! patience. Those that were given up too early get a second turn with all the patience of an attempt.
//!
//! If a third host carries the file, more direct candidates that have not failed are probed meanwhile ([`Scouts`]), and
//! later files take the one that is found.
//!
//! The machine has no I/O. The caller runs an [`Attempt`](super::Attempt) for each [`Output::Start`].

mod machine;
mod scouts;
#[cfg(test)]
mod tests;

pub use machine::{
    CandidateEnd, CandidatePurpose, Conclusion, Entrant, Input, Manner, Output, Race, Settings, Timer,
};
pub use scouts::{ScoutOutput, ScoutTimer, Scouts};
