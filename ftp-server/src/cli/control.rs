//! `who` and `kick`: what is asked of a server that runs.

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
        anyhow!("no server answers in {state}: {words}; name the state directory of the server with --state")
    })?;
    match answer {
        Ok(text) => Ok(output::print(text.as_bytes())?),
        Err(why) => bail!(why),
    }
}
