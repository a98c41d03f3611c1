//! The one engine that copies files, several of them at the same time, whatever has named them.
//!
//! | file | what |
//! |---|---|
//! | `stream` | files on their way between two places: added by whoever finds them, claimed, copied by workers |
//! | `waiting` | files that wait for a worker, and their claims |
//! | `workers` | the workers between two ends: which one gets which files |
//! | `worker` | one of them: it copies files, together or one after the other |
//! | `sharing` | files that other daemons copy |
//! | `width` | how many |
//! | `grouping` | whether small files move together, how, and on which path |
//! | `batch` | small files that move together |
//! | `already_there` | small files that may be there already: both ends are asked about many at once |
//! | `intake` | files that join them while they move |
//! | `taken_names` | names at the destination: those that something has, and those that copies get |

mod already_there;
mod batch;
mod grouping;
mod intake;
pub(super) mod sharing;
pub(super) mod stream;
pub(in crate::job) mod taken_names;
mod waiting;
mod width;
pub(super) mod worker;
mod workers;
