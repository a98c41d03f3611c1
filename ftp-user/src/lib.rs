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
pub mod transfer;
pub mod tree;

use clap::Parser;
use cli::{Cli, Exit};
use problem::Problem;
use std::process::ExitCode;

/// The whole program.
pub fn run() -> ExitCode {
    let arguments = match cli::arguments() {
        Ok(arguments) => arguments,
        Err(problem) => return fail(&problem),
    };
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // Help and version are no mistakes; a reader that went away is none either.
        Err(said) => {
            let _ = said.print();
            return if said.use_stderr() { Exit::Usage.code() } else { Exit::Done.code() };
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(cli.run());
            // A blocking read of a dead disk must not keep the program.
            runtime.shutdown_background();
            exit.code()
        }
        Err(error) => fail(&Problem::new(Exit::Error, format!("cannot start: {error}"))),
    }
}

fn fail(problem: &Problem) -> ExitCode {
    cli::complain(problem, false);
    problem.exit.code()
}
