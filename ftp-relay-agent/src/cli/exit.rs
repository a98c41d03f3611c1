//! Why the program ends, in one line and as an exit status.

use std::process::ExitCode;

use anyhow::Context;
use ftp_io::os_error;
use ftp_io::program::args::Rejected;
use ftp_io::program::output;
use ftp_io::program::settings::Mistakes;

use crate::config::ConfigError;

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub enum Exit {
    /// The options are right, but the system or the other end refused.
    Failed(anyhow::Error),
    /// The other end does not hold the same token.
    Untrusted(anyhow::Error),
    /// An option has a value that cannot be used.
    Usage(anyhow::Error),
    /// The policy file has mistakes.
    Config(Mistakes),
    /// The command line has a mistake, or asks for help or the version.
    Rejected(Rejected),
}

impl From<anyhow::Error> for Exit {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<ConfigError> for Exit {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::File(mistakes) => Self::Config(mistakes),
            ConfigError::Missing(_) => Self::Usage(error.into()),
        }
    }
}

/// Says in one line what is wrong, and returns the exit status.
pub fn exit(done: Result<(), Exit>) -> ExitCode {
    let (error, code) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Exit::Rejected(rejected)) => return rejected.print(PROGRAM),
        Err(Exit::Config(mistakes)) => {
            mistakes.lines().for_each(|line| output::complain(PROGRAM, line));
            return ExitCode::from(2);
        }
        Err(Exit::Failed(error)) => (error, 1),
        Err(Exit::Usage(error)) => (error, 2),
        Err(Exit::Untrusted(error)) => (error, 11),
    };
    output::complain(PROGRAM, os_error::chain(error.as_ref()));
    ExitCode::from(code)
}

/// Prints `text` on standard output.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn print(text: &[u8]) -> Result<(), Exit> {
    Ok(output::print(text).context("cannot write to standard output")?)
}

const PROGRAM: &str = "ftp-relay-agent";
