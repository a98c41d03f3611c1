//! Copies files and trees straight from one FTP server to another.
//!
//! | folder | what |
//! |---|---|
//! | [`cli`] | the verbs, one file each, and the exit codes |
//! | [`config`] | settings of a file: relays |
//! | [`place`] | URLs, local paths, `.netrc` |
//! | [`control`] | sessions with servers |
//! | [`relay`] | a session with a relay agent: tunnels and joins |
//! | [`ladder`] | which way between two servers is tried next |
//! | [`endpoint`] | the ends of a copy: servers and this host |
//! | [`route`] | one attempt: one file by one candidate |
//! | [`check`] | the overwrite rule, verification |
//! | [`job`] | what a user asked for: files and trees, retries |
//! | [`report`] | what is said to people, programs and the trace |
//! | [`failure`] | what went wrong |

pub mod check;
pub mod cli;
pub mod config;
pub mod context;
pub mod control;
pub mod endpoint;
pub mod failure;
pub mod job;
pub mod ladder;
pub mod place;
pub mod relay;
pub mod report;
pub mod route;

use clap::Parser;
use clap::error::ErrorKind;
use cli::Cli;
use failure::{Failure, Kind};
use job::Status;
use std::process::ExitCode;

/// The whole program.
pub fn run() -> ExitCode {
    let arguments = match cli::arguments() {
        Ok(arguments) => arguments,
        Err(failure) => return fail(&failure),
    };
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(said) => return told(&said),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(cli.run());
            // A blocking read of a dead disk must not keep the program.
            runtime.shutdown_background();
            cli::code(exit)
        }
        Err(error) => fail(&Failure::new(Kind::Other, format!("cannot start: {error}"))),
    }
}

/// Help, version, or what is wrong with the command line, in one line.
fn told(said: &clap::Error) -> ExitCode {
    if said.use_stderr() && said.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return fail(&Failure::usage(first_sentence(&said.render().to_string())).hint("see ftp-user --help"));
    }
    // A reader that went away is no failure.
    let _ = said.print();
    if said.use_stderr() { cli::code(Status::Failed(Kind::Usage)) } else { cli::code(Status::Done) }
}

/// What clap says before it repeats the usage, in one line.
fn first_sentence(text: &str) -> String {
    let text = text.split("\nUsage:").next().unwrap_or_default();
    let text = text.split("\nFor more information").next().unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ").replace(" tip: ", "; ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

fn fail(failure: &Failure) -> ExitCode {
    cli::complain(failure, false);
    cli::code(Status::Failed(failure.kind))
}
