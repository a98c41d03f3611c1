//! The page of all jobs: one row for each, with filters.

use super::html::Html;
use super::job_link;
use super::layout::page;
use super::words::{age, duration, number, percent, rate, size};
use crate::queue::QueueState;
use crate::web::api;
use crate::web::call::{Answer, Call, encode};
use crate::web::error::Result;
use crate::web::view::{JobView, SiteView, Slice, Time};

/// The states of jobs that have not ended, as the filter has them.
const ACTIVE: &str = "scheduled,queued,running,waiting,paused,interrupted";

/// Shows the jobs that pass the filters.
pub(super) fn show(call: &Call) -> Result<Answer> {
    let jobs = api::jobs(call)?;
    let sites = api::sites(call)?;
    let content = Html::new("<div class=\"title\"><h1>Jobs</h1>")
        .when(call.may_submit(), |html| html.raw("<a class=\"button primary\" href=\"/new\">New job</a>"))
        .raw("</div>")
        .add(&filters(call, &sites))
        .raw("<div id=\"live\">")
        .add(&table(&jobs, Time::now()))
        .add(&next_link(call, &jobs))
        .raw("</div>");
    Ok(page(call, "/", "Jobs", &content))
}

fn filters(call: &Call, sites: &[SiteView]) -> Html {
    let (state, site) = (call.query.get("state"), call.query.get("site"));
    let html = Html::new(
        "<form method=\"get\" action=\"/\" class=\"filters\" role=\"search\" aria-label=\"Filter jobs\">",
    )
    .raw("<label>State <select name=\"state\"><option value=\"\">all</option>");
    let html = html
        .option(ACTIVE, "not ended", state == Some(ACTIVE))
        .each(QueueState::ALL, |html, one| html.option(one.name(), one.name(), state == Some(one.name())))
        .raw("</select></label> <label>Site <select name=\"site\"><option value=\"\">all</option>")
        .each(sites, |html, one| html.option(&one.name, &one.name, site == Some(one.name.as_str())));
    // A filter by something else than a known site stays visible.
    let html = html.some(site.filter(|site| sites.iter().all(|known| known.name != *site)), |html, site| {
        html.option(site, site, true)
    });
    html.raw("</select></label> <label>Owner <input name=\"owner\" size=\"12\" value=\"")
        .text(call.query.get("owner").unwrap_or_default())
        .raw("\"></label> <button>Filter</button></form>")
}

fn table(jobs: &Slice<JobView>, now: Time) -> Html {
    if jobs.items.is_empty() {
        return Html::new("<p class=\"empty\">No jobs here.</p>");
    }
    Html::new("<table class=\"cards\"><caption class=\"unseen\">Jobs, newest first</caption><thead><tr>")
        .raw("<th scope=\"col\">State</th><th scope=\"col\">Job</th><th scope=\"col\">Progress</th>")
        .raw("<th scope=\"col\" class=\"num\">Rate</th><th scope=\"col\" class=\"num\">Remaining</th>")
        .raw("<th scope=\"col\">Owner</th><th scope=\"col\">Age</th></tr></thead><tbody>")
        .each(&jobs.items, |html, job| html.add(&row(job, now)))
        .raw("</tbody></table>")
}

fn row(job: &JobView, now: Time) -> Html {
    Html::new("<tr data-job=\"")
        .text(&job.id)
        .raw("\" data-state=\"")
        .raw(job.state.name())
        .raw("\"><td>")
        .add(&state(job.state))
        .raw("<td class=\"places\"><a href=\"")
        .text(job_link(&job.id))
        .raw("\">")
        .add(&places(job))
        .raw("</a> <small>")
        .text(&job.id)
        .raw("</small>")
        .some(why_not_done(job), |html, cause| {
            html.raw("<small class=\"cause\">").text(cause).raw("</small>")
        })
        .raw("<td>")
        .add(&bar(job))
        .raw("<td class=\"num\" data-label=\"Rate\" data-rate>")
        .some(shown_rate(job), |html, amount| html.text(rate(amount)))
        .raw("<td class=\"num\" data-label=\"Remaining\" data-remaining>")
        .some(job.progress.remaining, |html, left| html.text(duration(left)))
        .some(job.next_try.filter(|_| job.state == QueueState::Waiting), |html, next| {
            html.raw("<small>next try ").add(&time(next, now)).raw("</small>")
        })
        .raw("<td data-label=\"Owner\">")
        .text(&job.owner)
        .raw("<td data-label=\"Age\">")
        .add(&time(job.created, now))
        .raw("\n")
}

