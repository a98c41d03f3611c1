//! The program: reads the command line, starts the scheduler, ends with the exit status.

use super::later::{later, misplaced};
use super::{Cli, arguments, code, print_failure};
use crate::failure::{Failure, Kind};
use crate::job::Status;
use ftp_io::program::args;
use ftp_io::program::runtime::{self, Threads};
use std::process::ExitCode;

/// The whole program.
pub fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(failure) => return fail(&failure),
    };
    let words = arguments.get(1..).unwrap_or_default().to_vec();
    let cli: Cli = match args::parse(arguments) {
        Ok(cli) => cli,
        Err(rejected) => {
            match rejected.unknown().and_then(|word| later(word).or_else(|| misplaced(word, &words))) {
                Some(failure) => return fail(&failure),
                None => return rejected.print("ftp-user"),
            }
        }
    };
    match runtime::start(THREADS) {
        Ok(runtime) => {
            let exit = runtime.block_on(cli.run(&words));
            // A blocking read of a dead disk must not keep the program.
            runtime.shutdown_background();
            code(exit)
        }
        Err(error) => fail(&Failure::new(Kind::Other, format!("cannot start the scheduler: {error}"))),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    print_failure(failure, false);
    code(Status::Failed(failure.kind))
}

const THREADS: Threads = Threads { name: "ftp-user", workers: 2, blocking: 512 };
