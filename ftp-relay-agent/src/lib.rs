//! A relay agent: two FTP servers that cannot reach each other exchange a file through this host,
//! which both can reach. It joins connections and never looks at what they carry.
//!
//! | folder | what |
//! |---|---|
//! | [`cli`] | the command line, exit codes, the log |
//! | [`listen`] | the listeners: TLS, the proof of a token, who is turned away |
//! | [`hub`] | where agents meet that can only connect out |
//! | [`session`] | the task that drives the machine of one user agent's session |
//! | [`config`] | the options of the verbs that serve, and the policy file |
//! | [`at_hub`] | an agent at a hub: joins, is called, returns |
//! | [`operate`] | what the operator does to a running relay: new tokens, the end |
//! | [`policy`] | who may use the relay, and how much of it |
//!
//! Each folder uses only folders below it in this table.

pub mod at_hub;
pub mod cli;
pub mod config;
pub mod hub;
pub mod listen;
pub mod operate;
pub mod policy;
pub mod session;

use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use cli::{Cli, Exit, Verb};
use ftp_io::program::completion::KnownValues;

/// The whole program.
pub fn run() -> ExitCode {
    cli::exit(cli::parse(std::env::args_os()).and_then(start))
}

fn start(Cli { verb }: Cli) -> Result<(), Exit> {
    const CANNOT_PRINT: &str = "cannot write to standard output";
    match verb {
        Verb::Run(options) => cli::serve::run(&options),
        Verb::Join(options) => cli::join::join(&options),
        Verb::Hub(options) => cli::serve::hub(&options),
        Verb::Token(options) => cli::token::token(&options),
        Verb::Check(options) => cli::check::check(&options),
        Verb::Completions(asked) => Ok(asked
            .print(Cli::command(), |_, _| |_: &str, _: &str| KnownValues::default())
            .context(CANNOT_PRINT)?),
        Verb::Man(asked) => cli::pages::print(asked),
    }
}
