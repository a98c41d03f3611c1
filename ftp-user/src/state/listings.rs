//! What directories held when an earlier shell ended: a file of the state directory that is its user's alone.
//!
//! Each line is a directory, and behind it its names, each after a tab. So whoever completes a word reads the names of one
//! directory, however much was listed.

use super::file::{StateFile, now};
use crate::place::Names;
use crate::shell::{Cache, CachedListing, Directory};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// A directory of the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    directory: String,
    at: u64,
    #[serde(default)]
    is_cut: bool,
    /// Its names, each but the first after a tab.
    #[serde(skip)]
    names: Vec<u8>,
}

impl Entry {
    fn names(&self, of: &StateFile) -> Result<Vec<String>, String> {
        let text = str::from_utf8(&self.names).map_err(|error| of.damaged(error))?;
        Ok(text.split('\t').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }
}

/// The directories of the file. Those that are too old are left out, and those of sites that are not known.
fn entries(of: &StateFile, sites: &Names) -> Result<Vec<(Directory, Entry)>, String> {
    let bytes = of.bytes()?.unwrap_or_default();
    let mut known = Vec::new();
    // The file of an older version is one list, and is written anew.
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for line in lines.take_while(|line| !line.starts_with(b"[")) {
        let mut fields = line.splitn(2, |byte| *byte == b'\t');
        let head = fields.next().unwrap_or_default();
        let entry: Entry = serde_json::from_slice(head).map_err(|error| of.damaged(error))?;
        let entry = Entry { names: fields.next().unwrap_or_default().to_vec(), ..entry };
        let is_fresh = now().saturating_sub(entry.at) < OLDEST.as_secs();
        match Directory::parse(&entry.directory, sites) {
            Ok(directory) if !directory.is_local() && is_fresh => known.push((directory, entry)),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(known)
}

/// Reads the file into a cache. Listings that are too old are left out, and directories of sites that the cache does not know.
///
/// # Errors
///
/// Why the file cannot be read, in words.
pub fn read(state: Option<PathBuf>, cache: &mut Cache) -> Result<(), String> {
    let of = StateFile::at(state, NAME);
    // The last one was used first, so that it gives way last.
    for (directory, entry) in entries(&of, &cache.sites)?.into_iter().rev() {
        cache.keep(directory, CachedListing::new(entry.names(&of)?, entry.at, entry.is_cut));
    }
    cache.take_changed();
    Ok(())
}

/// The directories of the file.
///
/// # Errors
///
/// Why the file cannot be read, in words.
pub fn directories(state: Option<PathBuf>, sites: &Names) -> Result<Vec<Directory>, String> {
    let known = entries(&StateFile::at(state, NAME), sites)?;
    Ok(known.into_iter().map(|(directory, _)| directory).collect())
}

/// The names of a directory that begin so. Those of other directories are not read.
///
/// # Errors
///
/// Why the file cannot be read, in words.
pub fn beginning(
    state: Option<PathBuf>,
    directory: &Directory,
    begin: &str,
    sites: &Names,
) -> Result<Vec<String>, String> {
    let of = StateFile::at(state, NAME);
    let known = entries(&of, sites)?;
    let found = Cache::position(directory, known.iter().map(|(known, _)| known), sites);
    let Some((_, entry)) = found.and_then(|found| known.get(found)) else { return Ok(Vec::new()) };
    let mut names = entry.names(&of)?;
    names.retain(|name| name.starts_with(begin));
    Ok(names)
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
    let of = StateFile::at(state, NAME);
    let mut text = String::new();
    for (directory, listed) in cache.all() {
        let (directory, CachedListing { names, at, is_cut }) = (directory.to_string(), listed.clone());
        let entry = Entry { directory, at, is_cut, names: Vec::new() };
        text += &serde_json::to_string(&entry).map_err(|error| of.cannot("write", &error.into()))?;
        for name in names.iter().filter(|name| !name.contains(['\n', '\r', '\t'])) {
            text.push('\t');
            text.push_str(name);
        }
        text.push('\n');
    }
    of.replace(text.as_bytes())
}

/// The name of the file.
const NAME: &str = "shell-listings.txt";
/// The age at which a listing says nothing any more.
const OLDEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn at(text: &str) -> Directory {
        Directory::parse(text, &Names::default()).unwrap()
    }

    fn listed(names: &[&str]) -> CachedListing {
        CachedListing::new(names.iter().map(|name| (*name).to_owned()).collect(), now(), false)
    }

    fn again(state: &Path) -> Cache {
        let mut cache = Cache::default();
        read(Some(state.to_path_buf()), &mut cache).unwrap();
        cache
    }

    #[test]
    fn the_next_shell_knows_what_the_last_one_knew() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        let mut cache = Cache::default();
        cache.keep(at("ftp://h/a"), listed(&["x", "d/"]));
        cache.keep(at("ftp://h/b"), listed(&[]));
        write(Some(state.clone()), &mut cache).unwrap();
        let path = state.join(NAME);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let old = CachedListing::new(vec!["z".to_owned()], now() - OLDEST.as_secs(), false);
        cache.keep(at("ftp://h/old"), old);
        write(Some(state.clone()), &mut cache).unwrap();
        let mut again = again(&state);
        assert_eq!(again.find(&at("ftp://h/a")), Some(&listed(&["x", "d/"])));
        assert_eq!(again.find(&at("ftp://h/b")), Some(&listed(&[])));
        assert!(!again.take_changed(), "nothing is new");
        assert_eq!(again.size().directories, 2);
    }

    #[test]
    fn completion_reads_one_directory_and_nothing_of_the_others() {
        let home = tempfile::tempdir().unwrap();
        let state = Some(home.path().join("state"));
        let mut cache = Cache::default();
        for directory in ["a", "b", "c"] {
            cache.keep(
                at(&format!("ftp://h/{directory}")),
                listed(&["one", "two", &format!("two-{directory}"), "x"]),
            );
        }
        write(state.clone(), &mut cache).unwrap();
        let beginning = |at_url: &str, begin: &str| {
            beginning(state.clone(), &at(at_url), begin, &Names::default()).unwrap()
        };
        assert_eq!(beginning("ftp://h/b", "two"), ["two", "two-b"]);
        assert_eq!(beginning("FTP://H:21/%62/", ""), ["one", "two", "two-b", "x"], "however it is written");
        assert_eq!(beginning("ftp://h/b", "y"), [""; 0]);
        assert_eq!(beginning("ftp://h/none", ""), [""; 0]);
        assert_eq!(directories(state.clone(), &Names::default()).unwrap().len(), 3);
        // What the other directories held can be anything.
        let path = state.clone().unwrap().join(NAME);
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 3;
        bytes[last] = 0xff;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(beginning("ftp://h/c", "two"), ["two", "two-c"]);
    }

    #[test]
    fn a_file_that_nobody_has_written_so_is_damaged_or_says_nothing() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().to_path_buf();
        let path = state.join(NAME);
        // A directory without its site, and the file of an older version.
        for nothing in [
            "{\"directory\":\"gone:x\",\"at\":1}\tx\n",
            "",
            "[{\"directory\":\"ftp://h/\",\"at\":1,\"bytes\":2}]\nx\n",
        ] {
            std::fs::write(&path, nothing).unwrap();
            assert_eq!(again(&state).size().directories, 0);
        }
        let entry = format!("{{\"directory\":\"ftp://h/\",\"at\":{}}}", now());
        for damaged in [
            b"{".as_slice(),
            b"nonsense\n",
            &[entry.as_bytes(), b"x\n"].concat(),
            &[entry.as_bytes(), b"\t\xff\n"].concat(),
        ] {
            std::fs::write(&path, damaged).unwrap();
            let said = read(Some(state.clone()), &mut Cache::default()).unwrap_err();
            assert!(said.contains("is damaged") && said.contains("shell-listings.txt.damaged now"), "{said}");
            assert_eq!(again(&state).size().directories, 0);
        }
    }
}
