//! `completions` and `man`: made of the command line itself.

use super::pages::PAGES;
use crate::config;
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::place::Remote;
use clap::Command;
use ftp_io::program::completion::{Candidate, Completions};
use ftp_io::program::manual::Manual;
use std::io;
use std::path::Path;

/// Prints a script for a shell, or what completes a line. `settings` is the file of the settings, if another one than
/// the usual is meant.
#[allow(clippy::needless_pass_by_value, reason = "every verb takes its arguments")]
pub(super) fn completions(
    command: Command,
    settings: Option<&Path>,
    args: Completions,
) -> Result<Status, Failure> {
    args.print(command, |value| names(settings, value)).map(|()| Status::Done).map_err(cannot_print)
}

/// Prints a manual page.
pub(super) fn man(command: Command, args: Manual) -> Result<Status, Failure> {
    match args.print(command, PAGES).map_err(cannot_print)? {
        None => Ok(Status::Done),
        Some(verb) => Err(Failure::usage(format!("there is no verb {verb}"))
            .hint("ftp-user man lists the verbs; ftp-user man copy prints the page of one")),
    }
}

/// The names of what a value of this kind means, as far as the settings know them. Settings with a mistake know none:
/// nobody reads an error while a word is completed.
fn names(settings: Option<&Path>, value: &str) -> Vec<Candidate> {
    let suffix = match value {
        "PLACE" | "SOURCE" | "DEST" => ":",
        "SITE" => "",
        "JOB" | "JOB|last" => {
            let help = "the job that began last".to_owned();
            return vec![Candidate { text: "last".to_owned(), help }];
        }
        _ => return Vec::new(),
    };
    let Ok(settings) = config::load(settings) else { return Vec::new() };
    let named = settings.sites.names.iter();
    let shown = |(name, remote): (&str, &Remote)| Candidate {
        text: format!("{name}{suffix}"),
        help: remote.site.url(),
    };
    named.map(shown).collect()
}

fn cannot_print(error: io::Error) -> Failure {
    Failure::new(Kind::Other, format!("cannot write to standard output: {error}"))
}
