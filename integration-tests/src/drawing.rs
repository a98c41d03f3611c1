//! Lines through points, as SVG.

use std::fmt::Write;

/// A name, and the points of its line from left to right.
pub type Line<'a> = (&'a str, Vec<[f64; 2]>);

/// What is drawn: lines above one axis, with names beside them.
#[derive(Debug)]
pub struct Drawing<'a> {
    /// What it shows.
    pub title: &'a str,
    /// The unit of the heights.
    pub unit: &'a str,
    /// What the horizontal axis shows.
    pub axis: &'a str,
    /// A line for each name.
    pub lines: Vec<Line<'a>>,
}

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

impl Drawing<'_> {
    /// The text of the image; none if there are no points, or all are 0.
    pub fn svg(&self) -> Option<String> {
        let all = || self.lines.iter().flat_map(|(_, points)| points);
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
        text(&mut svg, [LEFT, 20.0], "start", &format!("{} ({})", self.title, self.unit));
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
        for (number, ((name, points), colour)) in self.lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
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
