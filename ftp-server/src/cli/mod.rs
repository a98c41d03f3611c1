//! The command line: what the operator types, what is said about it, and the exit status.

pub mod secret;
pub mod serve;

use std::ffi::OsString;
use std::process::ExitCode;

use ftp_io::program::args::{self, Rejected};
use ftp_io::program::manual::Shell;
use ftp_io::program::output;

use crate::config::{ConfigError, Options};

/// The command line as typed.
#[derive(clap::Parser, Debug)]
#[command(name = "ftp-server", version, about, long_about = LONG_ABOUT, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// How to serve.
    #[command(flatten)]
    pub options: Box<Options>,
}

/// What the program does besides serving.
#[derive(clap::Subcommand, Debug)]
pub enum Verb {
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub enum Exit {
    /// Nothing is wrong with the options: the world refused.
    Failed(anyhow::Error),
    /// The options contradict each other, or something is missing.
    Config(ConfigError),
    /// The command line has a mistake, or asks for help or the version.
    Rejected(Rejected),
}

impl From<ConfigError> for Exit {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<anyhow::Error> for Exit {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads the command line.
pub fn parse(arguments: Vec<OsString>) -> Result<Cli, Exit> {
    args::parse(arguments).map_err(Exit::Rejected)
}

/// Says in one line what is wrong, and returns the exit status.
pub fn exit(done: Result<(), Exit>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Exit::Failed(error)) => {
            output::complain(PROGRAM, format_args!("{error:#}"));
            ExitCode::from(1)
        }
        Err(Exit::Config(error)) => {
            output::complain(PROGRAM, error);
            ExitCode::from(2)
        }
        Err(Exit::Rejected(rejected)) => rejected.print(PROGRAM),
    }
}

const PROGRAM: &str = "ftp-server";

const LONG_ABOUT: &str = "\
FTP server whose transfers go safely from server to server.

Quick start: ftp-server --root DIR --user NAME:PASSWORD
When it is ready it prints one line per listener: listening on ADDR (ftp).";
