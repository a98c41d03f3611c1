//! What `ftp-user --trace` has written: the commands to both servers, and when they were sent.

use std::time::Duration;

/// The column of the source.
pub const SOURCE: usize = 0;
/// The column of the destination.
pub const DESTINATION: usize = 1;

/// The lines of a column, each with its time. What stands there is cut to the width of the column.
fn lines(trace: &str, column: usize) -> impl Iterator<Item = (Option<Duration>, &str)> {
    trace.lines().map(move |line| {
        let (left, right) = line.split_once(" |").unwrap_or((line, ""));
        let (time, left) = left.split_at_checked(10).unwrap_or((left, ""));
        let at = time.trim().parse().ok().map(Duration::from_secs_f64);
        (at, if column == SOURCE { left.trim() } else { right.trim() })
    })
}

/// The commands of one column.
pub fn commands(trace: &str, column: usize) -> impl Iterator<Item = &str> {
    assert!(!trace.contains("left out"), "the trace is not whole");
    lines(trace, column).filter_map(|(_, text)| text.strip_prefix("> "))
}

/// How many times commands were sent that had waited for a reply: runs of commands, of all sessions with one server.
pub fn turns(trace: &str, column: usize) -> usize {
    let (mut turns, mut is_asking) = (0, false);
    for (_, text) in lines(trace, column) {
        let asks = text.starts_with("> ");
        if asks || text.starts_with("< ") {
            turns += usize::from(asks && !is_asking);
            is_asking = asks;
        }
    }
    turns
}

/// How long a server was asked for something, each time from the command to the reply with these words.
pub fn waited(trace: &str, column: usize, command: &str, reply: &str) -> Vec<Duration> {
    let (mut asked, mut all) = (None, Vec::new());
    for (at, text) in lines(trace, column) {
        match text.split_at_checked(2) {
            Some(("> ", sent)) if sent == command => asked = at,
            Some(("< ", heard)) if heard.contains(reply) => {
                all.extend(asked.take().zip(at).map(|(asked, at)| at.saturating_sub(asked)));
            }
            _ => {}
        }
    }
    all
}
