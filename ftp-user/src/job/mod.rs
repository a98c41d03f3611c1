//! One file: find out, decide, move, verify, publish.
//!
//! ```text
//!  facts -> overwrite rule -> attempt name -> move (ladder) -> verify -> rename
//!                |             or resume          |               |
//!              skip                     next rung / later     delete the attempt
//! ```
//!
//! Nothing unverified ever stands under a final name. `append` alone writes in place.

mod append;
mod copy;
mod mover;
mod part;
mod patient;
mod resume;
pub mod retry;
mod status;
pub mod tree;

pub use append::append;
pub(crate) use append::hash_is_impossible;
pub use copy::copy;
pub use patient::Question;
pub use status::Status;

use crate::check::{Overwrite, Verify};
use crate::control::Facts;
use crate::ladder::{Allowed, Rung};
use crate::report::{Passage, Verified};
use crate::route::Ends;
use ftp_proto::wire::PathName;

/// One file to copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Its path at the source.
    pub source: PathName,
    /// Its path at the destination.
    pub destination: PathName,
    /// What a listing has said of the source, so that it need not be asked again.
    pub known: Option<Facts>,
}

impl Item {
    /// How reports call both places.
    pub fn names(&self, ends: &Ends) -> (String, String) {
        (ends.source.show(&self.source), ends.destination.show(&self.destination))
    }
}

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How to verify.
    pub verify: Verify,
    /// What to do with what is there.
    pub overwrite: Overwrite,
    /// Which ways between two servers may be used.
    pub allowed: Allowed,
    /// Whether a try may go on where the one before broke off.
    pub resume: bool,
    /// Whether it is done.
    pub deed: Deed,
}

/// Whether something is done, or only said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Deed {
    /// It is done.
    Do,
    /// What would be done is said.
    Plan,
    /// The same, by which way, and why.
    Explain,
}

impl Deed {
    /// Whether nothing is changed.
    pub const fn is_dry(self) -> bool {
        match self {
            Self::Do => false,
            Self::Plan | Self::Explain => true,
        }
    }
}

/// What was done with one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// Its octets; none were moved when it was skipped.
    pub bytes: u64,
    /// The way it went; `None` when it was skipped.
    pub rung: Option<Rung>,
    /// What passed a relay.
    pub passage: Option<Passage>,
    /// What verified it.
    pub verified: Verified,
    /// How often its octets were sent.
    pub attempts: u32,
}
