//! The relay: an agent that both servers can reach. It joins their data connections and carries the user
//! agent's control connections, without looking at what it carries (docs/protocol/relay.md).
//!
//! ```text
//!  user agent --TLS 1.3, frames--> agent          link proof: both hold the token (link)
//!     Grant{Tunnel}, Tunnel ------> dials the server, judged on the address dialled; the server greets
//!     <------------- TunnelReady    ticket: one more TLS connection carries the control connection
//!     Grant{Join}, Join ----------> listens (exact pin) or dials, both legs from one address
//!     <--------------- JoinReady    addresses for PORT and EPRT
//!     <------- LegUp, LegUp, Joined bytes flow; nothing before both legs are up
//!     <------------------- Ended    how, and how much each way
//! ```
//!
//! * [`frame`]: a length and one message. [`message`]: the messages of each end, as two types.
//! * [`token`]: the secret that both ends hold. [`link`]: the proof that they hold it.
//! * [`opening`]: what may pass before a server has greeted. [`digest`]: what a join has passed on, as its SHA-256.
//! * [`agent`]: the machine of one user agent's session, at the agent. [`user`]: the machine of the
//!   other end.
//! * [`hub`]: where agents meet that can only connect out. [`at_hub`]: the machine of those who come there.
//!   [`punch`]: two agents that connect directly. [`reconnect`]: when an agent returns. [`conversation`]: what the machines of those who begin a session share.
//!   [`date`]: what date it is at the other end.

pub mod agent;
pub mod at_hub;
pub mod conversation;
pub mod date;
pub mod digest;
pub mod frame;
pub mod hub;
pub mod link;
pub mod message;
pub mod opening;
pub mod punch;
pub mod reconnect;
pub mod token;
pub mod user;
