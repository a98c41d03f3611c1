//! Which job may write where, and what the journal keeps of it for another run.
//!
//! | file | what |
//! |---|---|
//! | `kept` | what the journal has of the job and of its files |
//! | `plan`, `planned` | files that wait, with their claims |
//! | `given` | that no two sources of the job go to one place |

pub(in crate::job) mod given;
pub(in crate::job) mod kept;
pub(in crate::job) mod plan;
pub(in crate::job) mod planned;
