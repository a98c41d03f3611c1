//! `completions` and `man`: made of the command line itself.

use crate::failure::{Failure, Kind};
use crate::job::Status;
use clap::{Args, Command};
use ftp_io::program::manual::{self, Shell};
use std::io;

/// Print shell completions
#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell to complete for
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the man page
#[derive(Args, Debug)]
pub(super) struct ManArgs {}

/// Prints shell completions.
#[allow(clippy::needless_pass_by_value, reason = "every verb takes its arguments")]
pub(super) fn completions(command: Command, args: CompletionsArgs) -> Result<Status, Failure> {
    done(manual::print_completions(command, args.shell))
}

/// Prints the man page, with a section for each verb.
pub(super) fn man(command: Command, ManArgs {}: ManArgs) -> Result<Status, Failure> {
    done(manual::print_page(command))
}

fn done(printed: io::Result<()>) -> Result<Status, Failure> {
    let failed = |error| Failure::new(Kind::Other, format!("cannot write to standard output: {error}"));
    printed.map(|()| Status::Done).map_err(failed)
}
