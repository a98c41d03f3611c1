//! T15: how soon the first file of a very large directory is there, and how much memory the user agent has meanwhile.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use integration_tests::performance::USER;
use integration_tests::site::Site;
use integration_tests::user::user;

use crate::plan::Plan;
use crate::process;
use crate::report::Report;

/// How long the copy may go on; the whole of it would take very long.
const WATCHED: Duration = Duration::from_secs(20);

pub(super) fn table(plan: &Plan, place: &Path, report: &mut Report) {
    let [source, destination] = ["large-source", "large-destination"].map(|name| {
        let root = tempfile::Builder::new().prefix(name).tempdir_in(place).unwrap();
        let site = Site::new(name).at(&integration_tests::foreign::own_address().to_string());
        (site.args(["--log-level", "warn"]).start_in(root.path().to_path_buf()), root)
    });
    let large = source.1.path().join("large");
    fs::create_dir(&large).unwrap();
    (0..plan.files).for_each(|file| drop(fs::File::create(large.join(format!("{file:07}"))).unwrap()));
    let (from, to) = (source.0.url("large"), destination.0.url("large"));
    let start = Instant::now();
    let started = user().args(["-q", "copy", "-r", "--path", "direct", &from, &to]).start();
    let copied = destination.1.path().join("large");
    let peak = process::peak_while_it_runs(started.running.id());
    // A file under way has a name that begins with a dot.
    let is_there = || {
        let all = fs::read_dir(&copied).into_iter().flatten().filter_map(Result::ok);
        all.map(|entry| entry.file_name()).filter(|name| !name.to_string_lossy().starts_with('.')).count()
    };
    while is_there() == 0 && start.elapsed() < WATCHED {
        sleep(Duration::from_millis(5));
    }
    let first = start.elapsed().as_secs_f64();
    while !peak.is_finished() && start.elapsed() < WATCHED {
        sleep(Duration::from_millis(100));
    }
    let (count, seconds) = (is_there(), start.elapsed().as_secs_f64());
    started.interrupt();
    let run = started.end();
    let peak = peak.join().unwrap();
    println!(
        "{count} of {} files are there after {seconds:.0} s; the user agent has ended with {:?}",
        plan.files,
        run.code()
    );
    report.add("first file of a very large directory", "s", USER, first);
    report.add("first 20 s of a copy of 1,000,000 files", "MiB", USER, peak);
}
