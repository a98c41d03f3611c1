//! The pages of pairs, workers and schedules.

use super::html::Html;
use super::jobs::time;
use super::layout::page;
use super::words::rate;
use super::{button, job_link};
use crate::queue::QueueState;
use crate::web::api;
use crate::web::call::{Answer, Call, encode};
use crate::web::error::Result;
use crate::web::view::{PairView, SeriesView, Time, WorkerView, now};
use std::collections::BTreeSet;

/// Shows the matrix of sites.
pub(super) fn pairs(call: &Call) -> Result<Answer> {
    let (pairs, now) = (api::pairs(call)?, now());
    let sites: BTreeSet<String> = api::sites(call)?.into_iter().map(|site| site.name).collect();
    let ends = pairs.iter().flat_map(|pair| [pair.source.clone(), pair.dest.clone()]);
    let sites: BTreeSet<String> = ends.chain(sites).collect();
    let cell = |source: &String, dest: &String| {
        let pair = pairs.iter().find(|pair| pair.source == *source && pair.dest == *dest);
        let known = match pair {
            Some(pair) => known_pair(pair, now),
            None => Html::of("<span class=\"muted\">\u{2013}</span>", &[]),
        };
        Html::of(r#"<td data-label="to {}">{}"#, &[dest, &known])
    };
    let row = |source: &String| {
        let cells = Html::each(&sites, |dest| cell(source, dest));
        Html::of(r#"<tr><th scope="row">{}</th>{}</tr>"#, &[source, &cells])
    };
    let matrix = match sites.is_empty() {
        true => Html::of(r#"<p class="empty">No worker has a site.</p>"#, &[]),
        false => Html::of(
            r#"<div class="wide"><table class="cards matrix"><caption class="unseen">Paths between sites</caption>
            <thead><tr><th scope="col">from</th>{}</tr></thead><tbody>{}</tbody></table></div>"#,
            &[
                &Html::each(&sites, |site| Html::of(r#"<th scope="col">to {}</th>"#, &[site])),
                &Html::each(&sites, row),
            ],
        ),
    };
    let content = Html::of(
        r#"<h1>Pairs</h1>
        <p class="muted">The path that files took last from the site of a row to the site of a column.</p>
        <div id="live">{}</div>"#,
        &[&matrix],
    );
    Ok(page(call, "/pairs", "Pairs", &content))
}

fn known_pair(pair: &PairView, now: Time) -> Html {
    if let Some(cause) = &pair.cause {
        return Html::of(r#"<span class="cause">{}</span>"#, &[cause]);
    }
    let rung = pair.rung.as_ref().filter(|rung| Some(*rung) != pair.path.as_ref());
    Html::of(
        "<strong>{}</strong>{}{} <small>{}{}</small>",
        &[
            &pair.path.as_deref().unwrap_or("unknown"),
            &Html::each(rung, |rung| Html::of(" <span>{}</span>", &[rung])),
            &pair.protection.as_ref().map(|protection| format!(", {protection}")).unwrap_or_default(),
            &pair.rate.map(|amount| format!("{}, ", rate(amount))).unwrap_or_default(),
            &Html::each(pair.seen, |seen| time(seen, now)),
        ],
    )
}

/// Shows the workers.
pub(super) fn workers(call: &Call) -> Result<Answer> {
    let (workers, now) = (api::workers(call)?, now());
    let head = r#"<caption class="unseen">Workers</caption><thead><tr>
        <th scope="col">State</th><th scope="col">Name</th><th scope="col">Jobs</th>
        <th scope="col">Sites</th><th scope="col">Version</th><th scope="col">Started</th>
        <th scope="col">Last sign of life</th></tr></thead>"#;
    let row = |worker: &WorkerView| worker_row(worker, now);
    let table = Html::table(head, &workers, row, "No worker has been seen.");
    let content = Html::of(r#"<h1>Workers</h1><div id="live">{}</div>"#, &[&table]);
    Ok(page(call, "/workers", "Workers", &content))
}

fn worker_row(worker: &WorkerView, now: Time) -> Html {
    let state = match (worker.alive, worker.draining, worker.jobs.is_empty()) {
        (false, _, _) => "lost",
        (true, true, _) => "draining",
        (true, false, true) => "idle",
        (true, false, false) => "running",
    };
    Html::of(
        r#"<tr data-state="{}"><td><span class="state">{}</span>
        <td data-label="Name"><strong>{}</strong> <small>{}</small>
        <td data-label="Jobs">{}<small>at most {} jobs</small><td data-label="Sites">{}
        <td data-label="Version">{}<td data-label="Started">{}<td data-label="Seen">{}"#,
        &[
            &state,
            &state,
            &worker.name,
            &worker.id,
            &Html::each(&worker.jobs, link_to_job),
            &worker.parallel,
            &worker.sites.join(", "),
            &worker.version,
            &time(worker.started, now),
            &time(worker.seen, now),
        ],
    )
}

fn link_to_job(id: &String) -> Html {
    Html::of(r#"<a href="{}">{}</a> "#, &[&job_link(id), id])
}

/// Shows the schedules.
pub(super) fn series(call: &Call) -> Result<Answer> {
    let (all, now) = (api::series(call)?, now());
    let head = r#"<caption class="unseen">Schedules</caption><thead><tr>
        <th scope="col">State</th><th scope="col">Schedule</th><th scope="col">Job</th>
        <th scope="col">Last run</th><th scope="col">Next run</th><th scope="col">Owner</th>
        <th scope="col"><span class="unseen">Actions</span></th></tr></thead>"#;
    let empty = "No schedules. The field \u{201c}Again and again\u{201d} of a new job makes one.";
    let table = Html::table(head, &all, |one| series_row(call, one, now), empty);
    let content = Html::of(r#"<h1>Schedules</h1><div id="live">{}</div>"#, &[&table]);
    Ok(page(call, "/series", "Schedules", &content))
}

fn series_row(call: &Call, series: &SeriesView, now: Time) -> Html {
    let may = call.caller().is_ok_and(|caller| caller.may_change(&series.owner));
    let (state, word) = if series.paused { ("paused", "paused") } else { ("scheduled", "active") };
    let actions = [
        ("pause", "Pause", "", !series.paused),
        ("resume", "Resume", "", series.paused),
        ("remove", "Remove", "danger", true),
    ];
    let action = |(action, text, class, _)| {
        button(call, &format!("/series/{}/{action}", encode(&series.id)), text, class)
    };
    let actions = Html::each(actions.into_iter().filter(|(.., fits)| may && *fits), action);
    Html::of(
        r#"<tr data-state="{}"><td><span class="state">{}</span>
        <td data-label="Schedule"><strong>{}</strong> <small>{}</small>
        <td class="places" data-label="Job">{} {} → {}<td data-label="Last run">{}{}{}
        <td data-label="Next run">{}<td data-label="Owner">{}<td><div class="actions">{}</div>"#,
        &[
            &state,
            &word,
            &series.every,
            &series.zone,
            &series.verb,
            &series.sources.join(", "),
            &series.dest,
            &Html::each(&series.last_job, link_to_job),
            &series.last_state.map_or("", QueueState::name),
            &Html::each(series.last, |last| Html::of(" <small>{}</small>", &[&time(last, now)])),
            &Html::each(series.next, |next| time(next, now)),
            &series.owner,
            &actions,
        ],
    )
}
