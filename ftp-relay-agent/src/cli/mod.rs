//! The command line: what the operator types, what the program answers, and the exit status.

mod advice;
pub mod args;
mod ask;
pub mod check;
pub mod exit;
pub mod join;
pub mod pages;
pub mod run;
pub mod serve;
mod stranger;
pub mod token;

pub use args::{Cli, Verb, parse};
pub use exit::{Exit, exit};
