//! The shell that the three programs share: options, log, scheduler, ready notice, manual page.
//!
//! | module | what |
//! |---|---|
//! | [`args`] | reads a command line; every mistake becomes one line |
//! | [`duration`] | the grammar of durations: `30s`, `5m` |
//! | [`size`] | the grammar of sizes, `64KiB`, and how sizes and rates are printed |
//! | [`output`] | standard output and standard error, which may be closed |
//! | [`line_file`] | a file that gets lines: an audit, a log of transfers |
//! | `metrics` | counters of a daemon, and their page (feature `metrics`) |
//! | [`http`] | serves the page of the metrics |
//! | [`log`] | the log on standard error; a slow reader costs lines, never the service |
//! | [`runtime`] | starts the scheduler, raises the limit of open files |
//! | [`reexec`] | removes passwords from the argument list |
//! | [`settings`] | TOML files; every mistake has its place |
//! | [`secret`] | removes passwords from texts |
//! | [`terminal`] | questions to the person at the terminal |
//! | [`ready`] | tells people and systemd that a service is ready, reloads or stops |
//! | [`inherited`] | sockets that systemd has opened |
//! | [`privileges`] | a process that was started by root goes on as somebody else |
//! | [`completion`] | completions of shells |
//! | [`manual`] | the manual pages |
//!
//! This module needs the feature `program`, so that other users of this crate do not build clap.

pub mod args;
pub mod completion;
pub mod duration;
pub mod http;
pub mod inherited;
pub mod line_file;
pub mod log;
pub mod manual;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod output;
#[cfg(target_os = "linux")]
pub mod privileges;
mod readable;
pub mod ready;
pub mod reexec;
pub mod runtime;
pub mod secret;
pub mod settings;
pub mod size;
pub mod terminal;
