//! What is decided about a file before and after it moves: the overwrite rule and the verification.

mod overwrite;
mod seen;
mod source;
mod verify;

pub(crate) use overwrite::Decision;
pub use overwrite::Overwrite;
pub(crate) use seen::{Passed, means, prove};
pub(crate) use source::{Known, readable, refuse_itself};
pub use verify::Verify;
pub(crate) use verify::{common, compare};
