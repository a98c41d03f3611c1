//! One JSON object per line: the keys, their order and the values are an outside contract.

mod line;

use self::line::{Job, Line};
use super::event::Event;
use super::overall::Shown;
use super::style::Exits;
use std::io::{self, Write};
use std::time::Duration;

/// Tells events to a program.
#[derive(Debug)]
pub(super) struct Json {
    exits: Exits,
    /// When it was told last how far the job is.
    last: Duration,
}

impl Json {
    pub(super) const fn new(exits: Exits) -> Self {
        Self { exits, last: Duration::ZERO }
    }

    /// Writes the line of `event`, if it has one. `shown` is how far the job is now, if that has changed; `at` is the
    /// time since the first event. Many small files have no progress of their own: after one of them, the program is
    /// told how far the job is, once a second.
    pub(super) fn tell(
        &mut self,
        event: &Event,
        shown: Option<&Shown>,
        at: Duration,
        out: &mut impl Write,
    ) -> io::Result<()> {
        if let Some(line) = Line::of(event, shown, self.exits) {
            write(&line, out)?;
        }
        match (event, shown) {
            (Event::Progress(_), _) => self.last = at,
            (Event::File { source, size, .. }, Some(shown))
                if shown.of > 1 && at.saturating_sub(self.last) >= PERIOD =>
            {
                self.last = at;
                let job = Some(Job::of(shown));
                write(&Line::Progress { source, bytes: size.unwrap_or(0), total: *size, job }, out)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The time between two lines that tell how far the job is.
const PERIOD: Duration = Duration::from_secs(1);

/// One write per line.
fn write(line: &Line<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    out.write_all(&text)?;
    out.flush()
}

#[cfg(test)]
mod tests;
