//! Sockets, files, the clock and the copy loop: what the machines of `ftp-proto` leave to a driver,
//! written once for all programs.
//!
//! | module | what |
//! |---|---|
//! | [`blocking`] | work that may block, on a thread for it |
//! | [`clock`] | the only reader of a clock |
//! | [`socket`] | listening, connecting, the pool of data ports, reset |
//! | `socks` | connections through a SOCKS5 proxy (feature `socks`) |
//! | [`connection`] | a TCP connection, in clear or inside TLS |
//! | [`control`] | the bytes of a control connection, both directions bounded |
//! | [`tls`] | TLS of both sides: trust, certificates, control connections, data connections that resume them |
//! | [`link`] | TLS and proof between a user agent and a relay |
//! | [`copy`] | moves files and listings between a file and a connection, or between two connections |
//! | [`crowd`] | places for clients without a login; the address that holds most gives way |
//! | [`meter`], [`limiter`] | counts running work, can stop it and slow it down |
//! | [`lock`] | takes a lock although a task has panicked with it |
//! | [`named_file`] | files that options and settings name: no pipe, device or directory makes a program wait or fills its memory |
//! | [`hash`] | the digest of a file |
//! | [`signal`] | tells a program to stop |
//! | [`os_error`] | errors of the operating system in words for people |
//! | [`quoting`] | words as they are typed into a shell |
//! | `crypto` | the library of cryptography, and the order of its ciphers |
//! | [`random`] | bytes that cannot be guessed |
//! | [`simulated`] | a host that exists only in this process, for simulations |
//! | `program` | the shell that the three programs share (feature `program`) |

pub mod blocking;
pub mod clock;
pub mod connection;
pub mod control;
pub mod copy;
pub mod crowd;
mod crypto;
pub mod hash;
pub mod limiter;
pub mod link;
pub mod lock;
pub mod meter;
pub mod named_file;
pub mod os_error;
#[cfg(feature = "program")]
pub mod program;
pub mod quoting;
pub mod random;
pub mod signal;
pub mod simulated;
pub mod socket;
#[cfg(feature = "socks")]
pub mod socks;
pub mod tls;
