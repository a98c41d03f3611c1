//! What directories held when an earlier shell ended: a file of the state directory that is its user's alone.
//!
//! The first line says which directories are in the file and how many bytes their names take; the names follow, each on a line
//! of its own. So whoever completes a word reads that line and one directory, however much was listed.

use super::file::{StateFile, now};
use crate::place::Names;
use crate::shell::{Cache, CachedListing, Directory};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

/// A listing in the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    directory: String,
    at: u64,
    #[serde(default)]
    is_cut: bool,
    /// How many bytes its names take, each with the end of its line.
    bytes: u64,
}

impl Entry {
    /// The directory, unless it is too old, or at a site that is not known.
    fn directory(&self, sites: &Names) -> Option<Directory> {
        let age = now().saturating_sub(self.at);
        let directory = Directory::parse(&self.directory, sites).ok()?;
        (!directory.is_local() && age < OLDEST.as_secs()).then_some(directory)
    }
}

/// The file, open.
struct Listings {
    of: StateFile,
    file: BufReader<File>,
    /// Where the names begin.
    names: u64,
    index: Vec<Entry>,
}

impl Listings {
    /// `None` if there is no file.
    fn open(state: Option<PathBuf>) -> Result<Option<Self>, String> {
        let of = StateFile::at(state, NAME);
        let Some(file) = of.open()? else { return Ok(None) };
        let mut file = BufReader::new(file);
        let mut first = Vec::new();
        let names = file.by_ref().take(LONGEST_INDEX).read_until(b'\n', &mut first);
        let names = names.map_err(|error| of.cannot_read(&error))?;
        let index: Vec<Entry> = serde_json::from_slice(&first).map_err(|error| of.damaged(error))?;
        let whole = file.get_ref().metadata().map_err(|error| of.cannot_read(&error))?.len();
        let names = u64::try_from(names).unwrap_or(u64::MAX);
        let end = index.iter().try_fold(names, |sum, entry| sum.checked_add(entry.bytes));
        if end != Some(whole) {
            return Err(of.damaged("it is longer or shorter than its first line says"));
        }
        Ok(Some(Self { of, file, names, index }))
    }

    /// The names of the listing with that number, as lines.
    fn text(&mut self, number: usize) -> Result<String, String> {
        let before: u64 = self.index.iter().take(number).map(|entry| entry.bytes).sum();
        let bytes = self.index.get(number).map_or(0, |entry| entry.bytes);
        let mut text = String::new();
        let at = SeekFrom::Start(self.names + before);
        let read = self.file.seek(at).and_then(|_| self.file.by_ref().take(bytes).read_to_string(&mut text));
        match read {
            Ok(_) => Ok(text),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(self.of.damaged(error)),
            Err(error) => Err(self.of.cannot_read(&error)),
        }
    }
}

/// Reads the file into a cache. Listings that are too old are left out, and directories of sites that the cache does not know.
///
/// # Errors
///
/// Why the file cannot be read, in words.
pub fn read(state: Option<PathBuf>, cache: &mut Cache) -> Result<(), String> {
    let Some(mut listings) = Listings::open(state)? else { return Ok(()) };
    // The last one was used first, so that it gives way last.
    for number in (0..listings.index.len()).rev() {
        let Some(entry) = listings.index.get(number).cloned() else { continue };
        if let Some(directory) = entry.directory(cache.sites()) {
            let names = listings.text(number)?.lines().map(str::to_owned).collect();
            cache.keep(directory, CachedListing::new(names, entry.at, entry.is_cut));
        }
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
    let listings = Listings::open(state)?;
    let index = listings.map(|listings| listings.index).unwrap_or_default();
    Ok(index.iter().filter_map(|entry| entry.directory(sites)).collect())
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
    let Some(mut listings) = Listings::open(state)? else { return Ok(Vec::new()) };
    let known = listings.index.iter().enumerate();
    let known = known.filter_map(|(number, entry)| Some((number, entry.directory(sites)?)));
    let known: Vec<(usize, Directory)> = known.collect();
    let found = Cache::position(directory, known.iter().map(|(_, known)| known), sites);
    let Some((number, _)) = found.and_then(|found| known.get(found)) else { return Ok(Vec::new()) };
    let text = listings.text(*number)?;
    let names = text.lines().skip_while(|name| *name < begin).take_while(|name| name.starts_with(begin));
    Ok(names.map(str::to_owned).collect())
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
    let (mut index, mut names) = (Vec::new(), String::new());
    for (directory, listed) in cache.all() {
        let before = names.len();
        for name in listed.names.iter().filter(|name| !name.contains(['\n', '\r'])) {
            names.push_str(name);
            names.push('\n');
        }
        let bytes = u64::try_from(names.len() - before).unwrap_or(u64::MAX);
        index.push(Entry { directory: directory.to_string(), at: listed.at, is_cut: listed.is_cut, bytes });
    }
    let of = StateFile::at(state, NAME);
    let index = serde_json::to_string(&index).map_err(|error| of.cannot_read(&error.into()))?;
    of.replace(format!("{index}\n{names}").as_bytes())
}

/// The name of the file.
const NAME: &str = "shell-listings.txt";
/// The longest first line that is read. One of a shell names 256 directories.
const LONGEST_INDEX: u64 = 4 << 20;
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
        // A directory without its site.
        std::fs::write(&path, "[{\"directory\":\"gone:x\",\"at\":1,\"bytes\":2}]\nx\n").unwrap();
        assert_eq!(again(&state).size().directories, 0);
        let entry =
            |bytes: u64| format!("[{{\"directory\":\"ftp://h/\",\"at\":{},\"bytes\":{bytes}}}]\n", now());
        for damaged in ["", "[{", "nonsense\n", &entry(3), &entry(u64::MAX), &format!("{}x\ny\n", entry(2))] {
            std::fs::write(&path, damaged).unwrap();
            let said = read(Some(state.clone()), &mut Cache::default()).unwrap_err();
            assert!(said.contains("is damaged") && said.contains("shell-listings.txt.damaged now"), "{said}");
            assert_eq!(again(&state).size().directories, 0);
        }
        std::fs::write(&path, [entry(2).as_bytes(), &[0xff, b'\n']].concat()).unwrap();
        let said = read(Some(state.clone()), &mut Cache::default()).unwrap_err();
        assert!(said.contains("is damaged") && !path.exists(), "{said}");
    }
}
