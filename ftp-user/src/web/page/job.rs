//! The page of a job: how far it is, which path its bytes take, what has failed, and what can be done.

use super::html::Html;
use super::jobs::{bar, places, shown_rate, state, time, why_not_done};
use super::layout::page;
use super::words::{command, duration, number, rate, size};
use super::{button, job_link, picture};
use crate::queue::JobChange;
use crate::web::api;
use crate::web::call::{Answer, Call, encode};
use crate::web::error::{ApiError, Result};
use crate::web::fleet::FileFilter;
use crate::web::view::{FailureGroup, FileState, FileView, JobDetail, JobView, Slice, Time};

/// Shows a job.
pub(super) fn show(call: &Call) -> Result<Answer> {
    let (job, now) = (api::job_of(call)?, Time::now());
    let detail = call.fleet().detail(&job.id)?;
    let shown = match call.query.get("files") {
        None | Some("all") => None,
        Some(name) => {
            Some(FileState::named(name).ok_or_else(|| ApiError::bad_value("files", "not a state of files"))?)
        }
    };
    let after = call.query.get("after").map(str::to_owned);
    let files = call.fleet().files(&job.id, &FileFilter { state: shown, limit: FILES, after })?;
    let content = Html::new("<div id=\"live\"><div data-job=\"")
        .text(&job.id)
        .raw("\" data-state=\"")
        .raw(job.state.name())
        .raw("\">")
        .add(&head(call, &job))
        .add(&facts(&job, now))
        .raw("</div>")
        .add(&pictures(&job, &detail, now))
        .add(&failures(&detail.failures))
        .add(&file_table(&job, &files, shown))
        .raw("</div><section><h2>Command line</h2><div class=\"copy\"><pre id=\"command\"><code>")
        .text(command(&job))
        .raw(
            "</code></pre><button type=\"button\" class=\"quiet\" data-copy=\"command\" hidden>Copy\
             </button></div></section>",
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
    let one = |html: Html, action: JobChange| {
        let place = format!("{}/{}", job_link(&job.id), action.name());
        let class = if action == JobChange::Cancel { "danger" } else { "" };
        html.add(&button(call, &place, text(action), class))
    };
    Html::new("<div class=\"title\"><h1>")
        .add(&places(job))
        .raw("</h1><div class=\"actions\">")
        .each(JobChange::OF_API.into_iter().filter(|action| may && action.suits(job.state)), one)
        .raw("</div></div><p class=\"far-line\">")
        .add(&state(job.state))
        .raw(" ")
        .add(&bar(job))
        .raw(" <span data-rate>")
        .some(shown_rate(job), |html, amount| html.text(rate(amount)))
        .raw("</span> <span data-remaining>")
        .some(job.progress.remaining, |html, left| html.text(duration(left)).raw(" left"))
        .raw("</span></p>")
        .some(why_not_done(job), |html, cause| html.raw("<p class=\"cause\">").text(cause).raw("</p>"))
}

fn facts(job: &JobView, now: Time) -> Html {
    let fact = |html: Html, name: &'static str, value: Html| {
        html.raw("<div><dt>").raw(name).raw("</dt><dd>").add(&value).raw("</dd></div>")
    };
    let text = |value: &str| Html::new("").text(value);
    let moments = [
        ("Submitted", Some(job.created)),
        ("Started", job.started),
        ("Ended", job.ended),
        ("Next try", job.next_try),
    ];
    let html = fact(Html::new("<dl class=\"facts\">"), "Job", text(&job.id));
    let html = fact(html, "Owner", text(&job.owner));
    let html = moments.into_iter().fold(html, |html, (name, moment)| {
        html.some(moment, |html, moment| fact(html, name, time(moment, now)))
    });
    let html = html.some(job.worker.as_ref(), |html, worker| fact(html, "Worker", text(worker)));
    let html = html.some(job.path.as_ref(), |html, path| fact(html, "Path", text(path)));
    let html = html.some(job.series.as_ref(), |html, series| fact(html, "Schedule", text(series)));
    let html = html.some(job.exit, |html, exit| fact(html, "Exit status", text(&exit.to_string())));
    let html = fact(html, "Priority", text(&job.priority.to_string()));
    let list = |html: Html, source: &String| html.raw("<span class=\"line\">").text(source).raw("</span>");
    let html = fact(html, "Source", Html::new("").each(job.sources.iter().take(SOURCES), list));
    fact(html, "Destination", text(&job.dest)).raw("</dl>")
}

