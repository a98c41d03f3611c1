//! The command line as it is typed.

use std::ffi::OsString;

use ftp_io::program::args;
use ftp_io::program::manual::Shell;

use super::exit::Exit;
use crate::config::Options;

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
        /// The shell that reads them
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// Reads the command line.
///
/// # Errors
/// It has a mistake, or it asks for help or the version.
pub fn parse(arguments: Vec<OsString>) -> Result<Cli, Exit> {
    args::parse(arguments).map_err(Exit::Rejected)
}

const LONG_ABOUT: &str = "\
FTP server whose transfers go safely from server to server.

Quick start: ftp-server --root DIR --user NAME:PASSWORD
When it is ready it prints one line per listener: listening on ADDR (ftp).";
