//! The pages of pairs, workers and schedules.

use super::html::Html;
use super::jobs::time;
use super::layout::page;
use super::words::rate;
use super::{button, job_link};
use crate::web::api;
use crate::web::call::{Answer, Call, encode};
use crate::web::error::Result;
use crate::web::view::{PairView, SeriesView, Time, WorkerView};
use std::collections::BTreeSet;

/// Shows the matrix of sites.
pub(super) fn pairs(call: &Call) -> Result<Answer> {
    let (pairs, now) = (api::pairs(call)?, Time::now());
    let sites: BTreeSet<String> = api::sites(call)?.into_iter().map(|site| site.name).collect();
    let ends = pairs.iter().flat_map(|pair| [pair.source.clone(), pair.dest.clone()]);
    let sites: BTreeSet<String> = ends.chain(sites).collect();
    let cell = |html: Html, source: &str, dest: &str| {
        let pair = pairs.iter().find(|pair| pair.source == source && pair.dest == dest);
        let html = html.raw("<td data-label=\"").text(format!("to {dest}")).raw("\">");
        match pair {
            Some(pair) => html.add(&known_pair(pair, now)),
            None => html.raw("<span class=\"muted\">\u{2013}</span>"),
        }
    };
    let row = |html: Html, source: &String| {
        let html = html.raw("<tr><th scope=\"row\">").text(source).raw("</th>");
        sites.iter().fold(html, |html, dest| cell(html, source, dest)).raw("</tr>")
    };
    let content = Html::new(
        "<h1>Pairs</h1><p class=\"muted\">The path that files took last from the site \
         of a row to the site of a column.</p><div id=\"live\">",
    )
    .when(sites.is_empty(), |html| html.raw("<p class=\"empty\">No worker has a site.</p>"))
    .when(!sites.is_empty(), |html| {
        html.raw(
            "<div class=\"wide\"><table class=\"cards matrix\"><caption class=\"unseen\">Paths \
            between sites</caption><thead><tr><th scope=\"col\">from</th>",
        )
        .each(&sites, |html, site| html.raw("<th scope=\"col\">to ").text(site).raw("</th>"))
        .raw("</tr></thead><tbody>")
        .each(&sites, row)
        .raw("</tbody></table></div>")
    });
    Ok(page(call, "/pairs", "Pairs", &content.raw("</div>")))
}

fn known_pair(pair: &PairView, now: Time) -> Html {
    if let Some(cause) = &pair.cause {
        return Html::new("<span class=\"cause\">").text(cause).raw("</span>");
    }
    Html::new("<strong>")
        .text(pair.path.as_deref().unwrap_or("unknown"))
        .raw("</strong>")
        .some(pair.rung.as_ref().filter(|rung| Some(*rung) != pair.path.as_ref()), |html, rung| {
            html.raw(" <span>").text(rung).raw("</span>")
        })
        .some(pair.protection.as_ref(), |html, protection| html.raw(", ").text(protection))
        .raw(" <small>")
        .some(pair.rate, |html, amount| html.text(rate(amount)).raw(", "))
        .some(pair.seen, |html, seen| html.add(&time(seen, now)))
        .raw("</small>")
}

/// Shows the workers.
pub(super) fn workers(call: &Call) -> Result<Answer> {
    let (workers, now) = (api::workers(call)?, Time::now());
    let content = Html::new("<h1>Workers</h1><div id=\"live\">")
        .when(workers.is_empty(), |html| html.raw("<p class=\"empty\">No worker has been seen.</p>"))
        .when(!workers.is_empty(), |html| {
            html.raw("<table class=\"cards\"><caption class=\"unseen\">Workers</caption><thead><tr>")
                .raw("<th scope=\"col\">State</th><th scope=\"col\">Name</th><th scope=\"col\">Jobs</th>")
                .raw(
                    "<th scope=\"col\">Sites</th><th scope=\"col\">Version</th><th scope=\"col\">Started\
                </th>",
                )
                .raw("<th scope=\"col\">Last sign of life</th></tr></thead><tbody>")
                .each(&workers, |html, worker| html.add(&worker_row(worker, now)))
                .raw("</tbody></table>")
        });
    Ok(page(call, "/workers", "Workers", &content.raw("</div>")))
}

