//! FTP as machines that do no I/O: both dialects of 1973 (RFC 354, 438, 454, 478) and today's
//! (RFC 959, 2389, 2428, 3659), for the server, the client and the copy between two servers.
//!
//! Nothing in this crate opens a socket or a file, reads a clock or starts a task. A driver feeds
//! a machine with [`timer::Moment`]s, bytes and answers, and drains what it asks for:
//!
//! 1. call one `input`-like method (it takes `now`),
//! 2. call `poll()` until it returns `Wait(deadline)`,
//! 3. perform what it asked, wait for the next input or the deadline, start again.
//!
//! The drain *ends* with the deadline, so that a driver cannot forget the timer.
//!
//! | folder | what |
//! |---|---|
//! | [`wire`] | bytes to lines, Telnet, names |
//! | [`timer`] | moments and named timers |
//! | [`dialect`] | 1973 or today's |
//! | [`address`] | SOCK, PORT, 227, EPRT, 229, 255 |
//! | [`command`] | verbs and typed commands |
//! | [`reply`] | codes, meanings, what a reply is for the command it answers |
//! | [`feature`] | FEAT and what was learnt of a server |
//! | [`listing`] | MLSx facts, `ls -l` lines |
//! | [`digest`] | hash algorithms and HASH answers |
//! | [`policy`] | one pure function: may this data connection exist? |
//! | [`rendezvous`] | RNDZ: hello and proof |
//! | [`server`] | machine of one control connection, server side |
//! | [`client`] | machine of one control connection, user side |
//! | [`third_party`] | machine of one file between two servers |
//! | [`relay`] | machines of a relay agent's session, frames, token, link proof |

pub mod address;
pub mod client;
pub mod coding;
pub mod command;
pub mod dialect;
pub mod digest;
pub mod feature;
pub mod listing;
pub mod policy;
pub mod relay;
pub mod rendezvous;
pub mod reply;
pub mod server;
pub mod third_party;
pub mod timer;
pub mod wire;

/// The example in the README runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
