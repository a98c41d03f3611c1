//! The command line: what the operator types, what the program answers, and the exit status.

mod advice;
pub mod check;
pub mod join;
pub mod pages;
pub mod serve;
pub mod token;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use ftp_io::os_error;
use ftp_io::program::args::{self, Rejected};
use ftp_io::program::completion::Completions;
use ftp_io::program::manual::Manual;
use ftp_io::program::output;
use ftp_io::program::settings::Mistakes;
use serve::Called;

use crate::config::{ConfigError, HubOptions, RunOptions};

/// The command line as typed.
#[derive(clap::Parser, Debug)]
#[command(name = "ftp-relay-agent", version, about, long_about = LONG_ABOUT)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What the program is to do.
#[derive(clap::Subcommand, Debug)]
pub enum Verb {
    /// Run the relay
    Run(Called<RunOptions>),
    /// Join a hub, on a host that can only connect out
    Join(join::Options),
    /// Run a hub, where such agents meet
    Hub(Called<HubOptions>),
    /// Print a new token
    Token(token::Options),
    /// Check this host's token file and the connection to a relay
    Check(check::Options),
    /// Print the script that completes words in a shell
    Completions(Completions),
    /// Print the manual page of this program, or of a verb
    Man(Manual),
}

/// Reads the command line.
///
/// # Errors
/// It has a mistake, or it asks for help or the version.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, Exit> {
    args::parse(arguments).map_err(Exit::Rejected)
}

const LONG_ABOUT: &str = "\
Joins the data connections of two FTP servers that cannot reach each other, and carries the control
connections of the user agent, without looking at what it carries.

Quick start, on a host that both servers can reach:
  ftp-relay-agent token > relay.token && chmod 600 relay.token
  ftp-relay-agent run --listen 192.0.2.5:2190 --token-file relay.token --allow 192.0.2.0/24
When it is ready it prints one line per listener: listening on ADDR (relay).

Where the hosts near the servers can only connect out, they meet at a hub, which carries what it cannot read:
  ftp-relay-agent token --name ann --group site > ann.token               for each user
  ftp-relay-agent token --name zurich --for-agent site > zurich.token     for each agent
  ftp-relay-agent token --for-hub ann.token --for-hub zurich.token > hub.token
  cat ann.token >> zurich.token                                           who may use the agent
  ftp-relay-agent hub --listen 198.51.100.7:443 --token-file hub.token
  ftp-relay-agent join 198.51.100.7:443 --name zurich --token-file zurich.token --allow 192.0.2.0/24
All of these files have mode 0600.";

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
            ConfigError::Missing(_) | ConfigError::Congestion(_) | ConfigError::Allow(_) => {
                Self::Usage(error.into())
            }
        }
    }
}

/// The page of help with the options of the verb, if it is one.
fn page(verb: Option<OsString>) -> String {
    let command = Cli::command();
    let verb = verb.and_then(|word| Some(command.find_subcommand(word)?.get_name()));
    verb.map_or_else(|| format!("{PROGRAM} --help"), |verb| format!("{PROGRAM} {verb} --help"))
}

/// Says in one line what is wrong, and returns the exit status.
pub fn exit(done: Result<(), Exit>) -> ExitCode {
    let (error, code) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Exit::Rejected(rejected)) => {
            return rejected.print_seeing(PROGRAM, &page(std::env::args_os().nth(1)));
        }
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
fn print(text: &[u8]) -> Result<(), Exit> {
    Ok(output::print(text).context("cannot write to standard output")?)
}

const PROGRAM: &str = "ftp-relay-agent";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_mistake_names_the_help_of_its_verb() {
        for (word, expect) in [
            (Some("join"), "ftp-relay-agent join --help"),
            (Some("--x"), "ftp-relay-agent --help"),
            (None, "ftp-relay-agent --help"),
        ] {
            assert_eq!(page(word.map(OsString::from)), expect);
        }
    }
}
