//! What is deleted or renamed where it is, for `rm`, `move` and `sync`.
//!
//! | file | what |
//! |---|---|
//! | `scope` | where something may be deleted |
//! | `permitted` | what may be deleted, and why |
//! | `carry_out` | the deletion and the renaming |
//! | `surplus` | whether what the source of a sync lacks may be renamed or deleted |

mod carry_out;
mod permitted;
mod scope;
mod surplus;

pub(crate) use carry_out::{ReachedName, rename_free};
pub(crate) use permitted::{Removal, VerifiedCopy};
pub(crate) use scope::{Scope, against, precious};
pub use surplus::{Allowance, Consent};
pub(crate) use surplus::{ComparedTrees, MayRename, changed, too_many};
