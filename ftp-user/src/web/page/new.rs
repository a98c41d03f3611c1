//! The form for a job. Its button Dry run shows the plan, its button Start makes the job.

use super::html::Html;
use super::layout::{alert, page_with};
use super::words::size;
use super::{SECRET, job_link, secret};
use crate::web::api;
use crate::web::api::job::{VERBS, of_object};
use crate::web::api::options::{JobOption, OPTIONS, OptionKind};
use crate::web::call::{Answer, Call, Pairs};
use crate::web::error::{ApiError, ErrorCode, Result};
use crate::web::fleet::{NewJob, Submitted};
use crate::web::view::SiteView;
use ftp_io::random;
use ftp_proto::wire::counted;
use ftp_proto::wire::hex;
use serde_json::{Map, Value, json};
use std::fmt::Display;

/// The options that stand in the first part of the form.
const USUAL: [&str; 5] = ["recursive", "overwrite", "verify", "path", "exclude"];

/// The fields beside the options.
const FIELDS: [&str; 11] = [
    SECRET,
    "verb",
    "source-site",
    "source-path",
    "dest-site",
    "dest-path",
    "priority",
    "at",
    "every",
    "id",
    "do",
];

/// Shows the empty form.
pub(super) fn show(call: &Call) -> Result<Answer> {
    form(call, &Pairs::default(), &Html::default(), 200)
}

/// Plans or makes the job of the form.
pub(super) fn send(call: &Call) -> Result<Answer> {
    let given = Pairs::parse(&call.body)?;
    let option_fields: Vec<_> = OPTIONS.iter().map(field).collect();
    let known: Vec<&str> = FIELDS.into_iter().chain(option_fields.iter().map(String::as_str)).collect();
    given.only(&known)?;
    let is_dry = given.get("do") != Some("start");
    let sent = read(&given).and_then(|job| match is_dry {
        true => Ok((api::plan(call, &job)?, None)),
        false => Ok((Vec::new(), Some(api::make(call, &job)?))),
    });
    match sent {
        Ok((_, Some(Submitted::New(job) | Submitted::Known(job)))) => {
            Ok(Answer::See(job_link(&job.id), None))
        }
        Ok((_, Some(Submitted::Series(_)))) => Ok(Answer::See("/series".to_owned(), None)),
        Ok((plan, None)) => form(call, &given, &shown_plan(&plan), 200),
        Err(error) if error.code == ErrorCode::Internal => Err(error),
        Err(error) => form(call, &given, &alert(&error), error.code.status()),
    }
}

/// The field of an option.
fn field(option: &JobOption) -> String {
    format!("option-{}", option.name)
}

/// The job that a form stands for.
fn read(given: &Pairs) -> Result<NewJob> {
    let mut options = Map::new();
    for option in OPTIONS {
        let value = given.get(&field(option)).and_then(|text| option.of_form(text));
        options.extend(value.map(|value| (option.name.to_owned(), value)));
    }
    let sources = given.get("source-path").unwrap_or_default().lines().map(str::trim);
    let site = given.get("source-site").unwrap_or_default();
    // A point is the directory in which the site begins.
    let named = |line: &str| place(site, if line == "." { "" } else { line });
    let sources: Vec<_> = sources.filter(|line| !line.is_empty()).map(named).collect();
    if sources.is_empty() && !site.is_empty() {
        return Err(ApiError::bad_value("source", "type a path, or . for everything at the site"));
    }
    let mut body = Map::new();
    body.insert("verb".to_owned(), json!(given.get("verb")));
    body.insert("sources".to_owned(), json!(sources));
    let dest =
        place(given.get("dest-site").unwrap_or_default(), given.get("dest-path").unwrap_or_default().trim());
    body.insert("dest".to_owned(), json!(dest));
    body.insert("options".to_owned(), Value::Object(options));
    if let Some(text) = given.get("priority") {
        let number = text.parse::<i8>().map_or_else(|_| json!(text), Value::from);
        body.insert("priority".to_owned(), number);
    }
    // A series has many jobs, so that no name is for one of them.
    let is_series = given.get("every").is_some();
    for key in ["at", "every", "id"].into_iter().filter(|key| !(is_series && *key == "id")) {
        body.extend(given.get(key).map(|text| (key.to_owned(), json!(text.trim()))));
    }
    of_object(&body)
}

