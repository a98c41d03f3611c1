//! The command line: what the operator types, what is said about it, and the exit status.

pub mod log;
pub mod print;
mod ready;
pub mod secret;
pub mod serve;

use std::process::ExitCode;

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
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub enum Exit {
    /// Nothing is wrong with the options: the world refused.
    Failed(anyhow::Error),
    /// The options are wrong.
    Usage(ConfigError),
}

impl From<ConfigError> for Exit {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error)
    }
}

impl From<anyhow::Error> for Exit {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Says in one line what is wrong, and gives the exit status.
#[allow(clippy::print_stderr, reason = "the end of the program is told to people, not to the log")]
pub fn exit(done: Result<(), Exit>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Exit::Failed(error)) => {
            eprintln!("ftp-server: {error:#}");
            ExitCode::from(1)
        }
        Err(Exit::Usage(error)) => {
            eprintln!("ftp-server: {error}");
            ExitCode::from(2)
        }
    }
}

const LONG_ABOUT: &str = "\
FTP server whose transfers go safely from server to server.

Quick start: ftp-server --root DIR --user NAME:PASSWORD
When it is ready it prints one line per listener: listening on ADDR (ftp).";
