//! Who may use the relay, and how much of it.
//!
//! | limit | when it is reached |
//! |---|---|
//! | links without a proof, in all and of one address ([`Door`]) | the oldest one of the address that holds most is closed |
//! | failed proofs of one address ([`Delays`]) | the refusals of its next failed proofs come later |
//! | sessions, tunnels and joins, in all and of one token ([`Quotas`]) | the request is refused |
//! | grants, tunnels and joins of one session ([`SESSION`]) | the request is refused |
//!
//! A right proof is answered at once, whatever its neighbours have done.

mod delays;
mod door;
mod limits;
mod quotas;

pub use delays::Delays;
pub use door::{Door, Place};
pub use limits::{Limits, PING, SESSION};
pub use quotas::{Full, Kind, Quotas, Share};
