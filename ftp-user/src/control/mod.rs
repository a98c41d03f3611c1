//! Control connections: one struct drives one client machine; on top of it the questions that the
//! verbs ask, and the data connections of which this program is one end.

mod answer;
mod ask;
mod confirm;
mod data;
mod dial;
mod drive;
mod facts;
mod files;
mod flow;
mod kept;
mod listing;
mod open;
mod secure;
mod session;
mod stall;
mod tunnel;

pub(crate) use answer::hint;
pub use answer::{Answer, kind_of};
pub(crate) use dial::{anywhere, connect, within};
pub use facts::Facts;
pub use flow::{Flow, Moving};
pub use listing::Listing;
pub use session::{ABORT_TIMEOUT, Role, Session};
pub use stall::Stall;
pub use tunnel::Tunnel;

#[cfg(test)]
mod tests;
