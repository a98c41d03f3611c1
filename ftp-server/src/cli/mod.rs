//! The command line: what the operator types, what the program answers, and the exit status.

pub mod pages;
pub mod serve;
pub mod verbs;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use ftp_io::os_error;
use ftp_io::program::args::{self, Rejected};
use ftp_io::program::completion::Completions;
use ftp_io::program::manual::Manual;
use ftp_io::program::{output, secret};

use crate::config::{File, Options};

/// The command line as typed.
#[derive(clap::Parser, Debug)]
#[command(name = "ftp-server", version, about, long_about = LONG_ABOUT, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// A file with options under the same names, and with users; the command line beats it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How to serve.
    #[command(flatten)]
    pub options: Box<Options>,
}

/// What the program does besides serving.
#[derive(clap::Subcommand, Debug)]
pub enum Verb {
    /// Say every mistake of a configuration file, with its line and column
    CheckConfig {
        /// The configuration file to check
        file: PathBuf,
        /// An older configuration file: what it has and the new one has not is a mistake
        #[arg(long, value_name = "OLD", value_hint = clap::ValueHint::FilePath)]
        against: Option<PathBuf>,
    },
    /// Print the hash of a password that is typed or comes on standard input
    HashPassword,
    /// List the sessions of a running server: number, client, user, seconds, last command
    Who {
        /// The state directory of that server [default: as for serving]
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
    },
    /// End one session of a running server
    Kick {
        /// The number of the session, as `who` shows it
        id: u64,
        /// The state directory of that server [default: as for serving]
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
    },
    /// Print the script that completes words in a shell
    Completions(Completions),
    /// Print the manual page of this program, or of a verb
    Man(Manual),
}

/// Reads the command line, and the configuration file that it names.
///
/// # Errors
/// One of them has mistakes, or the command line asks for help or the version.
pub fn parse(arguments: Vec<OsString>) -> Result<(Cli, File), Exit> {
    let (cli, typed) = args::parse_with_names::<Cli>(arguments.iter().cloned()).map_err(Exit::Rejected)?;
    let Some(path) = &cli.config else { return Ok((cli, File::default())) };
    let file = File::read(path).map_err(|mistakes| Exit::Config(mistakes.lines().collect()))?;
    let (program, rest) = arguments.split_at_checked(1).unwrap_or_default();
    let words = program.iter().cloned().chain(file.words(&typed)).chain(rest.iter().cloned());
    let cli = args::parse::<Cli>(words).map_err(Exit::Rejected)?;
    Ok((cli, file))
}

const LONG_ABOUT: &str = "\
FTP server whose transfers go safely from server to server.

Quick start: ftp-server --root DIR --user NAME:PASSWORD
From a file: ftp-server --config FILE
When it is ready it prints one line per listener: listening on ADDR (ftp).";

/// Returns the arguments of this process, `--user` included. The argument list that others see has no
/// `--user`: the program starts itself again without them.
///
/// Where that is not possible (no `/proc`) the program goes on, because tools that list processes read
/// `/proc` as well.
pub fn arguments() -> Vec<OsString> {
    secret::arguments(without_users).unwrap_or_else(|_| std::env::args_os().collect())
}

/// The arguments without `--user VALUE` and `--user=VALUE`; `None` if there are none of these.
fn without_users(given: &[OsString]) -> Option<Vec<OsString>> {
    let mut shown = Vec::new();
    let mut rest = given.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            shown.push(argument.clone());
            shown.extend(rest.by_ref().cloned());
        } else if argument == "--user" {
            if rest.next().is_none() {
                shown.push(argument.clone());
            }
        } else if !argument.as_bytes().starts_with(b"--user=") {
            shown.push(argument.clone());
        }
    }
    (shown.len() < given.len()).then_some(shown)
}

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub enum Exit {
    /// The options are right, but the system refused.
    Failed(anyhow::Error),
    /// The options or the configuration file have mistakes; a line for each.
    Config(Vec<String>),
    /// The file of `check-config` has mistakes; a line for each.
    Checked(Vec<String>),
    /// The command line has a mistake, or asks for help or the version.
    Rejected(Rejected),
}

impl From<anyhow::Error> for Exit {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Exit {
    /// The same for a process that has become `user`, so that the operator knows who cannot read a file.
    pub fn as_user(self, user: &str) -> Self {
        let say = |lines: Vec<String>| {
            lines.into_iter().map(|line| format!("as the user {user:?} of run-as: {line}")).collect()
        };
        match self {
            Self::Config(lines) => Self::Config(say(lines)),
            Self::Checked(lines) => Self::Checked(say(lines)),
            other @ (Self::Failed(_) | Self::Rejected(_)) => other,
        }
    }

    /// A line for each mistake, for the log.
    pub fn into_lines(self) -> Vec<String> {
        match self {
            Self::Config(lines) | Self::Checked(lines) => lines,
            Self::Failed(error) => vec![os_error::chain(error.as_ref())],
            Self::Rejected(_) => vec!["the options contradict each other".to_owned()],
        }
    }
}

/// Says what is wrong, a line for each mistake, and returns the exit status.
pub fn exit(done: Result<(), Exit>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Exit::Failed(error)) => {
            output::complain(PROGRAM, os_error::chain(error.as_ref()));
            ExitCode::from(1)
        }
        Err(Exit::Config(mistakes)) => {
            mistakes.iter().for_each(|mistake| output::complain(PROGRAM, mistake));
            ExitCode::from(2)
        }
        Err(Exit::Checked(mistakes)) => {
            mistakes.iter().for_each(|mistake| output::complain(PROGRAM, mistake));
            ExitCode::from(1)
        }
        Err(Exit::Rejected(rejected)) => rejected.print(PROGRAM),
    }
}

/// The name of the program before each complaint.
pub const PROGRAM: &str = "ftp-server";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expect: Option<&[&str]>) {
        let given: Vec<OsString> = given.iter().map(OsString::from).collect();
        let expect = expect.map(|shown| shown.iter().map(OsString::from).collect());
        assert_eq!(without_users(&given), expect, "{given:?}");
    }

    #[test]
    fn users_are_taken_out_of_the_arguments_in_both_spellings() {
        check(&["p", "--root", "d"], None);
        check(&["p", "--user", "a:b", "--root", "d"], Some(&["p", "--root", "d"]));
        check(&["p", "--user=a:b", "--user", "-c:--"], Some(&["p"]));
        check(&["p", "--user"], None);
        check(&["p", "--", "--user", "a:b"], None);
        check(&["p", "--user", "a:b", "--", "--user"], Some(&["p", "--", "--user"]));
    }
}
