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
