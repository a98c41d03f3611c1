//! What a run has measured: parts put their values in, and get printed with the targets that they are for.

use std::fmt::Display;
use std::time::Instant;

use integration_tests::foreign::Skipped;
use integration_tests::performance::{
    BASELINE, Measure, PartResults, Quantity, Results, Run, Spread, TARGETS, number,
};

use crate::figures::GIB;

/// The values of the part that runs, and the results of those before it.
pub(crate) struct Report {
    part: PartResults,
    begun: Instant,
    pub(crate) results: Results,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { part: PartResults::default(), begun: Instant::now(), results: Results::default() }
    }

    /// Begins a part.
    pub(crate) fn begin(&mut self, is_small: bool, is_quick: bool) {
        self.begun = Instant::now();
        self.part = PartResults { run: Run::here(is_small, is_quick), ..PartResults::default() };
    }

    /// The value of one round. What a contender has not measured is not there.
    pub(crate) fn add(&mut self, name: &str, unit: &str, contender: &str, value: f64) {
        self.put((name, unit), None, contender, &[value]);
    }

    /// The values of all rounds.
    pub(crate) fn rounds(&mut self, name: &str, unit: &str, contender: &str, values: &[f64]) {
        self.put((name, unit), None, contender, values);
    }

    /// The values of all rounds at a place on the axis of a curve.
    pub(crate) fn curve(&mut self, what: (&str, &str), at: f64, contender: &str, values: &[f64]) {
        self.put(what, Some(at), contender, values);
    }

    fn put(&mut self, (name, unit): (&str, &str), at: Option<f64>, contender: &str, values: &[f64]) {
        let what = Quantity::new(name, unit);
        let values = values.iter().map(|value| rounded(*value));
        let mut all = self.part.measures.iter_mut();
        let there = all.find(|one| one.what == what && one.at == at && one.contender == contender);
        match there {
            Some(one) => one.values.extend(values),
            None if values.len() > 0 => {
                let (contender, values) = (contender.to_owned(), values.collect());
                self.part.measures.push(Measure { what, at, contender, values });
            }
            None => {}
        }
    }

    /// The rate of so many bytes, and the processor time for each GiB of them.
    pub(crate) fn moved(&mut self, work: &str, contender: &str, bytes: u64, (seconds, cpu): (f64, f64)) {
        let gib = bytes as f64 / GIB;
        self.add(work, "GiB/s", contender, gib / seconds);
        self.add(work, "CPU s/GiB", contender, cpu / gib);
    }

    /// What is there; what is not is skipped.
    pub(crate) fn found<T>(&mut self, what: &str, found: Result<T, Skipped>) -> Option<T> {
        found.map_err(|Skipped(why)| self.skip(what, why)).ok()
    }

    /// Says what cannot run here, and why.
    pub(crate) fn skip(&mut self, what: &str, why: impl Display) {
        let line = format!("{what}: {why}");
        println!("skipped: {line}");
        self.part.skipped.push(line);
    }

    /// Prints a part, and keeps it.
    pub(crate) fn end(&mut self, name: &str) {
        let part = std::mem::take(&mut self.part);
        let small = if part.run.is_small { ", less work than the targets ask for" } else { "" };
        println!("\n{name}, {:.0} s{small}", self.begun.elapsed().as_secs_f64());
        let mut last: Option<(&Quantity, Option<f64>)> = None;
        let mut ordered: Vec<&Measure> = Vec::new();
        for one in &part.measures {
            let same = |other: &&Measure| other.what == one.what && other.at == one.at;
            let end = ordered.iter().rposition(same).map_or(ordered.len(), |at| at + 1);
            ordered.insert(end, one);
        }
        for one in ordered {
            if last != Some((&one.what, one.at)) {
                let at = one.at.map_or_else(String::new, |at| format!(" {at}"));
                println!("  {}{at}, {}", one.what.name, one.what.unit);
                last = Some((&one.what, one.at));
            }
            println!(
                "    {:<28} {}",
                one.contender,
                one.spread().map_or_else(String::new, |spread| spread.to_string())
            );
            if one.contender == BASELINE {
                against(&part, one);
            }
        }
        self.results.parts.insert(name.to_owned(), part);
        for target in TARGETS.iter().filter(|target| target.part == name) {
            match target.figure(&self.results) {
                Some(figure) => println!("  target: {}", target.verdict(&figure)),
                None => println!("  target: {}: no figure", target.work()),
            }
        }
    }
}

/// The ratio of this build to the baseline, round by round.
fn against(part: &PartResults, baseline: &Measure) {
    let ours = part.measures.iter().find(|one| one.what == baseline.what && one.at == baseline.at);
    let Some(ours) = ours.filter(|ours| ours.contender != BASELINE) else { return };
    let ratios: Vec<f64> = ours.values.iter().zip(&baseline.values).map(|(new, old)| new / old).collect();
    // The kernel counts processor time in hundredths of a second, so that a short run may show none.
    match Spread::of(&ratios).filter(|_| !baseline.values.contains(&0.0)) {
        Some(ratio) => println!("    {:<28} {ratio}", "this build / baseline"),
        None => println!("    {:<28} too short to compare", "this build / baseline"),
    }
}

/// A value with five digits that say something, so that files stay short.
fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// Prints what has changed since an earlier run: the ratio of each target that both have.
pub(crate) fn compare(now: &Results, before: &Results) {
    println!("\nnow / before");
    for target in TARGETS {
        let (Some((ratio, is_apart)), Some(figure)) = (target.compared(now, before), target.measured(now))
        else {
            continue;
        };
        let word = if is_apart {
            integration_tests::performance::better(target.bound(), ratio)
        } else {
            "within the spreads"
        };
        println!(
            "  {:<4} {:<60} {:>8}   {:6.2}   {word}",
            target.id,
            target.work(),
            number(figure.median),
            ratio
        );
    }
}
