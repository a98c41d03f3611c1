//! One attempt: moves one file between two ends by one candidate.
//!
//! ```text
//!  attempt   prepares both sessions for a candidate, runs the drive, explains a failure
//!  drive     the one loop over transfer::Attempt
//!  direct, relay, through    what each path needs besides the control sessions
//!  batch     how many small files move together: over one connection, or with commands ahead
//!  together  drives them, directly or through a host in the middle
//!  lane      what connects an attempt with the race of its candidates
//!  progress  how far the transfer is; how long it may stall, and which end is to blame; second: another session tells it;
//!            unseen: how long it may go on where nobody does
//!  circuit   what is kept with a relay from one file to the next
//!  room      what the destination has had no room for
//!  local     a file between this host and a server
//!  observed  what is seen of the data connections, for receipts
//!  situation what is known of two servers before a candidate is chosen; foresee: for a dry run
//! ```

mod assignment;
mod attempt;
mod batch;
mod circuit;
mod count;
mod describe;
mod direct;
mod drive;
mod explain;
mod foresee;
mod lane;
mod local;
mod observed;
mod progress;
mod relay;
mod room;
mod second;
mod sessions;
mod situation;
mod through;
mod together;
mod unseen;

pub(crate) use assignment::{Assignment, ContinuedBy};
pub use attempt::timeouts;
pub(crate) use attempt::{Attempted, by_relay, direct, through};
pub(crate) use batch::{BatchPath, Manner, SmallFile};
pub use circuit::Circuit;
pub(crate) use count::Count;
pub(crate) use describe::FAILED_FOR_EARLIER_FILE;
pub(crate) use drive::GivenUp;
pub(crate) use foresee::first_rung;
pub(crate) use lane::{Lane, Sign};
pub(crate) use local::{receive_local, send_local};
pub use room::Room;
pub(crate) use situation::Situation;
pub(crate) use together::{Fate, batch};
pub use unseen::{LONGEST_UNSEEN, USUAL_UNSEEN};

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::Failure;
use crate::ladder::SharedMemory;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The two ends of a copy.
#[derive(Debug)]
pub struct Ends {
    /// Where files come from.
    pub source: Host,
    /// Where they go.
    pub destination: Host,
    /// What is known of the candidates between them.
    pub memory: SharedMemory,
    /// What is kept with a relay between them.
    pub circuit: Option<Circuit>,
    /// The destination sets no times of files; that was told. Workers share it.
    pub no_times: Arc<AtomicBool>,
    /// The destination sets no permissions, or the source tells none; that was told. Workers share it.
    pub no_modes: Arc<AtomicBool>,
    /// What the destination has had no room for. Workers share it.
    pub room: Arc<Room>,
}

impl Ends {
    /// Two ends without memory or relay session.
    pub fn new(source: Host, destination: Host) -> Self {
        let memory = SharedMemory::default();
        Self {
            source,
            destination,
            memory,
            circuit: None,
            no_times: Arc::default(),
            no_modes: Arc::default(),
            room: Arc::default(),
        }
    }

    /// Forgets what is known between the two ends: one of them is another host now.
    pub fn forget(&mut self) {
        self.memory = SharedMemory::default();
        self.circuit = None;
        self.no_times = Arc::default();
        self.no_modes = Arc::default();
        self.room = Arc::default();
    }

    /// The same ends without sessions, for another worker. What is known of the candidates is shared.
    #[must_use]
    pub fn beside(&self) -> Self {
        let Self { source, destination, memory, circuit: _, no_times, no_modes, room } = self;
        Self {
            source: source.beside(),
            destination: destination.beside(),
            memory: memory.clone(),
            circuit: None,
            no_times: Arc::clone(no_times),
            no_modes: Arc::clone(no_modes),
            room: Arc::clone(room),
        }
    }

    /// Opens a session at each end that is a server, at the same time.
    ///
    /// # Errors
    ///
    /// Fails if one of them refuses or does not answer.
    pub async fn connect(&mut self, context: &Context) -> Result<(), Failure> {
        let Self { source, destination, .. } = self;
        tokio::try_join!(source.connect(context), destination.connect(context)).map(drop)
    }

    /// Says goodbye to both. If the work should stop, the answers are not awaited (H33).
    pub async fn quit(self, context: &Context) {
        let Self { source, destination, circuit, .. } = self;
        let relayed = async {
            if let Some(circuit) = circuit {
                circuit.quit().await;
            }
        };
        let now = context.world.clock.now();
        let hurry = context.run.cancel.is_cancelled().then(|| context.run.interruption.say_goodbye(now));
        tokio::select! {
            _ = async { tokio::join!(relayed, source.quit(), destination.quit()) } => {}
            () = context.world.clock.sleep_until(hurry) => {}
        }
    }
}
