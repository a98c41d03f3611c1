//! The command line: what the operator types, what is said about it, and the exit status.

pub mod check;
pub mod run;
pub mod token;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context;
use ftp_io::program::args::{self, Rejected};
use ftp_io::program::manual::Shell;
use ftp_io::program::output;

/// The command line as typed.
#[derive(clap::Parser, Debug)]
#[command(name = "ftp-relay-agent", version, about, long_about = LONG_ABOUT)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(clap::Subcommand, Debug)]
pub enum Verb {
    /// Relay for those who hold a token of the file
    Run(run::Options),
    /// Print a new token
    Token(token::Options),
    /// Say what works from this host, and towards a relay
    Check(check::Options),
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
    /// The other end does not hold the same token.
    Untrusted(anyhow::Error),
    /// An option has a value that cannot be used.
    Usage(anyhow::Error),
    /// The command line has a mistake, or asks for help or the version.
    Rejected(Rejected),
}

impl From<anyhow::Error> for Exit {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads the command line.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, Exit> {
    args::parse(arguments).map_err(Exit::Rejected)
}

/// Says in one line what is wrong, and returns the exit status.
pub fn exit(done: Result<(), Exit>) -> ExitCode {
    let (error, code) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Exit::Rejected(rejected)) => return rejected.print(PROGRAM),
        Err(Exit::Failed(error)) => (error, 1),
        Err(Exit::Usage(error)) => (error, 2),
        Err(Exit::Untrusted(error)) => (error, 11),
    };
    output::complain(PROGRAM, format_args!("{error:#}"));
    ExitCode::from(code)
}

/// Prints `text` for whoever asked for it.
fn print(text: &[u8]) -> Result<(), Exit> {
    Ok(output::print(text).context("cannot write to standard output")?)
}

const PROGRAM: &str = "ftp-relay-agent";

const LONG_ABOUT: &str = "\
Joins the data connections of two FTP servers that cannot reach each other, and carries the control
connections of the user agent, without looking at what it carries.

Quick start, on a host that both servers can reach:
  ftp-relay-agent token > relay.token && chmod 600 relay.token
  ftp-relay-agent run --listen 192.0.2.5:2190 --token-file relay.token --allow 192.0.2.0/24
When it is ready it prints one line per listener: listening on ADDR (relay).";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
