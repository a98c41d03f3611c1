//! Who may use the relay or the hub, and how much of it.
//!
//! | limit | when it is reached |
//! |---|---|
//! | links without a proof, in all and of one address ([`Limits::door`]) | the oldest one of the address that holds most is closed |
//! | failed proofs of one address ([`Delays`]) | the refusals of its next failed proofs come later |
//! | what a token shares with others ([`Standing`]): sessions, tunnels, joins, calls, their starts, bytes of a day | the request is refused; what moves is cut |
//! | descriptors of the process ([`Descriptors`]) | the last ones are for tokens that hold no more than an equal share |
//! | a rate ([`Standing`]) | of those that wait, the one that has moved least is next |
//! | grants, tunnels and joins of one session ([`SESSION`]) | the request is refused |
//!
//! [`Policy`] is what the operator has written, [`Terms`] what it means for one token. A right proof is answered at once,
//! whatever its neighbours have done.

mod limits;
mod origin;
mod quotas;
mod rules;

pub use limits::{Descriptors, Kind, Limits, PING, SESSION};
pub use origin::{Delays, Neighbours, Origin};
pub use quotas::{Accounts, Dialling, Full, Share, Standing, Use};
pub use rules::{Bounds, Flaw, Level, Policy, Rule, Shared, Table, Terms};
