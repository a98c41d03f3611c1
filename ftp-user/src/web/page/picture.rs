//! Pictures: the path of the bytes, and the rate over time.

use super::html::Html;
use super::words::{age, rate};
use crate::web::view::{RatePoint, RouteView, Time};

/// A picture of the path: the hosts, the line that carries bytes, and what encrypts them.
pub(super) fn path(route: &RouteView, worker: &str) -> Html {
    let (is_through, is_user) = (route.middle.is_some(), matches!(route.path.as_str(), "user" | "local"));
    let middle = route.middle.as_deref().unwrap_or(worker);
    let data = route.data.as_deref().unwrap_or("no encryption");
    Html::new(
        "<svg class=\"path\" viewBox=\"0 0 540 190\" role=\"img\" aria-labelledby=\"path-title\">\
         <title id=\"path-title\">",
    )
    .add(&words(route, worker))
    .raw("</title>")
    .add(&if is_through || is_user { through(data) } else { direct(data) })
    .when(!is_user, |html| html.add(&control(route)))
    .add(&host(BOXES.0, "source", &route.source))
    .add(&host(BOXES.1, "destination", &route.dest))
    .when(is_through || is_user, |html| {
        html.add(&host(BOXES.2, if is_user { "worker" } else { "relay" }, middle))
    })
    .when(!is_user, |html| html.add(&host(BOXES.3, "worker", worker)))
    .raw("</svg>")
}

/// Where the boxes of hosts are: source, destination, middle and worker.
const BOXES: (&str, &str, &str, &str) =
    ("translate(1 10)", "translate(379 10)", "translate(190 10)", "translate(190 135)");

/// A line of bytes from server to server.
fn direct(data: &str) -> Html {
    Html::new("<path class=\"bytes\" d=\"M161 35H369\"/><path class=\"tip\" d=\"M379 35l-13-7v14z\"/>")
        .raw("<text class=\"label\" x=\"270\" y=\"22\">")
        .text(short(data, 28))
        .raw("</text>")
}

/// Two lines of bytes, with a host between them.
fn through(data: &str) -> Html {
    Html::new(
        "<path class=\"bytes\" d=\"M161 35H180M350 35H369\"/><path class=\"tip\" d=\"M190 35l-13-7v14z\"/>",
    )
    .raw("<path class=\"tip\" d=\"M379 35l-13-7v14z\"/><text class=\"label\" x=\"270\" y=\"82\">")
    .text(short(data, 28))
    .raw("</text>")
}

/// The control connections of the worker.
fn control(route: &RouteView) -> Html {
    let words = |control: &Option<String>| short(control.as_deref().unwrap_or("no encryption"), 18);
    Html::new(
        "<path class=\"control\" d=\"M225 135L80 60M315 135L460 60\"/><text class=\"label\" x=\"90\" \
         y=\"118\">",
    )
    .text(words(&route.source_control))
    .raw("</text><text class=\"label\" x=\"450\" y=\"118\">")
    .text(words(&route.dest_control))
    .raw("</text>")
}

fn host(place: &'static str, role: &'static str, name: &str) -> Html {
    Html::new("<g transform=\"")
        .raw(place)
        .raw(
            "\"><rect class=\"host\" width=\"160\" height=\"50\" rx=\"6\"/><text class=\"name\" x=\"80\" \
             y=\"22\">",
        )
        .text(short(name, 21))
        .raw("</text><text class=\"label\" x=\"80\" y=\"40\">")
        .raw(role)
        .raw("</text></g>")
}

/// The path in words.
pub(super) fn words(route: &RouteView, worker: &str) -> Html {
    let how = match route.path.as_str() {
        "direct" => "The bytes go straight from the source to the destination",
        "symmetric" => "The bytes go straight from the source to the destination; both connect",
        "relay" => "The bytes go through a relay",
        "user" => "The bytes go through the worker",
        "local" => "The bytes go between a server and the worker's own files",
        _ => "The bytes go from the source to the destination",
    };
    let encrypted = |html: Html, by: &Option<String>| match by {
        Some(by) => html.raw(" encrypted with ").text(by),
        None => html.raw(" not encrypted"),
    };
    let html = Html::new("").raw(how).raw(": ").text(&route.source);
    let html = html.some(route.middle.as_ref(), |html, middle| html.raw(", ").text(middle));
    let html = html.raw(", ").text(&route.dest).raw(". Files are");
    let html = encrypted(html, &route.data).raw("; commands from ").text(worker);
    let html = encrypted(html.raw(" to the source are"), &route.source_control);
    encrypted(html.raw(", to the destination"), &route.dest_control).raw(".")
}

/// A curve of the rate, oldest first.
pub(super) fn curve(points: &[RatePoint], now: Time) -> Html {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Html::default() };
    let highest = points.iter().map(|point| point.rate).max().unwrap_or(0).max(1);
    let lowest = points.iter().map(|point| point.rate).min().unwrap_or(0);
    let span = (last.at.seconds() - first.at.seconds()).max(1);
    let line = |html: Html, point: &RatePoint| {
        let x = (point.at.seconds() - first.at.seconds()) as f64 / span as f64 * 480.0;
        let y = 110.0 - point.rate as f64 / highest as f64 * 100.0;
        html.text(format!("{x:.0},{y:.0} "))
    };
    Html::new(
        "<figure><svg class=\"curve\" viewBox=\"0 0 480 112\" role=\"img\" aria-labelledby=\"curve-title\">",
    )
    .raw("<title id=\"curve-title\">Rate since ")
    .text(age(first.at, now))
    .raw(": between ")
    .text(rate(lowest))
    .raw(" and ")
    .text(rate(highest))
    .raw(", now ")
    .text(rate(last.rate))
    .raw(
        "</title><path class=\"grid\" d=\"M0 10H480M0 60H480M0 110H480\"/><polyline class=\"line\" points=\"",
    )
    .each(points, line)
    .raw("\"/></svg><figcaption class=\"muted\">since ")
    .text(age(first.at, now))
    .raw(", highest ")
    .text(rate(highest))
    .raw("</figcaption></figure>")
}

/// A name with its end left out if it is long.
fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['\u{2026}']).collect()
}