/// Why a job is not done.
pub(super) fn why_not_done(job: &JobView) -> Option<&str> {
    let is_done = matches!(job.state, QueueState::Done | QueueState::Running);
    job.cause.as_deref().filter(|_| !is_done)
}

/// The rate of a job that runs.
pub(super) fn shown_rate(job: &JobView) -> Option<u64> {
    job.progress.rate.filter(|_| job.state == QueueState::Running)
}

/// A state as a word with its colour.
pub(super) fn state(state: QueueState) -> Html {
    Html::new("<span class=\"state\">").raw(state.name()).raw("</span>")
}

/// The verb and the places of a job, on one line.
pub(super) fn places(job: &JobView) -> Html {
    let first = job.sources.first().map_or("", String::as_str);
    let others = job.sources.len().saturating_sub(1);
    Html::new("")
        .text(&job.verb)
        .raw(" ")
        .text(short(first))
        .when(others > 0, |html| html.raw(" and ").text(number(others as u64)).raw(" more"))
        .raw(" \u{2192} ")
        .text(short(&job.dest))
}

/// A name with its middle left out if it is long.
pub(super) fn short(name: &str) -> String {
    let length = name.chars().count();
    if length <= MOST_LETTERS {
        return name.to_owned();
    }
    let half = MOST_LETTERS / 2;
    let (head, tail): (String, String) =
        (name.chars().take(half).collect(), name.chars().skip(length - half).collect());
    format!("{head}\u{2026}{tail}")
}

/// How far a job is, as a bar and in words.
pub(super) fn bar(job: &JobView) -> Html {
    let (percent, progress) = (percent(job), &job.progress);
    let has_bar = percent.is_some() && (job.state != QueueState::Done);
    let html = Html::new("").when(has_bar, |html| {
        html.raw("<progress max=\"100\" aria-label=\"Progress\" value=\"")
            .text(percent.unwrap_or(0))
            .raw("\"></progress> ")
    });
    // A job that has not begun says nothing, but the script has a place to write to.
    let has_begun = progress.files > 0 || progress.bytes > 0 || progress.of.is_some();
    let html = html.raw("<span class=\"far\" data-far>").when(has_begun, |html| {
        html.some(percent.filter(|_| has_bar), |html, percent| html.text(percent).raw(" % \u{b7} "))
            .text(number(progress.files))
            .some(progress.of.filter(|of| *of != progress.files), |html, of| {
                html.raw(" of ").text(number(of))
            })
            .raw(if progress.of.unwrap_or(progress.files) == 1 { " file, " } else { " files, " })
            .text(size(progress.bytes))
    });
    html.raw("</span>")
}

/// A moment as its distance from now.
pub(super) fn time(time: Time, now: Time) -> Html {
    Html::new("<time datetime=\"").text(time).raw("\">").text(age(time, now)).raw("</time>")
}

fn next_link(call: &Call, jobs: &Slice<JobView>) -> Html {
    let kept = ["state", "site", "owner", "limit"];
    Html::new("").some(jobs.next.as_ref(), |html, next| {
        let keep = |key: &str| call.query.get(key).map(|value| format!("{key}={}&", encode(value)));
        let kept: String = kept.into_iter().filter_map(keep).collect();
        let link = format!("/?{kept}after={}", encode(next));
        html.raw("<p class=\"more\"><a class=\"button\" href=\"").text(link).raw("\">Older jobs</a></p>")
    })
}

/// The largest number of letters of a place in a row.
const MOST_LETTERS: usize = 60;
