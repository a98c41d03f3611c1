//! The page of the figures and its curves.

use super::curve::CURVES;
use super::{BASELINE, Measure, Results, TARGETS, Target, met, number};
use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

/// Where the page is, from the top of the tree.
pub const PAGE: &str = "docs/performance.md";
/// The results that the page shows.
pub const RESULTS: &str = "docs/performance/results.json";
/// The text of the page; a line in braces stands for what is generated.
pub const TEMPLATE: &str = "docs/performance/page.txt";
/// Stands in the second line of the page.
pub const MARK: &str = "<!-- Generated from performance/results.json and performance/page.txt: UPDATE_REFERENCE=1 cargo test -p integration-tests --test all performance -->";

/// A generated file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Its path from the top of the tree.
    pub path: String,
    /// What has to be in it.
    pub text: String,
}

/// The page and its curves, from the kept results and the text in the tree below `top`.
///
/// # Errors
///
/// One of the two cannot be read.
pub fn pages(top: &Path) -> io::Result<Vec<Page>> {
    let results = Results::read(&top.join(RESULTS))?;
    let template = fs::read_to_string(top.join(TEMPLATE))?;
    let mut pages = vec![Page { path: PAGE.to_owned(), text: page(&template, &results) }];
    for curve in &CURVES {
        let drawn = curve.svg(&results);
        pages.extend(drawn.map(|text| Page { path: format!("docs/performance/{}", curve.file), text }));
    }
    Ok(pages)
}

fn page(template: &str, results: &Results) -> String {
    let mut text = String::new();
    for (number, line) in template.lines().enumerate() {
        match line {
            "{summary}" => text += &summary(results),
            "{targets}" => text += &targets(results),
            "{curves}" => text += &curves(results),
            "{figures}" => text += &figures(results),
            "{runs}" => text += &runs(results),
            line => text += &format!("{line}\n"),
        }
        if number == 0 {
            text += &format!("{MARK}\n");
        }
    }
    text
}

/// How many targets are met, and the numbers of the others.
fn summary(results: &Results) -> String {
    let is_met = |target: &Target| target.figure(results).map(|figure| target.is_met(&figure));
    let of = |wanted: Option<bool>| named(&|target| is_met(target) == wanted);
    let met = TARGETS.iter().filter(|target| is_met(target) == Some(true)).count();
    let (all, missed, unknown) = (TARGETS.len(), of(Some(false)), of(None));
    format!("{met} of {all} targets are met. Missed: {missed}. Not measured: {unknown}.\n\n")
}

/// The targets for which this holds: numbers, with how many of those of one number, or works without a number.
fn named(holds: &dyn Fn(&Target) -> bool) -> String {
    let mut names = Vec::new();
    for same in TARGETS.chunk_by(|one, other| !one.id.is_empty() && one.id == other.id) {
        let [first, ..] = same else { continue };
        match (same.iter().filter(|target| holds(target)).count(), first.id) {
            (0, _) => {}
            (_, "") => names.push(first.work()),
            (count, id) => names.push(format!("{id} ({count} of {})", same.len())),
        }
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A table: each target with its figure.
fn targets(results: &Results) -> String {
    let mut text = "| | work | asked | figure | of | |\n|---|---|---|---|---|---|\n".to_owned();
    let mut last = "";
    for target in TARGETS {
        let id = if target.id == last { "" } else { target.id };
        last = target.id;
        let (work, asked) = (target.work(), target.asked());
        let Some(figure) = target.figure(results) else {
            text += &format!("| {id} | {work} | {asked} | not measured | | |\n");
            continue;
        };
        let value = number(figure.value);
        let spread = match figure.spread {
            Some(spread) if spread.rounds > 1 => {
                format!(
                    "{value} ({} - {}), {} rounds",
                    number(spread.least),
                    number(spread.most),
                    spread.rounds
                )
            }
            Some(_) => format!("{value}, one run"),
            None => format!("{value}, rounds not kept"),
        };
        let of = match (&*figure.by, target.part) {
            ("", part) => format!("{}, `{part}`", figure.date),
            (by, _) => format!("{}, {by}", figure.date),
        };
        let small = if figure.is_small { "; less work" } else { "" };
        let verdict = if target.is_met(&figure) { met(true) } else { "**missed**" };
        text += &format!("| {id} | {work} | {asked} | {spread} | {of}{small} | {verdict} |\n");
    }
    text
}

fn curves(results: &Results) -> String {
    let drawn = CURVES.iter().filter(|curve| curve.svg(results).is_some());
    drawn.map(|curve| format!("![{}](performance/{})\n", curve.title, curve.file)).collect()
}

/// A table: what each contender had where there are several, as median (least - most).
fn figures(results: &Results) -> String {
    let mut text = "| part | work | median (least - most) |\n|---|---|---|\n".to_owned();
    for (name, part) in &results.parts {
        let mut seen = BTreeSet::new();
        // Those with a place on an axis are in the curves.
        for first in part.measures.iter().filter(|one| one.at.is_none() && one.contender != BASELINE) {
            let what = (&first.what.name, &first.what.unit);
            if !seen.insert(what) {
                continue;
            }
            let same = part.measures.iter().filter(|one| one.what == first.what && one.at.is_none());
            let all: Vec<String> = same.filter_map(shown).collect();
            if all.len() > 1 {
                text += &format!("| `{name}` | {}, {} | {} |\n", what.0, what.1, all.join("; "));
            }
        }
    }
    text
}

fn shown(one: &Measure) -> Option<String> {
    one.spread().map(|spread| format!("{} {spread}", one.contender))
}

/// A table: when and where the parts ran.
fn runs(results: &Results) -> String {
    let mut text = "| parts | day | commit | machine | load | |\n|---|---|---|---|---|---|\n".to_owned();
    let mut left: Vec<_> = results.parts.iter().collect();
    while let Some((_, first)) = left.first() {
        let key = |part: &super::PartResults| super::Run { load: 0.0, ..part.run.clone() };
        let run = key(first);
        let (same, others): (Vec<_>, Vec<_>) = left.iter().copied().partition(|(_, part)| key(part) == run);
        left = others;
        let names: Vec<String> = same.iter().map(|(name, _)| format!("`{name}`")).collect();
        let loads: Vec<f64> = same.iter().map(|(_, part)| part.run.load).collect();
        let load = super::Spread::of(&loads).map_or_else(String::new, |load| load.to_string());
        let machine: Vec<&str> = [&*run.processor, &run.kernel, &run.compiler]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let small = match (run.is_small, run.is_quick) {
            (true, _) => "less work",
            (false, true) => "quick",
            (false, false) => "",
        };
        let (names, machine) = (names.join(" "), machine.join(", "));
        text += &format!("| {names} | {} | {} | {machine} | {load} | {small} |\n", run.date, run.version);
    }
    text
}
