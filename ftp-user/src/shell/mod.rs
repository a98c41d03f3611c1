//! What the shell thinks: lines, names, and what it knows of sites and their directories. Pure: the driver in `cli` reads lines,
//! runs verbs, and asks servers.
//!
//! | file | what |
//! |---|---|
//! | `mistake` | what is wrong with a line, and where |
//! | `words` | a line as words, quoted as for a POSIX shell |
//! | `vocabulary` | the verbs and their options |
//! | `grammar` | a verb, which may be short, with its arguments (H26) |
//! | `directory` | a directory as text |
//! | `names` | what a name means: current directory, composite directories (H28) |
//! | `removal` | what a verb may not take away: the current directory and what contains it |
//! | `search` | a name is looked up in a composite directory (H27) |
//! | `written` | a name of a listing as it is typed |
//! | `cache` | what directories held |
//! | `complete` | what could stand before the cursor |
//! | `operands` | what a verb does with a place |

mod cache;
mod complete;
mod directory;
mod grammar;
mod mistake;
mod names;
mod operands;
mod removal;
mod search;
mod vocabulary;
mod words;
mod written;

pub use cache::{Cache, Held as HeldByCache, Known as Listed, MOST_OF_ONE};
pub use complete::{CompletionInput, CompletionPlaces, Offered, complete_line, known_at_servers};
pub use directory::{Directory, HostText, THIS_HOST};
pub use grammar::Command;
pub use mistake::Mistake;
pub use names::{Composites, Current, Meaning, Operand, Partial, Scope};
pub use operands::PlaceUse;
pub use removal::{Taken, stands_there};
pub use search::{Found, Held, Known, Purpose, Search, Step};
pub use vocabulary::{Elsewhere, Vocabulary};
pub use words::{Line, Word, quoted, split};
pub use written::name_at_server;