fn worker_row(worker: &WorkerView, now: Time) -> Html {
    let state = match (worker.alive, worker.draining, worker.jobs.is_empty()) {
        (false, _, _) => "lost",
        (true, true, _) => "draining",
        (true, false, true) => "idle",
        (true, false, false) => "running",
    };
    let job =
        |html: Html, id: &String| html.raw("<a href=\"").text(job_link(id)).raw("\">").text(id).raw("</a> ");
    Html::new("<tr data-state=\"")
        .raw(state)
        .raw("\"><td><span class=\"state\">")
        .raw(state)
        .raw("</span><td data-label=\"Name\"><strong>")
        .text(&worker.name)
        .raw("</strong> <small>")
        .text(&worker.id)
        .raw("</small><td data-label=\"Jobs\">")
        .each(&worker.jobs, job)
        .raw("<small>at most ")
        .text(worker.parallel)
        .raw(" jobs</small><td data-label=\"Sites\">")
        .text(worker.sites.join(", "))
        .raw("<td data-label=\"Version\">")
        .text(&worker.version)
        .raw("<td data-label=\"Started\">")
        .add(&time(worker.started, now))
        .raw("<td data-label=\"Seen\">")
        .add(&time(worker.seen, now))
        .raw("\n")
}

/// Shows the schedules.
pub(super) fn series(call: &Call) -> Result<Answer> {
    let (all, now) = (api::series(call)?, Time::now());
    let content =
        Html::new("<h1>Schedules</h1><div id=\"live\">")
            .when(all.is_empty(), |html| {
                html.raw(
                    "<p class=\"empty\">No schedules. The field \u{201c}Again and again\u{201d} of a new \
            job makes one.</p>",
                )
            })
            .when(!all.is_empty(), |html| {
                html.raw("<table class=\"cards\"><caption class=\"unseen\">Schedules</caption><thead><tr>")
                .raw("<th scope=\"col\">State</th><th scope=\"col\">Schedule</th><th scope=\"col\">Job</th>")
                .raw("<th scope=\"col\">Last run</th><th scope=\"col\">Next run</th><th \
                scope=\"col\">Owner</th>")
                .raw("<th scope=\"col\"><span class=\"unseen\">Actions</span></th></tr></thead><tbody>")
                .each(&all, |html, one| html.add(&series_row(call, one, now)))
                .raw("</tbody></table>")
            });
    Ok(page(call, "/series", "Schedules", &content.raw("</div>")))
}

fn series_row(call: &Call, series: &SeriesView, now: Time) -> Html {
    let may = call.caller().is_ok_and(|caller| caller.may_change(&series.owner));
    let place = |action: &str| format!("/series/{}/{action}", encode(&series.id));
    let (state, word) = if series.paused { ("paused", "paused") } else { ("scheduled", "active") };
    Html::new("<tr data-state=\"")
        .raw(state)
        .raw("\"><td><span class=\"state\">")
        .raw(word)
        .raw("</span><td data-label=\"Schedule\"><strong>")
        .text(&series.every)
        .raw("</strong> <small>")
        .text(&series.zone)
        .raw("</small><td class=\"places\" data-label=\"Job\">")
        .text(&series.verb)
        .raw(" ")
        .text(series.sources.join(", "))
        .raw(" \u{2192} ")
        .text(&series.dest)
        .raw("<td data-label=\"Last run\">")
        .some(series.last_job.as_ref(), |html, job| {
            html.raw("<a href=\"").text(job_link(job)).raw("\">").text(job).raw("</a> ")
        })
        .some(series.last_state, |html, state| html.raw(state.name()))
        .some(series.last, |html, last| html.raw(" <small>").add(&time(last, now)).raw("</small>"))
        .raw("<td data-label=\"Next run\">")
        .some(series.next, |html, next| html.add(&time(next, now)))
        .raw("<td data-label=\"Owner\">")
        .text(&series.owner)
        .raw("<td><div class=\"actions\">")
        .when(may && !series.paused, |html| html.add(&button(call, &place("pause"), "Pause", "")))
        .when(may && series.paused, |html| html.add(&button(call, &place("resume"), "Resume", "")))
        .when(may, |html| html.add(&button(call, &place("remove"), "Remove", "danger")))
        .raw("</div>\n")
}
