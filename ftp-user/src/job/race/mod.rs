//! One file between two servers, by the race of their candidates.
//!
//! | file | what |
//! |---|---|
//! | `contest` | performs what the race asks for, and tells it what has happened |
//! | `findings` | what the end of a candidate shows for the others, and what is said if none is left |
//! | `entry` | one candidate, its sessions and its name for the copy |
//! | `pair` | the two servers |
//! | `runner` | a candidate while it runs |
//! | `scouting` | probes more direct candidates for the next files |
//! | `notes`, `learning` | what is noted for `why`, and what is remembered of the pair |

mod contest;
mod entry;
mod findings;
pub(in crate::job) mod learning;
pub(in crate::job) mod notes;
mod pair;
pub(in crate::job) mod runner;
pub(in crate::job) mod scouting;

pub(super) use contest::transfer;
pub(super) use pair::ServerPair;
