//! The page of a job: how far it is, which path its bytes take, what has failed, and what can be done.

use super::html::Html;
use super::jobs::{bar, places, shown_rate, small_cause, state, time, why_not_done};
use super::layout::page;
use super::words::{command, duration, number, size};
use super::{button, job_link, picture};
use crate::outcome::FailureGroup;
use crate::queue::{FileQuery, FileState, JobChange, Slice};
use crate::web::api;
use crate::web::call::{Answer, Call, encode};
use crate::web::error::{ApiError, Result};
use crate::web::view::{FileView, JobDetail, JobView, Time, now};
use std::fmt::Display;

/// Shows a job.
pub(super) fn show(call: &Call) -> Result<Answer> {
    let (job, now) = (api::job_of(call)?, now());
    let detail = call.fleet().detail(&job.id)?;
    let shown = match call.query.get("files") {
        None | Some("all") => None,
        Some(name) => {
            Some(FileState::named(name).ok_or_else(|| ApiError::bad_value("files", "not a state of files"))?)
        }
    };
    let query = FileQuery { state: shown, most: FILES, after: api::file_cursor(call)? };
    let files = call.fleet().files(&job.id, query)?;
    let (pictures, failures) = (pictures(&job, &detail, now), failures(&detail.failures));
    let content = Html::of(
        r#"<div id="live"><div data-job="{}" data-state="{}">{}{}</div>{}{}{}</div>
        <section><h2>Command line</h2><div class="copy"><pre id="command"><code>{}</code></pre>
        <button type="button" class="quiet" data-copy="command" hidden>Copy</button></div></section>"#,
        &[
            &job.id,
            &job.state.name(),
            &head(call, &job),
            &facts(&job, now),
            &pictures,
            &failures,
            &file_table(&job, &files, shown),
            &command(&job),
        ],
    );
    Ok(page(call, "", &format!("{} {}", job.verb, job.id), &content))
}

