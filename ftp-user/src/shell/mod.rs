//! What the shell thinks: lines, names, and what it knows of sites and their directories. Pure: the driver in `cli` reads lines,
//! runs verbs, and asks servers.
//!
//! | file | what |
//! |---|---|
//! | `words` | a line as words, quoted as for a POSIX shell, and what is wrong with it |
//! | `grammar` | the verbs; one of them, which may be short, with its arguments (H26) |
//! | `directory` | a directory as text, and a name of a listing as it is typed |
//! | `names` | what a name means: current directory, composite directories (H28); what a verb may not take away |
//! | `search` | what a verb does with a place; a name is looked up in a composite directory (H27) |
//! | `cache` | what directories held |
//! | `complete` | what could stand before the cursor |

mod cache;
mod complete;
mod directory;
mod grammar;
mod names;
mod search;
mod words;

pub use cache::{Cache, CacheSize, CachedListing, MOST_OF_ONE};
pub use complete::{CompletionInput, CompletionPlaces, Offer, complete_line, known_at_servers};
pub use directory::{Directory, HostText, THIS_HOST, name_at_server};
pub use grammar::{Command, Vocabulary};
pub use names::{Composites, Meaning, Operand, Partial, RemovedName, Scope, stands_there};
pub use search::{ComponentState, NameUse, Occupant, PlaceUse, Search, Step};
pub use words::{Mistake, ShellLine, Word, quoted, split};
