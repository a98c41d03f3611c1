//! One attempt: moves one file between two ends by one candidate.

mod load;
mod local;
mod pair;
mod relayed;
mod through;
mod trouble;
mod two;
mod watch;
mod way;
mod words;

pub(crate) use load::{Count, Load};
pub(crate) use local::{down, up};
pub use relayed::Circuit;
pub(crate) use two::GivenUp;
pub(crate) use way::{by_relay, direct, through};
pub(crate) use words::{KNOWN, Said, data, nearby, no_path, one_family};

use crate::context::Context;
use crate::endpoint::Host;
use crate::ladder::Memory;

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

impl Ends {
    /// Two ends that know nothing of each other yet.
    pub fn new(source: Host, destination: Host) -> Self {
        Self { source, destination, memory: Memory::default(), circuit: None }
    }

    /// Says goodbye to both, without waiting for the answers when somebody wants to stop (H33).
    pub async fn quit(self, context: &Context) {
        let Self { source, destination, circuit, .. } = self;
        let relayed = async {
            if let Some(circuit) = circuit {
                circuit.quit().await;
            }
        };
        let hurry = context.cancel.is_cancelled().then(|| context.clock.now() + HASTE);
        tokio::select! {
            _ = async { tokio::join!(relayed, source.quit(), destination.quit()) } => {}
            () = context.clock.sleep_until(hurry) => {}
        }
    }
}

/// For a goodbye at the end of the two seconds that an interrupted copy has.
const HASTE: std::time::Duration = std::time::Duration::from_millis(100);