fn head(call: &Call, job: &JobView) -> Html {
    let may = call.caller().is_ok_and(|caller| caller.may_change(&job.owner));
    let text = |action| match action {
        JobChange::Pause => "Pause",
        JobChange::Resume => "Resume",
        JobChange::Cancel => "Cancel",
        JobChange::Retry => "Retry",
        JobChange::Forget => "Forget",
    };
    let one = |action: JobChange| {
        let place = format!("{}/{}", job_link(&job.id), action.name());
        let class = if action == JobChange::Cancel { "danger" } else { "" };
        button(call, &place, text(action), class)
    };
    let actions = Html::each(
        JobChange::OF_API.into_iter().filter(|change| may && change.suits(job.state, job.wish)),
        one,
    );
    let left = job.progress.remaining.map(|left| format!("{} left", duration(left)));
    let cause = Html::each(why_not_done(job), |cause| Html::of(r#"<p class="cause">{}</p>"#, &[&cause]));
    Html::of(
        r#"<div class="title"><h1>{}</h1><div class="actions">{}</div></div>
        <p class="far-line">{} {} <span data-rate>{}</span> <span data-remaining>{}</span></p>{}"#,
        &[
            &places(job),
            &actions,
            &state(job.state),
            &bar(job),
            &shown_rate(job),
            &left.unwrap_or_default(),
            &cause,
        ],
    )
}

fn facts(job: &JobView, now: Time) -> Html {
    let text = |value: &dyn Display| Html::of("{}", &[&value.to_string()]);
    let moment = |moment: Option<Time>| moment.map(|moment| time(moment, now));
    let known = |value: &Option<String>| value.as_ref().map(|value| text(value));
    let line = |source: &String| Html::of(r#"<span class="line">{}</span>"#, &[source]);
    let facts = [
        ("Job", Some(text(&job.id))),
        ("Owner", Some(text(&job.owner))),
        ("Submitted", moment(Some(job.times.created))),
        ("Started", moment(job.times.started)),
        ("Ended", moment(job.times.ended)),
        ("Next try", moment(job.times.next_try)),
        ("Worker", known(&job.worker)),
        ("Path", known(&job.path)),
        ("Schedule", known(&job.series)),
        ("Exit status", job.exit.map(|exit| text(&exit))),
        ("Priority", Some(text(&job.priority))),
        ("Source", Some(Html::each(job.sources.iter().take(SOURCES), line))),
        ("Destination", Some(text(&job.dest))),
    ];
    let fact = |(name, value): (&str, Html)| Html::of("<div><dt>{}</dt><dd>{}</dd></div>", &[&name, &value]);
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Html::of(r#"<dl class="facts">{}</dl>"#, &[&Html::each(facts, fact)])
}

fn pictures(job: &JobView, detail: &JobDetail, now: Time) -> Html {
    let worker = job.worker.as_deref().unwrap_or("worker");
    let path = Html::each(&detail.route, |route| {
        let (drawn, words) = (picture::path(route, worker), picture::words(route, worker));
        Html::of(r#"<section><h2>Path</h2>{}<p class="muted">{}</p></section>"#, &[&drawn, &words])
    });
    let rate = Html::each((detail.rates.len() > 1).then_some(&detail.rates), |rates| {
        Html::of("<section><h2>Rate</h2>{}</section>", &[&picture::curve(rates, now)])
    });
    Html::of(r#"<div class="pictures">{}{}</div>"#, &[&path, &rate])
}

fn failures(groups: &[FailureGroup]) -> Html {
    if groups.is_empty() {
        return Html::default();
    }
    let name = |name: &String| Html::of("<li>{}</li>", &[name]);
    let group = |group: &FailureGroup| {
        Html::of(
            r#"<details open><summary>{} <span class="muted">{}{}</span></summary>
            <ul class="names">{}</ul></details>"#,
            &[
                &group.cause,
                &number(group.files),
                &(if group.files == 1 { " file" } else { " files" }),
                &Html::each(group.names.iter().take(NAMES), name),
            ],
        )
    };
    Html::of("<section><h2>Failures by cause</h2>{}</section>", &[&Html::each(groups, group)])
}

fn file_table(job: &JobView, files: &Slice<FileView>, shown: Option<FileState>) -> Html {
    let (chosen, own) = (shown.map_or("all", FileState::name), job_link(&job.id));
    let tab = |name: &'static str| {
        let current = Html::when(name == chosen, r#" aria-current="true""#);
        Html::of(r#"<li><a href="{}?files={}"{}>{}</a></li>"#, &[&own, &name, &current, &name])
    };
    let tabs = Html::each(std::iter::once("all").chain(FileState::ALL.map(FileState::name)), tab);
    let next = |next: &String| {
        let link = format!("{own}?files={chosen}&after={}", encode(next));
        Html::of(r#"<p class="more"><a class="button" href="{}">More files</a></p>"#, &[&link])
    };
    let head = r#"<caption class="unseen">Files of the job</caption><thead><tr>
        <th scope="col">State</th><th scope="col">Source</th><th scope="col">Destination</th>
        <th scope="col" class="num">Bytes</th><th scope="col">Path</th>
        <th scope="col">Verified</th></tr></thead>"#;
    let table = Html::table(head, &files.items, file_row, "No files here.");
    let next = Html::each(&files.next, next);
    Html::of(r#"<section><h2>Files</h2><ul class="tabs">{}</ul>{}{}</section>"#, &[&tabs, &table, &next])
}

fn file_row(file: &FileView) -> Html {
    let (path, rung) = (file.path.as_deref().unwrap_or_default(), file.rung.as_deref().unwrap_or_default());
    let rung = Some(rung).filter(|rung| !rung.is_empty() && *rung != path);
    Html::of(
        r#"<tr data-state="{}"><td><span class="state">{}</span><td class="places" data-label="Source">{}{}
        <td class="places" data-label="Destination">{}<td class="num" data-label="Bytes">{}
        <td data-label="Path">{}{}<td data-label="Verified">{}"#,
        &[
            &file.state.name(),
            &file.state.name(),
            &file.source,
            &small_cause(file.cause.as_deref()),
            &file.dest,
            &size(file.bytes),
            &path,
            &Html::each(rung, |rung| Html::of(" <small>{}</small>", &[&rung])),
            &file.verified.as_deref().unwrap_or_default(),
        ],
    )
}

/// The largest number of files on one page.
const FILES: usize = 50;
/// The largest number of sources that the facts list.
const SOURCES: usize = 20;
/// The largest number of names below a cause.
const NAMES: usize = 10;
