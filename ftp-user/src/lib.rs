//! Copies files and trees straight from one FTP server to another.
//!
//! A [`Job`](job::Job) says what to copy, a [`Context`](context::Context) says what may be used for it and
//! receives what happens, and [`run`] carries the job out. The command line is built on it.
//!
//! ```no_run
//! # async fn example(context: &ftp_user::context::Context) -> Result<(), ftp_user::failure::Failure> {
//! use ftp_user::job::{Job, Options, Status};
//! use ftp_user::place::{Location, Netrc};
//!
//! let netrc = Netrc::default();
//! let source = Location::parse(b"ftp://src.example.net/data.bin", &netrc)?;
//! let destination = Location::parse(b"ftp://ann:secret@dst.example.net/incoming/", &netrc)?;
//! let job = Job::copy(vec![source], destination, Options::default())?;
//! let report = ftp_user::run(job, context).await;
//! assert_eq!(report.status, Status::Done);
//! # Ok(())
//! # }
//! ```
//!
//! The folders form layers, the lowest first. A folder uses only folders above it in this table.
//!
//! | folder | what |
//! |---|---|
//! | [`failure`] | what went wrong: a kind for decisions, words for people |
//! | [`id`] | identities of jobs: values that can be stored |
//! | `named` | names of the variants of enums |
//! | [`place`] | URLs, local paths, `.netrc` |
//! | [`world`] | what the outside gives: the clock, the network, the files of this host, randomness |
//! | [`ladder`] | which candidate between two servers is tried next |
//! | [`account`] | which paths were tried between two servers, and what came of each |
//! | [`outcome`] | what a copy has shown: verification, protection, bytes that passed a relay |
//! | [`queue`] | jobs that a daemon carries: how they stand, when they are tried again, which one is next |
//! | [`web`] | the HTTP API and the page of a daemon, before any queue |
//! | [`shell`] | lines of the shell, names, composite directories, completion |
//! | [`journal`] | what every job has begun and finished, for `resume` |
//! | [`state`] | what is kept from one run to the next: which candidate has worked between two servers, certificates |
//! | [`config`] | the settings file |
//! | [`report`] | events, and how they are shown to people, programs and the trace |
//! | [`context`] | what a job works with: the world, what is kept, what the user chose, what the run has learnt |
//! | [`session`] | a session with a server |
//! | [`relay`] | a session with a relay agent: tunnels and joins |
//! | [`endpoint`] | the ends of a copy: servers, whose sessions are pooled, and this host; operations on their files |
//! | [`route`] | one attempt: one file, or many together, by one candidate |
//! | [`job`] | what a user asked for: files and trees, retries |
//! | [`action`] | verbs that work on names where they are: mkdir, rm, mv, hash, tree |
//! | [`cli`] | the command line: a file for each verb, and the exit status |

pub mod account;
pub mod action;
pub mod cli;
pub mod config;
pub mod context;
pub mod endpoint;
pub mod failure;
pub mod id;
pub mod job;
pub mod journal;
pub mod ladder;
mod named;
pub mod outcome;
pub mod place;
pub mod queue;
pub mod relay;
pub mod report;
pub mod route;
pub mod session;
pub mod shell;
pub mod state;
pub mod web;
pub mod world;

pub use job::run;
