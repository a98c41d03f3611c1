//! Pictures: the path of the bytes, and the rate over time.

use super::html::Html;
use super::words::{age, rate};
use crate::web::view::{RatePoint, RouteView, Time};

/// A picture of the path: the hosts, the line that carries bytes, and what encrypts them.
pub(super) fn path(route: &RouteView, worker: &str) -> Html {
    let is_user = matches!(route.path.as_str(), "user" | "local");
    let is_through = route.middle.is_some() || is_user;
    let middle = route.middle.as_deref().unwrap_or(worker);
    let data = route.data.as_deref().unwrap_or("no encryption");
    let line = if is_through { through(data) } else { direct(data) };
    let control = if is_user { Html::default() } else { control(route) };
    let of_middle = if is_user { "worker" } else { "relay" };
    let hosts = [
        ("translate(1 10)", "source", route.source.as_str(), true),
        ("translate(379 10)", "destination", &route.dest, true),
        ("translate(190 10)", of_middle, middle, is_through),
        ("translate(190 135)", "worker", worker, !is_user),
    ];
    let host = |(place, role, name, _): (&str, &str, &str, bool)| {
        Html::of(
            r#"<g transform="{}"><rect class="host" width='160' height='50' rx='6'/>
            <text class="name" x="80" y="22">{}</text><text class="label" x="80" y="40">{}</text></g>"#,
            &[&place, &short(name, 21), &role],
        )
    };
    let hosts = Html::each(hosts.into_iter().filter(|(.., is_there)| *is_there), host);
    Html::of(
        r#"<svg class="path" viewBox="0 0 540 190" role="img" aria-labelledby="path-title">
        <title id="path-title">{}</title>{}{}{}</svg>"#,
        &[&words(route, worker), &line, &control, &hosts],
    )
}

/// A line of bytes from server to server.
fn direct(data: &str) -> Html {
    Html::of(
        r#"<path class="bytes" d="M161 35H369"/><path class="tip" d="M379 35l-13-7v14z"/>
        <text class="label" x='270' y='22'>{}</text>"#,
        &[&short(data, 28)],
    )
}

/// Two lines of bytes, with a host between them.
fn through(data: &str) -> Html {
    Html::of(
        r#"<path class="bytes" d="M161 35H180M350 35H369"/><path class="tip" d="M190 35l-13-7v14z"/>
        <path class="tip" d="M379 35l-13-7v14z"/><text class="label" x='270' y='82'>{}</text>"#,
        &[&short(data, 28)],
    )
}

/// The control connections of the worker.
fn control(route: &RouteView) -> Html {
    let words = |control: &Option<String>| short(control.as_deref().unwrap_or("no encryption"), 18);
    Html::of(
        r#"<path class="control" d="M225 135L80 60M315 135L460 60"/>
        <text class="label" x='90' y='118'>{}</text><text class="label" x='450' y='118'>{}</text>"#,
        &[&words(&route.source_control), &words(&route.dest_control)],
    )
}

/// The path in words.
pub(super) fn words(route: &RouteView, worker: &str) -> String {
    let how = match route.path.as_str() {
        "direct" => "The bytes go straight from the source to the destination",
        "symmetric" => "The bytes go straight from the source to the destination; both connect",
        "relay" => "The bytes go through a relay",
        "user" => "The bytes go through the worker",
        "local" => "The bytes go between a server and the worker's own files",
        _ => "The bytes go from the source to the destination",
    };
    let encrypted = |by: &Option<String>| match by {
        Some(by) => format!("encrypted with {by}"),
        None => "not encrypted".to_owned(),
    };
    let RouteView { source, dest, source_control, dest_control, data, .. } = route;
    let middle = route.middle.as_ref().map(|middle| format!(", {middle}")).unwrap_or_default();
    format!(
        "{how}: {source}{middle}, {dest}. Files are {}; commands from {worker} to the source are {}, to the destination {}.",
        encrypted(data),
        encrypted(source_control),
        encrypted(dest_control)
    )
}

/// A curve of the rate, oldest first.
pub(super) fn curve(points: &[RatePoint], now: Time) -> Html {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Html::default() };
    let highest = points.iter().map(|point| point.rate).max().unwrap_or(0).max(1);
    let lowest = points.iter().map(|point| point.rate).min().unwrap_or(0);
    let span = (last.at.as_second() - first.at.as_second()).max(1);
    let point = |point: &RatePoint| {
        let x = (point.at.as_second() - first.at.as_second()) as f64 / span as f64 * 480.0;
        let y = 110.0 - point.rate as f64 / highest as f64 * 100.0;
        format!("{x:.0},{y:.0} ")
    };
    let (since, highest) = (age(first.at, now), rate(highest));
    Html::of(
        r#"<figure><svg class="curve" viewBox="0 0 480 112" role="img" aria-labelledby="curve-title">
        <title id="curve-title">Rate since {}: between {} and {}, now {}</title>
        <path class="grid" d="M0 10H480M0 60H480M0 110H480"/><polyline class="line" points="{}"/></svg>
        <figcaption class="muted">since {}, highest {}</figcaption></figure>"#,
        &[
            &since,
            &rate(lowest),
            &highest,
            &rate(last.rate),
            &points.iter().map(point).collect::<String>(),
            &since,
            &highest,
        ],
    )
}

/// A name with its end left out if it is long.
fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['\u{2026}']).collect()
}
