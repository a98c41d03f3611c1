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
        Ok(text) => Ok(output::print(shown(request, text, std::io::stdout().is_terminal()).as_bytes())?),
        Err(why) => bail!(why),
    }
}

/// What is printed of an answer: people get a heading, and scripts the sessions alone.
fn shown(request: Request, text: String, to_people: bool) -> String {
    if request != Request::Who || !to_people {
        return text;
    }
    let sessions = if text.is_empty() { "no sessions\n" } else { &text };
    format!("{HEADING}{sessions}")
}

/// What stands above the sessions on a terminal.
const HEADING: &str = "ID CLIENT \"USER\" SECONDS \"LAST COMMAND\"\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_have_a_heading_for_people_and_none_for_scripts() {
        let line = "1 192.0.2.7:5000 \"ann\" 3 \"NOOP\"\n";
        let who = |text: &str, to_people| shown(Request::Who, text.to_owned(), to_people);
        assert_eq!(who(line, true), format!("{HEADING}{line}"));
        assert_eq!(who("", true), format!("{HEADING}no sessions\n"));
        assert_eq!((who(line, false), who("", false)), (line.to_owned(), String::new()));
        assert_eq!(shown(Request::Kick(1), "ended\n".to_owned(), true), "ended\n");
        // A word of the heading for each word of a line, as the quotes have it.
        let words =
            |line: &str| line.split('"').map(|part| part.split_whitespace().count()).collect::<Vec<_>>();
        assert_eq!(words(HEADING).len(), words(line).len());
    }
}
