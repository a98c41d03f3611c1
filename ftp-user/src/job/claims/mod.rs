//! Which job may write where, and what the journal keeps of it for another run.
//!
//! | file | what |
//! |---|---|
//! | `names` | hosts, paths and files as the journal names them |
//! | `lifetime` | the journal of the whole job: it begins, it ends, it is lost |
//! | `claim` | a file is claimed, its claim is given up, its end is noted |
//! | `plan`, `planned` | files that wait, with their claims |
//! | `given` | that no two sources of the job go to one place |

pub(in crate::job) mod claim;
pub(in crate::job) mod given;
pub(in crate::job) mod lifetime;
pub(in crate::job) mod names;
pub(in crate::job) mod plan;
pub(in crate::job) mod planned;
