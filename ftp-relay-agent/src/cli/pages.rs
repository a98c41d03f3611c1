//! What the manual pages say beyond the options: examples, exit statuses, files.

use anyhow::{Context, anyhow};
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
            Err(Exit::Usage(anyhow!("there is no verb {verb}; ftp-relay-agent man lists the verbs")))
        }
    }
}

/// A page for the program, and one for each verb.
pub const PAGES: Pages = Pages {
    text: include_str!("pages.txt"),
    endings: &[
        Ending { verbs: &["", "run", "join", "hub"], exits: SERVING, files: &[POLICY, TOKEN] },
        Ending {
            verbs: &["token"],
            exits: &[(0, "printed"), (1, "a file cannot be read, or standard output not be written"), USAGE],
            files: &[TOKEN],
        },
        Ending {
            verbs: &["check"],
            exits: &[
                (0, "everything works"),
                (1, "the relay does not answer, or the token file cannot be read"),
                USAGE,
                (11, "the relay does not hold the same token"),
            ],
            files: &[TOKEN],
        },
        Ending { verbs: &["completions", "man"], exits: PRINTED, files: &[] },
    ],
};

const USAGE: (u8, &str) = (2, "a mistake in the command line or in the policy file");
const PRINTED: &[(u8, &str)] = &[(0, "printed"), (1, "standard output cannot be written"), USAGE];
const SERVING: &[(u8, &str)] = &[
    (0, "stopped as asked (SIGTERM, SIGINT)"),
    (1, "it cannot serve: an address in use, a token file that cannot be read"),
    USAGE,
];
const POLICY: (&str, &str) = ("/etc/ftp-relay-agent/relay.toml", "the policy file of the package");
const TOKEN: (&str, &str) = (
    "/etc/ftp-relay-agent/relay.token",
    "the tokens of the package, mode 0600; --token-file names another file",
);
