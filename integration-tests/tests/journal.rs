//! Jobs that are killed and go on: the journal of ftp-user, with real servers and real kills.

use crate::accounts::user as account;
use integration_tests::disk::SmallDisk;
use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, Server, Site, are_equal, names_below, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, Started, User, user};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// The size of the file that takes seconds.
const LARGE: usize = 2_500_000;

/// Two servers with a tree at one of them, and a state directory.
pub(crate) struct Scene {
    pub(crate) from: Server,
    pub(crate) to: Server,
    pub(crate) state: TempDir,
}

/// The destination stores 1 MB in a second.
pub(crate) fn scene() -> Scene {
    let mut from = Site::new("source").file("t/large.bin", sample(LARGE)).directory("t/empty");
    for name in ["t/a", "t/b", "t/d/c", "t/d/e/f", "t/z"] {
        from = from.file(name, sample(10_000 + name.len()));
    }
    let to = Site::new("destination").at("127.0.0.3").config(&account("eve", "s3cret", "rate-up = \"1MB\""));
    Scene { from: from.start(), to: to.start(), state: tempfile::tempdir().unwrap() }
}

impl Scene {
    /// A run with the state directory, and with the passwords of both servers in `.netrc`.
    pub(crate) fn user(&self) -> User {
        self.user_with(self.state.path())
    }

    /// The same with another state directory.
    pub(crate) fn user_with(&self, state: &Path) -> User {
        let user = user().logins(["127.0.0.2"]).login("127.0.0.3", "eve", "s3cret");
        user.args(["--state", state.to_str().unwrap(), "--timeout", "5s", "--json"])
    }

    pub(crate) fn destination(&self, path: &str) -> String {
        self.to.url(path).replace(&format!("ann:{}", PASSWORD.replace(':', "%3A")), "eve:s3cret")
    }

    /// Starts to copy the tree, and returns in the middle of the large file.
    pub(crate) fn begin(&self, more: &[&str]) -> Started {
        self.begin_words(&[&["copy", "-r"], more].concat(), ["t", "copy"])
    }

