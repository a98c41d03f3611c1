//! A file of the state directory: one JSON value, readable by its user only. And what this program needs itself: its settings, the
//! secrets beside them, and its state directory. No job and no verb deletes or renames these, whatever was typed.
//!
//! A reader never sees a half: a new value is written beside the file and takes its name. Two runs that change the
//! same file take turns. What only saves time is set aside if it is damaged, so that it is neither lost nor in the way;
//! what trust rests on stays, and nothing goes on without it.
//!
//! Nothing is read from a directory that others own or may write, and nothing is written there: they could remove a file, or
//! put a link there that leads to any file of this user.

use crate::failure::words;
use crate::journal::check_directory;
use ftp_io::clock::since_1970;
use ftp_io::named_file::is_in_other_hands;
use rustix::fs::OFlags;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A file of the state directory. Clones are the same file. Without a directory it is empty, and nothing is kept.
#[derive(Clone, Debug, Default)]
pub struct StateFile {
    path: Option<Arc<Path>>,
    /// Whether trust rests on it. Then a damaged one stays as it is, others may not write it, and a new one is on the disk
    /// before it takes the name. Any other file saves time: a damaged one is set aside, and a new one begins.
    holds_trust: bool,
}

impl StateFile {
    /// The file with that name in the state directory.
    pub fn at(directory: Option<PathBuf>, name: &str) -> Self {
        let path = directory.map(|directory| directory.join(name).into());
        Self { path, holds_trust: false }
    }

    /// The same for a file that trust rests on: nobody else may write it, and it is never set aside.
    pub fn of_trust(directory: Option<PathBuf>, name: &str) -> Self {
        Self { holds_trust: true, ..Self::at(directory, name) }
    }

    /// The value of the file; the default one if there is no file.
    ///
    /// # Errors
    ///
    /// Why the file cannot be read, or must not be believed, in words. A damaged file is set aside, so the next call
    /// finds none; but not one that trust rests on.
    pub fn read<T: DeserializeOwned + Default>(&self) -> Result<T, String> {
        let Some(text) = self.bytes()? else { return Ok(T::default()) };
        serde_json::from_slice(&text).map_err(|error| self.damaged(error))
    }

    /// What to tell if the file holds nothing that can be understood. It is set aside, unless trust rests on it.
    pub(super) fn damaged(&self, error: impl fmt::Display) -> String {
        let file = self.path.as_deref().unwrap_or_else(|| Path::new(""));
        if self.holds_trust {
            return format!("{} is damaged ({error})", file.display());
        }
        let extension = file.extension().unwrap_or_default().to_string_lossy();
        let aside = file.with_extension(format!("{extension}.damaged"));
        let moved = match fs::rename(file, &aside) {
            Ok(()) => format!("it is {} now", aside.display()),
            Err(error) => format!("it cannot be set aside: this host said \"{}\"", words(&error)),
        };
        format!("{} is damaged ({error}), so nothing of it is known; {moved}", file.display())
    }

    /// Why the file cannot be read or written, in words.
    pub(super) fn cannot(&self, verb: &str, error: &io::Error) -> String {
        let file = self.path.as_deref().unwrap_or_else(|| Path::new(""));
        format!("cannot {verb} {}: this host said \"{}\"", file.display(), words(error))
    }

    /// What is in the file; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, or must not be believed, in words.
    pub(super) fn bytes(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(path) = &self.path else { return Ok(None) };
        let cannot = |error: io::Error| self.cannot("read", &error);
        if let Some(directory) = path.parent() {
            check_directory(directory).map_err(|why| format!("{why}, so {} is not read", path.display()))?;
        }
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(cannot(error)),
        };
        let facts = file.metadata().map_err(cannot)?;
        let own = rustix::process::geteuid().as_raw();
        if self.holds_trust && is_in_other_hands(facts.uid(), facts.mode(), own) {
            return Err(format!("others own {} or may write it", path.display()));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(cannot)?;
        Ok(Some(bytes))
    }

    /// Writes these bytes in place of the file. No other run changes it meanwhile.
    ///
    /// # Errors
    ///
    /// Why the file cannot be written, in words.
    pub(super) fn replace(&self, bytes: &[u8]) -> Result<(), String> {
        let Some(file) = &self.path else { return Ok(()) };
        let written = lock(file, TRIES).and_then(|_locked| replace(file, bytes, self.holds_trust));
        written.map_err(|error| self.cannot("write", &error))
    }

