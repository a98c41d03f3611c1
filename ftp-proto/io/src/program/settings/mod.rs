//! Settings files: TOML that is read strictly. Every mistake is told with its place and what was expected.
//!
//! | file | what |
//! |---|---|
//! | `mistake` | a mistake and its place; all mistakes of a file |
//! | `reader` | reads tables, lists and texts, and collects the mistakes |
//! | `options` | reads keys that have the names and values of options of a command line |

mod mistake;
mod options;
mod reader;
#[cfg(test)]
mod tests;

pub use mistake::{Mistake, Mistakes};
pub use options::{Given, given, section, values};
pub use reader::{Reader, read};
