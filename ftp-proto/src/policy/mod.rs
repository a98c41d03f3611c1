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

#[cfg(test)]
mod contract_tests;
mod decide;
mod question;
mod relay;
mod rules;
#[cfg(test)]
mod tests;

pub use decide::{Exchange, RequestedTransfer, believe, decide, hides_failure, may_begin_with_tls};
pub use question::{Ask, Cargo, Evidence, Filter, Grant, OtherEnd, Why};
pub use rules::{Allowed, AllowedError, Asker, DataPorts, DataPortsError, Foreign, Rules};
