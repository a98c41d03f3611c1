//! Sockets, files, the clock and the copy loop: everything that the machines of `ftp-proto` leave
//! to a driver and that the programs would otherwise write twice.
//!
//! | module | what |
//! |---|---|
//! | [`clock`] | the only reader of a clock |
//! | [`socket`] | listening, connecting, the pool of data ports, reset |
//! | [`copy`] | the octets of a file or a listing between a file and a connection, or two connections |
//! | [`link`] | TLS and proof between a user agent and a relay |
//! | [`tls`] | TLS of a client: whom it trusts, control connections, data connections that resume them |
//! | [`hash`] | the digest of a file |
//! | [`signal`] | when to stop |
//! | [`os_error`] | errors of the operating system in words for people |
//! | [`random`] | octets that nobody can guess |
//! | `program` | the shell that the three programs share (feature `program`) |

pub mod clock;
pub mod copy;
pub mod hash;
pub mod link;
pub mod os_error;
#[cfg(feature = "program")]
pub mod program;
pub mod random;
pub mod signal;
pub mod socket;
pub mod tls;
