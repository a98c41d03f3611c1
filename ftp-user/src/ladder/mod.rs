//! The ladder: which candidate between two servers is tried next. Pure: the decision follows from who is to
//! blame for the last failure.
//!
//! ```text
//!  dest-listens:   LSTN/SOCK  EPSV/EPRT  PASV/PORT      the destination listens (RFC 438's own order)
//!  source-listens: LSTN/SOCK  EPSV/EPRT  PASV/PORT      the source listens
//!  symmetric:      RSYM, GSOC, SOCK                     both listen and connect
//!  relay-source:   EPSV, PASV, LSTN | EPRT, PORT, SOCK  a relay agent joins them
//!  relay-dest:     the same                             a relay agent near the destination
//!  user:           each server listens, or connects to this host
//! ```

mod ascent;
mod candidate;
mod candidates;
mod entrants;
#[cfg(test)]
mod fixtures;
mod memory;
mod security;

pub use ascent::{Ascent, Step};
pub use candidate::{Candidate, Rung, ThroughRelay, commands};
pub use candidates::{Allowed, DataProtection, Nearby, candidates};
pub use entrants::{Schedule, entrants};
#[cfg(test)]
pub(crate) use fixtures::{failed, party};
pub use memory::{Memory, Refusal, SharedMemory, ago};
