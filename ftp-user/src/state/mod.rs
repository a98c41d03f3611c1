//! What this program keeps from one run to the next, in its state directory.

mod directory;
mod pairs;

pub use directory::directory;
pub use pairs::{Key, Pairs};