    /// Changes the value of the file. No other run changes it meanwhile. It is written only if `change` returns
    /// `true`. A damaged file is set aside, and a new one begins; but not one that trust rests on.
    ///
    /// # Errors
    ///
    /// Why the file cannot be read or written, in words.
    pub fn update<T: DeserializeOwned + Serialize + Default>(
        &self,
        change: impl FnOnce(&mut T) -> bool,
    ) -> Result<(), String> {
        let Some(file) = &self.path else { return Ok(()) };
        let cannot = |error: io::Error| self.cannot("write", &error);
        let _locked = lock(file, TRIES).map_err(cannot)?;
        let mut value = match self.read() {
            Err(why) if self.holds_trust => return Err(why),
            read => read.unwrap_or_default(),
        };
        if !change(&mut value) {
            return Ok(());
        }
        let bytes = serde_json::to_vec_pretty(&value).map_err(|error| cannot(error.into()))?;
        replace(file, &bytes, self.holds_trust).map_err(cannot)
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    since_1970().as_secs()
}

/// How many seconds ago something was noted; `None` if that is longer than `limit`. A clock that was wrong may have
/// noted a time to come.
pub(super) fn age(at: u64, now: u64, limit: Duration) -> Option<Duration> {
    now.checked_sub(at).map(Duration::from_secs).filter(|age| *age < limit)
}

/// How often a lock is tried. Whoever holds it writes one small file.
const TRIES: u32 = 100;

/// Takes the lock of a file, which lies beside it. Makes the directory if need be. If another run holds it, it is tried
/// again, `tries` times in all.
///
/// # Errors
///
/// Others own the directory or may write it, or the lock is held all the time.
pub(crate) fn lock(file: &Path, tries: u32) -> io::Result<File> {
    if let Some(directory) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        check_directory(directory).map_err(io::Error::other)?;
    }
    let beside = file.with_extension("lock");
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = File::options();
    let lock =
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(beside)?;
    for _ in 0..tries {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::other("another run holds its lock"))
}

/// Replaces what is in a file. It is written beside it and renamed, so that a reader never sees a half. Whoever calls this
/// holds the lock. With `lasts` it is on the disk before it has the name.
///
/// # Errors
///
/// It cannot be written. Then the old file is there as it was.
pub(crate) fn replace(file: &Path, bytes: &[u8], lasts: bool) -> io::Result<()> {
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    let beside = file.with_extension(format!("{extension}.{}", std::process::id()));
    // Whoever holds the lock is the only one who writes, so this is what a killed process of that number has left.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let fill = |mut new: File| {
        new.write_all(bytes)?;
        if lasts { new.sync_all() } else { Ok(()) }
    };
    let new = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = fill(new).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // A disk that is full must not get another file with each run.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// The state directory: the one that was asked for, else `$FTP_USER_STATE`, else `ftp-user` in `$XDG_STATE_HOME` or
/// `~/.local/state`. Returns `None` if there is no home.
pub fn directory(asked: Option<PathBuf>) -> Option<PathBuf> {
    find(asked, |name| ftp_io::simulated::variable(name).filter(|value| !value.is_empty()))
}

fn find(asked: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = asked.or_else(|| variable("FTP_USER_STATE").map(PathBuf::from));
    named.or_else(|| {
        let states = variable("XDG_STATE_HOME").map(PathBuf::from);
        let states = states.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")));
        states.map(|states| states.join("ftp-user"))
    })
}

/// The files of this program. By default there are none. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct OwnFiles {
    places: Arc<[OwnPlace]>,
}

/// A file or a directory of this program.
#[derive(Clone, PartialEq, Eq, Debug)]
struct OwnPlace {
    path: PathBuf,
    what: &'static str,
}

impl OwnFiles {
    /// The files of a run with these settings, secrets and state.
    pub fn new(settings: Option<&Path>, secrets: Option<&Path>, state: Option<&Path>) -> Self {
        let mut places = Vec::new();
        for (path, what) in [(settings, "the settings"), (secrets, "the secrets"), (state, "the state")] {
            let Some(path) = path else { continue };
            // A link to a file is needed as well as the file.
            for path in [resolved(path), path.canonicalize().unwrap_or_else(|_| resolved(path))] {
                let place = OwnPlace { path, what };
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        Self { places: places.into() }
    }

    /// What this program would lack without `path`: it is one of its files, or in a directory of it.
    pub fn needs(&self, path: &Path) -> Option<&'static str> {
        self.find(path, |own, path| path.starts_with(own))
    }

    /// What this program would lack without the tree at `path`: it needs that place itself, or something in it.
    pub fn needs_of_tree(&self, path: &Path) -> Option<&'static str> {
        let is_in = |own: &Path, path: &Path| own.starts_with(path) && own.symlink_metadata().is_ok();
        self.find(path, |own, path| path.starts_with(own) || is_in(own, path))
    }

