//! One file.
//!
//! | file | what |
//! |---|---|
//! | `copy` | facts, the overwrite rule, the attempts, verification, the name |
//! | `attempts` | one attempt after the other, and where each begins |
//! | `transfer` | the bytes |
//! | `gone` | a source of a move that is not there any more |
//! | `overtaken` | what somebody else stores under the name meanwhile |
//! | `append` | a file at the end of another one |
//! | `standard` | one file between a server and standard input or output |
//! | `times` | times and permissions |

pub(in crate::job) mod append;
pub(in crate::job) mod attempts;
pub(in crate::job) mod copy;
mod gone;
mod overtaken;
pub(in crate::job) mod standard;
pub(in crate::job) mod times;
pub(in crate::job) mod transfer;
