//! What all sessions share, and how much of it one client gets. Every limit that sessions share stands here.
//! [`Limit`] names them; [`Shares::uses`] tells how far each is used.
//!
//! | limit | when it is reached |
//! |---|---|
//! | sessions, in all and per address, before login and after it ([`Sessions`]) | the connection gets 421 and is closed; without login the oldest one of the address that holds most gives way; in a full server whoever holds most, and more than an equal share, gives up a session to somebody who logs in |
//! | wrong passwords of one address in a second ([`Logins`]) | further logins of that address wait |
//! | hashes of passwords at the same time | known addresses come first, then each network in its turn; the others wait |
//! | passwords that PAM checks at the same time ([`Shares::pam`]) | the login waits for its turn; one address has at most half of them |
//! | attempts to reach foreign targets ([`Proofs`]) | the attempt waits, or the transfer is refused |
//! | data ports ([`DataPorts`]) | whoever holds most gives one back; 504 or 425 if that is the one who asks |
//! | file descriptors ([`Descriptors`]) | whoever keeps most data connections closes what it keeps; else whoever holds most data ports gives one back, and whoever logs in displaces a session as in a full server; 421 if nobody holds more than a share |
//! | digests that are computed at the same time ([`Shares::digests`]) | its next part waits for its turn; whoever has fewest turns comes first |
//! | threads for files ([`MAX_FILE_THREADS`], [`Shares::files`], [`Shares::transfers`]) | commands about files have half of them, transfers the other half; of each half one account has at most half, and the others wait for their turn |
//! | data connections that are kept between two files ([`KeptConnections`]) | whoever keeps most closes what it keeps; the newcomer's is closed if that is the one who asks |
//! | connections of proxies whose header has not come ([`Shares::headers`]) | the oldest of the proxy that has most of them is closed |
//! | hooks that wait ([`Hooks`]) | the oldest of the account that has most of them is left out |
//! | transfers that may outlive their control connection ([`DetachedTransfers`]) | an account has four; when all are taken, one of the account that has most is stopped |
//! | connections of one session ([`MAX_HELD`], [`MAX_PROVERS`], [`MAX_OF_ONE_ADDRESS`]) | one of them gives way ([`ftp_proto::fair`]) |

mod crowd;
mod descriptors;
mod detached;
mod door;
mod hooks;
mod kept;
mod limit;
mod logins;
mod owner;
mod ports;
mod proofs;
mod sessions;
mod settings;
mod shares;
mod threads;
mod turns;

pub use crowd::{Crowd, CrowdPlace};
pub use descriptors::{Descriptors, Scarcity, is_out_of_descriptors};
pub use detached::{DetachedSlot, DetachedTransfers};
pub use hooks::Hooks;
pub use kept::{KeptConnections, KeptSlot};
pub use limit::{Beyond, Limit, Use};
pub use logins::{Entered, KnownAddress, LoginSlot, Logins, Waiting};
pub use owner::Owner;
pub use ports::{DataPort, DataPorts};
pub use proofs::{Permission, ProofSlot, Proofs};
pub use sessions::{AccountLimits, CheckedAtDoor, Eviction, Full, SessionSlot, Sessions};
pub use settings::{
    AtOnce, HookLimits, Limits, MAX_ANONYMOUS_PORTS, MAX_DETACHED_TIME, MAX_FILE_THREADS, MAX_HELD,
    MAX_OF_ONE_ADDRESS, MAX_PROVERS,
};
pub use shares::Shares;
pub use turns::{OwnTurns, Turn, Turns};
