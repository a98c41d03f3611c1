//! Locks of jobs and of the daemon: a file for each, locked for as long as its process lives.
//!
//! A process that is killed leaves its file behind. It is not locked any more, so it says nothing;
//! [`sweep_locks`](StateDirectory::sweep_locks) removes it.

use super::StateDirectory;
use super::mark::open;
use crate::id::JobId;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A locked file. Dropping it releases the lock and removes the file. If the process is killed, the lock is released, and the
/// file stays.
#[derive(Debug)]
pub(in crate::journal) struct FileLock {
    path: PathBuf,
    /// Holds the lock.
    file: File,
}

impl FileLock {
    /// Takes the lock of a file. The inner `Err`: another process has it; its number, where it is known.
    fn take(path: &Path) -> io::Result<Result<Self, Option<u32>>> {
        for attempt in 0..TRIES {
            let options = &mut File::options();
            let mut file = open(path, options.read(true).write(true).create(true).truncate(false))?;
            match file.try_lock() {
                // Whoever looks at it holds it for an instant.
                Err(TryLockError::WouldBlock) if attempt + 1 < TRIES => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(Err(process(&mut file))),
                Err(TryLockError::Error(error)) => return Err(error),
                // The one before has removed the file that was just opened.
                Ok(()) if !is_there(path, &file)? => {}
                Ok(()) => {
                    file.set_len(0)?;
                    file.write_all(std::process::id().to_string().as_bytes())?;
                    return Ok(Ok(Self { path: path.to_owned(), file }));
                }
            }
        }
        Ok(Err(None))
    }

    /// Whether nobody has taken it away.
    pub(in crate::journal) fn is_there(&self) -> bool {
        is_there(&self.path, &self.file).unwrap_or(false)
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Otherwise it is that of somebody else.
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl StateDirectory {
    /// Takes the lock of a job. The inner `Err`: another process has it; its number, where it is known.
    pub(in crate::journal) fn lock_job(&self, job: JobId) -> io::Result<Result<FileLock, Option<u32>>> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.directory.join(FOLDER))?;
        FileLock::take(&self.lock_of(job))
    }

    /// Takes the lock of a job away from whoever has it: the next one who wants it gets it.
    pub(in crate::journal) fn take_lock_away(&self, job: JobId) {
        let _ = fs::remove_file(self.lock_of(job));
    }

    /// The process that runs a job; `None` if nobody does. The inner value is its number, where it is known.
    pub(in crate::journal) fn holder(&self, job: JobId) -> Option<Option<u32>> {
        holder_of(&self.lock_of(job))
    }

    /// Takes the lock of the daemon, or of that of this name, as [`lock_job`](Self::lock_job) does that of a job.
    pub(in crate::journal) fn lock_daemon(
        &self,
        name: Option<&str>,
    ) -> io::Result<Result<FileLock, Option<u32>>> {
        let file = name.map_or_else(|| DAEMON.to_owned(), |name| format!("{name}.{DAEMON}"));
        FileLock::take(&self.directory.join(file))
    }

    /// Whether a process carries the queue of this state directory.
    pub(in crate::journal) fn has_daemon(&self) -> bool {
        holder_of(&self.directory.join(DAEMON)).is_some()
    }

    /// Removes the files that processes have left which were killed. Whatever cannot be removed stays, and does no harm.
    ///
    /// A file that is looked at is locked for readers, so a process that wants it waits for an instant, and
    /// [`holder`](Self::holder) sees nobody. Two that remove at the same time could remove a file that a third one has made
    /// meanwhile: the lock of the folder prevents that.
    pub(in crate::journal) fn sweep_locks(&self) {
        let folder = self.directory.join(FOLDER);
        let Ok(one_at_a_time) = File::open(&folder) else { return };
        if one_at_a_time.try_lock().is_err() {
            return;
        }
        let Ok(entries) = fs::read_dir(&folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let job = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse::<JobId>().ok());
            if job.is_some() {
                let _ = remove_if_left(&entry.path());
            }
        }
    }

    fn lock_of(&self, job: JobId) -> PathBuf {
        self.directory.join(FOLDER).join(format!("{job}{SUFFIX}"))
    }
}

