//! Copies files and trees straight from one FTP server to another.
//!
//! | folder | what |
//! |---|---|
//! | [`cli`] | the verbs, one file each, and the exit codes |
//! | [`config`] | settings of a file: relays |
//! | [`place`] | URLs, local paths, `.netrc` |
//! | [`control`] | sessions with servers |
//! | [`relay`] | a session with a relay agent: tunnels and joins |
//! | [`ladder`] | which candidate between two servers is tried next |
//! | [`endpoint`] | the ends of a copy: servers and this host |
//! | [`route`] | one attempt: one file by one candidate |
//! | [`check`] | the overwrite rule, verification |
//! | [`job`] | what a user asked for: files and trees, retries |
//! | [`report`] | what is said to people, programs and the trace |
//! | [`failure`] | what went wrong |

pub mod check;
pub mod cli;
pub mod config;
pub mod context;
pub mod control;
pub mod endpoint;
pub mod failure;
pub mod job;
pub mod ladder;
pub mod place;
pub mod relay;
pub mod report;
pub mod route;

use cli::Cli;
use failure::{Failure, Kind};
use ftp_io::program::args;
use ftp_io::program::runtime::{self, Threads};
use job::Status;
use std::process::ExitCode;

/// The whole program.
pub fn run() -> ExitCode {
    let arguments = match cli::arguments() {
        Ok(arguments) => arguments,
        Err(failure) => return fail(&failure),
    };
    let cli: Cli = match args::parse(arguments) {
        Ok(cli) => cli,
        Err(rejected) => return rejected.print("ftp-user"),
    };
    match runtime::start(THREADS) {
        Ok(runtime) => {
            let exit = runtime.block_on(cli.run());
            // A blocking read of a dead disk must not keep the program.
            runtime.shutdown_background();
            cli::code(exit)
        }
        Err(error) => fail(&Failure::new(Kind::Other, format!("cannot start the scheduler: {error}"))),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    cli::complain(failure, false);
    cli::code(Status::Failed(failure.kind))
}

const THREADS: Threads = Threads { name: "ftp-user", workers: 2, blocking: 512 };
