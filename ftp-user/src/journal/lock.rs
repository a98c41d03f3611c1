//! Who runs a job: a file for each job that runs, locked for as long as its process lives.

use crate::id::JobId;
use rustix::fs::OFlags;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The lock of a job. Dropping it gives it back; so does the end of the process, however it ends.
#[derive(Debug)]
pub(super) struct JobLock {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

/// The lock of a job, or who has it.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is ours.
    Ours(JobLock),
    /// Another process has it; its number, where it is known.
    Theirs(Option<u32>),
}

impl JobLock {
    /// Takes the lock of a job.
    pub(super) fn take(directory: &Path, job: JobId) -> io::Result<Taken> {
        let folder = directory.join(FOLDER);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = path(directory, job);
        for attempt in 0..TRIES {
            let mut file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
                .open(&path)?;
            match file.try_lock() {
                // Whoever looks at it holds it for an instant.
                Err(TryLockError::WouldBlock) if attempt + 1 < TRIES => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(Taken::Theirs(process(&mut file))),
                Err(TryLockError::Error(error)) => return Err(error),
                // The one before has removed the file that was just opened.
                Ok(()) if !is_there(&path, &file)? => {}
                Ok(()) => {
                    file.set_len(0)?;
                    file.write_all(std::process::id().to_string().as_bytes())?;
                    return Ok(Taken::Ours(Self { path, _file: file }));
                }
            }
        }
        Ok(Taken::Theirs(None))
    }
}

impl Drop for JobLock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The process that runs a job; `None` if nobody does. The inner value is its number, where it is known.
pub(super) fn holder(directory: &Path, job: JobId) -> Option<Option<u32>> {
    let mut file = File::open(path(directory, job)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(process(&mut file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn path(directory: &Path, job: JobId) -> PathBuf {
    directory.join(FOLDER).join(format!("{job}.lock"))
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

/// The folder of the locks in the state directory.
const FOLDER: &str = "jobs";
/// How often a lock is tried.
const TRIES: u32 = 10;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_one_runner() {
        let home = tempfile::tempdir().unwrap();
        let job = JobId::new(7);
        assert_eq!(holder(home.path(), job), None);
        let Taken::Ours(lock) = JobLock::take(home.path(), job).unwrap() else { panic!("it is free") };
        let own = Some(std::process::id());
        assert_eq!(holder(home.path(), job), Some(own));
        assert!(matches!(JobLock::take(home.path(), job).unwrap(), Taken::Theirs(process) if process == own));
        assert!(matches!(JobLock::take(home.path(), JobId::new(8)).unwrap(), Taken::Ours(_)));
        drop(lock);
        assert_eq!(holder(home.path(), job), None);
        assert!(!path(home.path(), job).exists());
        assert!(matches!(JobLock::take(home.path(), job).unwrap(), Taken::Ours(_)));
    }
}
