//! What is decided about files: before and after they move, and before something is deleted.
//!
//! | file | what |
//! |---|---|
//! | `source` | whether the source can be copied, and not onto itself |
//! | `target` | whether something can be stored under a name that is taken |
//! | `overwrite` | the rule of `--overwrite` |
//! | `change` | whether the source has changed while it was copied |
//! | `name` | whether a name from a listing can be used |
//! | `scope` | where something may be deleted |
//! | `removal` | what may be deleted, and why |
//! | `surplus` | whether what the source of a sync lacks may be renamed or deleted |
//! | `real` | whether a place is where its name says |
//! | `verify` | the comparison of the copy with its source |
//! | `streamed` | the digest that a final reply carries |
//! | `passing_digest` | the digest of bytes that pass this host, as a means of verification |

mod change;
mod name;
mod overwrite;
mod passing_digest;
mod real;
mod removal;
mod scope;
mod source;
mod streamed;
mod surplus;
mod target;
mod verify;

pub(crate) use change::{has_changed, unchanged};
pub(crate) use ftp_proto::deletion::{CopyProof, CopyState, ExpectedCopy, MoveEvidence, SameFile, SourceNow};
pub(crate) use name::usable;
pub(crate) use overwrite::Decision;
pub use overwrite::Overwrite;
pub(crate) use passing_digest::{Passed, means, verify};
pub(crate) use real::against;
pub(crate) use removal::{Removal, VerifiedCopy};
pub(crate) use scope::{Scope, precious};
pub(crate) use source::{KnownFile, readable, refuse_itself};
pub use surplus::{Allowance, Consent};
pub(crate) use surplus::{ComparedTrees, MayRename, changed, too_many};
pub(crate) use target::replaceable;
pub use verify::Verify;
pub(crate) use verify::{Compared, Proof, common, compare};
