//! The page of all jobs: one row for each, with filters.

use super::html::Html;
use super::job_link;
use super::layout::page;
use super::words::{age, duration, number, percent, rate, size};
use crate::queue::{QueueState, Slice};
use crate::web::api;
use crate::web::call::{Answer, Call, encode};
use crate::web::error::Result;
use crate::web::view::{JobView, SiteView, Time, now};

/// The states of jobs that have not ended, as the filter has them.
const ACTIVE: &str = "scheduled,queued,running,waiting,paused,interrupted";

/// Shows the jobs that pass the filters.
pub(super) fn show(call: &Call) -> Result<Answer> {
    let jobs = api::jobs(call)?;
    let sites = api::sites(call)?;
    let content = Html::of(
        r#"<div class="title"><h1>Jobs</h1>{}</div>{}<div id="live">{}{}</div>"#,
        &[
            &Html::when(call.may_submit(), r#"<a class="button primary" href="/new">New job</a>"#),
            &filters(call, &sites),
            &table(&jobs, now()),
            &next_link(call, &jobs),
        ],
    );
    Ok(page(call, "/", "Jobs", &content))
}

fn filters(call: &Call, sites: &[SiteView]) -> Html {
    let (state, site) = (call.query.get("state"), call.query.get("site"));
    let of_state = |name: &str, shown: &str| Html::option(name, shown, state == Some(name));
    let of_site = |name: &str| Html::option(name, name, site == Some(name));
    // A filter by something else than a known site stays visible.
    let other = site.filter(|site| sites.iter().all(|known| known.name != *site));
    Html::of(
        r#"<form method="get" action="/" class="filters" role="search" aria-label="Filter jobs">
        <label>State <select name="state"><option value="">all</option>{}{}</select></label> <label>
        Site <select name="site"><option value="">all</option>{}{}</select></label> <label>
        Owner <input name="owner" size="12" value="{}"></label> <button>Filter</button></form>"#,
        &[
            &of_state(ACTIVE, "not ended"),
            &Html::each(QueueState::ALL, |state| of_state(state.name(), state.name())),
            &Html::each(sites, |site| of_site(&site.name)),
            &Html::each(other, of_site),
            &call.query.get("owner").unwrap_or_default(),
        ],
    )
}

fn table(jobs: &Slice<JobView>, now: Time) -> Html {
    let head = r#"<caption class="unseen">Jobs, newest first</caption><thead><tr>
        <th scope="col">State</th><th scope="col">Job</th><th scope="col">Progress</th>
        <th scope="col" class="num">Rate</th><th scope="col" class="num">Remaining</th>
        <th scope="col">Owner</th><th scope="col">Age</th></tr></thead>"#;
    Html::table(head, &jobs.items, |job| row(job, now), "No jobs here.")
}

fn row(job: &JobView, now: Time) -> Html {
    let next_try = Html::each(job.times.next_try.filter(|_| job.state == QueueState::Waiting), |next| {
        Html::of("<small>next try {}</small>", &[&time(next, now)])
    });
    Html::of(
        r#"<tr data-job="{}" data-state="{}"><td>{}
        <td class="places"><a href="{}">{}</a> <small>{}</small>{}<td>{}
        <td class="num" data-label="Rate" data-rate>{}
        <td class="num" data-label="Remaining" data-remaining>{}{}
        <td data-label="Owner">{}<td data-label="Age">{}"#,
        &[
            &job.id,
            &job.state.name(),
            &state(job.state),
            &job_link(&job.id),
            &places(job),
            &job.id,
            &small_cause(why_not_done(job)),
            &bar(job),
            &shown_rate(job),
            &job.progress.remaining.map(duration).unwrap_or_default(),
            &next_try,
            &job.owner,
            &time(job.times.created, now),
        ],
    )
}

/// Why a job is not done, or what becomes of it.
pub(super) fn why_not_done(job: &JobView) -> Option<&str> {
    let is_done = matches!(job.state, QueueState::Done | QueueState::Running);
    job.wish.words(job.state).or(job.cause.as_deref().filter(|_| !is_done))
}

/// A cause below what it is the cause of.
pub(super) fn small_cause(cause: Option<&str>) -> Html {
    Html::each(cause, |cause| Html::of(r#"<small class="cause">{}</small>"#, &[&cause]))
}

/// The rate of a job that runs.
pub(super) fn shown_rate(job: &JobView) -> String {
    job.progress.rate.filter(|_| job.state == QueueState::Running).map(rate).unwrap_or_default()
}

/// A state as a word with its colour.
pub(super) fn state(state: QueueState) -> Html {
    Html::of(r#"<span class="state">{}</span>"#, &[&state.name()])
}

/// The verb and the places of a job, on one line.
pub(super) fn places(job: &JobView) -> String {
    let first = job.sources.first().map_or("", String::as_str);
    let more = match job.sources.len().saturating_sub(1) as u64 {
        0 => String::new(),
        others => format!(" and {} more", number(others)),
    };
    format!("{} {}{more} \u{2192} {}", job.verb, short(first), short(&job.dest))
}

/// A name with its middle left out if it is long.
fn short(name: &str) -> String {
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
    let progress = &job.progress;
    let percent = percent(job).filter(|_| job.state != QueueState::Done);
    let bar = Html::each(percent, |percent| {
        Html::of(r#"<progress max='100' aria-label="Progress" value="{}"></progress> "#, &[&percent])
    });
    // A job that has not begun says nothing, but the script has a place to write to.
    let has_begun = progress.files > 0 || progress.bytes > 0 || progress.of.is_some();
    let percent = percent.map(|percent| format!("{percent} % \u{b7} ")).unwrap_or_default();
    let of = progress.of.filter(|of| *of != progress.files);
    let of = of.map(|of| format!(" of {}", number(of))).unwrap_or_default();
    let noun = if progress.of.unwrap_or(progress.files) == 1 { "file" } else { "files" };
    let far = format!("{percent}{}{of} {noun}, {}", number(progress.files), size(progress.bytes));
    let far = if has_begun { far } else { String::new() };
    let failed = Some(job.failed).filter(|failed| *failed > 0 && job.state.has_ended());
    let failed = Html::each(failed, |failed| Html::of(" <small>{} failed</small>", &[&number(failed)]));
    Html::of(r#"{}<span class="far" data-far>{}</span>{}"#, &[&bar, &far, &failed])
}

/// A moment as its distance from now.
pub(super) fn time(time: Time, now: Time) -> Html {
    Html::of(r#"<time datetime="{}">{}</time>"#, &[&time, &age(time, now)])
}

fn next_link(call: &Call, jobs: &Slice<JobView>) -> Html {
    let kept = ["state", "site", "owner", "limit"];
    Html::each(&jobs.next, |next| {
        let keep = |key: &str| call.query.get(key).map(|value| format!("{key}={}&", encode(value)));
        let kept: String = kept.into_iter().filter_map(keep).collect();
        let link = format!("/?{kept}after={}", encode(next));
        Html::of(r#"<p class="more"><a class="button" href="{}">Older jobs</a></p>"#, &[&link])
    })
}

/// The largest number of letters of a place in a row.
const MOST_LETTERS: usize = 60;
