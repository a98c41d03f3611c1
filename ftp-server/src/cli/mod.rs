//! The command line: what the operator types, what the program answers, and the exit status.

pub mod args;
pub mod check;
pub mod control;
pub mod exit;
pub mod pages;
pub mod password;
pub mod secret;
pub mod serve;

pub use args::{Cli, Verb, parse};
pub use exit::{Exit, exit};
