//! What is known between two servers, from one run to the next: `pairs.json` in the state directory, or `pairs` in the database that
//! has the jobs.
//!
//! | what happened | what is remembered |
//! |---|---|
//! | a direct candidate has moved a file, or its probe has succeeded | it comes first, for a week |
//! | nothing arrived on a direct path, and no server said why | it comes behind the other direct ones, for a day |
//!
//! | two servers were reached through agents at a hub | these are asked first there, for a week |
//!
//! What is remembered orders candidates and agents. It never permits one, and closes none. A path through a third host is
//! not remembered as one that works: it would come before direct paths that may be open again.

use super::document::{Document, DocumentRow};
use super::file::{StateFile, age, now};
use crate::journal::SharedDocuments;
use ftp_proto::address::Family;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// Two servers as they are reached from here, and the network that this host has there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Key {
    /// The source: user, host and port, and its address.
    pub source: (String, IpAddr),
    /// The destination, in the same form.
    pub destination: (String, IpAddr),
    /// The network of this host.
    pub from: String,
}

impl Key {
    /// Two servers as they are reached at this hub. Their addresses are the business of its agents.
    pub fn at_hub(hub: &str, source: &str, destination: &str) -> Self {
        let at = |server: &str| (server.to_owned(), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Self { source: at(source), destination: at(destination), from: format!("hub {hub}") }
    }

    /// The network of an address: /24 of IPv4, /64 of IPv6.
    pub fn network(address: IpAddr) -> String {
        let length = match Family::of(address) {
            Family::V4 => 24,
            Family::V6 => 64,
        };
        ipnet::IpNet::new(address, length).map_or_else(|_| address.to_string(), |net| net.trunc().to_string())
    }
}

/// What is remembered of one pair.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    key: Key,
    /// The candidate that has worked.
    candidate: Option<String>,
    /// When that was, in seconds since 1970.
    at: u64,
    /// The direct paths on which nothing arrived.
    #[serde(default)]
    silent: Vec<SilentRung>,
}

/// A path on which nothing arrived.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct SilentRung {
    rung: String,
    at: u64,
}

/// What is known of a pair from earlier runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KnownPair {
    /// The candidate that has worked, and how long ago.
    pub worked: Option<(String, Duration)>,
    /// The rungs on which nothing arrived, and how long ago.
    pub silent: Vec<(String, Duration)>,
}

/// A direct candidate that has worked between two servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkedPath {
    /// The source: user, host and port.
    pub source: String,
    /// The destination, in the same form.
    pub destination: String,
    /// The name of its rung.
    pub rung: String,
    /// When that was, in seconds since 1970.
    pub at: u64,
}

/// The memory of pairs. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pairs(Document);

impl Pairs {
    /// The memory in that state directory; none without a directory.
    pub fn at(directory: Option<PathBuf>) -> Self {
        Self(Document::File(StateFile::at(directory, "pairs.json")))
    }

    /// The memory that several hosts share.
    pub const fn shared(memory: SharedDocuments) -> Self {
        Self(Document::Row(DocumentRow { memory, name: "pairs", holds_trust: false }))
    }

    /// What is known of this pair.
    ///
    /// # Errors
    ///
    /// A damaged file, or a database that is away, in words. Such a file is set aside, and nothing is remembered.
    pub fn recall(&self, key: &Key) -> Result<KnownPair, String> {
        let now = now();
        let entries: Vec<Entry> = self.0.read().map_err(|why| why.to_string())?;
        let Some(entry) = entries.into_iter().find(|entry| entry.key == *key) else {
            return Ok(KnownPair::default());
        };
        let worked_at = age(entry.at, now, WORKED);
        let silent = entry.silent.into_iter();
        Ok(KnownPair {
            worked: entry.candidate.zip(worked_at),
            silent: silent
                .filter_map(|silence| Some((silence.rung, age(silence.at, now, SILENT)?)))
                .collect(),
        })
    }

    /// What has worked between any two servers, the last one last.
    ///
    /// # Errors
    ///
    /// As for [`recall`](Self::recall).
    pub fn worked(&self) -> Result<Vec<WorkedPath>, String> {
        let (now, entries): (_, Vec<Entry>) = (now(), self.0.read().map_err(|why| why.to_string())?);
        let path = |Entry { key, candidate, at, .. }: Entry| {
            let (rung, _) = candidate.as_deref()?.split_once(": ")?;
            age(at, now, WORKED)?;
            let (source, destination) = (key.source.0, key.destination.0);
            Some(WorkedPath { source, destination, rung: rung.to_owned(), at })
        };
        let mut all: Vec<WorkedPath> = entries.into_iter().filter_map(path).collect();
        all.sort_by_key(|path| path.at);
        Ok(all)
    }

