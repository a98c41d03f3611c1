//! The command line: what the operator types, what is said about it, and the exit status.

pub mod log;
pub mod print;
mod ready;
pub mod secret;
pub mod serve;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

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
    /// The options contradict each other, or something is missing.
    Config(ConfigError),
    /// The options are none of ours, in one line.
    Usage(String),
    /// Help or version was asked for.
    Told(clap::Error),
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
    Cli::try_parse_from(arguments)
        .map_err(|error| if error.use_stderr() { usage(&error) } else { Exit::Told(error) })
}

/// The first sentences of what clap says, in one line: what is wrong, where, what to do.
fn usage(error: &clap::Error) -> Exit {
    let text = error.render().to_string();
    let text = text.split("\nUsage:").next().unwrap_or_default();
    let text = text.split("\nFor more information").next().unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ").replace(" tip: ", "; ");
    Exit::Usage(line.strip_prefix("error: ").unwrap_or(&line).to_owned())
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
        Err(Exit::Config(error)) => {
            eprintln!("ftp-server: {error}");
            ExitCode::from(2)
        }
        Err(Exit::Usage(line)) => {
            eprintln!("ftp-server: {line}; see ftp-server --help");
            ExitCode::from(2)
        }
        // A reader that has seen enough (a closed pipe) is no failure.
        Err(Exit::Told(text)) => {
            let _ = text.print();
            ExitCode::SUCCESS
        }
    }
}

const LONG_ABOUT: &str = "\
FTP server whose transfers go safely from server to server.

Quick start: ftp-server --root DIR --user NAME:PASSWORD
When it is ready it prints one line per listener: listening on ADDR (ftp).";
