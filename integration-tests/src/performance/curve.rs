//! Curves of measures that have a place on an axis, as SVG.

use super::{Quantity, Results};
use crate::drawing::{Drawing, Line};

/// A drawing: each contender has a line through its medians.
pub(super) struct Curve {
    pub(super) file: &'static str,
    pub(super) title: &'static str,
    part: &'static str,
    /// The name of what is measured, and its unit.
    what: [&'static str; 2],
    /// What the horizontal axis shows.
    axis: &'static str,
}

pub(super) const CURVES: [Curve; 5] = [
    Curve {
        file: "rate-over-rtt.svg",
        title: "Rate of one file over a line of 100 Mbit/s with 0.1 % loss, cubic",
        part: "lines",
        what: ["one file, 100 Mbit/s, 0.1 % loss, cubic, rtt in ms", "Mbit/s"],
        axis: "round-trip time, ms",
    },
    Curve {
        file: "rate-over-loss.svg",
        title: "Rate of one file over a line of 100 Mbit/s with 100 ms, cubic",
        part: "lines",
        what: ["one file, 100 Mbit/s, 100 ms, cubic, loss in %", "Mbit/s"],
        axis: "loss each way, %",
    },
    Curve {
        file: "bbr-over-rtt.svg",
        title: "Rate of one file over one connection, 100 Mbit/s with 0.1 % loss, bbr",
        part: "lines",
        what: ["one file, 100 Mbit/s, 0.1 % loss, bbr, rtt in ms", "Mbit/s"],
        axis: "round-trip time, ms",
    },
    Curve {
        file: "files-over-rtt.svg",
        title: "500 files of 20 kB over a line of 100 Mbit/s",
        part: "latency",
        what: ["500 x 20 kB, 100 Mbit/s, rtt in ms", "s"],
        axis: "round-trip time, ms",
    },
    Curve {
        file: "sessions-over-memory.svg",
        title: "Memory (PSS) of a server with idle sessions in clear",
        part: "idle",
        what: ["server with idle sessions, how many", "MiB"],
        axis: "sessions",
    },
];

impl Curve {
    /// The medians of each contender, by their places.
    fn lines<'a>(&self, results: &'a Results) -> Vec<Line<'a>> {
        let [name, unit] = self.what;
        let what = Quantity::new(name, unit);
        let mut lines: Vec<Line<'a>> = Vec::new();
        for one in results.parts.get(self.part).map_or(&[][..], |part| &part.measures) {
            let (Some(at), Some(spread)) = (one.at.filter(|_| one.what == what), one.spread()) else {
                continue;
            };
            match lines.iter_mut().find(|(name, _)| *name == one.contender) {
                Some((_, points)) => points.push([at, spread.median]),
                None => lines.push((&one.contender, vec![[at, spread.median]])),
            }
        }
        lines.iter_mut().for_each(|(_, points)| points.sort_by(|one, other| one[0].total_cmp(&other[0])));
        lines
    }

    /// The drawing; none without measures.
    pub(super) fn svg(&self, results: &Results) -> Option<String> {
        let [_, unit] = self.what;
        Drawing { title: self.title, unit, axis: self.axis, lines: self.lines(results) }.svg()
    }
}
