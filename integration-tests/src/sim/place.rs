//! Where everybody is.

use super::scenario::Scenario;
use ftp_proto::transfer::Side;
use std::net::IpAddr;

pub(super) fn address(side: Side, v6: bool) -> IpAddr {
    let text = match (side, v6) {
        (Side::Source, false) => "192.0.2.1",
        (Side::Destination, false) => "198.51.100.2",
        (Side::Source, true) => "2001:db8:1::1",
        (Side::Destination, true) => "2001:db8:2::2",
    };
    text.parse().expect("an address")
}

/// The relay's host.
pub(super) fn relay_address(v6: bool) -> IpAddr {
    if v6 { "2001:db8:9::9" } else { "203.0.113.9" }.parse().expect("an address")
}

/// Where the servers see their user: behind a relay they see the relay.
pub(super) fn seen_user_address(scenario: &Scenario) -> IpAddr {
    if scenario.relay { relay_address(scenario.v6) } else { user_address(scenario) }
}

/// The user agent's own host.
pub(super) fn user_address(scenario: &Scenario) -> IpAddr {
    match scenario.user_at {
        Some(side) => address(side, scenario.v6),
        None => if scenario.v6 { "2001:db8:3::3" } else { "203.0.113.3" }.parse().expect("an address"),
    }
}

/// The network of exactly the other server.
pub(super) fn other_network(side: Side, v6: bool) -> String {
    format!("{}/{}", address(side.other(), v6), if v6 { 128 } else { 32 })
}
