//! What the server keeps between its starts: a directory that only this user may read, held by one server at
//! a time.

use std::env;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ftp_io::named_file::is_of_another_user;
use ftp_io::os_error::words;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use tempfile::TempDir;

/// The state directory. Other servers cannot use it until this is dropped.
#[derive(Debug)]
pub struct State {
    directory: PathBuf,
    /// Locked as long as the server runs.
    _held: File,
    /// Removed with the server, if no lasting directory could be used.
    temporary: Option<TempDir>,
}

impl State {
    /// Opens the state directory: the one that the operator named, or the usual one. It must not be below one
    /// of the `roots` that users see. Where the usual one cannot be used, a temporary directory takes its
    /// place, with a warning.
    ///
    /// # Errors
    /// The directory that the operator named cannot be used, or no temporary one can be made.
    pub fn open(named: Option<&Path>, roots: &[&Path]) -> Result<Self, anyhow::Error> {
        if let Some(directory) = named {
            return Self::at(directory, roots)
                .with_context(|| format!("cannot use {} as --state", directory.display()));
        }
        match Self::at_usual(roots) {
            Ok(state) => Ok(state),
            Err(error) => {
                tracing::warn!(
                    "what the server keeps is lost at its end, because its state directory cannot be used: {error:#}; \
                     name another one with --state"
                );
                let temporary = tempfile::Builder::new().prefix("ftp-server-").tempdir();
                let temporary = temporary.context("cannot make a temporary state directory")?;
                let state = Self::at(temporary.path(), roots)?;
                Ok(Self { temporary: Some(temporary), ..state })
            }
        }
    }

    /// Opens the usual state directory, for a server that has nothing to keep: without it `who` and `kick`
    /// cannot reach the server.
    pub fn open_usual(roots: &[&Path]) -> Option<Self> {
        let opened = Self::at_usual(roots);
        opened
            .inspect_err(|error| {
                tracing::warn!(
                    "who and kick cannot reach this server, because its state directory cannot be used: {error:#}; \
                     name another one with --state"
                );
            })
            .ok()
    }

    fn at_usual(roots: &[&Path]) -> Result<Self, anyhow::Error> {
        let directory = usual_state().context("neither STATE_DIRECTORY nor HOME is set")?;
        Self::at(&directory, roots).context(directory.display().to_string())
    }

