//! The address of one end of a data connection, in all notations of FTP: SOCK and 255 (RFC 354, 438),
//! PORT and 227 (RFC 959), EPRT and 229 (RFC 2428); and the
//! address of a client, as a proxy announces it.

mod kind;
mod notation;
pub mod proxy;

pub use kind::{Family, Group, Kind, Network, embedded, isatap, kind, plain, unmapped};
pub use notation::{
    Eprt, Invalid, Parity, SockTarget, format_227, format_eprt, format_port, format_sock, parse_227,
    parse_229, parse_255, parse_eprt, parse_port, parse_sock,
};