    /// Notes the candidate that has worked for this pair, and forgets that nothing arrived on its rung. The file
    /// is not written if it says so already.
    ///
    /// # Errors
    ///
    /// Why the file cannot be written, in words.
    pub fn note_worked(&self, key: &Key, candidate: &str, rung: &str) -> Result<(), String> {
        self.change(key, |entry, now| {
            let is_new =
                entry.candidate.as_deref() != Some(candidate) || age(entry.at, now, WORKED / 7).is_none();
            let forgets = entry.silent.iter().any(|silence| silence.rung == rung);
            entry.silent.retain(|silence| silence.rung != rung);
            if is_new {
                (entry.candidate, entry.at) = (Some(candidate.to_owned()), now);
            }
            is_new || forgets
        })
    }

    /// Forgets that nothing arrived on a rung: something has, and that is no reason to prefer it.
    ///
    /// # Errors
    ///
    /// Why the file cannot be written, in words.
    pub fn note_open(&self, key: &Key, rung: &str) -> Result<(), String> {
        self.change(key, |entry, _| {
            let before = entry.silent.len();
            entry.silent.retain(|silence| silence.rung != rung);
            entry.silent.len() != before
        })
    }

    /// Notes that nothing arrived on these rungs, and no server said why.
    ///
    /// # Errors
    ///
    /// Why the file cannot be written, in words.
    pub fn note_silent(&self, key: &Key, rungs: &[&str]) -> Result<(), String> {
        if rungs.is_empty() {
            return Ok(());
        }
        self.change(key, |entry, now| {
            entry
                .silent
                .retain(|silence| !rungs.contains(&&*silence.rung) && age(silence.at, now, SILENT).is_some());
            entry.silent.extend(rungs.iter().map(|rung| SilentRung { rung: (*rung).to_owned(), at: now }));
            true
        })
    }

    /// The agents that have reached two servers at a hub, and are asked first the next time.
    ///
    /// # Errors
    ///
    /// A damaged file, in words. It is set aside, and nothing is remembered.
    pub fn agents(&self, key: &Key) -> Result<Vec<String>, String> {
        let worked = self.recall(key)?.worked;
        Ok(worked.map(|(names, _)| names.split(' ').map(str::to_owned).collect()).unwrap_or_default())
    }

    /// Notes the agents that have reached two servers at a hub. Their names have no blanks.
    ///
    /// # Errors
    ///
    /// Why the file cannot be written, in words.
    pub fn note_agents(&self, key: &Key, names: &[&str]) -> Result<(), String> {
        self.note_worked(key, &names.join(" "), "hub")
    }

    /// Changes what is remembered of a pair. The pair that was changed last is the last entry.
    fn change(&self, key: &Key, mut change: impl FnMut(&mut Entry, u64) -> bool) -> Result<(), String> {
        let now = now();
        let changed = self.0.update(|entries: &mut Vec<Entry>| {
            let known = entries.iter().position(|entry| entry.key == *key).map(|index| entries.remove(index));
            let new = || Entry { key: key.clone(), candidate: None, at: 0, silent: Vec::new() };
            let mut entry = known.unwrap_or_else(new);
            let changed = change(&mut entry, now);
            entries.retain(|entry| is_fresh(entry, now));
            // The oldest ones are forgotten first.
            let surplus = (entries.len() + 1).saturating_sub(MOST);
            entries.drain(..surplus);
            entries.push(entry);
            changed
        });
        changed.map_err(|why| why.to_string())
    }
}

fn is_fresh(entry: &Entry, now: u64) -> bool {
    age(entry.at, now, WORKED).is_some()
        || entry.silent.iter().any(|silence| age(silence.at, now, SILENT).is_some())
}