fn pictures(job: &JobView, detail: &JobDetail, now: Time) -> Html {
    let worker = job.worker.as_deref().unwrap_or("worker");
    let html = Html::new("<div class=\"pictures\">");
    let html = html.some(detail.route.as_ref(), |html, route| {
        html.raw("<section><h2>Path</h2>")
            .add(&picture::path(route, worker))
            .raw("<p class=\"muted\">")
            .add(&picture::words(route, worker))
            .raw("</p></section>")
    });
    let html = html.when(detail.rates.len() > 1, |html| {
        html.raw("<section><h2>Rate</h2>").add(&picture::curve(&detail.rates, now)).raw("</section>")
    });
    html.raw("</div>")
}

fn failures(groups: &[FailureGroup]) -> Html {
    let name = |html: Html, name: &String| html.raw("<li>").text(name).raw("</li>");
    let group = |html: Html, group: &FailureGroup| {
        html.raw("<details open><summary>")
            .text(&group.cause)
            .raw(" <span class=\"muted\">")
            .text(number(group.files))
            .raw(if group.files == 1 { " file" } else { " files" })
            .raw("</span></summary>")
            .raw("<ul class=\"names\">")
            .each(group.names.iter().take(NAMES), name)
            .raw("</ul></details>")
    };
    Html::new("").when(!groups.is_empty(), |html| {
        html.raw("<section><h2>Failures by cause</h2>").each(groups, group).raw("</section>")
    })
}

fn file_table(job: &JobView, files: &Slice<FileView>, shown: Option<FileState>) -> Html {
    let chosen = shown.map_or("all", FileState::name);
    let link = |html: Html, name: &'static str| {
        let html = html.raw("<li><a href=\"").text(job_link(&job.id)).raw("?files=").raw(name).raw("\"");
        html.when(name == chosen, |html| html.raw(" aria-current=\"true\""))
            .raw(">")
            .raw(name)
            .raw("</a></li>")
    };
    let names = std::iter::once("all").chain(FileState::ALL.map(FileState::name));
    let html = Html::new("<section><h2>Files</h2><ul class=\"tabs\">").each(names, link).raw("</ul>");
    if files.items.is_empty() {
        return html.raw("<p class=\"empty\">No files here.</p></section>");
    }
    let next = |html: Html, next: &String| {
        let link = format!("{}?files={chosen}&after={}", job_link(&job.id), encode(next));
        html.raw("<p class=\"more\"><a class=\"button\" href=\"").text(link).raw("\">More files</a></p>")
    };
    html.raw("<table class=\"cards\"><caption class=\"unseen\">Files of the job</caption><thead><tr>")
        .raw("<th scope=\"col\">State</th><th scope=\"col\">Source</th><th scope=\"col\">Destination</th>")
        .raw("<th scope=\"col\" class=\"num\">Bytes</th><th scope=\"col\">Path</th>")
        .raw("<th scope=\"col\">Verified</th></tr></thead><tbody>")
        .each(&files.items, |html, file| html.add(&file_row(file)))
        .raw("</tbody></table>")
        .some(files.next.as_ref(), next)
        .raw("</section>")
}

fn file_row(file: &FileView) -> Html {
    let (path, rung) = (file.path.as_deref().unwrap_or_default(), file.rung.as_deref().unwrap_or_default());
    Html::new("<tr data-state=\"")
        .raw(file.state.name())
        .raw("\"><td><span class=\"state\">")
        .raw(file.state.name())
        .raw("</span><td class=\"places\" data-label=\"Source\">")
        .text(&file.source)
        .some(file.cause.as_ref(), |html, cause| {
            html.raw("<small class=\"cause\">").text(cause).raw("</small>")
        })
        .raw("<td class=\"places\" data-label=\"Destination\">")
        .text(&file.dest)
        .raw("<td class=\"num\" data-label=\"Bytes\">")
        .text(size(file.bytes))
        .raw("<td data-label=\"Path\">")
        .text(path)
        .when(!rung.is_empty() && rung != path, |html| html.raw(" <small>").text(rung).raw("</small>"))
        .raw("<td data-label=\"Verified\">")
        .text(file.verified.as_deref().unwrap_or_default())
        .raw("\n")
}

/// The largest number of files on one page.
const FILES: usize = 50;
/// The largest number of sources that the facts list.
const SOURCES: usize = 20;
/// The largest number of names below a cause.
const NAMES: usize = 10;