/// A place of a site, or another place as it was typed.
fn place(site: &str, path: &str) -> String {
    if site.is_empty() { path.to_owned() } else { format!("{site}:{path}") }
}

fn shown_plan(plan: &[Value]) -> Html {
    let lines: Vec<Html> = plan.iter().filter_map(plan_line).collect();
    let more = lines.len().saturating_sub(PLANNED);
    let more = (more > 0).then(|| Html::of("<p>and {} more</p>", &[&more]));
    Html::of(
        r#"<section class="plan" role="status"><h2>Plan</h2>
        <p>Nothing was changed. Start makes this job:</p><ul class="names">{}</ul>{}</section>"#,
        &[
            &Html::each(lines.iter().take(PLANNED), |line| Html::of("<li>{}</li>", &[line])),
            &more.unwrap_or_default(),
        ],
    )
}

/// What an object of a dry run says to people, if it says something.
fn plan_line(object: &Value) -> Option<Html> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let number = |key: &str| object.get(key).and_then(Value::as_u64);
    let line = match (text("event")?, text("verb").unwrap_or_default()) {
        ("plan", verb) => {
            let what = match (text("source"), text("dest"), text("place")) {
                (Some(source), Some(dest), _) => format!("{verb} {source} \u{2192} {dest}"),
                (_, _, place) => format!("{verb} {}", place.unwrap_or_default()),
            };
            let amount = Html::each(number("bytes"), |bytes| {
                Html::of(r#" <span class="muted">{}</span>"#, &[&size(bytes)])
            });
            return Some(Html::of("{}{}", &[&what, &amount]));
        }
        ("warning" | "withheld" | "failed", _) => text("message")?.to_owned(),
        ("summary", _) => {
            let files = counted(number("files").unwrap_or(0), "file");
            let deleted = number("deleted").filter(|deleted| *deleted > 0);
            let deleted = deleted.map(|deleted| format!(", {deleted} to be deleted"));
            format!("{files} in all{}", deleted.unwrap_or_default())
        }
        _ => return None,
    };
    Some(Html::of("{}", &[&line]))
}

fn form(call: &Call, given: &Pairs, above: &Html, status: u16) -> Result<Answer> {
    let sites = api::sites(call)?;
    let (usual, others): (Vec<&JobOption>, Vec<&JobOption>) =
        OPTIONS.iter().partition(|option| USUAL.contains(&option.name));
    let opened = others.iter().any(|option| given.get(&field(option)).is_some())
        || ["priority", "at", "every"].into_iter().any(|key| given.get(key).is_some());
    let content = Html::of(
        r#"<h1>New job</h1>{}<form method="post" action="/new" class="fields">{}
        <input type="hidden" name="id" value="{}"><label for="verb">Verb</label>{}{}{}
        <fieldset><legend>Options</legend>{}</fieldset><details{}><summary>More options and time</summary>
        <fieldset><legend>Time and place in the queue</legend>{}{}{}</fieldset>
        <fieldset><legend>More options</legend>{}</fieldset></details>
        <div class="actions"><button name="do" value="dry">Dry run</button>
        <button class="primary" name="do" value="start">Start</button></div></form>"#,
        &[
            above,
            &secret(call),
            &name_of_job(given)?,
            &choice("verb", &VERBS, given.get("verb").unwrap_or("copy"), false),
            &end("source", "Source", &sites, given),
            &end("dest", "Destination", &sites, given),
            &Html::each(usual, |option| control(option, given)),
            &Html::when(opened, " open"),
            &input("at", "Not before", "02:30, +2h or 2026-11-26T02:30:00Z", given),
            &input("every", "Again and again", "15m, daily@02:30 or mon,thu@02:30", given),
            &input("priority", "Priority", "-10 to 10; a higher one comes first", given),
            &Html::each(others, |option| control(option, given)),
        ],
    );
    Ok(page_with(call, "/new", "New job", &content, status))
}

