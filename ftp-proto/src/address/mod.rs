//! The address of one end of a data connection, in all notations of FTP: SOCK and 255 (RFC 354, 438),
//! PORT and 227 (RFC 959), EPRT and 229 (RFC 2428); and the
//! address of a client, as a proxy announces it.

mod eport;
mod family;
mod group;
mod invalid;
mod kind;
mod parity;
mod port;
pub mod proxy;
mod sock;

pub use eport::{Eprt, format_eprt, parse_229, parse_eprt};
pub use family::Family;
pub use group::{Group, Network};
pub use invalid::Invalid;
pub use kind::{Kind, embedded, isatap, kind, plain, unmapped};
pub use parity::Parity;
pub use port::{format_227, format_port, parse_227, parse_port};
pub use sock::{SockTarget, format_sock, parse_255, parse_sock};
