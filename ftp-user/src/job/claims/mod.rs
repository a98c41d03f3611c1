//! Which job may write where, and what the journal keeps of it for another run.
//!
//! | file | what |
//! |---|---|
//! | `names` | hosts, paths and files as the journal names them |
//! | `lifetime` | the journal of the whole job: it begins, it ends, it is lost |
//! | `forecast` | whether a file will be copied, if both ends were asked about several at once |
//! | `claim` | a file is claimed, its claim is given up, its end is noted; what the journal knows of it meanwhile |

pub(super) mod claim;
pub(super) mod forecast;
pub(super) mod lifetime;
pub(super) mod names;
