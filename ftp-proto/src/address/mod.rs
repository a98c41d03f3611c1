//! Where a data connection begins or ends, in every spelling that FTP has: SOCK and 255
//! (RFC 354, 438), PORT and 227 (RFC 959), EPRT and 229 (RFC 2428).

mod eport;
mod kind;
mod port;
mod sock;

pub use eport::{format_eprt, parse_229, parse_eprt};
pub use kind::{Kind, embedded, kind, unmapped};
pub use port::{format_227, format_port, parse_227, parse_port};
pub use sock::{SockTarget, format_sock, parse_255, parse_sock};

use std::net::IpAddr;

/// The two address families.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address; an IPv4-mapped IPv6 address is IPv4.
    pub fn of(ip: IpAddr) -> Self {
        match unmapped(ip) {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}
