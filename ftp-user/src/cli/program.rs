//! The program: reads the command line, starts the scheduler, ends with the exit status.

use super::later::{elsewhere, later, misplaced};
use super::{Cli, arguments, code, print_failure};
use crate::failure::{Failure, Kind};
use crate::job::Status;
use ftp_io::program::args;
use ftp_io::program::runtime::{self, Threads};
use std::ffi::OsString;
use std::process::ExitCode;

/// The whole program.
pub fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(failure) => return fail(&failure),
    };
    let words = arguments.get(1..).unwrap_or_default().to_vec();
    let cli = match read(arguments) {
        Ok(cli) => cli,
        Err(status) => return code(status),
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

/// Reads a command line, the name of the program first. What is wrong with it is told, as well as what it asks about itself.
///
/// # Errors
///
/// There is nothing to carry out. The status says whether that is a mistake.
pub(super) fn read(arguments: Vec<OsString>) -> Result<Cli, Status> {
    let words = arguments.get(1..).unwrap_or_default().to_vec();
    args::parse(arguments).map_err(|rejected| {
        let told = |word: &str| {
            later(word, &words).or_else(|| elsewhere(word, &words)).or_else(|| misplaced(word, &words))
        };
        // -h among other letters is meant for another program: alone it asks for help.
        let is_meant_elsewhere = !rejected.is_mistake() && words.iter().any(has_h_among_letters);
        let unknown = if is_meant_elsewhere { Some("-h") } else { rejected.unknown() };
        match unknown.and_then(told) {
            Some(failure) => {
                print_failure(&failure, false);
                Status::Failed(failure.kind)
            }
            None => {
                rejected.print("ftp-user");
                if rejected.is_mistake() { Status::Failed(Kind::Usage) } else { Status::Done }
            }
        }
    })
}

/// Whether a word is several options of one letter, and one of them is `h`.
fn has_h_among_letters(word: &OsString) -> bool {
    let letters = word.to_str().and_then(|word| word.strip_prefix('-')).unwrap_or_default();
    letters.len() > 1 && letters.chars().all(|one| one.is_ascii_alphabetic()) && letters.contains('h')
}

fn fail(failure: &Failure) -> ExitCode {
    print_failure(failure, false);
    code(Status::Failed(failure.kind))
}

const THREADS: Threads = Threads { name: "ftp-user", workers: 2, blocking: 512 };
