//! Whether a file is copied, whether its source has changed meanwhile, and the comparison of the copy with its source.

mod copying;
mod grown;
mod verify;

pub use copying::Overwrite;
pub(crate) use copying::{Decision, missing, readable, refuse_itself, replaceable, unchanged, usable};
pub(crate) use grown::{grown, prefix_algorithm};
pub use verify::Verify;
pub(crate) use verify::{
    ComparedFiles, Proof, common, common_of_parts, compare, means, same_parts, verify_passed,
};
