//! What all sessions share, and how much of it one client gets. Every limit that sessions share stands here.
//! [`Limit`] names them; [`Shares::uses`] tells how far each is used.
//! What happens when one of them is reached stands in docs/reference/limits.md, and in detail in its file.
//!
//! | file | what is shared |
//! |---|---|
//! | `limit`, `settings` | the limits by name; their numbers |
//! | `shares` | everything in one value, and how far each limit is used |
//! | `owner` | the account or address that a resource is charged to |
//! | `sessions`, `door` | sessions; connections that have not logged in |
//! | `logins`, `threads` | checks of logins; threads for slow hashes |
//! | `proofs` | attempts to reach foreign targets |
//! | `ports`, `held` | data ports; data connections that are open between two files, and groups that wait for their names |
//! | `descriptors` | file descriptors |
//! | `turns` | a fair semaphore: threads for files, digests, PAM |
//! | `syncs` | syncs of whole file systems |
//! | `hooks`, `detached` | room for hooks after uploads, and their turns; transfers that may outlive their control connection |

mod descriptors;
mod detached;
mod door;
mod held;
mod hooks;
mod limit;
mod logins;
mod owner;
mod ports;
mod proofs;
mod sessions;
mod settings;
mod shares;
mod syncs;
mod threads;
mod turns;

pub use descriptors::{Descriptors, Scarcity, is_out_of_descriptors};
pub use detached::{DetachedSlot, DetachedTransfers};
pub use held::{Held, HeldSlot};
pub use hooks::{HookRoom, Hooks};
pub use limit::{Beyond, Limit, Use};
pub use logins::{Entered, KnownAddress, LoginSlot, Logins, Waiting};
pub use owner::Owner;
pub use ports::{DataPort, DataPorts};
pub use proofs::{Permission, ProofSlot, Proofs};
pub use sessions::{AccountLimits, CheckedAtDoor, Displacement, NoPlace, SessionSlot, Sessions};
pub use settings::{
    AtOnce, HookLimits, Limits, MAX_ANONYMOUS_PORTS, MAX_DETACHED_TIME, MAX_FILE_THREADS, MAX_HELD,
    MAX_OF_ONE_ADDRESS, MAX_PROVERS, MAX_SYNCS,
};
pub use shares::Shares;
pub use syncs::Syncs;
pub use turns::{OwnTurns, Turn, Turns};
