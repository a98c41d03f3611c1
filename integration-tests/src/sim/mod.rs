//! A simulator: two server machines, a relay agent's machine and a coordinator on a virtual clock. There is no
//! socket, no file and no thread. Connections delay, break and stall, and one seed decides everything.
//!
//! ```text
//!                 user (two client::Session, one transfer::Attempt)
//!        control connection /        | link           \ control connection
//!                          /   relay: agent::Session   \
//!  source: server::Session + Host                 destination: server::Session + Host
//!                     \________ data connections ________/
//!                                 strangers
//! ```
//!
//! An attempt is direct, through the relay, or through the user. In a run with a relay, tunnels of the relay carry
//! the control connections. Several attempts follow each other over the same sessions, on any path.
//!
//! | file | what |
//! |---|---|
//! | [`random`] | the generator: same seed, same run |
//! | [`scenario`] | a run before it begins: dialects, roles, policy, files, faults |
//! | `choice` | how a seed chooses it |
//! | `place` | addresses |
//! | `disk` | files in memory |
//! | `trace` | the dialogue in two columns |
//! | `link`, `wire`, `host`, `relay`, `moving`, `user`, `fault` | what a run holds: connections, servers, the relay, files on their way, the user agent, faults to come |
//! | `world` | all of it, the clock and the queue of events |
//! | `lies`, `stranger` | who means harm: what they say and do |
//! | `stage` | what an attempt begins with, and when its faults are due |
//! | `tunnel`, `control`, `data` | what travels on connections |
//! | `tls` | handshakes |
//! | `verdict` | what must hold in every run |
//! | `files` | files move |
//! | `copying` | the user agent's own data connections |
//! | `agent` | what the relay agent's machine asks for, performed |
//! | `line` | the user agent's session with the relay |
//! | `perform` | what a server machine asks for, performed |
//! | `arrivals` | what arrives: connections and their bytes |
//! | `phases`, `dialogue` | the coordinator: its phases, and its three machines drained |
//! | `small_files`, `grouped` | small files in groups: where they are put, and what must hold for them; how a seed chooses them |
//! | `group` | the groups that a server holds |
//! | `conduct`, `several` | several files, questions about detached transfers, and how a seed chooses them |
//! | `conversation`, `course`, `talk`, `coordinate`, `asks`, `replies` | users who do without an attempt: what they say, line by line, and what they hear |
//! | `batch`, `detached`, `alone` | what must hold for several files; transfers without control connection |
//! | [`race`], `racing` | several candidates for one file, each a world of its own; their driver |
//! | `run` | the loop, from the first event to the report |

pub mod conduct;
pub mod race;
mod racing;
pub mod random;
pub mod scenario;

mod agent;
mod arrivals;
mod asks;
mod batch;
mod choice;
mod control;
mod conversation;
mod coordinate;
mod copying;
mod course;
mod crowd;
mod data;
mod deeds;
mod detached;
mod dialogue;
mod disk;
mod fault;
mod files;
mod group;
mod grouped;
mod host;
mod hostile;
mod lies;
mod line;
mod link;
mod moving;
mod perform;
mod phases;
mod place;
mod relay;
mod replies;
mod run;
mod several;
mod shared;
mod small_files;
mod stage;
mod stranger;
mod tls;
mod together;
mod trace;
mod tunnel;
mod user;
mod verdict;
mod victim;
mod wire;
mod world;

pub use run::Report;
pub use together::{simulate, together};

use ftp_proto::transfer::Side;

/// One thing for each of the two servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pair<T> {
    /// What the source has.
    pub source: T,
    /// What the destination has.
    pub destination: T,
}

/// Both sides, source first.
pub const SIDES: [Side; 2] = [Side::Source, Side::Destination];

impl<T> Pair<T> {
    /// Makes one for each side.
    pub fn of(mut make: impl FnMut(Side) -> T) -> Self {
        Self { source: make(Side::Source), destination: make(Side::Destination) }
    }

    /// What that side has.
    pub const fn at(&self, side: Side) -> &T {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    /// What that side has, to change it.
    pub const fn at_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }

    /// Whether it holds at both sides.
    pub fn both(&self, holds: impl Fn(&T) -> bool) -> bool {
        holds(&self.source) && holds(&self.destination)
    }
}
