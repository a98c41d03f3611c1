//! What data connections carry: files in both directions, and listings.

mod list;
mod pump;

pub use pump::{Arriving, ArrivingGroup, Begun, Doubt, Pumped, begin, pump};
