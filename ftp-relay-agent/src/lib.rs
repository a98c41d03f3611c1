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

use cli::{Cli, Verb};

/// The whole program.
pub fn run() -> ExitCode {
    cli::exit(cli::parse(std::env::args_os()).and_then(|Cli { verb }| match verb {
        Verb::Run(options) => cli::run::run(options),
        Verb::Token(options) => cli::token::token(&options),
        Verb::Check(options) => cli::check::check(&options),
        Verb::Completions { shell } => cli::print::completions(shell),
        Verb::Man => cli::print::man(),
    }))
}