    fn find(&self, path: &Path, is_of: impl Fn(&Path, &Path) -> bool) -> Option<&'static str> {
        if self.places.is_empty() {
            return None;
        }
        let path = resolved(path);
        self.places.iter().find(|place| is_of(&place.path, &path)).map(|place| place.what)
    }
}

/// An absolute path without symbolic links above its last name, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return path.canonicalize().unwrap_or(path);
    };
    match above.canonicalize() {
        Ok(above) => above.join(name),
        Err(_) => resolved(above).join(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// Adds a number to the list in a file.
    fn push(file: &StateFile, number: u8) -> Result<(), String> {
        file.update(|all: &mut Vec<u8>| {
            all.push(number);
            true
        })
    }

    #[test]
    fn a_value_is_kept_for_its_user_alone() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("state");
        let file = StateFile::at(Some(directory.clone()), "x.json");
        assert_eq!(file.read::<Vec<u8>>(), Ok(Vec::new()));
        let unwritten = || {
            file.update(|all: &mut Vec<u8>| {
                all.push(2);
                false
            })
        };
        assert_eq!([push(&file, 1), unwritten(), push(&file, 3)], [Ok(()), Ok(()), Ok(())]);
        assert_eq!(file.read(), Ok(vec![1_u8, 3]));
        for (path, mode) in [(directory.join("x.json"), 0o600), (directory, 0o700)] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
        }
        let nowhere = StateFile::default();
        assert_eq!(nowhere.update(|all: &mut Vec<u8>| all.is_empty()), Ok(()));
        assert_eq!(nowhere.read::<Vec<u8>>(), Ok(Vec::new()));
    }

    #[test]
    fn a_damaged_file_is_set_aside_with_a_word_and_the_next_run_begins_anew() {
        let home = tempfile::tempdir().unwrap();
        let file = StateFile::at(Some(home.path().to_path_buf()), "x.json");
        fs::write(home.path().join("x.json"), "[{").unwrap();
        let said = file.read::<Vec<u8>>().unwrap_err();
        assert!(said.contains("is damaged") && said.contains("x.json.damaged now"), "{said}");
        assert_eq!(file.read::<Vec<u8>>(), Ok(Vec::new()));
        assert!(home.path().join("x.json.damaged").exists());
        fs::write(home.path().join("x.json"), "nonsense").unwrap();
        file.update(|all: &mut Vec<u8>| all.is_empty()).unwrap();
        assert_eq!(file.read::<Vec<u8>>(), Ok(Vec::new()));
    }

    #[test]
    fn a_file_that_trust_rests_on_is_never_set_aside_and_belongs_to_its_user_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.json");
        let file = StateFile::of_trust(Some(home.path().to_path_buf()), "x.json");
        assert_eq!((push(&file, 1), file.read()), (Ok(()), Ok(vec![1_u8])));
        for text in ["", "[{", "{}"] {
            fs::write(&path, text).unwrap();
            for said in [file.read::<Vec<u8>>().unwrap_err(), push(&file, 1).unwrap_err()] {
                assert!(said.contains("x.json is damaged"), "{said}");
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), text, "it stays");
        }
        fs::write(&path, "[1]").unwrap();
        for (mode, is_good) in [(0o600, true), (0o644, true), (0o620, false), (0o602, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                (file.read::<Vec<u8>>().is_ok(), push(&file, 1).is_ok()),
                (is_good, is_good),
                "{mode:o}"
            );
            fs::write(&path, "[1]").unwrap();
        }
    }

    #[test]
    fn nothing_is_read_or_written_in_a_directory_in_other_hands() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        let set = |mode| fs::set_permissions(&state, fs::Permissions::from_mode(mode)).unwrap();
        let files = [
            StateFile::at(Some(state.clone()), "time.json"),
            StateFile::of_trust(Some(state.clone()), "trust.json"),
        ];
        // A directory that is not there yet is made.
        assert!(files.iter().all(|file| file.read::<Vec<u8>>() == Ok(Vec::new()) && push(file, 1).is_ok()));
        let refused = || {
            for file in &files {
                for said in [file.read::<Vec<u8>>().unwrap_err(), push(file, 1).unwrap_err()] {
                    assert!(said.contains("others own the directory"), "{said}");
                }
            }
        };
        for mode in [0o720, 0o702, 0o1777] {
            set(mode);
            // Others may have removed it.
            let _ = fs::remove_file(state.join("trust.json"));
            refused();
            assert!(!state.join("trust.json").exists());
        }
        set(0o755);
        assert!(files.iter().all(|file| push(file, 1).is_ok()));
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&state, Some(65_534), None).unwrap();
            refused();
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_no_file_beside() {
        let home = tempfile::tempdir().unwrap();
        // A directory of that name stands for a disk without room: the new file is there, and cannot take its place.
        let path = home.path().join("x.json");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"[1]", true).is_err());
        let names = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["x.json"]);
    }

    #[test]
    fn a_link_that_lies_beside_a_file_is_never_followed() {
        let home = tempfile::tempdir().unwrap();
        let victim = home.path().join("victim");
        fs::write(&victim, "keep").unwrap();
        let file = StateFile::at(Some(home.path().to_path_buf()), "x.json");
        let new = home.path().join(format!("x.json.{}", std::process::id()));
        symlink(&victim, new).unwrap();
        assert_eq!((push(&file, 1), file.read()), (Ok(()), Ok(vec![1_u8])));
        fs::remove_file(home.path().join("x.lock")).unwrap();
        symlink(&victim, home.path().join("x.lock")).unwrap();
        assert!(push(&file, 1).is_err());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "keep");
    }

    #[test]
    fn two_runs_change_a_file_one_after_the_other() {
        let home = tempfile::tempdir().unwrap();
        let file = StateFile::at(Some(home.path().to_path_buf()), "x.json");
        let held = lock(&home.path().join("x.json"), TRIES).unwrap();
        let other = file.clone();
        let waits = std::thread::spawn(move || push(&other, 7));
        drop(held);
        waits.join().unwrap().unwrap();
        assert_eq!(file.read(), Ok(vec![7_u8]));
    }

    #[test]
    fn what_is_too_old_or_from_a_time_to_come_is_forgotten() {
        let week = Duration::from_secs(7 * 24 * 3600);
        let now = 10_000_000;
        let found = [now, now + 1, now - week.as_secs()].map(|at| age(at, now, week).is_some());
        assert_eq!(found, [true, false, false]);
    }

    #[test]
    fn the_directory_is_the_one_asked_for_or_follows_from_the_environment() {
        let check = |asked: Option<&str>, set: &[(&str, &str)], expect: Option<&str>| {
            let variable = |name: &str| {
                set.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value))
            };
            assert_eq!(find(asked.map(PathBuf::from), variable), expect.map(PathBuf::from), "{set:?}");
        };
        let all = [("FTP_USER_STATE", "/s"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        check(Some("/asked"), &all, Some("/asked"));
        check(None, &all, Some("/s"));
        check(None, &all[1..], Some("/x/ftp-user"));
        check(None, &all[2..], Some("/h/.local/state/ftp-user"));
        check(None, &[], None);
    }

    #[test]
    fn what_the_program_needs_is_known_by_every_path() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for directory in ["config/ftp-user/secrets", "dots", "state/ftp-user", "other"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        fs::write(at("dots/config.toml"), "").unwrap();
        symlink("../../dots/config.toml", at("config/ftp-user/config.toml")).unwrap();
        symlink("state", at("alias")).unwrap();
        let (settings, secrets) = (at("config/ftp-user/config.toml"), at("config/ftp-user/secrets"));
        let (state, later) = (at("alias/ftp-user"), at("later/ftp-user"));
        let own = OwnFiles::new(Some(&settings), Some(&secrets), Some(&state));
        for (path, needs, of_tree) in [
            ("config/ftp-user/config.toml", Some("the settings"), Some("the settings")),
            ("dots/config.toml", Some("the settings"), Some("the settings")),
            ("dots", None, Some("the settings")),
            ("config/ftp-user/secrets/lab", Some("the secrets"), Some("the secrets")),
            ("config", None, Some("the settings")),
            ("state/ftp-user/journal.db", Some("the state"), Some("the state")),
            ("alias/ftp-user/journal.db", Some("the state"), Some("the state")),
            ("other/../state/ftp-user", Some("the state"), Some("the state")),
            ("state", None, Some("the state")),
            // The link goes, and the state stays.
            ("alias", None, None),
            ("other", None, None),
            ("state/ftp-user.old", None, None),
            ("missing/file", None, None),
        ] {
            assert_eq!((own.needs(&at(path)), own.needs_of_tree(&at(path))), (needs, of_tree), "{path}");
        }
        assert_eq!(own.needs_of_tree(Path::new("/")), Some("the settings"));
        // What is not there yet is known when it is made, and nobody lacks it before.
        let own = OwnFiles::new(None, None, Some(&later));
        assert_eq!(own.needs_of_tree(home.path()), None);
        fs::create_dir_all(&later).unwrap();
        assert_eq!(own.needs(&at("later/ftp-user/journal.db")), Some("the state"));
        assert_eq!(own.needs_of_tree(home.path()), Some("the state"));
        assert_eq!(OwnFiles::default().needs_of_tree(Path::new("/")), None);
    }
}
