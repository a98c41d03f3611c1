//! A file system that is soon full, and one that can lose its power.

use crate::skip::Skipped;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A file system of 1 MiB that vanishes with its test.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts it.
    ///
    /// # Errors
    ///
    /// It may not be mounted: that needs root.
    pub fn mount() -> Result<Self, Skipped> {
        let directory = tempfile::Builder::new().prefix("ftp-small-disk-").tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "ftp-test"])
            .arg(directory.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if mounted { Ok(Self(directory)) } else { Err(Skipped("a small file system needs root".into())) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server of a failing test may still be in it.
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}

/// A disk that can lose its power: an ext4 file system in a file. What was not synced is gone then, as on a real host.
///
/// The file has what the kernel has written to the "disk" so far. When the power fails, the file is copied at that instant,
/// the processes are killed, and the copy is mounted in the place of the old file system: its journal is played back, and
/// everything else that was only in the memory of the host is lost. The kernel writes nothing by itself meanwhile
/// (`commit=300`), so that all depends on fsync. What is not simulated is a disk that loses what it has confirmed.
#[derive(Debug)]
pub struct LoopDisk {
    place: TempDir,
    /// How many times it has been without power.
    generation: u32,
}

impl LoopDisk {
    /// Makes and mounts it.
    ///
    /// # Errors
    ///
    /// It may not be mounted: that needs root, a loop device and mkfs.ext4.
    pub fn mount() -> Result<Self, Skipped> {
        Self::mount_with(&[])
    }

    /// The same with a file system whose directories do not have the types of their names.
    pub fn mount_without_types() -> Result<Self, Skipped> {
        Self::mount_with(&["-O", "^filetype"])
    }

    fn mount_with(more: &[&str]) -> Result<Self, Skipped> {
        let place = tempfile::Builder::new().prefix("ftp-loop-disk-").tempdir().unwrap();
        std::fs::create_dir(place.path().join("mounted")).unwrap();
        let disk = Self { place, generation: 0 };
        let image = std::fs::File::create(disk.image()).unwrap();
        image.set_len(DISK_SIZE).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).args(more).arg(disk.image()).output();
        if made.is_ok_and(|output| output.status.success()) && disk.attach() {
            return Ok(disk);
        }
        Err(Skipped("a file system in a file needs root, a loop device and mkfs.ext4".into()))
    }

    /// Where it is, always.
    pub fn path(&self) -> std::path::PathBuf {
        self.place.path().join("mounted")
    }

    /// What was made so far is there after a power failure.
    ///
    /// # Panics
    ///
    /// There is no sync(1).
    pub fn sync(&self) {
        let synced = Command::new("sync").arg("-f").arg(self.path()).output().unwrap();
        assert!(synced.status.success(), "{synced:?}");
    }

    /// The power of its host fails, on which this process runs. What was synced is there again when this returns.
    pub fn loses_power(&mut self, running: &mut crate::binary::Running) {
        running.signal(rustix::process::Signal::STOP);
        let before = self.image();
        self.generation += 1;
        std::fs::copy(&before, self.image()).unwrap();
        running.signal(rustix::process::Signal::KILL);
        running.wait();
        self.detach();
        std::fs::remove_file(before).unwrap();
        assert!(self.attach(), "the disk cannot be mounted again");
    }

    fn image(&self) -> std::path::PathBuf {
        self.place.path().join(format!("image-{}", self.generation))
    }

    fn attach(&self) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "ext4", "-o", "loop,commit=300"]).arg(self.image()).arg(self.path());
        mount.output().is_ok_and(|output| output.status.success())
    }

    fn detach(&self) {
        // Lazily: somebody may still look at it.
        drop(Command::new("umount").arg("-l").arg(self.path()).output());
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        self.detach();
    }
}

/// The size of a disk that can lose its power, in bytes.
const DISK_SIZE: u64 = 48 << 20;
