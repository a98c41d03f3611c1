//! The dialogue with both servers in two columns, for people who look at a failed seed.

use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use std::fmt;

const WIDTH: usize = 62;

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    lines: Vec<(Moment, Side, String)>,
}

impl Trace {
    pub(super) fn say(&mut self, now: Moment, side: Side, what: String) {
        self.lines.push((now, side, what));
    }

    /// The texts of one side, in order.
    pub(super) fn of(&self, side: Side) -> impl Iterator<Item = (Moment, &str)> {
        self.lines.iter().filter(move |line| line.1 == side).map(|(at, _, text)| (*at, text.as_str()))
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10}  {:WIDTH$}  destination", "seconds", "source")?;
        for (at, side, text) in &self.lines {
            let indent = match side {
                Side::Source => 0,
                Side::Destination => WIDTH + 2,
            };
            writeln!(f, "{:>10.3}  {:indent$}{text}", at.since_start().as_secs_f64(), "")?;
        }
        Ok(())
    }
}
