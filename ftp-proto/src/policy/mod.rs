//! The only place where "may this data connection exist?" is answered. It reads no clock, looks no
//! name up and writes no log: a reply, a log line or an explanation is made from [`Why`] (RFC 2577;
//! docs/protocol/policy.md).
//!
//! ```
//! use ftp_proto::policy::{Ask, Asker, Evidence, Grant, Rules, Why, decide};
//!
//! let asker = Asker {
//!     peer: [198, 51, 100, 7].into(),
//!     scope: 0,
//!     local: [203, 0, 113, 1].into(),
//!     proxied: false,
//!     anonymous: false,
//! };
//! let target = |evidence| Ask::Target { to: ([192, 0, 2, 9], 40_000).into(), evidence };
//! let rules = Rules::default();
//! assert_eq!(decide(&rules, &asker, &target(Evidence::None)), Err(Why::NeedsProof));
//! assert_eq!(decide(&rules, &asker, &target(Evidence::Rendezvous)), Ok(Grant::AfterProof));
//! ```

mod allowed;
#[cfg(test)]
mod contract_tests;
mod data_ports;
mod decide;
mod exchange;
mod question;
mod relay;
mod rules;
#[cfg(test)]
mod tests;
mod uniform;
mod verdict;

pub use allowed::{Allowed, AllowedError};
pub use data_ports::{DataPorts, DataPortsError};
pub use decide::{believe, decide, may_begin_with_tls};
pub use exchange::{Exchange, RequestedTransfer};
pub use question::{Ask, Cargo, Evidence, Filter, OtherEnd};
pub use rules::{Asker, Foreign, Rules};
pub use uniform::hides_failure;
pub use verdict::{Grant, Why};
