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
    Html::new(
        "<section class=\"plan\" role=\"status\"><h2>Plan</h2><p>Nothing was changed. Start makes \
         this job:</p><ul class=\"names\">",
    )
    .each(lines.iter().take(PLANNED), |html, line| html.raw("<li>").add(line).raw("</li>"))
    .raw("</ul>")
    .when(lines.len() > PLANNED, |html| html.raw("<p>and ").text(lines.len() - PLANNED).raw(" more</p>"))
    .raw("</section>")
}

/// What an object of a dry run says to people, if it says something.
fn plan_line(object: &Value) -> Option<Html> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let number = |key: &str| object.get(key).and_then(Value::as_u64);
    let amount = |html: Html| {
        html.some(number("bytes"), |html, bytes| {
            html.raw(" <span class=\"muted\">").text(size(bytes)).raw("</span>")
        })
    };
    let line = Html::new("");
    match (text("event")?, text("verb").unwrap_or_default()) {
        ("plan", verb) => {
            let line = line.text(verb).raw(" ");
            Some(match (text("source"), text("dest"), text("place")) {
                (Some(source), Some(dest), _) => amount(line.text(source).raw(" \u{2192} ").text(dest)),
                (_, _, place) => amount(line.text(place.unwrap_or_default())),
            })
        }
        ("warning" | "withheld" | "failed", _) => Some(line.text(text("message")?)),
        ("summary", _) => {
            let files = number("files").unwrap_or(0);
            let line = line.text(counted(files, "file")).raw(" in all");
            let deleted = number("deleted").filter(|deleted| *deleted > 0);
            Some(line.some(deleted, |html, deleted| html.raw(", ").text(deleted).raw(" to be deleted")))
        }
        _ => None,
    }
}

fn form(call: &Call, given: &Pairs, above: &Html, status: u16) -> Result<Answer> {
    let sites = api::sites(call)?;
    let (usual, others): (Vec<&JobOption>, Vec<&JobOption>) =
        OPTIONS.iter().partition(|option| USUAL.contains(&option.name));
    let opened = others.iter().any(|option| given.get(&field(option)).is_some())
        || ["priority", "at", "every"].into_iter().any(|key| given.get(key).is_some());
    let content = Html::new("<h1>New job</h1>")
        .add(above)
        .raw("<form method=\"post\" action=\"/new\" class=\"fields\">")
        .add(&secret(call))
        .raw("<input type=\"hidden\" name=\"id\" value=\"")
        .text(name_of_job(given)?)
        .raw("\"><label for=\"verb\">Verb</label>")
        .add(&choice("verb", &VERBS, given.get("verb").unwrap_or("copy"), false))
        .add(&end("source", "Source", &sites, given))
        .add(&end("dest", "Destination", &sites, given))
        .raw("<fieldset><legend>Options</legend>")
        .each(usual, |html, option| html.add(&control(option, given)))
        .raw("</fieldset><details")
        .when(opened, |html| html.raw(" open"))
        .raw(
            "><summary>More options and time</summary><fieldset><legend>Time and place in the queue</legend>",
        )
        .add(&input("at", "Not before", "02:30, +2h or 2026-11-26T02:30:00Z", given))
        .add(&input("every", "Again and again", "15m, daily@02:30 or mon,thu@02:30", given))
        .add(&input("priority", "Priority", "-10 to 10; a higher one comes first", given))
        .raw("</fieldset><fieldset><legend>More options</legend>")
        .each(others, |html, option| html.add(&control(option, given)))
        .raw("</fieldset></details><div class=\"actions\"><button name=\"do\" value=\"dry\">Dry run</button>")
        .raw("<button class=\"primary\" name=\"do\" value=\"start\">Start</button></div></form>");
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
    let (site_field, path_field) = (format!("{name}-site"), format!("{name}-path"));
    let usual = if name == "dest" { sites.get(1).or(sites.first()) } else { sites.first() };
    let first = usual.map_or("", |site| site.name.as_str());
    // A form that was sent keeps its choice, also that of no site.
    let was_sent = given.sent(&site_field);
    let chosen = was_sent.unwrap_or(first);
    let path = given.get(&path_field).unwrap_or_default();
    let option = |html: Html, SiteView { name, url, .. }: &SiteView| {
        html.option(name, format_args!("{name} ({url})"), name == chosen)
    };
    let html =
        Html::new("<fieldset class=\"end\"><legend>").raw(legend).raw("</legend><label for=\"").raw(name);
    let html = html
        .raw("-site\">Site</label><select")
        .add(&attributes(&site_field))
        .raw(">")
        .each(sites, option)
        .option("", "another place", chosen.is_empty())
        .raw("</select><label for=\"")
        .raw(name)
        .raw("-path\">Path");
    match name {
        "source" => html
            .raw(" <span class=\"hint\">one on each line</span></label>")
            .raw("<textarea id=\"source-path\" name=\"source-path\" rows=\"2\" spellcheck=\"false\">\n")
            .text(path)
            .raw("</textarea></fieldset>"),
        _ => html
            .raw("</label><input id=\"dest-path\" name=\"dest-path\" spellcheck=\"false\" value=\"")
            .text(path)
            .raw("\"></fieldset>"),
    }
}

