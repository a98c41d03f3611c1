//! `who` and `kick`: what is asked of a server that runs.

use std::io::{ErrorKind, IsTerminal};
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use ftp_io::os_error::words;
use ftp_io::program::output;

use crate::operate::control::{self, Request};
use crate::operate::usual_state;

/// Asks the server that holds the state directory, and prints its answer.
///
/// # Errors
/// No server answers there, or it refuses.
pub fn ask(state: Option<PathBuf>, request: Request) -> anyhow::Result<()> {
    let state = state.or_else(usual_state).context("the state directory is unknown: name it with --state")?;
    let answer = control::ask(&state, request).map_err(|error| {
        let (state, words) = (state.display(), words(&error));
        // The socket is there, and the server that has opened it is gone.
        let what_to_do = match error.kind() == ErrorKind::ConnectionRefused {
            true => "the server that used this state directory was killed; start it again",
            false => "name the state directory of the server with --state",
        };
        anyhow!("no server answers in {state}: {words}; {what_to_do}")
    })?;
    match answer {
        Ok(text) if request == Request::Who && std::io::stdout().is_terminal() => {
            let sessions = if text.is_empty() { "no sessions\n" } else { &text };
            Ok(output::print(format!("{HEADING}{sessions}").as_bytes())?)
        }
        Ok(text) => Ok(output::print(text.as_bytes())?),
        Err(why) => bail!(why),
    }
}

/// What stands above the sessions on a terminal; a script gets the sessions alone.
const HEADING: &str = "ID CLIENT \"USER\" SECONDS \"LAST COMMAND\"\n";
