//! The values of a run, and the file that keeps them.

use super::Spread;
use ftp_proto::calendar::{When, civil};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// Stands behind the commit of a tree that has changes.
const CHANGED: &str = "-dirty";

/// What is measured, and its unit.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Quantity {
    /// The work, in a few words.
    pub name: String,
    /// The unit of the values.
    pub unit: String,
}

impl Quantity {
    /// A work and the unit of what is measured of it.
    pub fn new(name: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { name: name.into(), unit: unit.into() }
    }
}

/// The values of one contender.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Measure {
    /// What was measured.
    #[serde(flatten)]
    pub what: Quantity,
    /// Where it stands on the axis of a curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
    /// Who did the work.
    pub contender: String,
    /// The value of each round.
    pub values: Vec<f64>,
}

/// When and where a part ran.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// The day, as in 2026-11-27.
    pub date: String,
    /// The commit of the tree; empty if it is not known.
    pub version: String,
    /// The model of the processor, and how many there are.
    pub processor: String,
    /// Name and release of the kernel.
    pub kernel: String,
    /// The version of the compiler.
    pub compiler: String,
    /// The load average before the part.
    pub load: f64,
    /// The work was less than that of the targets (smaller sizes).
    pub is_small: bool,
    /// The run was one of few rounds (`--quick`).
    #[serde(default)]
    pub is_quick: bool,
}

/// All measures of a part of the benchmark.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PartResults {
    /// When and where the part ran.
    pub run: Run,
    /// The values of all contenders.
    pub measures: Vec<Measure>,
    /// What could not run, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}

/// A figure without its rounds: of a run before there were files, or of a test.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RecordedFigure {
    /// The key of the target ([`Target::key`](super::Target::key)).
    pub target: String,
    /// The median of its rounds.
    pub figure: f64,
    /// The day, as in 2026-11-27.
    pub date: String,
    /// Who says so: the name of a test, or another source.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// The results of several runs: each part has those of its last one.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// The parts by their names.
    pub parts: BTreeMap<String, PartResults>,
    /// Figures of targets that no part here has.
    #[serde(default)]
    pub recorded: Vec<RecordedFigure>,
}

impl Results {
    /// Reads a file that [`write`](Self::write) has written.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no such file.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    /// Writes all results as JSON with a line for each measure.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, together(&text) + "\n")
    }

    /// Takes in the parts of another run in place of those of before.
    pub fn merge(&mut self, newer: Self) {
        self.parts.extend(newer.parts);
        let mut recorded = std::mem::take(&mut self.recorded);
        recorded.retain(|recorded| {
            !super::TARGETS
                .iter()
                .any(|target| target.key() == recorded.target && target.measured(self).is_some())
        });
        self.recorded = recorded;
    }

    /// The values of a contender, of which there is one value or more.
    pub fn values(&self, part: &str, what: &Quantity, at: Option<f64>, contender: &str) -> Option<&[f64]> {
        let all = &self.parts.get(part)?.measures;
        let mut found = all.iter().filter(|one| one.what == *what && one.at == at);
        found.find(|one| one.contender == contender).map(|one| &*one.values)
    }
}

impl Measure {
    /// A summary of the rounds.
    pub fn spread(&self) -> Option<Spread> {
        Spread::of(&self.values)
    }
}

impl Run {
    /// Whether the tree was that of a commit.
    pub fn is_of_a_commit(&self) -> bool {
        !self.version.is_empty() && !self.version.ends_with(CHANGED)
    }

    /// This machine at this moment.
    pub fn here(is_small: bool, is_quick: bool) -> Self {
        let seconds = std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
        let now = civil(When(seconds.cast_signed()));
        let models = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let models: Vec<&str> = models.lines().filter_map(|line| line.strip_prefix("model name")).collect();
        let model = models.first().map_or("", |line| line.trim_start_matches([' ', '\t', ':']));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        // What stands behind the numbers names a machine or a distribution.
        let release: String = release.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        Self {
            date: format!("{:04}-{:02}-{:02}", now.year, now.month, now.day),
            version: version(),
            processor: format!("{} x {model}", models.len()),
            kernel: format!("{} {release}", std::env::consts::OS),
            compiler: said("rustc", &["--version"]),
            load: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
            is_small,
            is_quick,
        }
    }
}

/// The commit of the tree, and whether something was changed since: what a run of the benchmark has written does not count.
fn version() -> String {
    let commit = said("git", &["describe", "--always", "--exclude=*"]);
    let changes = said("git", &["status", "--porcelain", "--", ":/", ":!/docs/performance*"]);
    if changes.is_empty() { commit } else { commit + CHANGED }
}

/// What a program says.
fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Puts the values of a list into one line, and so a measure.
fn together(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let word = line.trim_start();
        match lines.last_mut() {
            Some(last) if inside => {
                let gap = if last.ends_with('[') || word.starts_with(']') { "" } else { " " };
                last.push_str(gap);
                last.push_str(word);
            }
            Some(_) | None => lines.push(line.to_owned()),
        }
        inside = word.ends_with('[') && word.contains("\"values\"") || inside && !word.starts_with(']');
    }
    lines.join("\n")
}
