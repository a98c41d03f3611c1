//! One file between two servers, by the race of their candidates.
//!
//! | file | what |
//! |---|---|
//! | `contest` | performs what the race asks for, and tells it what has happened |
//! | `findings` | what the end of a candidate shows for the others, and what is said if none is left |
//! | `entry` | one candidate, its sessions and its name for the copy |
//! | `pair` | the two servers |

mod contest;
mod entry;
mod findings;
mod pair;

pub(super) use contest::transfer;
pub(super) use pair::ServerPair;
