//! A disk that fails on demand: a FUSE file system in memory, served over `/dev/fuse` by a thread of the test.
//!
//! A test says at any time which paths fail, in which of their questions, and with which error ([`Fault`]); the kernel remembers
//! nothing. Servers see what they would see of a dead mount, a stale handle or a disk with bad blocks.

mod fault;
mod tree;
mod wire;

pub use fault::{ERRORS, Fault, Part};

use crate::skip::Skipped;
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use tree::{Event, Tree};
use wire::Request;

/// A disk in a directory of this host. It is unmounted when this is dropped.
#[derive(Debug)]
pub struct BrokenDisk {
    place: PathBuf,
    tree: Arc<Mutex<Tree>>,
    /// Unmounts it when its standard input closes: also when the test is killed.
    watch: Child,
}

impl BrokenDisk {
    /// An empty disk that does not fail, in this directory. Its files belong to who has the directory.
    ///
    /// # Errors
    ///
    /// It may not be mounted.
    pub fn mount(place: &Path) -> Result<Self, Skipped> {
        let disk = Self::try_mount(place);
        disk.map_err(|error| Skipped(format!("a disk that fails needs root and /dev/fuse: {error}")))
    }

    fn try_mount(place: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let device = File::options().read(true).write(true).open("/dev/fuse")?;
        let owner = std::fs::metadata(place)?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
        let options = CString::new(options)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        let mut watch = Command::new("sh");
        watch.args(["-c", "cat >/dev/null; umount -l \"$1\" 2>/dev/null", "sh"]).arg(place);
        let watch = watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let watch = watch.spawn()?;
        mount("ftp-test", place, "fuse.ftp-test", flags, options.as_c_str())?;
        let tree = Arc::new(Mutex::new(Tree::new((owner.uid(), owner.gid()))));
        let served = Arc::clone(&tree);
        // It ends when nobody has the disk mounted or open any more.
        thread::spawn(move || serve(&device, &served));
        Ok(Self { place: place.to_owned(), tree, watch })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.place
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap()
    }

    /// Puts a file there, with the directories above it.
    pub fn file(&self, path: &str, bytes: impl AsRef<[u8]>) {
        self.tree().put(path, Some(bytes.as_ref().to_vec()));
    }

    /// Puts an empty directory there.
    pub fn directory(&self, path: &str) {
        self.tree().put(path, None);
    }

    /// Removes all files, as if another disk were mounted. What fails stays.
    pub fn clear(&self) {
        self.tree().clear();
    }

    /// From now on this fails, and nothing else.
    pub fn fails(&self, faults: &[Fault]) {
        self.tree().faults = faults.to_vec();
    }

    /// Whether listings tell which names are directories (`d_type`); else programs have to look at each.
    pub fn tells_types(&self, tells: bool) {
        self.tree().tells_types = tells;
    }

    /// When somebody opens this path for the first time, `event` happens and the disk has these files (directories end with a
    /// slash): it was unmounted, or another one was mounted. Only then the path is opened.
    pub fn becomes_when_opened(&self, path: &str, files: &[&str], event: impl FnOnce() + Send + 'static) {
        let files: Vec<String> = files.iter().map(|&file| file.to_owned()).collect();
        let event = Event(Box::new(move |tree| {
            tree.clear();
            for file in files {
                match file.strip_suffix('/') {
                    Some(directory) => tree.put(directory, None),
                    None => tree.put(&file, Some(file.clone().into_bytes())),
                }
            }
            event();
        }));
        self.tree().event = Some((path.into(), event));
    }

    /// Whether what was to happen has happened.
    pub fn has_become(&self) -> bool {
        self.tree().event.is_none()
    }

    /// All paths, sorted, directories with a slash.
    pub fn names(&self) -> Vec<String> {
        self.tree().paths()
    }

    /// What was asked of it since the last call, and what it has answered.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.tree().log)
    }
}

impl Drop for BrokenDisk {
    fn drop(&mut self) {
        // Lazily: a server of a failing test may still be in it.
        let _ = unmount(&self.place, UnmountFlags::DETACH); // somebody else may have done it
        drop(self.watch.stdin.take());
        drop(self.watch.wait());
    }
}

/// Answers the kernel until nobody uses the disk.
fn serve(mut device: &File, tree: &Mutex<Tree>) {
    let mut room = vec![0; wire::ROOM];
    loop {
        let read = match device.read(&mut room) {
            Ok(read) => read,
            // A request was taken back before it was read.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOENT) => continue,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let answer = tree.lock().unwrap().answer(&Request::read(&room[..read]));
        if let Some(answer) = answer {
            // Nobody waits for it any more if this fails.
            drop(device.write(&answer));
        }
    }
}
