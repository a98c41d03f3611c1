//! A relay agent: two FTP servers that refuse to talk to each other, but both can reach this host,
//! exchange a file through it. It joins connections and never looks at what they carry.
//!
//! | folder | what |
//! |---|---|
//! | [`cli`] | the command line, exit codes, the log |
//! | [`listen`] | who has come: TLS, the proof, who is turned away |
//! | [`session`] | the task that drives the machine of one user agent's session |

pub mod cli;
pub mod listen;
pub mod session;

use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use cli::{Cli, Exit, Verb};
use ftp_io::program::manual;

/// The whole program.
pub fn run() -> ExitCode {
    cli::exit(cli::parse(std::env::args_os()).and_then(start))
}

fn start(Cli { verb }: Cli) -> Result<(), Exit> {
    const CANNOT_PRINT: &str = "cannot write to standard output";
    match verb {
        Verb::Run(options) => cli::run::run(options),
        Verb::Token(options) => cli::token::token(&options),
        Verb::Check(options) => cli::check::check(&options),
        Verb::Completions { shell } => {
            Ok(manual::print_completions(Cli::command(), shell).context(CANNOT_PRINT)?)
        }
        Verb::Man => Ok(manual::print_page(Cli::command()).context(CANNOT_PRINT)?),
    }
}
