//! Why the program ends, in one line and as an exit status.

use std::process::ExitCode;

use ftp_io::os_error;
use ftp_io::program::args::Rejected;
use ftp_io::program::output;

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

const PROGRAM: &str = "ftp-server";
