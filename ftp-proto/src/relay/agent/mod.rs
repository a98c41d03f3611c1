//! The machine of one user agent's session at a relay agent.
//!
//! ```text
//!  session   Up --link lost, Bye--> Alone --nothing flows any more--> closed
//!
//!  tunnel    Resolve -> Route -> every address judged -> Dial -> Expect a link with the ticket -> Flowing
//!  join      Route -> both hosts judged -> Listen -> JoinReady -> Dial, wait -> both up -> Flowing
//!                                                             '--Leg--> Refused, the leg that is up is reset
//!  Flowing   Join --EOF x--> half closed --EOF y--> Ended(Eof)
//!              '--reset, limit, idle, stall, revoked--> both reset, Ended
//! ```
//!
//! No grant, no socket; no socket towards an address that was not judged as it will be used.

mod config;
mod flowing;
mod grant;
mod interface;
mod join;
mod leg;
mod outbox;
mod session;
#[cfg(test)]
mod tests;
mod timer;
mod tunnel;

pub use config::{Config, Limits};
pub use interface::{Answer, Ask, ConnId, Event, Flow, Input, JoinEnd, Output, Ticket};
pub use session::Session;
pub use timer::Timer;
