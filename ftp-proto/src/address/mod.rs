//! The address of one end of a data connection, in all notations of FTP: SOCK and 255 (RFC 354, 438),
//! PORT and 227 (RFC 959), EPRT and 229 (RFC 2428).

mod eport;
mod kind;
mod port;
mod sock;

pub use eport::{format_eprt, parse_229, parse_eprt};
pub use kind::{Kind, embedded, kind, unmapped};
pub use port::{format_227, format_port, parse_227, parse_port};
pub use sock::{SockTarget, format_sock, parse_255, parse_sock};

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
