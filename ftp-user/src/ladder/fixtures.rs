//! Servers, candidates and failures for tests.

use super::candidate::{Candidate, ThroughRelay};
use ftp_proto::dialect::Dialect;
use ftp_proto::feature::Capabilities;
use ftp_proto::reply::Blame;
use ftp_proto::transfer::{Cause, DataTls, Failure, Opening, Party, Posture, Postures, Roles, Side, Stage};

/// A modern server at this address.
pub(crate) fn party(address: &str, capabilities: Capabilities) -> Party {
    let (dialect, standing) = (Dialect::Rfc959, ftp_proto::client::Standing::default());
    Party { dialect, capabilities, address: address.parse().unwrap(), given: false, standing, leaf: None }
}

/// A data connection in clear between the servers, for which this end listens.
pub(super) const fn direct(passive: Side, opening: Opening) -> Candidate {
    Candidate::Direct(Roles { passive, opening, filter: false, first: None, tls: DataTls::Clear })
}

/// Data connections in clear between both servers and a relay.
pub(super) fn relayed(relay: usize, source: Posture, destination: Posture) -> Candidate {
    Candidate::Relay(ThroughRelay { relay, near: None, roles: Postures { source, destination }.into() })
}

/// A failure before anything is known of the file.
pub(crate) const fn failed(side: Side, stage: Stage, cause: Cause, blame: Blame) -> Failure {
    Failure { side, stage, cause, blame, touched: false, complete: None, passed: false }
}
