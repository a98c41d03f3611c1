//! What the manual pages say beyond the options: examples, exit statuses, files.

use anyhow::Context;
use clap::CommandFactory;
use ftp_io::program::manual::{Manual, Page};

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
pub const PAGES: &[Page] = &[
    Page {
        verb: "",
        examples: &[
            (
                "ftp-server --listen 127.0.0.1:2121 --root /srv/ftp --user ann:secret",
                "A server for a first trial, on this host only.",
            ),
            (
                "ftp-server --config /etc/ftp-server/server.toml --tls-self-signed --require-tls",
                "Serves as a file says, and only inside TLS.",
            ),
            ("ftp-server check-config /etc/ftp-server/server.toml", "Says every mistake of the file."),
        ],
        exits: &[
            (0, "stopped as asked (SIGTERM, SIGINT), or printed what was asked for"),
            (1, "it cannot serve: an address in use, a certificate that cannot be read"),
            (2, "a mistake in the command line or in a file that it names"),
        ],
        files: &[CONFIGURATION, STATE],
        see: &["ftp-user"],
    },
    Page {
        verb: "check-config",
        examples: &[("ftp-server check-config /etc/ftp-server/server.toml", "Before a restart or SIGHUP.")],
        exits: &[(0, "no mistake"), (1, "a mistake was found"), USAGE],
        files: &[CONFIGURATION],
        see: &[],
    },
    Page {
        verb: "hash-password",
        examples: &[(
            "ftp-server hash-password",
            "Asks for a password, and prints its hash for a file of users.",
        )],
        exits: PRINTED,
        files: &[CONFIGURATION],
        see: &[],
    },
    Page {
        verb: "who",
        examples: &[(
            "ftp-server who --state /var/lib/ftp-server",
            "Lists the sessions of the server of systemd.",
        )],
        exits: ASKED,
        files: &[STATE],
        see: &["ftp-server-kick"],
    },
    Page {
        verb: "kick",
        examples: &[("ftp-server kick 17 --state /var/lib/ftp-server", "Ends the session 17.")],
        exits: ASKED,
        files: &[STATE],
        see: &["ftp-server-who"],
    },
    Page {
        verb: "completions",
        examples: &[("source <(ftp-server completions bash)", "Completes in this bash.")],
        exits: PRINTED,
        files: &[],
        see: &[],
    },
    Page {
        verb: "man",
        examples: &[(
            "ftp-server man who | man -l -",
            "Shows the page of a verb, where it is not installed.",
        )],
        exits: PRINTED,
        files: &[],
        see: &[],
    },
];

const USAGE: (u8, &str) = (2, "a mistake in the command line");
const PRINTED: &[(u8, &str)] = &[(0, "printed"), (1, "standard output cannot be written"), USAGE];
const ASKED: &[(u8, &str)] = &[(0, "done"), (1, "no server runs there, or it has no such session"), USAGE];
const CONFIGURATION: (&str, &str) = ("/etc/ftp-server/server.toml", "the configuration of the package");
const STATE: (&str, &str) = (
    "/var/lib/ftp-server/",
    "what the server of the package keeps; --state names another directory, and ~/.local/state/ftp-server is the default",
);
