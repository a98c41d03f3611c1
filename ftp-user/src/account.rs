//! The account of a path: which candidates there are between two servers, what came of each, and which one has moved the
//! file. `--explain`, `probe`, the picture and `why` show this value, and the journal keeps it. It holds no secrets: words of
//! servers have lost theirs before they come here.

use crate::ladder::Rung;
use ftp_io::lock::Lock;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};

/// A run that has copied between two sites.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RunAccount {
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
    /// Number of files that were interrupted: another run goes on with them.
    #[serde(default)]
    pub interrupted: u64,
    /// What was tried between which servers.
    pub pairs: Vec<PairAccount>,
    /// The first failures, in words.
    pub failures: Vec<String>,
    /// The files of these, in the same order.
    pub failed_files: Vec<FailedFile>,
}

/// A file that has failed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FailedFile {
    /// Its place at the source.
    pub source: String,
    /// Its place at the destination.
    pub dest: String,
}

/// What was tried between two servers.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PairAccount {
    /// The source: user, host and port.
    pub source: String,
    /// The destination, in the same form.
    pub destination: String,
    /// The races of its files, the first one first.
    pub races: Vec<RouteAccount>,
    /// Number of races that went as the one before them, or for which there was no room.
    pub omitted: u64,
}

/// The candidates of one file.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RouteAccount {
    /// The number of the file within its job, from 1.
    pub item: u64,
    /// The source of the file.
    pub file: String,
    /// The candidates in their order, then those that could not be used.
    pub tried: Vec<CandidateAccount>,
    /// What verified the copy, if it is complete.
    pub verified: Option<String>,
    /// The path of the best candidate, to be drawn while the run lasts.
    #[serde(skip)]
    pub picture: Option<Box<Picture>>,
}

/// A candidate of a file, and what came of it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct CandidateAccount {
    /// Its rung, as in events.
    pub rung: String,
    /// Its path, as in events.
    pub path: String,
    /// The path in words, with the name of a relay.
    pub words: String,
    /// The name of the relay, while the run lasts.
    #[serde(skip)]
    pub relay: Option<String>,
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
    pub fate: CandidateFate,
    /// Why, in words.
    pub why: Option<String>,
    /// The last reply of each end that has answered.
    pub said: Vec<LastReply>,
}

/// What came of a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CandidateFate {
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
pub struct LastReply {
    /// source or destination.
    pub end: String,
    /// The reply, without secrets, control characters escaped.
    pub reply: String,
}

/// How a picture calls the host of this program.
pub const THIS: &str = "this host";

/// The path between two servers, to be drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture {
    /// The server that sends.
    pub source: PictureEnd,
    /// The server that receives.
    pub destination: PictureEnd,
    /// How the bytes go.
    pub path: DataPath,
}

/// A server of a picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PictureEnd {
    /// Its user, host and port.
    pub name: String,
    /// Whether its control connection runs TLS.
    pub is_private: bool,
}

/// How the bytes go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DataPath {
    /// From server to server.
    Direct(Leg),
    /// Through a third host.
    Through {
        /// What it is called.
        host: String,
        /// The connection of the source.
        source: Leg,
        /// The connection of the destination.
        destination: Leg,
    },
}

/// A data connection, of the host above with the host below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leg {
    /// Who connects to whom.
    pub dials: Dials,
    /// Whether nobody else can read the bytes.
    pub is_private: bool,
}

/// Who connects to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dials {
    /// The host above connects.
    Above,
    /// The host below connects.
    Below,
    /// Both connect at the same time.
    Both,
    /// One of them: the first that can.
    Either,
}

impl Dials {
    /// Who connects in a rung from server to server.
    pub const fn between_servers(rung: Rung) -> Self {
        match rung {
            Rung::DestListens => Self::Above,
            Rung::SourceListens => Self::Below,
            Rung::Symmetric => Self::Both,
            Rung::RelaySource | Rung::RelayDest | Rung::Hub | Rung::User | Rung::Local => Self::Either,
        }
    }
}

impl PairAccount {
    /// The account of one race between these servers.
    pub fn of(source: String, destination: String, race: RouteAccount) -> Self {
        Self { source, destination, races: vec![race], omitted: 0 }
    }

    /// The first candidate whose probe has succeeded.
    pub fn best(&self) -> Option<&CandidateAccount> {
        let mut tried = self.races.iter().flat_map(|race| &race.tried);
        tried.find(|tried| tried.fate == CandidateFate::Proven)
    }
}

impl CandidateAccount {
    /// A candidate that has not started.
    pub fn new(rung: Rung, relay: Option<String>) -> Self {
        let mut account = Self { relay, ..Self::default() };
        account.stands_on(rung);
        account
    }

    /// It turns out to stand on this rung.
    pub fn stands_on(&mut self, rung: Rung) {
        (self.rung, self.path) = (rung.name().to_owned(), rung.path().to_owned());
        let relay = self.relay.as_ref().map_or_else(String::new, |relay| format!(" {relay}"));
        self.words = format!("{}{relay}", rung.words());
    }

    /// The candidate in words for people, who know no commands: several candidates may share them.
    pub fn plain_name(&self) -> String {
        let how = self.how.as_ref().filter(|_| self.path == "relay");
        self.words.clone() + &how.map_or_else(String::new, |how| format!(", {how}"))
    }