/// A name for the job, so that a form that is sent twice makes one job.
fn name_of_job(given: &Pairs) -> Result<String> {
    if let Some(id) = given.get("id") {
        return Ok(id.to_owned());
    }
    let no_bytes = |error| ApiError::new(ErrorCode::Internal, format!("no random bytes: {error}"));
    let bytes = random::bytes::<8>().map_err(no_bytes)?;
    Ok(format!("page-{}", hex(&bytes)))
}

/// The fields of one end of the job.
fn end(name: &'static str, legend: &'static str, sites: &[SiteView], given: &Pairs) -> Html {
    let usual = if name == "dest" { sites.get(1).or(sites.first()) } else { sites.first() };
    let first = usual.map_or("", |site| site.name.as_str());
    // A form that was sent keeps its choice, also that of no site.
    let chosen = given.sent(&format!("{name}-site")).unwrap_or(first);
    let path = given.get(&format!("{name}-path")).unwrap_or_default();
    let option = |SiteView { name, url, .. }: &SiteView| {
        Html::option(name, format_args!("{name} ({url})"), name == chosen)
    };
    let field = match name {
        "source" => Html::of(
            r#"Path <span class="hint">one on each line</span></label>
            <textarea id="source-path" name="source-path" rows="2" spellcheck="false">{}</textarea>"#,
            &[&format_args!("\n{path}")],
        ),
        _ => Html::of(
            r#"Path</label><input id="dest-path" name="dest-path" spellcheck="false" value="{}">"#,
            &[&path],
        ),
    };
    Html::of(
        r#"<fieldset class="end"><legend>{}</legend>
        <label for="{}-site">Site</label><select id="{}-site" name="{}-site">{}{}</select>
        <label for="{}-path">{}</fieldset>"#,
        &[
            &legend,
            &name,
            &name,
            &name,
            &Html::each(sites, option),
            &Html::option("", "another place", chosen.is_empty()),
            &name,
            &field,
        ],
    )
}

fn choice(name: &str, words: &[&'static str], chosen: &str, has_default: bool) -> Html {
    let option = |word: &&'static str| {
        Html::of("<option{}>{}</option>", &[&Html::when(*word == chosen, " selected"), word])
    };
    let default = Html::when(has_default, r#"<option value="">default</option>"#);
    Html::of(
        r#"<select id="{}" name="{}">{}{}</select>"#,
        &[&name, &name, &default, &Html::each(words, option)],
    )
}

/// A label, with what is said of the field.
fn label(name: &str, text: &str, hint: &dyn Display) -> Html {
    Html::of(r#"<label for="{}">{} <span class="hint">{}</span></label>"#, &[&name, &text, &hint])
}

fn input(name: &str, text: &str, hint: &str, given: &Pairs) -> Html {
    let value = given.get(name).unwrap_or_default();
    Html::of(r#"{}<input id="{}" name="{}" value="{}">"#, &[&label(name, text, &hint), &name, &name, &value])
}

/// The field of an option, with its label.
fn control(option: &JobOption, given: &Pairs) -> Html {
    let JobOption { name: shown, kind, help } = option;
    let name = field(option);
    let value = given.get(&name).unwrap_or_default();
    let label = |hint: &dyn Display| label(&name, shown, hint);
    let chosen = |words| Html::of("{}{}", &[&label(help), &choice(&name, words, value, true)]);
    match kind {
        OptionKind::Choice(words) => chosen(words),
        OptionKind::Flag if *shown == "times" => chosen(&["yes", "no"]),
        OptionKind::Flag => Html::of(
            r#"<label class="check"><input type="checkbox" name="{}"{}> {} <span class="hint">{}</span></label>"#,
            &[&name, &Html::when(value == "on", " checked"), shown, help],
        ),
        OptionKind::Texts => Html::of(
            r#"{}<textarea rows="2" spellcheck="false" id="{}" name="{}">{}</textarea>"#,
            &[&label(&format_args!("{help}, one on each line")), &name, &name, &format_args!("\n{value}")],
        ),
        OptionKind::Number | OptionKind::NumberOrAuto | OptionKind::Measure | OptionKind::Path => Html::of(
            r#"{}<input spellcheck="false" id="{}" name="{}" value="{}">"#,
            &[&label(help), &name, &name, &value],
        ),
    }
}

/// The largest number of lines of a plan that are shown.
const PLANNED: usize = 200;
