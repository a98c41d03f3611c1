//! The command line: what the operator types, what the program answers, and the exit status.

mod advice;
pub mod args;
pub mod check;
pub mod exit;
pub mod hub;
pub mod join;
pub mod run;
pub mod serve;
pub mod token;

pub use args::{Cli, Verb, parse};
pub use exit::{Exit, exit};
