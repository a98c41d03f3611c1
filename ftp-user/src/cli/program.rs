//! The program: reads the command line, starts the scheduler, ends with the exit status.

use super::defaults::with_defaults;
use super::later::{elsewhere, later, misplaced, verb_of};
use super::verb::Verb;
use super::{Cli, When, arguments, code, colored, print_failure};
use crate::failure::{Failure, Kind};
use crate::job::Status;
use clap::{CommandFactory, ValueEnum};
use ftp_io::program::completion::{Part, Reader};
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
    let cli = match cli.about_itself() {
        Ok(status) => return code(status),
        Err(cli) => *cli,
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

/// Reads a command line, the name of the program first, with the defaults of the settings where nothing is typed. What is wrong with it is told, as well as what it asks about itself.
///
/// # Errors
///
/// There is nothing to carry out. The status says whether that is a mistake.
pub(super) fn read(arguments: Vec<OsString>) -> Result<Cli, Status> {
    let words = arguments.get(1..).unwrap_or_default().to_vec();
    let read = Cli::read_typed(arguments.clone()).and_then(|typed| {
        if matches!(typed.verb, Verb::Completions(_) | Verb::Man(_)) {
            return Ok(typed);
        }
        let settings = typed.general.job.config.clone();
        with_defaults(typed, arguments, settings.as_deref())
    });
    read.map_err(|rejected| {
        let told = |word: &str| {
            later(word, &words).or_else(|| elsewhere(word, &words)).or_else(|| misplaced(word, &words))
        };
        // -h among other letters is meant for another program: alone it asks for help.
        let is_meant_elsewhere = !rejected.is_mistake() && words.iter().any(has_h_among_letters);
        let unknown = if is_meant_elsewhere { Some("-h") } else { rejected.unknown() };
        let page = match verb_of(&words) {
            Some((_, verb)) => format!("ftp-user {verb} --help"),
            None => "ftp-user --help".to_owned(),
        };
        let mistake = || rejected.mistake_seeing(&page).map(Failure::usage);
        match unknown.and_then(told).or_else(mistake) {
            Some(failure) => {
                print_failure(&failure, colored(typed_color(&words)));
                Status::Failed(failure.kind)
            }
            None => {
                rejected.print("ftp-user");
                if rejected.is_mistake() { Status::Failed(Kind::Usage) } else { Status::Done }
            }
        }
    })
}

/// What stands behind `--color` in a line that could not be read.
fn typed_color(words: &[OsString]) -> When {
    let mut command = Cli::command();
    command.build();
    let mut reader = Reader::at(&command);
    let values = words.iter().filter_map(|word| {
        let word = word.to_string_lossy();
        match reader.read(&word) {
            Part::ValueOf(option, at) if option.get_long() == Some("color") => {
                When::from_str(word.get(at..)?, false).ok()
            }
            Part::ValueOf(..) | Part::Verb(_) | Part::Option(_) | Part::End | Part::Operand(_) => None,
        }
    });
    values.last().unwrap_or(When::Auto)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colour_of_a_mistake_is_that_of_its_option_and_of_no_value() {
        for (typed, expect) in [
            ("copy --bogus", When::Auto),
            ("copy --color always --bogus", When::Always),
            ("--color=never copy --color=always --bogus", When::Always),
            ("copy --config --color=always --bogus", When::Auto),
            ("copy --bogus -- --color=always", When::Auto),
        ] {
            let words: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
            assert_eq!(typed_color(&words), expect, "{typed}");
        }
    }
}
