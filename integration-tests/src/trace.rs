//! What `ftp-user --trace` has written: the commands to both servers, and how many round trips they take.

use std::time::Duration;

/// A command, and the round trip in which it is sent, from 1.
pub type Sent = (String, usize);

/// The columns of a trace.
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

/// The dialogue with one server in one session: in which round trip each command is sent. Replies come in the order of the
/// commands, so each command is one round trip behind the last one that was answered before it. What happens to be heard a
/// moment earlier or later changes nothing.
pub fn round_trips(trace: &str, column: usize) -> Vec<Sent> {
    let mut sent: Vec<Sent> = Vec::new();
    let mut answered = 0_usize;
    for (_, text) in lines(trace, column) {
        match text.split_at_checked(2) {
            Some(("> ", command)) => {
                let before = answered.checked_sub(1).map_or(0, |last| sent[last].1);
                sent.push((command.split(' ').next().unwrap().to_owned(), before + 1));
            }
            Some(("< ", reply)) if is_final(reply) && !sent.is_empty() => answered += 1,
            _ => {}
        }
    }
    sent
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

/// Whether this line of a reply is the last one of the last reply to a command.
fn is_final(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    digits == 3 && line.as_bytes().get(3) == Some(&b' ') && !line.starts_with('1')
}
