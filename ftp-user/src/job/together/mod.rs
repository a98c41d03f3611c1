//! Several files at the same time.
//!
//! | file | what |
//! |---|---|
//! | `stream` | files on their way between two places: added by whoever finds them, claimed, copied by workers |
//! | `workers` | sessions of their own for each file that is under way |
//! | `width` | how many |
//! | `portion` | how many small files a worker gets at once |
//! | `batch` | small files that move together |
//! | `taken` | names at the destination that are taken |

pub(in crate::job) mod batch;
mod portion;
pub(in crate::job) mod stream;
pub(in crate::job) mod taken;
pub(in crate::job) mod width;
pub(in crate::job) mod workers;