    /// Whether this process could use `directory`, as far as that can be told without making it: it is not below one
    /// of the `roots`, it or the directory in which it would be made is writable, and it belongs to this user.
    /// An operator asks; a start makes the directory and sees.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn check(directory: &Path, roots: &[&Path]) -> Result<(), anyhow::Error> {
        refuse_below(directory, roots)?;
        let directory = std::path::absolute(directory)?;
        let there = directory.ancestors().find(|path| fs::symlink_metadata(path).is_ok());
        let Some(there) = there else { return Ok(()) };
        let is_made = there == directory;
        if is_made {
            refuse_of_others(&look_at(there)?)?;
        }
        let what = if is_made { "it is not writable" } else { "cannot make it" };
        // Such a file has no name, or loses it at once.
        match tempfile::tempfile_in(there) {
            Err(error) if !is_full(&error) => bail!("{what}: {}", words(&error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn at(directory: &Path, roots: &[&Path]) -> Result<Self, anyhow::Error> {
        // Before it is made: a server that refuses to start leaves nothing among the files of its users.
        refuse_below(directory, roots)?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| anyhow::anyhow!("cannot make it: {}", words(&error)))?;
        // Not before: whoever may write above it could have made it meanwhile.
        let opened = look_at(directory)?;
        if refuse_of_others(&opened)? != 0o700 {
            opened
                .set_permissions(Permissions::from_mode(0o700))
                .map_err(|error| anyhow::anyhow!("it belongs to somebody else: {}", words(&error)))?;
        }
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = openat(&opened, LOCK, flags, Mode::RUSR | Mode::WUSR).map(File::from);
        let held = held.map_err(|error| anyhow::anyhow!("it is not writable: {}", words(&error.into())))?;
        match held.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another server uses it"),
            Err(TryLockError::Error(error)) => bail!("it cannot be locked: {}", words(&error)),
        }
        Ok(Self { directory: directory.to_owned(), _held: held, temporary: None })
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether it ends with this server.
    pub const fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

/// Whether a file system has no room. A server that has its files there already needs none to start.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Refuses a directory that users could read.
fn refuse_below(directory: &Path, roots: &[&Path]) -> Result<(), anyhow::Error> {
    match roots.iter().find(|root| is_below(directory, root)) {
        Some(root) => bail!("it is below the root {}, where users could read it", root.display()),
        None => Ok(()),
    }
}

/// Opens a directory: what is judged is what is changed, although another user may exchange its name meanwhile.
fn look_at(directory: &Path) -> Result<File, anyhow::Error> {
    File::open(directory).map_err(|error| anyhow::anyhow!("cannot look at it: {}", words(&error)))
}

/// Refuses a directory whose owner could exchange the key and the socket, whatever its mode is; root may do that anyway. Refuses
/// one that others use, too: it would be closed to them. Returns its mode.
fn refuse_of_others(directory: &File) -> Result<u32, anyhow::Error> {
    let facts = directory.metadata();
    let facts = facts.map_err(|error| anyhow::anyhow!("cannot look at it: {}", words(&error)))?;
    if is_of_another_user(facts.uid(), rustix::process::geteuid().as_raw()) {
        bail!("it belongs to another user");
    }
    // Its mode is changed only if nobody else can have anything there.
    let mode = facts.permissions().mode() & 0o7777;
    let has_lock = || {
        let lock = statat(directory, LOCK, AtFlags::SYMLINK_NOFOLLOW);
        lock.is_ok_and(|lock| FileType::from_raw_mode(lock.st_mode).is_file())
    };
    let is_ours = || is_new(directory) || (mode & 0o002 == 0 && has_lock());
    if mode & 0o077 != 0 && (mode & 0o1000 != 0 || !is_ours()) {
        bail!("it is open to others (mode {mode:o}): name a new or empty directory");
    }
    Ok(mode)
}

/// Whether nothing is in a directory but what a new volume has, and what a start that was cut short has made.
fn is_new(directory: &File) -> bool {
    let names = Dir::read_from(directory);
    names.is_ok_and(|mut names| {
        names.all(|entry| {
            entry.is_ok_and(|entry| NEW.iter().any(|name| *name == entry.file_name().to_bytes()))
        })
    })
}

/// The file that a server holds while it uses the directory.
const LOCK: &str = "lock";
/// What may be in a new directory.
const NEW: [&[u8]; 4] = [b".", b"..", b"lost+found", LOCK.as_bytes()];

/// Whether `path` leads into `root`, as far as that can be told. What does not exist yet is judged by the
/// directory in which it would be made.
pub fn is_below(path: &Path, root: &Path) -> bool {
    let Ok(path) = std::path::absolute(path) else { return false };
    let real = path.ancestors().find_map(|path| path.canonicalize().ok());
    real.zip(root.canonicalize().ok()).is_some_and(|(path, root)| path.starts_with(root))
}

/// The usual state directory: that of systemd, or that of the user.
pub fn usual_state() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_service = || {
        // systemd separates several directories by colons.
        let all = env::var_os("STATE_DIRECTORY")?;
        env::split_paths(&all).next().filter(|first| !first.as_os_str().is_empty())
    };
    let of_user = || set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    of_service().or_else(|| Some(of_user()?.join("ftp-server")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_system_is_no_reason_not_to_start() {
        for (kind, expect) in [
            (ErrorKind::StorageFull, true),
            (ErrorKind::QuotaExceeded, true),
            (ErrorKind::PermissionDenied, false),
            (ErrorKind::ReadOnlyFilesystem, false),
            (ErrorKind::NotFound, false),
        ] {
            assert_eq!(is_full(&kind.into()), expect, "{kind}");
        }
    }

    #[test]
    fn one_server_at_a_time_holds_it_and_nobody_else_reads_it() {
        let home = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        let at = home.path().join("deep/state");
        let state = State::open(Some(&at), &[root.path()]).unwrap();
        assert_eq!(fs::metadata(&at).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(state.directory(), at);
        let refused = State::open(Some(&at), &[root.path()]).unwrap_err();
        assert!(format!("{refused:#}").contains("another server"), "{refused:#}");
        drop(state);
        State::open(Some(&at), &[root.path()]).unwrap();
    }

    #[test]
    fn a_directory_that_others_use_stays_as_it_is() {
        let (home, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mode = |set: u32| fs::set_permissions(home.path(), Permissions::from_mode(set)).unwrap();
        let found = || fs::metadata(home.path()).unwrap().permissions().mode() & 0o7777;
        let open = || State::open(Some(home.path()), &[root.path()]).map_err(|error| format!("{error:#}"));
        mode(0o1777);
        assert!(open().is_err() && found() == 0o1777);
        // A volume that was made for it, and then what an earlier start has made.
        fs::create_dir(home.path().join("lost+found")).unwrap();
        for private in [0o777, 0o755, 0o775, 0o700] {
            mode(private);
            open().unwrap();
            assert_eq!(found(), 0o700);
        }
        // A start was cut short.
        mode(0o777);
        open().unwrap();
        fs::write(home.path().join("other"), "").unwrap();
        for (shared, is_refused) in [(0o1777, true), (0o757, true), (0o755, false)] {
            mode(shared);
            let (refused, checked) = (open().err(), State::check(home.path(), &[root.path()]).err());
            assert_eq!((refused.is_some(), checked.is_some()), (is_refused, is_refused), "{shared:o}");
            assert!(refused.is_none_or(|why| why.contains("it is open to others")));
            assert_eq!(found(), if is_refused { shared } else { 0o700 });
        }
        fs::remove_file(home.path().join("lock")).unwrap();
        mode(0o755);
        assert!(open().unwrap_err().contains("it is open to others (mode 755)"));
        assert_eq!((found(), fs::read_dir(home.path()).unwrap().count()), (0o755, 2));
    }

    #[test]
    fn root_does_not_take_the_directory_of_another_user() {
        if !rustix::process::geteuid().is_root() {
            return; // nobody else can give a directory away
        }
        let (home, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
        std::os::unix::fs::chown(home.path(), Some(65_534), None).unwrap();
        let refused = State::open(Some(home.path()), &[root.path()]).unwrap_err();
        assert!(format!("{refused:#}").contains("belongs to another user"), "{refused:#}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
        assert_eq!(fs::metadata(home.path()).unwrap().permissions().mode() & 0o777, 0o777);
    }

    #[test]
    fn it_is_never_below_a_root_and_is_not_even_made_there() {
        let (other, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = other.path().join("link");
        std::os::unix::fs::symlink(root.path(), &link).unwrap();
        for at in [root.path().join("state"), root.path().join("deep/state"), link.join("state")] {
            let refused =
                State::open(Some(&at), &[other.path().join("none").as_path(), root.path()]).unwrap_err();
            assert!(format!("{refused:#}").contains("below the root"), "{refused:#}");
            assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0, "{}", at.display());
        }
    }
}
