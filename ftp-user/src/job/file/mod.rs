//! One file.
//!
//! | file | what |
//! |---|---|
//! | `witness` | a file is copied, and the session that has verified the copy is told |
//! | `copy` | facts, the overwrite rule, the attempts, verification, the name |
//! | `attempts` | one attempt after the other, and where each begins |
//! | `assigned` | what the transfers of one copy have in common |
//! | `transfer` | the bytes |
//! | `gone` | a source of a move that is not there any more |
//! | `overtaken` | what somebody else stores under the name meanwhile |
//! | `changed` | what has changed of a large file, and nothing else |
//! | `append` | a file at the end of another one |
//! | `standard` | one file between a server and standard input or output |
//! | `times` | times and permissions |

pub(in crate::job) mod append;
mod assigned;
pub(in crate::job) mod attempts;
mod changed;
mod copy;
mod gone;
mod overtaken;
pub(in crate::job) mod standard;
pub(in crate::job) mod times;
pub(in crate::job) mod transfer;
pub(in crate::job) mod witness;
