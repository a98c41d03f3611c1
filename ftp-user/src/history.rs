//! What past runs have tried, as values that are kept and shown later. They hold no secrets: words of servers have
//! lost theirs before they come here.

use serde::{Deserialize, Serialize};

/// A run that has copied between two sites.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PastRun {
    /// The identity of its job.
    pub id: String,
    /// copy or append.
    pub verb: String,
    /// When it ended, in seconds since 1970.
    pub at: u64,
    /// How many seconds it took.
    pub seconds: f64,
    /// Number of files that are done.
    pub files: u64,
    /// Number of files that have failed.
    pub failed: u64,
    /// What was tried between which servers.
    pub pairs: Vec<PastPair>,
    /// The first failures, in words.
    pub failures: Vec<String>,
    /// The files of these, in the same order; none in what an earlier version has kept.
    #[serde(default)]
    pub failed_files: Vec<PastFile>,
}

/// A file that has failed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PastFile {
    /// Its place at the source.
    pub source: String,
    /// Its place at the destination.
    pub dest: String,
}

/// What was tried between two servers.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PastPair {
    /// The source: user, host and port.
    pub source: String,
    /// The destination, in the same form.
    pub destination: String,
    /// The races of its files, the first one first.
    pub races: Vec<PastRace>,
    /// Number of races that went as the one before them, or for which there was no room.
    pub omitted: u64,
}

/// The candidates of one file.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PastRace {
    /// The number of the file within its job, from 1.
    pub item: u64,
    /// The source of the file.
    pub file: String,
    /// The candidates in their order, then those that could not be used.
    pub tried: Vec<PastCandidate>,
    /// What verified the copy, if it is complete.
    pub verified: Option<String>,
}

/// A candidate of a file, and what came of it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PastCandidate {
    /// Its rung, as in events.
    pub rung: String,
    /// Its path, as in events.
    pub path: String,
    /// The path in words, with the name of a relay.
    pub words: String,
    /// The commands of two servers, or who connects to whom.
    pub how: Option<String>,
    /// How two servers take the roles of TLS, if their data connection runs TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// clear or private.
    pub protection: Option<String>,
    /// What earlier runs said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Whether it has probed (PROB) before anything else, or only that.
    pub probed: bool,
    /// When it started, in seconds after the start of the race; `None` if it never did.
    pub started: Option<f64>,
    /// When both ends had their transfer commands, in the same form.
    pub connecting: Option<f64>,
    /// When it ended, in the same form.
    pub ended: Option<f64>,
    /// What came of it.
    pub fate: Fate,
    /// Why, in words.
    pub why: Option<String>,
    /// The last reply of each end that has answered.
    pub said: Vec<Said>,
}

/// What came of a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It never started.
    #[default]
    Skipped,
    /// It has moved the file.
    Moved,
    /// Both ends have begun to move the file, and went on without this program.
    Begun,
    /// Its probe has succeeded, and it has not moved the file.
    Proven,
    /// Another candidate was sooner.
    Lost,
    /// It has failed.
    Failed,
}

/// The last reply of an end.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Said {
    /// source or destination.
    pub end: String,
    /// The reply, without secrets, control characters escaped.
    pub reply: String,
}

impl PastRace {
    /// The candidate that has moved the file.
    pub fn winner(&self) -> Option<&PastCandidate> {
        self.tried.iter().find(|tried| tried.fate == Fate::Moved)
    }

    /// The candidate by which both ends have begun to move the file without this program.
    pub fn begun(&self) -> Option<&PastCandidate> {
        self.tried.iter().find(|tried| tried.fate == Fate::Begun)
    }

    /// Whether this race went as the other one: the same candidate won, and nothing failed.
    pub fn is_like(&self, other: &Self) -> bool {
        let course = |race: &Self| race.winner().map(|tried| (tried.words.clone(), tried.how.clone()));
        let fails = |race: &Self| race.tried.iter().any(|tried| tried.fate == Fate::Failed);
        course(self).is_some() && course(self) == course(other) && !fails(self)
    }
}

/// The first characters of a text, for a value whose size is bounded.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

/// The number of characters that are kept of a text.
const LONGEST: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shortened_between_characters() {
        assert_eq!(shortened("short"), "short");
        let long = "\u{e9}".repeat(LONGEST + 1);
        assert_eq!(shortened(&long).chars().count(), LONGEST + 3);
    }

    #[test]
    fn a_race_is_like_another_one_if_the_same_candidate_won_and_nothing_failed() {
        let tried =
            |words: &str, fate| PastCandidate { words: words.to_owned(), fate, ..PastCandidate::default() };
        let race = |tried| PastRace { tried, ..PastRace::default() };
        let first = race(vec![tried("a", Fate::Failed), tried("b", Fate::Moved)]);
        let same = race(vec![tried("b", Fate::Moved)]);
        assert!(same.is_like(&first) && !first.is_like(&same));
        assert!(!race(vec![tried("a", Fate::Moved)]).is_like(&first));
        assert!(!race(vec![]).is_like(&race(vec![])));
    }
}
