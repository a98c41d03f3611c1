//! The shell that the three programs share: options, log, scheduler, ready notice, manual page.
//!
//! | module | what |
//! |---|---|
//! | [`args`] | reads a command line; every mistake becomes one line |
//! | [`duration`] | the grammar of durations: `30s`, `5m` |
//! | [`size`] | the grammar of sizes, `64KiB`, and how sizes and rates are printed |
//! | [`output`] | standard output and standard error, which may be closed |
//! | [`line_file`] | a file that gets lines: an audit, a log of transfers |
//! | `metrics` | counters of a daemon, and the server of their page (feature `metrics`) |
//! | [`log`] | the log on standard error; a slow reader costs lines, never the service |
//! | [`runtime`] | starts the scheduler, raises the limit of open files |
//! | [`settings`] | TOML files; every mistake has its place |
//! | [`secret`] | keeps passwords out of texts and of the argument list |
//! | [`terminal`] | questions to the person at the terminal |
//! | [`service`] | sockets that systemd has opened; tells people and systemd that a service is ready, reloads or stops |
//! | [`hook`] | runs a program of the operator for a bounded time |
//! | [`privileges`] | a process that was started by root goes on as somebody else |
//! | [`completion`] | completions of shells |
//! | [`manual`] | the manual pages |
//!
//! This module needs the feature `program`, so that other users of this crate do not build clap.

pub mod args;
pub mod completion;
pub mod duration;
pub mod hook;
pub mod line_file;
pub mod log;
pub mod manual;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod output;
#[cfg(target_os = "linux")]
pub mod privileges;
pub mod runtime;
pub mod secret;
pub mod service;
pub mod settings;
pub mod size;
pub mod terminal;
