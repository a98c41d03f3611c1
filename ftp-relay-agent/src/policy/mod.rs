//! Who may use the relay, and how much of it.
//!
//! | limit | when it is reached |
//! |---|---|
//! | links in all ([`MAX_LINKS`]) | the connection is closed |
//! | failed links of one network ([`Bans`]) | its connections are closed for a minute |
//! | grants, tunnels and joins of one session ([`SESSION`]) | the request is refused |

mod bans;
mod limits;

pub use bans::Bans;
pub use limits::{MAX_LINKS, PING, SESSION};
