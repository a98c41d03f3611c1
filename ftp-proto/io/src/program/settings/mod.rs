//! Settings files: TOML that is read strictly. Every mistake is told with its place and what was expected.
//!
//! | file | what |
//! |---|---|
//! | `mistake` | a mistake and its place; all mistakes of a file |
//! | `reader` | reads tables, lists and texts, and collects the mistakes |
//! | `text` | reads the text of a file |
//! | `options` | reads keys that have the names and values of options of a command line |
//! | `outline` | which keys a file gives, to see which ones are gone |
//! | `defaults` | what options mean where they are not typed |

mod defaults;
mod mistake;
mod options;
mod outline;
mod reader;
#[cfg(test)]
mod tests;
mod text;

pub use defaults::{Defaults, can_be_default};
pub use mistake::{Mistake, Mistakes};
pub use options::{KeyOption, Scope, Table, given, section, values};
pub use outline::Outline;
pub use reader::{Reader, read};
pub use text::text_of;
