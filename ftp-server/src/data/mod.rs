//! What data connections carry: files in both directions, and listings.

mod group;
mod list;
mod pump;
mod pumped;

pub use group::ArrivingGroup;
pub use pump::{Arriving, Begun, Doubt, begin, pump};
pub use pumped::Pumped;
