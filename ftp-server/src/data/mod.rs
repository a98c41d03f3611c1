//! What data connections carry: files in both directions, and listings.

mod list;
mod pack;
mod pump;
mod pumped;

pub use pack::ArrivingGroup;
pub use pump::{Arriving, Begun, Doubt, begin, pump};
pub use pumped::Pumped;
