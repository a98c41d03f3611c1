//! The two families of IP addresses.

use super::kind::unmapped;
use std::net::IpAddr;

/// The family of an IP address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// An IPv4 address.
    V4,
    /// An IPv6 address.
    V6,
}

impl Family {
    /// Returns the family of an address. An IPv4-mapped IPv6 address counts as IPv4.
    pub fn of(ip: IpAddr) -> Self {
        match unmapped(ip) {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}
