//! What the manual pages say beyond the options: examples, exit statuses, files.

use anyhow::Context;
use clap::CommandFactory;
use ftp_io::program::manual::{Ending, Manual, Pages};

use super::{Cli, Exit};

/// Prints a manual page.
///
/// # Errors
/// There is no such verb, or standard output cannot be written.
pub fn print(asked: Manual) -> Result<(), Exit> {
    match asked.print(Cli::command(), PAGES).context("cannot write to standard output")? {
        None => Ok(()),
        Some(verb) => {
            let line = format!("there is no verb {verb}; ftp-server man lists the verbs");
            Err(Exit::Config(vec![line]))
        }
    }
}

/// A page for the program, and one for each verb.
pub const PAGES: Pages = Pages {
    text: include_str!("pages.txt"),
    endings: &[
        Ending {
            verbs: &[""],
            exits: &[
                (0, "stopped as asked (SIGTERM, SIGINT), or printed what was asked for"),
                (1, "it cannot serve: an address in use, a certificate that cannot be read"),
                (2, "a mistake in the command line or in a file that it names"),
            ],
            files: &[CONFIGURATION, STATE],
        },
        Ending {
            verbs: &["check-config"],
            exits: &[(0, "no mistake"), (1, "a mistake was found"), USAGE],
            files: &[CONFIGURATION],
        },
        Ending { verbs: &["hash-password"], exits: PRINTED, files: &[CONFIGURATION] },
        Ending { verbs: &["who", "kick"], exits: ASKED, files: &[STATE] },
        Ending { verbs: &["completions", "man"], exits: PRINTED, files: &[] },
    ],
};

const USAGE: (u8, &str) = (2, "a mistake in the command line");
const PRINTED: &[(u8, &str)] = &[(0, "printed"), (1, "standard output cannot be written"), USAGE];
const ASKED: &[(u8, &str)] = &[(0, "done"), (1, "no server runs there, or it has no such session"), USAGE];
const CONFIGURATION: (&str, &str) = ("/etc/ftp-server/server.toml", "the configuration of the package");
const STATE: (&str, &str) = (
    "/var/lib/ftp-server/",
    "what the server of the package keeps; --state names another directory, and ~/.local/state/ftp-server is the default",
);
