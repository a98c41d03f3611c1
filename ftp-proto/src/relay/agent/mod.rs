//! The machine of a relay session, agent's end: grants, tunnels and joins of one user agent.
//!
//! ```text
//!  session   Up --link lost, Bye--> Alone --nothing flows any more--> closed
//!
//!  tunnel    Place -> Resolve -> Route -> check every address -> Dial -> Greeting -> Expect a link -> Flowing
//!  join      Place -> Route -> check both hosts, which have greeted -> Listen -> JoinReady -> Dial, wait -> both connected -> Flowing
//!                                                             '--Leg--> Refused, the connected leg is reset
//!  Flowing   Join --EOF of one--> half closed --EOF of the other--> Ended(Eof)
//!              '--reset, limit, idle, stall, revoked--> both reset, Ended
//! ```
//!
//! Without a grant no socket is opened, and never one towards an address that was not checked in the
//! form in which it is used. Data connections exist only with hosts whose servers have greeted over a tunnel of
//! the session that is still open. The session begins after the link proof ([`super::link::Keyring::accept`]).
//!
//! ```
//! use ftp_proto::policy::Rules;
//! use ftp_proto::relay::agent::{Answer, Ask, Config, Input, Output, Route, Session};
//! use ftp_proto::relay::link::Welcome;
//! use ftp_proto::relay::message::{GrantPurpose, Target, Text};
//! use ftp_proto::relay::user;
//! use ftp_proto::timer::Moment;
//! use std::net::IpAddr;
//! use std::time::Duration;
//!
//! // An agent at 198.51.100.9 that may reach the servers in 192.0.2.0/24.
//! let (here, peer) = (IpAddr::from([198, 51, 100, 9]), IpAddr::from([203, 0, 113, 7]));
//! let rules = Rules { relay: vec!["192.0.2.0/24".parse().unwrap()], ..Rules::default() };
//! let now = Moment::START;
//! let mut session = Session::new(now, Config { rules, ..Config::new(peer, here) });
//!
//! // The other end asks for a tunnel to one of them.
//! # let welcome = Welcome {
//! #     version: 1,
//! #     build: Text::of("agent 1.0"),
//! #     seen_as: (peer, 40000).into(),
//! #     ping_ms: 15_000,
//! #     dead_ms: 45_000,
//! #     mac: [0; 32],
//! # };
//! let mut user = user::Session::new(now, &welcome, "example", "example 1.0");
//! let server = GrantPurpose::Tunnel(Target { host: Text::of("ftp.example"), port: 21 });
//! let grant = user.grant(now, server, u64::MAX, Duration::from_secs(600), 1);
//! user.tunnel(now, grant);
//! while let user::Output::Send(frame) = user.poll() {
//!     session.input(now, Input::Bytes(&frame));
//! }
//!
//! // The driver answers questions until it has to connect, to an address that was checked.
//! let connects_to = loop {
//!     match session.poll() {
//!         // The sessions of others have their turns first.
//!         Output::More => session.input(now, Input::Next),
//!         Output::Ask(Ask::Resolve { ticket, port, .. }) => {
//!             let addresses = vec![([192, 0, 2, 1], port).into()];
//!             session.input(now, Input::Answer(ticket, Answer::Resolved(addresses)));
//!         }
//!         Output::Ask(Ask::Place { ticket, .. }) => {
//!             session.input(now, Input::Answer(ticket, Answer::Admitted));
//!         }
//!         Output::Ask(Ask::Route { ticket, to }) => {
//!             let routes = vec![Route { from: Some(here), is_own: false }; to.len()];
//!             session.input(now, Input::Answer(ticket, Answer::Routes(routes)));
//!         }
//!         Output::Ask(Ask::Dial { to, .. }) => break to,
//!         Output::Send(_) | Output::Event(_) => {} // frames for the user agent, lines for the log
//!         other => panic!("{other:?}"),
//!     }
//! };
//! assert_eq!(connects_to, ([192, 0, 2, 1], 21).into());
//! ```

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
mod tunnel;

pub use config::{Config, Limits};
pub use interface::{
    Answer, Arrival, Ask, ConnId, Event, Flow, Input, JoinEnd, Opening, Output, Route, Ticket, Timer,
    Withdrawn, Work,
};
pub use session::Session;
