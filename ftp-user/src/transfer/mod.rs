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
mod attempt;
mod copy;
mod foresee;
mod host;
mod local;
mod mover;
mod overwrite;
mod pair;
mod relayed;
mod resume;
mod retry;
mod seen;
mod through;
mod trouble;
mod two;
mod verify;
mod watch;
mod way;
mod words;

pub use append::append;
pub(crate) use append::hash_is_impossible;
pub use copy::copy;
pub use host::{Host, Server};
pub(crate) use host::{local_failure, local_path};
pub use overwrite::Overwrite;
pub use relayed::Circuit;
pub use retry::Retries;
pub use verify::Verify;

use crate::app::App;
use crate::control::Facts;
use crate::ladder::{Allowed, Memory, Rung};
use crate::report::{Passage, Verified};
use ftp_proto::wire::PathName;

/// The two ends of a copy.
#[derive(Debug)]
pub struct Ends {
    /// Where files come from.
    pub source: Host,
    /// Where they go.
    pub destination: Host,
    /// What is known of the ways between them.
    pub memory: Memory,
    /// What stands with a relay between them.
    pub circuit: Option<Circuit>,
}

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

impl Ends {
    /// Two ends that know nothing of each other yet.
    pub fn new(source: Host, destination: Host) -> Self {
        Self { source, destination, memory: Memory::default(), circuit: None }
    }

    /// How reports call both places of an item.
    pub fn names(&self, item: &Item) -> (String, String) {
        (self.source.show(&item.source), self.destination.show(&item.destination))
    }

    /// Says goodbye to both, without waiting for the answers when somebody wants to stop (H33).
    pub async fn quit(self, app: &App) {
        let Self { source, destination, circuit, .. } = self;
        let relayed = async {
            if let Some(circuit) = circuit {
                circuit.quit().await;
            }
        };
        let hurry = app.stop.is_raised().then(|| app.clock.now() + HASTE);
        tokio::select! {
            _ = async { tokio::join!(relayed, source.quit(), destination.quit()) } => {}
            () = app.clock.sleep_until(hurry) => {}
        }
    }
}

/// For a goodbye at the end of the two seconds that an interrupted copy has.
const HASTE: std::time::Duration = std::time::Duration::from_millis(100);