/// How long it is remembered what has worked.
const WORKED: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long it is remembered that nothing arrived. Firewalls and networks change sooner than servers.
const SILENT: Duration = Duration::from_secs(24 * 3600);
/// The largest number of pairs.
const MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use tempfile::TempDir;

    fn key(source: &str) -> Key {
        let at = |name: &str| (format!("ann@{name}:21"), "192.0.2.1".parse().unwrap());
        Key {
            source: at(source),
            destination: at("two"),
            from: Key::network("198.51.100.7".parse().unwrap()),
        }
    }

    /// What is known in a new state directory.
    fn new() -> (TempDir, Pairs) {
        let home = tempfile::tempdir().unwrap();
        let pairs = Pairs::at(Some(home.path().to_path_buf()));
        (home, pairs)
    }

    /// What has worked for this pair.
    fn worked(pairs: &Pairs, key: &Key) -> Option<String> {
        pairs.recall(key).unwrap().worked.map(|(candidate, _)| candidate)
    }

    /// Where nothing arrived.
    fn silent(pairs: &Pairs, key: &Key) -> Vec<String> {
        pairs.recall(key).unwrap().silent.into_iter().map(|(rung, _)| rung).collect()
    }

    #[test]
    fn h18_what_has_worked_is_remembered_by_pair_and_replaced_by_what_works_later() {
        let (_home, pairs) = new();
        assert_eq!(pairs.recall(&key("one")), Ok(KnownPair::default()));
        pairs.note_worked(&key("one"), "source-listens: LSTN and SOCK", "source-listens").unwrap();
        assert_eq!(worked(&pairs, &key("one")), Some("source-listens: LSTN and SOCK".to_owned()));
        assert_eq!(worked(&pairs, &key("other")), None);
        let elsewhere = Key { from: Key::network("203.0.113.7".parse().unwrap()), ..key("one") };
        assert_eq!(worked(&pairs, &elsewhere), None, "another network of this host");
        pairs.note_worked(&key("one"), "dest-listens: EPSV and EPRT", "dest-listens").unwrap();
        assert_eq!(worked(&pairs, &key("one")), Some("dest-listens: EPSV and EPRT".to_owned()));
        assert_eq!(Pairs::at(None).note_worked(&key("one"), "x", "x"), Ok(()));
    }

    #[test]
    fn h18_a_path_that_was_forced_is_open_and_not_preferred() {
        let (_home, pairs) = new();
        pairs.note_open(&key("one"), "symmetric").unwrap();
        assert_eq!(pairs.recall(&key("one")), Ok(KnownPair::default()));
        pairs.note_worked(&key("one"), "dest-listens: EPSV and EPRT", "dest-listens").unwrap();
        pairs.note_silent(&key("one"), &["symmetric"]).unwrap();
        assert_eq!(pairs.recall(&key("one")).unwrap().silent.len(), 1);
        pairs.note_open(&key("one"), "symmetric").unwrap();
        assert!(pairs.recall(&key("one")).unwrap().silent.is_empty(), "something has arrived there");
        assert_eq!(worked(&pairs, &key("one")), Some("dest-listens: EPSV and EPRT".to_owned()));
    }

    #[test]
    fn a_path_on_which_nothing_arrived_is_remembered_until_it_works() {
        let (_home, pairs) = new();
        pairs.note_silent(&key("one"), &["dest-listens"]).unwrap();
        pairs.note_silent(&key("one"), &["source-listens", "dest-listens"]).unwrap();
        pairs.note_worked(&key("one"), "symmetric: x", "symmetric").unwrap();
        assert_eq!(silent(&pairs, &key("one")), ["source-listens", "dest-listens"]);
        pairs.note_worked(&key("one"), "dest-listens: x", "dest-listens").unwrap();
        assert_eq!(silent(&pairs, &key("one")), ["source-listens"]);
        assert_eq!(worked(&pairs, &key("one")), Some("dest-listens: x".to_owned()));
        assert_eq!(silent(&pairs, &key("other")), [""; 0]);
    }

    #[test]
    fn a_file_without_paths_on_which_nothing_arrived_is_understood() {
        let (home, pairs) = new();
        let entry = r#"[{"source":["ann@one:21","192.0.2.1"],"destination":["ann@two:21","192.0.2.1"],
            "from":"198.51.100.0/24","candidate":"dest-listens: x","at":NOW}]"#;
        fs::write(home.path().join("pairs.json"), entry.replace("NOW", &now().to_string())).unwrap();
        assert_eq!(worked(&pairs, &key("one")), Some("dest-listens: x".to_owned()));
    }

    #[test]
    fn what_is_too_old_is_forgotten() {
        let old = |at, silent: Option<u64>| Entry {
            key: key("one"),
            candidate: None,
            at,
            silent: silent.map(|at| SilentRung { rung: String::new(), at }).into_iter().collect(),
        };
        let now = 10_000_000;
        let day = SILENT.as_secs();
        let found =
            [old(now, None), old(now - 7 * day, None), old(0, Some(now - day + 1)), old(0, Some(now - day))];
        assert_eq!(found.map(|entry| is_fresh(&entry, now)), [true, false, true, false]);
    }

    #[test]
    fn the_oldest_pairs_are_forgotten_first() {
        let (home, pairs) = new();
        let entry =
            |number| Entry { key: key(&format!("{number}")), candidate: None, at: now(), silent: vec![] };
        let all: Vec<Entry> = (0..MOST).map(entry).collect();
        fs::write(home.path().join("pairs.json"), serde_json::to_vec(&all).unwrap()).unwrap();
        pairs.note_worked(&key("new"), "x", "x").unwrap();
        let kept: Vec<Entry> = pairs.0.read().unwrap();
        assert_eq!((kept.len(), kept[0].key.clone()), (MOST, key("1")));
        assert_eq!(kept.last().unwrap().key, key("new"));
    }

    #[test]
    fn the_agents_of_a_pair_are_remembered_for_each_hub() {
        let (_home, pairs) = new();
        let key = |hub| Key::at_hub(hub, "ann@one:21", "ann@two:21");
        assert_eq!(pairs.agents(&key("192.0.2.1:443")), Ok(Vec::new()));
        pairs.note_agents(&key("192.0.2.1:443"), &["zurich", "berlin"]).unwrap();
        let names = ["zurich", "berlin"].map(str::to_owned).to_vec();
        assert_eq!(pairs.agents(&key("192.0.2.1:443")), Ok(names));
        assert_eq!(pairs.agents(&key("192.0.2.2:443")), Ok(Vec::new()));
    }

    #[test]
    fn what_one_host_has_learnt_another_one_knows_that_shares_its_database() {
        let home = tempfile::tempdir().unwrap();
        let [one, two] = [(); 2].map(|()| SharedDocuments::for_tests(home.path()));
        let [one, two, damaged] = [one, two.clone(), two].map(Pairs::shared);
        one.note_worked(&key("one"), "x: y", "x").unwrap();
        two.note_worked(&key("two"), "y: z", "y").unwrap();
        two.note_silent(&key("one"), &["z"]).unwrap();
        for pairs in [&one, &two] {
            let known = ["one", "two"].map(|name| worked(pairs, &key(name)));
            assert_eq!(known, [Some("x: y".to_owned()), Some("y: z".to_owned())]);
            assert_eq!(silent(pairs, &key("one")), ["z"]);
            // Either may be the newer one: the clock counts seconds.
            let rungs: BTreeSet<String> = pairs.worked().unwrap().into_iter().map(|path| path.rung).collect();
            assert!(rungs.iter().eq(["x", "y"]), "{rungs:?}");
        }
        let Pairs(Document::Row(row)) = damaged else { panic!("it is in a database") };
        row.memory.damage_for_tests(row.name, "[{");
        let said = one.recall(&key("one")).unwrap_err();
        assert!(said.contains("the row pairs in the database of the jobs is damaged"), "{said}");
        one.note_worked(&key("one"), "x: y", "x").unwrap();
        assert_eq!(worked(&two, &key("one")), Some("x: y".to_owned()), "a new one begins");
        let away = Pairs::shared(SharedDocuments::away_for_tests());
        assert!(away.recall(&key("one")).is_err() && away.note_worked(&key("one"), "x", "x").is_err());
    }

    #[test]
    fn a_damaged_file_is_told_once() {
        let (home, pairs) = new();
        fs::write(home.path().join("pairs.json"), "[{").unwrap();
        assert!(pairs.recall(&key("one")).unwrap_err().contains("is damaged"));
        assert_eq!(pairs.recall(&key("one")), Ok(KnownPair::default()));
    }

    #[test]
    fn a_network_is_what_a_provider_gives_to_one_place() {
        assert_eq!(Key::network("198.51.100.7".parse().unwrap()), "198.51.100.0/24");
        assert_eq!(Key::network("2001:db8::7".parse().unwrap()), "2001:db8::/64");
    }
}
