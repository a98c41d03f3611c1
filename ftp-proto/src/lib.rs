//! FTP as state machines that do no I/O: for servers, for clients, and for the copy of a file from one
//! server to another. Both dialects are spoken, that of 1973 (RFC 354, 438, 454, 478) and today's
//! (RFC 959, 2389, 2428, 3659, 4217).
//!
//! Nothing in this crate opens a socket or a file, reads a clock, draws random numbers or starts a task.
//! A *driver* does that: a thread, a task of any async runtime, or a simulator. The machines decide, the
//! driver carries out.
//!
//! # How to drive a machine
//!
//! Every machine has one `input` and one `poll`:
//!
//! 1. Tell the machine what happened with `input(now, input)`: bytes arrived, the connection was closed,
//!    a question is answered, or the deadline has passed. `now` is a [`timer::Moment`] on the driver's
//!    clock.
//! 2. Call `poll()` and do what it asks for, until it returns `Wait(deadline)`.
//! 3. Wait for the next input or for the deadline, and start again.
//!
//! Because the outputs *end* with the deadline, a driver cannot forget the timers. Each machine has its
//! own enum of timers, and never waits without one, except for the caller's next request and while data
//! moves between other hosts. Requests that get an id, such as [`client::Session::send`], are methods
//! beside `input`; outputs must be polled after them as well.
//!
//! | machine | what it is for |
//! |---|---|
//! | [`server::Session`] | one control connection at a server, with its data sockets |
//! | [`client::Session`] | one control connection at a client: greeting, TLS, login, features, replies, ABOR |
//! | [`transfer::Attempt`] | one attempt to move one file between two servers, over two client sessions |
//! | [`relay::agent::Session`] | one session at a relay agent, which joins data connections of servers |
//! | [`relay::user::Session`] | the other end of that session |
//! | [`rendezvous::Exchange`] | the proof of both ends of a data connection; it has no timer; its `input` has no `now` |
//!
//! The page of each machine has an example. `examples/third_party_std.rs` drives two client sessions and
//! an attempt with nothing but `std::net::TcpStream`.
//!
//! # The parts
//!
//! The machines are built from parts that can be used alone. A module uses only modules of its own group
//! and of the groups above it.
//!
//! | module | what it contains |
//! |---|---|
//! | [`wire`] | from bytes to lines: Telnet, limits, path names, secrets |
//! | [`timer`] | moments, and deadlines by name |
//! | [`dialect`] | the dialect of 1973 or today's |
//! | [`calendar`] | dates and times in UTC |
//! | [`fair`] | places that many want, and who gives way when all are taken |
//! | | |
//! | [`address`] | SOCK and 255, PORT and 227, EPRT and 229; kinds of addresses |
//! | [`command`] | the table of verbs; from lines to typed commands and back |
//! | [`reply`] | codes, meanings, and what a reply means for the command that it answers |
//! | [`listing`] | MLSx facts, and the listings of LIST in all common formats |
//! | [`coding`] | the line ends of TYPE A; MODE B |
//! | [`digest`] | digest algorithms and the answers to HASH |
//! | [`rendezvous`] | RNDZ: the ends of a data connection prove themselves |
//! | | |
//! | [`feature`] | what a server can do, according to FEAT |
//! | [`policy`] | one pure function: may this data connection exist? |
//! | [`deletion`] | the judge of deletions: may this name go? |
//! | [`shared`] | what all sessions of a server share: the checks of logins and of proofs |
//! | | |
//! | [`server`], [`client`], [`relay`] | machines, which do not use each other |
//! | [`manners`] | what is known of one server: what its replies mean, and which command is next |
//! | [`transfer`] | machine of one file between two servers |

pub mod address;
pub mod calendar;
pub mod client;
pub mod coding;
pub mod command;
pub mod deletion;
pub mod dialect;
pub mod digest;
pub mod fair;
pub mod feature;
pub mod listing;
pub mod manners;
pub mod policy;
pub mod relay;
pub mod rendezvous;
pub mod reply;
pub mod server;
pub mod shared;
pub mod timer;
pub mod transfer;
pub mod wire;

/// The example in the README runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
