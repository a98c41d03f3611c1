//! The options of `shell`.

use crate::failure::Failure;
use clap::Args;
use std::ffi::OsString;

/// Type verbs line by line, with names that are relative to a directory of a site, and completion
///
/// A line is a verb of ftp-user with its options. cd [SITE]path goes to a directory; []path is on this host. A verb may be
/// short (APP for append), and words such as (FILE) and (TO FILE) make no difference. help lists what only the shell knows.
#[derive(Args, Clone, Debug)]
pub(super) struct ShellArgs {
    /// Carry out the lines of a file (- is standard input), and stop at the first that fails
    #[arg(short, long, value_name = "FILE")]
    pub(super) file: Option<OsString>,
    /// Go on with the next line if one fails
    #[arg(long)]
    pub(super) keep_going: bool,
}

/// The failure of a shell in a shell.
pub(super) fn inside() -> Failure {
    Failure::usage("this is a shell already").hint("leave shell out")
}
