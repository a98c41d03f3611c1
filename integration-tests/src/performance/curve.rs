//! Curves of measures that have a place on an axis, as SVG.

use super::{Quantity, Results};
use std::fmt::Write;

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

/// The size of a drawing, and of its margins.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

/// Colours that stand out before white and before black.
const COLOURS: [&str; 8] =
    ["#1f77b4", "#d9480f", "#2f9e44", "#9c36b5", "#b8860b", "#0c8599", "#e64980", "#868e96"];

const STYLE: &str = ".back{fill:#fff}text{font:12px sans-serif;fill:#222}line{stroke:#222}.grid{stroke:#8884}\
    @media(prefers-color-scheme: dark){.back{fill:#111}text{fill:#ddd}line{stroke:#ddd}}";

/// The medians of a contender, by their places.
type Series<'a> = (&'a str, Vec<[f64; 2]>);

impl Curve {
    fn series<'a>(&self, results: &'a Results) -> Vec<Series<'a>> {
        let [name, unit] = self.what;
        let what = Quantity::new(name, unit);
        let mut series: Vec<Series<'a>> = Vec::new();
        for one in results.parts.get(self.part).map_or(&[][..], |part| &part.measures) {
            let (Some(at), Some(spread)) = (one.at.filter(|_| one.what == what), one.spread()) else {
                continue;
            };
            match series.iter_mut().find(|(name, _)| *name == one.contender) {
                Some((_, points)) => points.push([at, spread.median]),
                None => series.push((&one.contender, vec![[at, spread.median]])),
            }
        }
        series.iter_mut().for_each(|(_, points)| points.sort_by(|one, other| one[0].total_cmp(&other[0])));
        series
    }

    /// The drawing; none without measures.
    pub(super) fn svg(&self, results: &Results) -> Option<String> {
        let series = self.series(results);
        let all = || series.iter().flat_map(|(_, points)| points);
        let [right, top] = [0, 1].map(|axis| all().map(|point| point[axis]).fold(0.0, f64::max));
        if right == 0.0 || top == 0.0 {
            return None;
        }
        let (across, up) = (ticks(right), ticks(top));
        let (right, top) = (right.max(*across.last()?), *up.last()?);
        let x = |value: f64| LEFT + value / right * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n<rect class=\"back\" width=\"100%\" height=\"100%\"/>\n",
            self.title
        );
        let [_, unit] = self.what;
        text(&mut svg, [LEFT, 20.0], "start", &format!("{} ({unit})", self.title));
        text(&mut svg, [x(right / 2.0), HEIGHT - 12.0], "middle", self.axis);
        for tick in up {
            stroke(&mut svg, "grid", [LEFT, y(tick), x(right), y(tick)]);
            text(&mut svg, [LEFT - 6.0, y(tick) + 4.0], "end", &tick.to_string());
        }
        for tick in across {
            stroke(&mut svg, "tick", [x(tick), y(0.0), x(tick), y(0.0) + 5.0]);
            text(&mut svg, [x(tick), y(0.0) + 18.0], "middle", &tick.to_string());
        }
        stroke(&mut svg, "axis", [LEFT, y(0.0), x(right), y(0.0)]);
        for (number, ((name, points), colour)) in series.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let places: Vec<[f64; 2]> = points.iter().map(|[at, value]| [x(*at), y(*value)]).collect();
            let path: Vec<String> = places.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
                path.join(" ")
            );
            let legend = [WIDTH - RIGHT + 20.0, TOP + 12.0 + 20.0 * number as f64];
            for [x, y] in places.into_iter().chain([legend]) {
                let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>");
            }
            text(&mut svg, [legend[0] + 10.0, legend[1] + 4.0], "start", name);
        }
        Some(svg + "</svg>\n")
    }
}

/// Round numbers from 0 to `most` or a little more.
fn ticks(most: f64) -> Vec<f64> {
    let magnitude = 10_f64.powf(most.log10().floor());
    let step = [0.1, 0.2, 0.25, 0.5, 1.0, 2.0]
        .into_iter()
        .map(|part| part * magnitude)
        .find(|step| most / step <= 6.0)
        .unwrap_or(magnitude);
    // Without the dust of binary fractions.
    (0..=(most / step).ceil() as u32).map(|count| (f64::from(count) * step * 1e6).round() / 1e6).collect()
}

fn text(svg: &mut String, [x, y]: [f64; 2], anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn stroke(svg: &mut String, class: &str, [x1, y1, x2, y2]: [f64; 4]) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}
