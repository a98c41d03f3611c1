//! What is decided about files: before and after they move, and before something is deleted.
//!
//! | file | what |
//! |---|---|
//! | `copying` | whether a file is copied, and whether its source has changed meanwhile |
//! | `verify` | the comparison of the copy with its source |
//! | `scope` | where something may be deleted |
//! | `removal` | what may be deleted, and why |
//! | `surplus` | whether what the source of a sync lacks may be renamed or deleted |

mod copying;
mod removal;
mod scope;
mod surplus;
mod verify;

pub use copying::Overwrite;
pub(crate) use copying::{
    Decision, KnownFile, has_changed, readable, refuse_itself, replaceable, unchanged, usable,
};
pub(crate) use ftp_proto::deletion::{CopyProof, CopyState, ExpectedCopy, MoveEvidence, SameFile, SourceNow};
pub(crate) use removal::{Removal, VerifiedCopy};
pub(crate) use scope::{Scope, against, precious};
pub use surplus::{Allowance, Consent};
pub(crate) use surplus::{ComparedTrees, MayRename, changed, too_many};
pub use verify::Verify;
pub(crate) use verify::{ComparedFiles, Proof, common, compare, means, verify_passed};