    /// Begins a command with that source and destination, and returns in the middle of the large file.
    pub(crate) fn begin_words(&self, words: &[&str], [source, destination]: [&str; 2]) -> Started {
        let run = user().args(["--state", self.state.path().to_str().unwrap(), "--json"]).args(words);
        let run = run.args([self.from.url(source), self.destination(destination)]).start();
        self.to.until_part(500_000);
        run
    }

    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        self.to.parts()
    }

    /// The copy has everything that the source has, and nothing else.
    pub(crate) fn is_whole(&self, run: &Run) {
        are_equal(&self.from.path("t"), &self.to.path("copy"), run);
    }

    pub(crate) fn jobs(&self) -> Vec<serde_json::Value> {
        self.user().args(["jobs"]).run().exits(0).events("job")
    }

    /// How the jobs of a verb stand.
    pub(crate) fn state_of(&self, verb: &str) -> Vec<String> {
        let jobs = self.user().args(["jobs", "--all"]).run().exits(0).events("job");
        let jobs = jobs.iter().filter(|job| job["verb"] == verb);
        jobs.map(|job| job["state"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn state_of_the_job(&self) -> String {
        let jobs = self.jobs();
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs[0]["state"].as_str().unwrap().to_owned()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.state.path().join("journal.db")
    }
}

#[test]
fn n8_a_tree_whose_coordinator_is_killed_goes_on_where_it_was() {
    let scene = scene();
    let killed = scene.begin(&[]).kill();
    let done = killed.events("file").len();
    let left = scene.parts();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(scene.state_of_the_job(), "interrupted");

    let run = scene.user().args(["--trace", "trace", "resume"]).run().exits(0);
    scene.is_whole(&run);
    let (files, skipped) = (&run.summary()["files"], run.summary()["skipped"].as_u64().unwrap());
    assert_eq!(files, 6, "{run}");
    assert!(skipped >= done as u64, "{skipped} of {done}: {run}");
    // This run has not looked at the copies of an earlier one, and does not say that it has.
    let earlier: Vec<_> = run.events("file").into_iter().filter(|file| !file["earlier"].is_null()).collect();
    assert!(earlier.len() >= done, "{run}");
    for file in earlier {
        let said = (&file["earlier"], &file["verified"], &file["skipped"]);
        assert_eq!(said, (&"sha-256".into(), &"none".into(), &true.into()), "{run}");
    }
    let trace = run.text("trace");
    let part = left[0].file_name().unwrap().to_str().unwrap().to_owned();
    let middle = trace.lines().filter(|line| line.contains("> REST ") && !line.contains("> REST 0"));
    assert_eq!(middle.count(), 2, "both ends go on in the middle: {trace}");
    assert!(trace.contains(&format!("> STOR copy/{part}")), "{trace}");
    assert_eq!(scene.state_of_the_job(), "done");
    let run = scene.user().args(["resume"]).run().exits(0).says("there is nothing to resume");
    assert_eq!(run.events("file"), [""; 0], "{run}");
}

#[test]
fn n8_an_interrupted_tree_keeps_what_is_stored_and_goes_on() {
    let scene = scene();
    // The next attempt is that of the next run.
    let run = scene.begin(&["--retries", "0"]);
    let run = run.end_with(Signal::TERM).exits(10).says(" resume ");
    assert_eq!(scene.parts().len(), 1, "{run}");
    // What demands less than the job does is refused, and changes nothing.
    for (option, verb) in [("--insecure", "resume"), ("--no-tls", "resume"), ("--insecure", "cancel")] {
        let run = scene.user().args([verb, "last", option]).run().exits(2);
        run.says(&format!("{verb} does not take {option}"));
    }
    assert_eq!((scene.state_of_the_job().as_str(), scene.parts().len()), ("interrupted", 1));
    let run = scene.user().args(["resume", "last"]).run().exits(0);
    scene.is_whole(&run);
}

#[test]
fn n8_the_journal_holds_no_password_and_only_its_user_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let scene = scene();
    let secret = format!("ann:{}", PASSWORD.replace(':', "%3A"));
    let run = scene.begin(&[]).kill();
    for name in names_below(scene.state.path()).iter().filter(|name| !name.ends_with('/')) {
        let path = scene.state.path().join(name);
        let bytes = fs::read(&path).unwrap();
        for word in [secret.as_bytes(), PASSWORD.as_bytes(), b"s3cret"] {
            assert!(!bytes.windows(word.len()).any(|part| part == word), "{name}: {run}");
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    // Without a password there is a refusal, and no guess.
    let state = scene.state.path().to_str().unwrap();
    user().args(["--state", state, "--json", "resume"]).run().exits(4);
}

#[test]
fn n8_a_file_that_somebody_stores_meanwhile_is_not_replaced_where_that_was_forbidden() {
    let scene = scene();
    let _killed = scene.begin(&["--overwrite", "never"]).kill();
    let theirs = scene.to.path("copy/large.bin");
    fs::write(&theirs, "somebody's own").unwrap();
    // Another source for the same name: what the first job has left does not make it a copy of that one.
    let other = [scene.from.url("t/a"), scene.destination("copy/large.bin")];
    let run = scene.user().args(["copy", "--overwrite", "never"]).args(other).run().exits(8);
    let _told = run.says(" was copying something else to ").says(", and leaves it alone now");
    scene.user().args(["resume"]).run().exits(9).says("is left alone: job");
    assert_eq!(fs::read(theirs).unwrap(), b"somebody's own");
}

#[test]
fn n8_an_empty_directory_in_the_place_of_a_source_that_is_not_finished_ends_nothing() {
    for words in [&["move", "-r"] as &[_], &["sync"]] {
        let scene = scene();
        let _killed = scene.begin_words(words, ["t", "copy"]).kill();
        let (tree, away) = (scene.from.path("t"), scene.from.path("away"));
        // As with a disk that is not mounted.
        fs::rename(&tree, &away).unwrap();
        fs::create_dir(&tree).unwrap();
        let run = scene.user().args(["resume", "last"]).run();
        assert_eq!(run.code(), Some(3), "{words:?}: {run}");
        assert!(tree.exists(), "{words:?}: {run}");
        fs::remove_dir(&tree).unwrap();
        fs::rename(&away, &tree).unwrap();
        let run = scene.user().args(["resume", "last"]).run().exits(0);
        assert!(scene.to.bytes("copy/large.bin") == sample(LARGE), "{words:?}: {run}");
        assert!(scene.parts().is_empty(), "{words:?}: {run}");
    }
}

#[test]
fn a_file_that_somebody_makes_during_the_copy_is_not_replaced_where_that_was_forbidden() {
    let scene = scene();
    let run = scene.begin_words(&["copy", "--overwrite", "never"], ["t/large.bin", "b.bin"]);
    fs::write(scene.to.path("b.bin"), "somebody's own").unwrap();
    let run = run.end().exits(8).says("since the copy began");
    assert_eq!(scene.to.bytes("b.bin"), b"somebody's own", "{run}");
    assert!(scene.parts().is_empty(), "{run}");
}

#[test]
fn a_file_that_somebody_makes_during_the_copy_is_replaced_only_if_it_is_older_where_newer_ones_stay() {
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for is_old in [false, true] {
        let scene = scene();
        let run = scene.begin_words(&["copy", "--overwrite", "newer"], ["t/large.bin", "b.bin"]);
        fs::write(scene.to.path("b.bin"), "somebody's own").unwrap();
        if is_old {
            let file = fs::File::options().write(true).open(scene.to.path("b.bin")).unwrap();
            file.set_modified(old).unwrap();
        }
        let run = run.end().exits(0);
        let bytes = if is_old { sample(LARGE) } else { b"somebody's own".to_vec() };
        assert!(scene.to.bytes("b.bin") == bytes, "{is_old}: {run}");
        assert_eq!(run.events("file")[0]["skipped"], !is_old, "{run}");
        assert!(scene.parts().is_empty(), "{run}");
    }
}

#[test]
fn n8_a_copy_waits_for_nothing_that_lies_in_the_place_of_the_journal() {
    let scene = scene();
    let fifo = scene.database();
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    copies_with_a_warning(&scene, "not a regular file");
}

#[test]
fn n8_links_in_the_place_of_what_was_left_or_of_a_lock_lead_nowhere() {
    let scene = scene();
    let home = tempfile::tempdir().unwrap();
    let (copy, victim) = (home.path().join("copy"), home.path().join("victim"));
    let run = user().args(["--state", scene.state.path().to_str().unwrap(), "copy"]);
    let run = run.args([&scene.destination("large"), copy.to_str().unwrap()]);
    fs::write(scene.to.path("large"), sample(20_000_000)).unwrap();
    let run = run.start();
    let parts = || names_below(home.path()).into_iter().filter(|name| name.contains(".part"));
    until("a part has arrived", || {
        parts().any(|part| fs::metadata(home.path().join(part)).is_ok_and(|facts| facts.len() > 500_000))
    });
    let _killed = run.kill();
    fs::write(&victim, "their own").unwrap();
    let part = home.path().join(parts().next().unwrap());
    fs::remove_file(&part).unwrap();
    std::os::unix::fs::symlink(&victim, &part).unwrap();
    scene.user().args(["resume"]).run();
    assert_eq!(fs::read(&victim).unwrap(), b"their own");

    let job = scene.jobs()[0]["id"].as_str().unwrap().to_owned();
    let lock = scene.state.path().join("jobs").join(format!("{job}.lock"));
    let _ = fs::remove_file(&lock);
    std::os::unix::fs::symlink(&victim, &lock).unwrap();
    scene.user().args(["resume", &job]).run();
    assert_eq!(fs::read(&victim).unwrap(), b"their own");
}

#[test]
fn n8_a_journal_that_others_may_write_is_not_obeyed() {
    let scene = scene();
    let _killed = scene.begin(&[]).kill();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let refused = |words: &str| {
        for verb in ["jobs", "resume"] {
            scene.user().args([verb]).run().exits(1).says(words);
        }
    };
    mode(&scene.database(), 0o666);
    refused("others own it or may write it");
    mode(&scene.database(), 0o600);
    // SQLite takes what stands there for the newest pages.
    let wal = scene.state.path().join("journal.db-wal");
    fs::OpenOptions::new().create(true).append(true).open(&wal).unwrap();
    mode(&wal, 0o622);
    refused("-wal: others own it or may write it");
    mode(&wal, 0o600);
    for open in [0o722, 0o720, 0o1777] {
        mode(scene.state.path(), open);
        refused("others own the directory");
    }
    // Copies do not need it, but they need to know which servers have TLS.
    let words = "others own the directory";
    scene.user().args(["copy", &scene.from.url("t/a"), &scene.destination("b")]).run().exits(1).says(words);
    let run = scene.user().args(["--no-tls", "copy", &scene.from.url("t/a"), &scene.destination("b")]).run();
    assert!(run.exits(0).warnings().iter().any(|warning| warning.contains(words)));
    if rustix::process::geteuid().is_root() {
        mode(scene.state.path(), 0o700);
        std::os::unix::fs::chown(scene.state.path(), Some(65_534), None).unwrap();
        refused("others own the directory");
        std::os::unix::fs::chown(scene.state.path(), Some(0), None).unwrap();
    }
    mode(scene.state.path(), 0o700);
    assert_eq!(scene.jobs().len(), 1);
    assert_eq!(scene.parts().len(), 1);
}

#[test]
fn n8_one_password_is_for_one_job() {
    let scene = scene();
    for name in ["one", "two"] {
        let run = user().args(["--state", scene.state.path().to_str().unwrap(), "copy"]);
        let run = run.args([scene.from.url("t/large.bin"), scene.destination(name)]).start();
        until("a part has arrived", || !scene.parts().is_empty());
        drop(run.kill());
        scene.parts().iter().for_each(|part| fs::remove_file(part).unwrap());
    }
    let run = user().args(["--state", scene.state.path().to_str().unwrap(), "resume"]);
    let run = run.environment("FTP_USER_PASSWORD", "of-another-server").run().exits(2);
    run.says("resume one job at a time");
}

#[test]
fn n8_cancel_removes_what_is_left_and_keeps_what_is_finished() {
    let scene = scene();
    let _killed = scene.begin(&["--id", "nightly"]).kill();
    let finished = scene.to.names().len() - 1;
    let run = scene.user().args(["cancel", "nightly"]).run().exits(0).says("cancelled");
    assert_eq!(scene.parts(), [""; 0].map(PathBuf::from), "{run}");
    assert_eq!(scene.to.names().len(), finished, "{run}");
    assert_eq!(scene.state_of_the_job(), "cancelled");
    scene.user().args(["resume", "nightly"]).run().exits(2);
    scene.user().args(["cancel", "nobody"]).run().exits(3);
}

#[test]
fn n10_a_running_job_has_one_coordinator_and_its_destinations() {
    let scene = scene();
    let run = scene.begin(&["--timeout", "10m", "--stall", "10m"]);
    // It runs for as long as the others are asked.
    run.running.signal(Signal::STOP);
    let jobs = scene.jobs();
    assert_eq!(jobs[0]["state"], "running", "{jobs:?}");
    assert_eq!(jobs[0]["process"], run.running.id(), "{jobs:?}");
    let process = format!("process {}", run.running.id());
    scene.user().args(["resume", "last"]).run().exits(8).says(&process);
    scene.user().args(["retry", "last"]).run().exits(8).says(&process);
    scene.user().args(["cancel", "last"]).run().exits(8).says(&process);
    let other =
        ["copy", "--overwrite", "always", &scene.from.url("t/a"), &scene.destination("copy/large.bin")];
    scene.user().args(other).run().exits(8).says("is claimed by job").never_says("remove the cause");
    run.running.signal(Signal::CONT);
    let run = run.end().exits(0);
    scene.is_whole(&run);
}

#[test]
fn n8_a_job_with_a_name_is_continued_or_reported_when_it_is_asked_for_again() {
    let scene = scene();
    let words = |scene: &Scene| {
        ["copy", "-r", "--id", "nightly", &scene.from.url("t"), &scene.destination("copy")]
            .map(str::to_owned)
            .to_vec()
    };
    let home = tempfile::tempdir().unwrap();
    let run = |words: &[String]| {
        let state = scene.state.path().to_str().unwrap();
        user().here(home.path()).args(["--state", state, "--json"]).args(words)
    };
    let started = run(&words(&scene)).start();
    until("the large file is under way", || !scene.parts().is_empty());
    started.kill();
    let ended = run(&words(&scene)).run().exits(0);
    scene.is_whole(&ended);
    let again = run(&words(&scene)).run().exits(0);
    assert_eq!(again.events("job")[0]["state"], "done", "{again}");
    let mut other = words(&scene);
    other.insert(1, "--fail-fast".to_owned());
    run(&other).run().exits(2).says("in other words");
}

/// A run may be killed between the last row that it writes and the end of its lock, and also before its first row: then no
/// job has the number of the lock.
#[test]
fn n8_locks_of_killed_runs_are_removed_by_the_next_one_and_those_of_live_ones_are_not() {
    let scene = scene();
    let words =
        ["copy", "--id", "nightly", &scene.from.url("t/a"), &scene.destination("b")].map(str::to_owned);
    let home = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| scene.user().here(home.path()).args(words).run();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run(&words).exits(0);
    let jobs = run(&["jobs"]).exits(0).events("job");
    let own = format!("{}.lock", jobs[0]["id"].as_str().unwrap());
    let folder = scene.state.path().join("jobs");
    let live = fs::File::create(folder.join("00000000000000aa.lock")).unwrap();
    live.try_lock().unwrap();
    for verb in [&words[..], &["jobs"], &["resume"], &["copy", words[3], &scene.destination("c")]] {
        for left in [own.as_str(), "00000000000000bb.lock"] {
            fs::write(folder.join(left), "4711").unwrap();
        }
        let run = run(verb).exits(0);
        assert_eq!(names_below(&folder), ["00000000000000aa.lock"], "{verb:?}: {run}");
    }
}

/// A copy of one file goes on without a journal, and says so.
fn copies_with_a_warning(scene: &Scene, words: &str) {
    let name = format!("b-{}", words.len());
    let run = scene.user().args(["copy", &scene.from.url("t/a"), &scene.destination(&name)]).run().exits(0);
    assert!(run.warnings().iter().any(|warning| warning.contains(words)), "{words:?}: {run}");
    assert!(scene.to.bytes(&name) == scene.from.bytes("t/a"), "{run}");
}

#[test]
fn n8_a_journal_that_is_newer_cut_or_damaged_is_told_and_nothing_is_resumed_from_it() {
    let scene = scene();
    let _killed = scene.begin(&[]).kill();
    // What is still beside the database goes into it.
    scene.jobs();
    let whole = fs::read(scene.database()).unwrap();
    let write = |bytes: &[u8]| {
        for beside in ["journal.db-wal", "journal.db-shm"] {
            let _ = fs::remove_file(scene.state.path().join(beside));
        }
        fs::write(scene.database(), bytes).unwrap();
    };
    // Pages also have what was in them before, so every place with these words is changed.
    let flip = |words: &[u8]| {
        let mut bytes = whole.clone();
        for (at, part) in whole.windows(words.len()).enumerate() {
            bytes[at] ^= u8::from(part == words);
        }
        assert!(bytes != whole, "{words:?}");
        bytes
    };
    // The version of the tables stands at byte 60 (SQLite's file format).
    let mut newer = whole.clone();
    newer[63] += 2;
    let flipped = flip(b"copy/large.bin");
    // The source of a file is in no index: SQLite itself sees nothing of it.
    let row = flip(b"/t/large.bin");
    let cut = &whole[..whole.len() / 2 + 100];
    for (bytes, words) in [
        (newer.as_slice(), "belongs to a newer ftp-user"),
        (cut, "is damaged"),
        (b"nothing that SQLite has ever written, but long enough to be looked at by it", "is damaged"),
        (flipped.as_slice(), "is damaged"),
        (row.as_slice(), "of the table items does not fit"),
    ] {
        write(bytes);
        let before = scene.to.names();
        for verb in ["resume", "cancel", "why"] {
            let run = scene.user().args([verb, "last"]).run().fails().says(words);
            assert_eq!(scene.to.names(), before, "{run}");
        }
    }
    write(&newer);
    copies_with_a_warning(&scene, "belongs to a newer ftp-user");
    assert!(fs::read(scene.database()).unwrap() == newer, "it is not touched");
    write(b"nothing that SQLite has ever written, but long enough to be looked at by it");
    copies_with_a_warning(&scene, "is damaged");
    // With the whole journal the job goes on.
    write(&whole);
    let run = scene.user().args(["resume"]).run().exits(0);
    scene.is_whole(&run);
}

#[test]
fn n8_a_copy_goes_on_without_a_state_directory_that_can_be_written() {
    let scene = scene();
    let blocked = scene.state.path().join("file");
    fs::write(&blocked, "").unwrap();
    let state = Path::new(&blocked).join("below");
    let run = user().args(["--state", state.to_str().unwrap(), "--json", "copy"]);
    let run = run.args([scene.from.url("t/a"), scene.destination("b")]).run().exits(0);
    assert!(run.warnings().iter().any(|warning| warning.contains("cannot be resumed")), "{run}");

    let disk = or_skip!(SmallDisk::mount());
    let state = disk.path().join("state");
    fs::create_dir(&state).unwrap();
    let full = disk.path().join("full");
    let filled = fs::write(&full, vec![0; 1 << 20]);
    assert!(filled.is_err() || fs::metadata(&full).unwrap().len() == 1 << 20);
    // The disk itself is everybody's to write, and so no state directory.
    let run = user().args(["--state", state.to_str().unwrap(), "--json", "copy", "-r"]);
    let run = run.args([scene.from.url("t"), scene.destination("copy")]).run().exits(0);
    let warnings: Vec<String> = run.warnings();
    let of_journal = warnings.iter().filter(|warning| warning.contains("cannot be resumed"));
    assert_eq!(of_journal.count(), 1, "it is told once: {run}");
    let of_state = warnings.iter().filter(|warning| warning.contains(state.to_str().unwrap()));
    assert_eq!(of_state.count(), 1, "one cause is one line: {run}");
    scene.is_whole(&run);
}