/// The process that has locked this file; `None` if nobody has. The inner value is its number, where it is known.
fn holder_of(path: &Path) -> Option<Option<u32>> {
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(process(&mut file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Removes the file of a lock that nobody holds.
fn remove_if_left(path: &Path) -> io::Result<()> {
    let file = open(path, File::options().read(true))?;
    let is_left = file.metadata()?.is_file() && file.try_lock_shared().is_ok() && is_there(path, &file)?;
    if is_left { fs::remove_file(path) } else { Ok(()) }
}

fn is_there(path: &Path, file: &File) -> io::Result<bool> {
    let here = file.metadata()?;
    Ok(fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (here.dev(), here.ino())))
}

fn process(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.parse().ok()
}

/// The name of the lock of the daemon.
const DAEMON: &str = "daemon.lock";
/// The folder of the locks in the state directory.
const FOLDER: &str = "jobs";
/// What follows the id of a job in the name of its file.
const SUFFIX: &str = ".lock";
/// How often a lock is tried.
const TRIES: u32 = 10;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn state(home: &tempfile::TempDir) -> StateDirectory {
        StateDirectory::at(home.path())
    }

    #[test]
    fn a_job_has_one_runner() {
        let home = tempfile::tempdir().unwrap();
        let job = JobId::new(7);
        assert_eq!(state(&home).holder(job), None);
        let Ok(lock) = state(&home).lock_job(job).unwrap() else { panic!("it is free") };
        let own = Some(std::process::id());
        assert_eq!(state(&home).holder(job), Some(own));
        assert!(matches!(state(&home).lock_job(job).unwrap(), Err(process) if process == own));
        assert!(state(&home).lock_job(JobId::new(8)).unwrap().is_ok());
        drop(lock);
        assert_eq!(state(&home).holder(job), None);
        assert!(!state(&home).lock_of(job).exists());
        assert!(state(&home).lock_job(job).unwrap().is_ok());
    }

    #[test]
    fn what_killed_processes_have_left_is_removed_and_what_is_held_stays() {
        let home = tempfile::tempdir().unwrap();
        state(&home).sweep_locks();
        let Ok(held) = state(&home).lock_job(JobId::new(1)).unwrap() else { panic!("it is free") };
        let folder = home.path().join(FOLDER);
        for name in ["0000000000000002.lock", "0000000000000003.lock", "notes.txt", "x.lock"] {
            fs::write(folder.join(name), "4711").unwrap();
        }
        std::os::unix::fs::symlink("notes.txt", folder.join("0000000000000004.lock")).unwrap();
        let names = || {
            let entries = fs::read_dir(&folder).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort_unstable();
            names
        };
        {
            // Somebody else is at it.
            let other = File::open(&folder).unwrap();
            other.try_lock().unwrap();
            let before = names();
            state(&home).sweep_locks();
            assert_eq!(names(), before);
        }
        state(&home).sweep_locks();
        let rest = ["0000000000000001.lock", "0000000000000004.lock", "notes.txt", "x.lock"];
        assert_eq!(names(), rest);
        assert_eq!(state(&home).holder(JobId::new(1)), Some(Some(std::process::id())));
        drop(held);
        assert_eq!(names(), rest[1..]);
    }

    #[test]
    fn a_lock_is_never_taken_twice_while_others_sweep() {
        let home = tempfile::tempdir().unwrap();
        let job = JobId::new(7);
        let holders = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..200).for_each(|_| state(&home).sweep_locks()));
                scope.spawn(|| {
                    for _ in 0..100 {
                        if let Ok(lock) = state(&home).lock_job(job).unwrap() {
                            assert_eq!(holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                            assert!(state(&home).holder(job).is_some());
                            holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                            drop(lock);
                        }
                    }
                });
            }
        });
    }
}
