//! The files of an account, tried on a real directory: with `openat2` and without.

mod cached;
mod copying;
mod escape;
mod files;
mod group;
mod mounts;
mod quota;
mod slashes;
mod unseen;
mod upload;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::*;
use ftp_proto::command::Partial;
use ftp_proto::listing::Entry;
use ftp_proto::server::ask::{FileAnswer, FileAsk, FileFailure, Intent, ListStyle};
use ftp_proto::server::{Access, Right, Rights};
use ftp_proto::wire::{ByteRange, PathName};
use rustix::fs::Mode;
use std::sync::Arc;

/// Says why this test cannot run here, past the capture of test output.
fn say_skipped(why: &str) {
    let line = format!("skipped: {}: {why}\n", std::thread::current().name().unwrap_or("a test"));
    drop(io::Write::write_all(&mut io::stderr(), line.as_bytes()));
}

/// Whether this test may give a link to somebody else. It says so if not; `walk` has the rule as a table.
fn may_give_away() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        say_skipped("only root can give a link to somebody else");
    }
    is_root
}

/// A tree of one root.
fn alone(root: &Arc<Root>) -> Arc<Tree> {
    Arc::new(Roots::default().tree(Arc::clone(root)))
}

/// A root with something beside it that nobody may reach.
struct Site {
    top: tempfile::TempDir,
    root: Arc<Root>,
}

impl Site {
    fn new() -> Self {
        Self::with(Root::open)
    }

    /// The same site through both ways to stay beneath the root.
    fn both() -> [Self; 2] {
        [Self::new(), Self::with(Root::open_for_walk)]
    }

    fn with(open: impl Fn(&Path) -> io::Result<Root>) -> Self {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir(top.path().join("root")).unwrap();
        fs::write(top.path().join("secret"), "secret").unwrap();
        let root = Arc::new(open(&top.path().join("root")).unwrap());
        Self { top, root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join("root").join(name)
    }

    fn file(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    fn dir(&self, name: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
    }

    fn link(&self, name: &str, target: &str) {
        symlink(target, self.path(name)).unwrap();
    }

    fn fifo(&self, name: &str) {
        rustix::fs::mkfifoat(rustix::fs::CWD, self.path(name), Mode::RUSR | Mode::WUSR).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// Every name in a directory, hidden ones too.
    fn names(&self, dir: &str) -> Vec<String> {
        let names = fs::read_dir(self.path(dir)).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn view(&self) -> View {
        View::new(&alone(&self.root), &Access::everywhere(Rights::ALL))
    }

    fn prepare(&self, path: &str, intent: Intent) -> Result<PreparedTransfer, FileFailure> {
        self.view().prepare(&name(path), &intent).map(|(prepared, _)| prepared)
    }

    /// What RETR would send.
    fn fetch(&self, path: &str) -> Result<String, FileFailure> {
        fetch(&self.view(), path)
    }

    /// Begins to store.
    fn begin(&self, path: &str, intent: Intent, partial: Partial) -> Result<(Upload, File), FileFailure> {
        let PreparedTransfer::Receive(target) = self.prepare(path, intent)? else {
            panic!("not prepared for receiving");
        };
        target.begin(partial)
    }

    /// Stores, whole or broken.
    fn store(
        &self,
        path: &str,
        intent: Intent,
        partial: Partial,
        content: &str,
        received: Completeness,
    ) -> Result<(), FileFailure> {
        let (upload, mut file) = self.begin(path, intent, partial)?;
        io::Write::write_all(&mut file, content.as_bytes()).unwrap();
        upload.finish(file, received).result
    }

    /// Stores something whole.
    fn store_whole(&self, path: &str, intent: Intent, content: &str) {
        self.store(path, intent, Partial::Publish, content, Completeness::Whole).unwrap();
    }
}

/// What RETR would send.
fn fetch(view: &View, path: &str) -> Result<String, FileFailure> {
    let (prepared, _) = view.prepare(&name(path), &Intent::Send { range: ByteRange::WHOLE })?;
    let PreparedTransfer::Send { file, .. } = prepared else { panic!("not prepared for sending") };
    Ok(io::read_to_string(file).unwrap())
}

/// The names that a listing of `path` shows.
fn listed(view: &View, path: &str) -> Vec<String> {
    let mut names: Vec<_> = entries(view, path).into_iter().map(|entry| entry.name.display()).collect();
    names.sort();
    names
}

/// Everything that a listing of `path` shows.
fn entries(view: &View, path: &str) -> Vec<Entry> {
    let prepared = view.prepare(&name(path), &Intent::List(ListStyle::Long));
    let Ok((PreparedTransfer::List { mut listing, .. }, _)) = prepared else {
        panic!("{path} cannot be listed");
    };
    let next = || match listing.next_entry(Detail::Facts).unwrap() {
        Next::Found(entry) => Some(Some(entry.clone())),
        Next::Hidden | Next::Unknown(_) | Next::Omitted(_) => Some(None),
        Next::End => None,
    };
    std::iter::from_fn(next).flatten().collect()
}

fn name(path: &str) -> PathName {
    PathName::from_wire(path).unwrap()
}

fn rename(from: &str, to: &str) -> FileAsk {
    FileAsk::Rename { from: name(from), is: None, to: name(to) }
}

fn write_at(offset: u64) -> Intent {
    Intent::WriteAt { range: ByteRange::from(offset) }
}

/// Changes the time of a file or directory to a day and more ago.
fn make_old(path: &Path) {
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 60 * 60);
    File::open(path).unwrap().set_modified(old).unwrap();
}

/// A temporary name.
const PARTIAL: &str = ".ftp-0123456789abcdef0123456789abcdef.part";
const DONE: Result<FileAnswer, FileFailure> = Ok(FileAnswer::Done);