    /// The candidate in words, with the commands of both servers.
    pub fn name(&self) -> String {
        let how = self.how.as_ref().map_or_else(String::new, |how| match self.path.as_str() {
            "relay" => format!(", {how}"),
            _ => format!(" by {how}"),
        });
        let tls = self.tls.as_ref().map_or_else(String::new, |tls| format!(", {tls}"));
        format!("{}{how}{tls}", self.words)
    }
}

impl RouteAccount {
    /// The candidate that has moved the file.
    pub fn winner(&self) -> Option<&CandidateAccount> {
        self.tried.iter().find(|tried| tried.fate == CandidateFate::Moved)
    }

    /// The candidate by which both ends have begun to move the file without this program.
    pub fn begun(&self) -> Option<&CandidateAccount> {
        self.tried.iter().find(|tried| tried.fate == CandidateFate::Begun)
    }

    /// Whether this race went as the other one: the same candidate won, and nothing failed.
    pub fn is_like(&self, other: &Self) -> bool {
        let course = |race: &Self| race.winner().map(|tried| (tried.words.clone(), tried.how.clone()));
        let fails = |race: &Self| race.tried.iter().any(|tried| tried.fate == CandidateFate::Failed);
        course(self).is_some() && course(self) == course(other) && !fails(self)
    }
}

/// What this run has tried so far between two servers. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct TriedRoutes(Arc<Mutex<Vec<PairAccount>>>);

impl TriedRoutes {
    /// Notes what was tried for a file between two servers.
    pub fn note_race(&self, source: &str, destination: &str, race: RouteAccount) {
        let mut pairs = self.0.locked();
        let races: usize = pairs.iter().map(|pair| pair.races.len()).sum();
        let is_it = |pair: &PairAccount| pair.source == source && pair.destination == destination;
        if !pairs.iter().any(is_it) {
            let (source, destination) = (source.to_owned(), destination.to_owned());
            pairs.push(PairAccount { source, destination, ..PairAccount::default() });
        }
        let Some(pair) = pairs.iter_mut().find(|pair| is_it(pair)) else { return };
        let is_news = pair.races.last().is_none_or(|last| !race.is_like(last));
        if is_news && races < RACES {
            pair.races.push(race);
        } else {
            pair.omitted += 1;
        }
    }

    /// Notes what has verified a file.
    pub fn verified(&self, item: u64, by: &str) {
        let mut pairs = self.0.locked();
        let races = pairs.iter_mut().flat_map(|pair| &mut pair.races);
        if let Some(race) = races.filter(|race| race.item == item).last() {
            race.verified = Some(by.to_owned());
        }
    }

    /// Takes out what was tried.
    pub fn take(&self) -> Vec<PairAccount> {
        std::mem::take(&mut *self.0.locked())
    }
}

/// The largest number of races that are kept of a run.
const RACES: usize = 20;

/// The first characters of a text, for a value whose size is bounded.
pub fn shortened(text: &str) -> String {
    shortened_to(text, LONGEST)
}

/// The first `most` characters of a text; dots stand for the others.
pub fn shortened_to(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

/// The number of characters that are kept of a text.
const LONGEST: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn race(item: u64, words: &str, fate: CandidateFate) -> RouteAccount {
        let tried = vec![CandidateAccount { words: words.to_owned(), fate, ..CandidateAccount::default() }];
        RouteAccount { item, tried, ..RouteAccount::default() }
    }

    #[test]
    fn n14_of_files_that_went_the_same_way_one_account_is_kept() {
        let routes = TriedRoutes::default();
        routes.note_race("one", "two", race(1, "a", CandidateFate::Moved));
        routes.verified(1, "sha-256");
        routes.verified(9, "size");
        routes.note_race("one", "two", race(2, "a", CandidateFate::Moved));
        routes.note_race("one", "two", race(3, "b", CandidateFate::Moved));
        routes.note_race("three", "two", race(4, "a", CandidateFate::Failed));
        let pairs = routes.take();
        let [one, three] = &pairs[..] else { panic!("{pairs:?}") };
        assert_eq!((one.races.len(), one.omitted, three.races.len()), (2, 1, 1));
        assert_eq!(one.races[0].verified.as_deref(), Some("sha-256"));
    }

    #[test]
    fn of_a_run_with_many_files_a_bounded_number_of_races_is_kept() {
        let routes = TriedRoutes::default();
        for item in 0..100 {
            routes.note_race("one", "two", race(item, "a", CandidateFate::Failed));
        }
        let pairs = routes.take();
        assert_eq!((pairs[0].races.len(), pairs[0].omitted), (RACES, 80));
    }

    #[test]
    fn a_text_is_shortened_between_characters() {
        assert_eq!(shortened("short"), "short");
        let long = "\u{e9}".repeat(LONGEST + 1);
        assert_eq!(shortened(&long).chars().count(), LONGEST + 3);
    }

    #[test]
    fn a_race_is_like_another_one_if_the_same_candidate_won_and_nothing_failed() {
        let (same, mut first) = (race(1, "b", CandidateFate::Moved), race(2, "a", CandidateFate::Failed));
        first.tried.extend(same.tried.clone());
        assert!(same.is_like(&first) && !first.is_like(&same));
        assert!(!race(3, "a", CandidateFate::Moved).is_like(&first));
        assert!(!RouteAccount::default().is_like(&RouteAccount::default()));
    }
}
