//! Which direct candidate has worked between two servers, from one run to the next: `pairs.json` in the state
//! directory, readable by its user only.
//!
//! What is remembered puts a candidate first. It never permits one, and it holds for a week. A path through a third
//! host is not remembered: it would come before direct paths that may be open again.

use ftp_proto::address::Family;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    candidate: String,
    /// When that was, in seconds since 1970.
    at: u64,
}

/// The memory of pairs. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pairs(Option<Arc<Path>>);

impl Pairs {
    /// The memory in that state directory; none without a directory.
    pub fn at(directory: Option<PathBuf>) -> Self {
        Self(directory.map(|directory| directory.join("pairs.json").into()))
    }

    /// The candidate that has worked for this pair within a week.
    ///
    /// # Errors
    ///
    /// A damaged file, in words. It is set aside, and nothing is remembered.
    pub fn recall(&self, key: &Key) -> Result<Option<String>, String> {
        let Some(file) = &self.0 else { return Ok(None) };
        let now = now();
        let entries = read(file)?;
        let entry = entries.into_iter().find(|entry| entry.key == *key && is_fresh(entry, now));
        Ok(entry.map(|entry| entry.candidate))
    }

    /// Notes the candidate that has worked for this pair. The file is not written if it says so already.
    ///
    /// # Errors
    ///
    /// Why the file cannot be written, in words.
    pub fn note(&self, key: &Key, candidate: &str) -> Result<(), String> {
        let Some(file) = &self.0 else { return Ok(()) };
        let now = now();
        let mut entries = read(file).unwrap_or_default();
        let is_same = |entry: &Entry| entry.key == *key && entry.candidate == candidate;
        if entries.iter().any(|entry| is_same(entry) && now.saturating_sub(entry.at) < FRESH.as_secs() / 7) {
            return Ok(());
        }
        entries.retain(|entry| entry.key != *key && is_fresh(entry, now));
        // The oldest ones are forgotten first.
        let surplus = (entries.len() + 1).saturating_sub(MOST);
        entries.drain(..surplus);
        entries.push(Entry { key: key.clone(), candidate: candidate.to_owned(), at: now });
        write(file, &entries).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }
}

fn is_fresh(entry: &Entry, now: u64) -> bool {
    // A clock that was wrong may have written a time to come.
    entry.at <= now && now - entry.at < FRESH.as_secs()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn read(file: &Path) -> Result<Vec<Entry>, String> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot read {}: {error}", file.display())),
    };
    serde_json::from_slice(&text).map_err(|error| {
        let aside = file.with_extension("json.damaged");
        let moved = match fs::rename(file, &aside) {
            Ok(()) => format!("it is {} now", aside.display()),
            Err(error) => format!("it cannot be set aside: {error}"),
        };
        format!("{} is damaged ({error}), so no path is remembered; {moved}", file.display())
    })
}

/// Writes beside the file and renames, so that a reader never sees a half.
fn write(file: &Path, entries: &[Entry]) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let beside = file.with_extension(format!("json.{}", std::process::id()));
    let mut new = File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    new.write_all(&serde_json::to_vec_pretty(entries)?)?;
    drop(new);
    fs::rename(&beside, file)
}

/// How long a pair is remembered.
const FRESH: Duration = Duration::from_secs(7 * 24 * 3600);
/// The largest number of pairs.
const MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn key(source: &str) -> Key {
        let at = |name: &str| (format!("ann@{name}:21"), "192.0.2.1".parse().unwrap());
        Key {
            source: at(source),
            destination: at("two"),
            from: Key::network("198.51.100.7".parse().unwrap()),
        }
    }

    #[test]
    fn h18_what_has_worked_is_remembered_by_pair_and_replaced_by_what_works_later() {
        let home = tempfile::tempdir().unwrap();
        let pairs = Pairs::at(Some(home.path().join("state")));
        assert_eq!(pairs.recall(&key("one")), Ok(None));
        pairs.note(&key("one"), "source-listens: LSTN and SOCK").unwrap();
        assert_eq!(pairs.recall(&key("one")), Ok(Some("source-listens: LSTN and SOCK".to_owned())));
        assert_eq!(pairs.recall(&key("other")), Ok(None));
        let elsewhere = Key { from: Key::network("203.0.113.7".parse().unwrap()), ..key("one") };
        assert_eq!(pairs.recall(&elsewhere), Ok(None), "another network of this host");
        pairs.note(&key("one"), "dest-listens").unwrap();
        assert_eq!(pairs.recall(&key("one")), Ok(Some("dest-listens".to_owned())));
        let mode = fs::metadata(home.path().join("state/pairs.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Pairs::at(None).note(&key("one"), "x"), Ok(()));
    }

    #[test]
    fn what_is_older_than_a_week_or_from_a_time_to_come_is_forgotten() {
        let at = |at| Entry { key: key("one"), candidate: String::new(), at };
        let now = 10_000_000;
        for (at, fresh) in [(at(now), true), (at(now + 1), false), (at(now - FRESH.as_secs()), false)] {
            assert_eq!(is_fresh(&at, now), fresh);
        }
    }

    #[test]
    fn a_damaged_file_is_set_aside_with_a_word_and_the_next_run_begins_anew() {
        let home = tempfile::tempdir().unwrap();
        let pairs = Pairs::at(Some(home.path().to_path_buf()));
        fs::write(home.path().join("pairs.json"), "[{").unwrap();
        let said = pairs.recall(&key("one")).unwrap_err();
        assert!(said.contains("is damaged") && said.contains("pairs.json.damaged now"), "{said}");
        assert_eq!(pairs.recall(&key("one")), Ok(None));
        assert!(home.path().join("pairs.json.damaged").exists());
    }

    #[test]
    fn a_network_is_what_a_provider_gives_to_one_place() {
        assert_eq!(Key::network("198.51.100.7".parse().unwrap()), "198.51.100.0/24");
        assert_eq!(Key::network("2001:db8::7".parse().unwrap()), "2001:db8::/64");
    }
}
