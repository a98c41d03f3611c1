//! What data connections carry: files in both directions, and listings.

mod list;
mod pump;

pub use pump::{Arriving, ArrivingGroup, Doubt, OpenTransfer, Pumped, begin, pump};