fn choice(name: &str, words: &[&'static str], chosen: &str, has_default: bool) -> Html {
    let option = |html: Html, word: &&'static str| {
        let html = html.raw("<option").when(*word == chosen, |html| html.raw(" selected"));
        html.raw(">").raw(word).raw("</option>")
    };
    let html = Html::new("<select").add(&attributes(name)).raw(">");
    html.when(has_default, |html| html.raw("<option value=\"\">default</option>"))
        .each(words, option)
        .raw("</select>")
}

/// What names a field for its label and for the form.
fn attributes(name: &str) -> Html {
    Html::new(" id=\"").text(name).raw("\" name=\"").text(name).raw("\"")
}

/// The beginning of a label, with what is said of the field.
fn label(name: &str, text: &'static str, hint: &'static str) -> Html {
    Html::new("<label for=\"").text(name).raw("\">").raw(text).raw(" <span class=\"hint\">").raw(hint)
}

fn input(name: &str, text: &'static str, hint: &'static str, given: &Pairs) -> Html {
    label(name, text, hint)
        .raw("</span></label><input")
        .add(&attributes(name))
        .raw(" value=\"")
        .text(given.get(name).unwrap_or_default())
        .raw("\">")
}

/// The field of an option, with its label.
fn control(option: &JobOption, given: &Pairs) -> Html {
    let name = field(option);
    let value = given.get(&name).unwrap_or_default();
    let label = label(&name, option.name, option.help);
    let is_switch = option.kind == OptionKind::Flag && option.name != "times";
    if is_switch {
        let html = Html::new("<label class=\"check\"><input type=\"checkbox\" name=\"").text(&name).raw("\"");
        let html = html.when(value == "on", |html| html.raw(" checked")).raw("> ").raw(option.name);
        return html.raw(" <span class=\"hint\">").raw(option.help).raw("</span></label>");
    }
    match option.kind {
        OptionKind::Choice(words) => label.raw("</span></label>").add(&choice(&name, words, value, true)),
        OptionKind::Flag => label.raw("</span></label>").add(&choice(&name, &["yes", "no"], value, true)),
        OptionKind::Texts => label
            .raw(", one on each line</span></label><textarea rows=\"2\" spellcheck=\"false\"")
            .add(&attributes(&name))
            .raw(">\n")
            .text(value)
            .raw("</textarea>"),
        OptionKind::Number | OptionKind::NumberOrAuto | OptionKind::Measure | OptionKind::Path => label
            .raw("</span></label><input spellcheck=\"false\"")
            .add(&attributes(&name))
            .raw(" value=\"")
            .text(value)
            .raw("\">"),
    }
}

/// The largest number of lines of a plan that are shown.
const PLANNED: usize = 200;
