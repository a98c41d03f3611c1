//! What directories held when an earlier shell ended: a file of the state directory that is its user's alone.

use super::file::StateFile;
use crate::shell::{Cache, Directory, Listed};
use ftp_io::clock::Clock;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// A listing in the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    directory: String,
    at: u64,
    #[serde(default)]
    is_cut: bool,
    names: Vec<String>,
}

fn file(state: Option<PathBuf>) -> StateFile {
    StateFile::at(state, "shell-listings.json")
}

/// Reads the file into a cache. Listings that are too old are left out, and directories of sites that the cache does not know.
///
/// # Errors
///
/// Why the file cannot be read, in words.
pub fn read(state: Option<PathBuf>, cache: &mut Cache) -> Result<(), String> {
    // The last one was used first, so that it gives way last.
    for entry in file(state).read::<Vec<Entry>>()?.into_iter().rev() {
        let age = seconds().saturating_sub(entry.at);
        if let Ok(directory) = Directory::parse(&entry.directory, cache.sites())
            && !directory.is_local()
            && age < OLDEST.as_secs()
        {
            cache.keep(directory, Listed::new(entry.names, entry.at, entry.is_cut));
        }
    }
    cache.take_changed();
    Ok(())
}

/// Writes the cache into the file, if it has changed.
///
/// # Errors
///
/// Why the file cannot be written, in words.
pub fn write(state: Option<PathBuf>, cache: &mut Cache) -> Result<(), String> {
    if !cache.take_changed() {
        return Ok(());
    }
    let entry = |(directory, listed): (&Directory, &Listed)| Entry {
        directory: directory.to_string(),
        at: listed.at,
        is_cut: listed.is_cut,
        names: listed.names.clone(),
    };
    let entries: Vec<Entry> = cache.all().into_iter().map(entry).collect();
    file(state).update(|all: &mut Vec<Entry>| {
        *all = entries;
        true
    })
}

/// Seconds since 1970.
fn seconds() -> u64 {
    u64::try_from(Clock::today().0).unwrap_or(0)
}

/// The age at which a listing says nothing any more.
const OLDEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Names;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_next_shell_knows_what_the_last_one_knew() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        let at = |text: &str| Directory::parse(text, &Names::default()).unwrap();
        let now = seconds();
        let listed = |name: &str| Listed::new(vec![name.to_owned(), "d/".to_owned()], now, false);
        let mut cache = Cache::default();
        cache.keep(at("ftp://h/a"), listed("x"));
        cache.keep(at("ftp://h/b"), listed("y"));
        write(Some(state.clone()), &mut cache).unwrap();
        let path = state.join("shell-listings.json");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        cache.keep(at("ftp://h/old"), Listed::new(vec!["z".to_owned()], now - OLDEST.as_secs(), false));
        write(Some(state.clone()), &mut cache).unwrap();
        let mut again = Cache::default();
        read(Some(state.clone()), &mut again).unwrap();
        assert_eq!(again.find(&at("ftp://h/a")), Some(&listed("x")));
        assert!(!again.take_changed(), "nothing is new");
        assert_eq!(again.held().directories, 2);
        // A directory without its site, and damage.
        std::fs::write(&path, "[{\"directory\":\"gone:x\",\"at\":1,\"names\":[]}]").unwrap();
        let mut other = Cache::default();
        read(Some(state.clone()), &mut other).unwrap();
        assert_eq!(other.held().directories, 0);
        std::fs::write(&path, "[{").unwrap();
        assert!(read(Some(state), &mut other).unwrap_err().contains("is damaged"));
    }
}
