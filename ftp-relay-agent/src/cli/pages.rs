//! What the manual pages say beyond the options: examples, exit statuses, files.

use anyhow::{Context, anyhow};
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
            Err(Exit::Usage(anyhow!("there is no verb {verb}; ftp-relay-agent man lists the verbs")))
        }
    }
}

/// A page for the program, and one for each verb.
pub const PAGES: &[Page] = &[
    Page {
        verb: "",
        examples: &[
            ("ftp-relay-agent token --name ann > relay.token", "A token for whoever uses the relay."),
            (
                "ftp-relay-agent run --listen 192.0.2.5:2190 --token-file relay.token --allow 198.51.100.7",
                "A relay for one server.",
            ),
        ],
        exits: SERVING,
        files: &[POLICY, TOKEN],
        see: &["ftp-user"],
    },
    Page {
        verb: "run",
        examples: &[
            (
                "ftp-relay-agent run --listen 192.0.2.5:2190 --token-file relay.token --allow 198.51.100.7 --allow 203.0.113.0/24:21,2121",
                "A relay for the servers of a host and of a network.",
            ),
            ("ftp-relay-agent run --config /etc/ftp-relay-agent/relay.toml", "As a file says."),
        ],
        exits: SERVING,
        files: &[POLICY, TOKEN],
        see: &["ftp-relay-agent-check"],
    },
    Page {
        verb: "join",
        examples: &[(
            "ftp-relay-agent join hub.example:443 --name zurich --token-file ann.token --allow 192.0.2.7 --data-ports 40000-40999",
            "An agent beside the server 192.0.2.7, on a host that can only connect out.",
        )],
        exits: SERVING,
        files: &[POLICY, TOKEN],
        see: &["ftp-relay-agent-hub"],
    },
    Page {
        verb: "hub",
        examples: &[(
            "ftp-relay-agent hub --listen 198.51.100.7:443 --token-file hub.token",
            "Where agents meet.",
        )],
        exits: SERVING,
        files: &[POLICY, TOKEN],
        see: &["ftp-relay-agent-join"],
    },
    Page {
        verb: "token",
        examples: &[
            (
                "ftp-relay-agent token --name ann --expires 90d > relay.token",
                "Valid for 90 days. Set umask 077 before.",
            ),
            ("ftp-relay-agent token --name ann --group site > ann.token", "A user of the agents of a group."),
            (
                "ftp-relay-agent token --name zurich --for-agent site > zurich.token",
                "An agent of that group, at a hub.",
            ),
            (
                "ftp-relay-agent token --for-hub ann.token > hub.token",
                "What a hub may know of the same token.",
            ),
        ],
        exits: &[(0, "printed"), (1, "a file cannot be read, or standard output not be written"), USAGE],
        files: &[TOKEN],
        see: &[],
    },
    Page {
        verb: "check",
        examples: &[
            (
                "ftp-relay-agent check 192.0.2.5:2190 --token-file relay.token",
                "Tells what works from this host.",
            ),
            (
                "ftp-relay-agent check hub.example:443 --token-file ann.token --server 192.0.2.7:21",
                "Before an agent is run here: what it would reach.",
            ),
        ],
        exits: &[
            (0, "everything works"),
            (1, "the relay does not answer, or the token file cannot be read"),
            USAGE,
            (11, "the relay does not hold the same token"),
        ],
        files: &[TOKEN],
        see: &[],
    },
    Page {
        verb: "completions",
        examples: &[("source <(ftp-relay-agent completions bash)", "Completes in this bash.")],
        exits: PRINTED,
        files: &[],
        see: &[],
    },
    Page {
        verb: "man",
        examples: &[(
            "ftp-relay-agent man join | man -l -",
            "Shows the page of a verb, where it is not installed.",
        )],
        exits: PRINTED,
        files: &[],
        see: &[],
    },
];

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
