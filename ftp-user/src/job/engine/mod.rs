//! The one engine that copies files, several of them at the same time, whatever has named them.
//!
//! | file | what |
//! |---|---|
//! | `stream` | files on their way between two places: added by whoever finds them, claimed, copied by workers |
//! | `workers` | sessions of their own for each file that is under way |
//! | `width` | how many |
//! | `grouping` | whether small files move together, how, and on which path |
//! | `batch` | small files that move together |
//! | `intake` | files that join them while they move |
//! | `taken_names` | names at the destination: those that something has, and those that copies get |

mod batch;
mod grouping;
mod intake;
pub(super) mod stream;
mod taken_names;
mod width;
pub(super) mod workers;
