//! DEST is killed in the middle of a job, and comes back at the same address with another disk: no file is at neither end,
//! and no run says that all is done when it is not.

use integration_tests::delay::Delayed;
use integration_tests::foreign::own_address;
use integration_tests::site::{Server, Site, names_below, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, user};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What the destination has when it is there again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Disk {
    Same,
    Empty,
    DirectoriesOnly,
    /// A copy from before the job, and a part of what the job has stored.
    Older,
    /// Another one, with one file.
    Foreign,
}

const DISKS: [Disk; 5] = [Disk::Same, Disk::Empty, Disk::DirectoriesOnly, Disk::Older, Disk::Foreign];
const DIRECTORIES: usize = 6;
const FILES: usize = 25;

fn names() -> Vec<String> {
    let of = |directory| (0..FILES).map(move |file| format!("d{directory}/{file:03}.bin"));
    (0..DIRECTORIES).flat_map(of).collect()
}

fn content(name: &str) -> Vec<u8> {
    let mut content = sample(3000);
    content.extend(name.bytes());
    content
}

/// The names of whole files below a directory.
fn whole(top: &Path) -> BTreeSet<String> {
    let is_whole = |name: &String| fs::read(top.join(name)).is_ok_and(|found| found == content(name));
    names().into_iter().filter(is_whole).collect()
}

/// Gives the destination another disk. What it had is below `kept` afterwards.
fn exchange(to: &Server, kept: &Path, disk: Disk) {
    let root = to.path("");
    if disk == Disk::Same {
        return;
    }
    for entry in fs::read_dir(&root).unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), kept.join(entry.file_name())).unwrap();
    }
    for name in names_below(kept) {
        let number: usize = name.bytes().map(usize::from).sum();
        match (disk, name.ends_with('/')) {
            (Disk::DirectoriesOnly | Disk::Older, true) => fs::create_dir_all(root.join(&name)).unwrap(),
            (Disk::Older, false) if number.is_multiple_of(2) => {
                fs::copy(kept.join(&name), root.join(&name)).map(drop).unwrap();
            }
            (Disk::Same | Disk::Empty | Disk::Foreign | Disk::DirectoriesOnly | Disk::Older, _) => {}
        }
    }
    if disk == Disk::Foreign {
        fs::write(root.join("foreign"), "x").unwrap();
    }
}

/// Runs a job whose destination is killed when it has so many files. Returns whether it was killed in time.
fn killed(verb: &[&str], stage: usize, disk: Disk) -> bool {
    let site = Site::new("source").directory("t/an empty one");
    let site = names().iter().fold(site, |site, name| site.file(&format!("t/{name}"), content(name)));
    // Nobody else takes the port of this address while the server is gone.
    let target = Site::new("target").at(&own_address().to_string());
    let (from, mut to) = (site.start(), target.directory("new").start());
    // All that the job does at the destination takes some round trips more.
    let url = Delayed::url(&to.url("new/"), Duration::from_millis(10));
    let words = ["--json", "--retries", "3", "--timeout", "10s", "--path", "direct"];
    let mut run = user().args(verb).args(words).args([&from.url("t/"), &url]).start();
    until("so many files are there", || whole(&to.path("new")).len() >= stage || run.has_ended());
    to.running.signal(Signal::KILL);
    to.running.wait();
    // Where all files are there, the job may have heard that, and only its program has not ended.
    let is_in_time = !run.has_ended() && whole(&to.path("new")).len() < names().len();
    let kept = tempfile::tempdir().unwrap();
    let sources = whole(&from.path("t"));
    exchange(&to, kept.path(), disk);
    to.start_again();
    let run = run.end();
    if is_in_time {
        // Of a tree that is moved, sources were deleted whose copies were on the disk before. A root that is gone is not made again.
        let has_root = !matches!(disk, Disk::Empty | Disk::Foreign);
        assert!(
            verb[0] == "move" || run.code() == Some(0) || !has_root,
            "{verb:?} {stage} {disk:?}: something is lost\n{run}"
        );
        check(&run, (&from, &to), (kept.path(), &sources), &format!("{verb:?} {stage} {disk:?}"));
    }
    is_in_time
}

fn check(run: &Run, (from, to): (&Server, &Server), (kept, before): (&Path, &BTreeSet<String>), what: &str) {
    let (sources, copies, old) = (whole(&from.path("t")), whole(&to.path("new")), whole(&kept.join("new")));
    for name in names() {
        // What was deleted before the disk was another one was on the one before.
        let was_moved = !before.contains(&name) && old.contains(&name);
        assert!(sources.contains(&name) || copies.contains(&name) || was_moved, "{what}: {name}\n{run}");
    }
    if run.code() == Some(0) {
        assert_eq!(copies.len(), names().len(), "{what}: it says that all are there\n{run}");
        assert!(to.path("new/an empty one").is_dir(), "{what}: a directory is lost\n{run}");
    }
}

fn kill_at_every_stage(verb: &'static [&'static str]) {
    let runs = DISKS.map(|disk| {
        std::thread::spawn(move || {
            for stage in [1, 90] {
                // A run that ends before it is noticed proves nothing.
                assert!((0..10).any(|_| killed(verb, stage, disk)), "{verb:?} is always too fast");
            }
        })
    });
    for (disk, run) in DISKS.into_iter().zip(runs) {
        assert!(run.join().is_ok(), "{verb:?} {disk:?}");
    }
}

#[test]
fn a_tree_is_moved_to_a_server_that_comes_back_with_another_disk() {
    kill_at_every_stage(&["move", "-r"]);
}

#[test]
fn a_tree_is_synced_to_a_server_that_comes_back_with_another_disk() {
    kill_at_every_stage(&["sync"]);
}

#[test]
fn a_tree_is_copied_to_a_server_that_comes_back_with_another_disk() {
    kill_at_every_stage(&["copy", "-r"]);
}
