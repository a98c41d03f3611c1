//! The audit: who came, what was read and changed, what was refused, and who left. Each record is a line of
//! the log, in both of its forms, and is counted by the metrics; what is about a file is a line of the xferlog
//! too.
//!
//! | file | what |
//! |---|---|
//! | `record` | what is recorded |
//! | `lines` | the line of each record, and the names of all events |

mod lines;
mod record;
#[cfg(test)]
mod tests;

pub use lines::EVENTS;
pub use record::{Cause, HeaderFailure, Record, Transfer};
