//! Copies files and trees straight from one FTP server to another.
//!
//! | folder | what |
//! |---|---|
//! | [`cli`] | the verbs, one file each, and the exit codes |
//! | [`place`] | URLs, local paths, `.netrc` |
//! | [`control`] | sessions with servers |
//! | [`ladder`] | which way between two servers is tried next |
//! | [`transfer`] | one file: attempt, move, verify, publish |
//! | [`tree`] | many files |
//! | [`report`] | what is said to people, programs and the trace |

pub mod app;
pub mod cli;
pub mod control;
pub mod ladder;
pub mod place;
pub mod problem;
pub mod report;
