//! The command line as it is typed.

use std::ffi::OsString;
use std::path::PathBuf;

use ftp_io::program::args;
use ftp_io::program::completion::Completions;
use ftp_io::program::manual::Manual;

use super::exit::Exit;
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
