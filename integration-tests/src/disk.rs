//! A file system that is soon full.

use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A file system of 1 MiB that vanishes with its test.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, said aloud, where it may not be mounted: that needs root.
    pub fn mount(test: &str) -> Option<Self> {
        let directory = tempfile::Builder::new().prefix("ftp-small-disk-").tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "ftp-test"])
            .arg(directory.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED {test}: a small file system cannot be mounted here (it needs root)");
        }
        mounted.then_some(Self(directory))
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
