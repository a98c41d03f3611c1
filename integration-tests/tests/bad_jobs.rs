//! What goes wrong in the middle of a job: it ends with its exit code and a clear word, and nothing that is durable is lost.

use crate::journal::{Scene, scene};
use crate::through::peak_kib;
use integration_tests::binary::Program;
use integration_tests::disk::SmallDisk;
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, names_below, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, User, is_hangup_ignored, user, user_at};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A program that may write no file beyond so many blocks of 512 bytes.
fn limited(program: Program, blocks: u32, home: &Path) -> PathBuf {
    let script = home.join("limited");
    let text = format!("#!/bin/sh\nulimit -f {blocks}\nexec '{}' \"$@\"\n", program.path().display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// A run with that state directory.
fn with_state(run: User, state: &Path) -> User {
    run.args(["--state", state.to_str().unwrap(), "--json", "--timeout", "5s"])
}

/// A tree of many small files.
fn many() -> Server {
    let site = (0..300).fold(Site::new("source"), |site, number| site.file(&format!("t/{number}"), "small"));
    site.start()
}

/// The journal has ended, which is told once, and the job has not.
fn goes_on_without_its_journal(run: Run, to: &Server) {
    let run = run.exits(0);
    let told = run.warnings().into_iter().filter(|warning| warning.contains("cannot be resumed"));
    assert_eq!(told.count(), 1, "{run}");
    assert_eq!(names_below(&to.path("copy")).len(), 300, "{run}");
}

#[test]
fn n8_the_largest_file_size_under_the_journal() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (many(), Site::new("destination").at("127.0.0.3").start());
    // Not even its tables, or not all of its rows.
    for blocks in [8, 200] {
        let state = tempfile::tempdir().unwrap();
        let run = with_state(user_at(&limited(Program::User, blocks, home.path())), state.path());
        let run = run.args(["copy", "-r", &from.url("t"), &to.url("copy")]).run();
        goes_on_without_its_journal(run, &to);
        fs::remove_dir_all(to.path("copy")).unwrap();
    }
    // What has to be kept is refused before anything moves.
    let state = tempfile::tempdir().unwrap();
    let run = with_state(user_at(&limited(Program::User, 8, home.path())), state.path());
    let run = run.args(["copy", "-r", "--id", "nightly", &from.url("t"), &to.url("copy")]).run().exits(1);
    assert!(to.names().is_empty(), "{run}");
    drop(run.says("the journal").says("check the state directory"));
}

#[test]
fn n8_a_sync_without_its_journal_copies_and_deletes_nothing() {
    let (home, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let from = Site::new("source").file("t/new", "new").start();
    let to = Site::new("destination").at("127.0.0.3").file("t/old", "old").start();
    let run = with_state(user_at(&limited(Program::User, 8, home.path())), state.path());
    let run = run.args(["sync", "--delete", &from.url("t"), &to.url("t")]).run().exits(9);
    assert_eq!((to.bytes("t/new"), to.bytes("t/old")), (b"new".to_vec(), b"old".to_vec()), "{run}");
    let withheld = run.events("withheld");
    assert_eq!(withheld.len(), 1, "{run}");
    assert!(withheld[0]["message"].as_str().unwrap().contains("nothing is deleted"), "{run}");
    assert_eq!(withheld[0]["names"], 1, "{run}");
}

#[test]
fn n8_a_disk_that_is_full_under_the_journal_of_a_job() {
    let disk = or_skip!(SmallDisk::mount());
    let (from, to) = (many(), Site::new("destination").at("127.0.0.3").start());
    fs::set_permissions(disk.path(), fs::Permissions::from_mode(0o700)).unwrap();
    // Some rows fit.
    fs::write(disk.path().join("full"), vec![0; 900_000]).unwrap();
    let run = with_state(user(), disk.path()).args(["copy", "-r", &from.url("t"), &to.url("copy")]).run();
    goes_on_without_its_journal(run, &to);
}

#[test]
fn n8_a_disk_that_is_full_when_a_job_should_go_on() {
    let disk = or_skip!(SmallDisk::mount());
    let scene = scene();
    let _killed = scene.begin(&[]).kill();
    let (parts, full) = (scene.parts(), disk.path().join("full"));
    assert_eq!(parts.len(), 1);
    // The journal is on that disk from now on.
    let state = disk.path().join("state");
    fs::DirBuilder::new().create(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    for name in names_below(scene.state.path()).iter().filter(|name| name.starts_with("journal.db")) {
        fs::copy(scene.state.path().join(name), state.join(name)).unwrap();
    }
    let filled = fs::write(&full, vec![0; 1 << 20]);
    assert!(filled.is_err(), "the disk is full");
    let resume = || scene.user_with(&state).args(["resume", "last"]).run();
    let run = resume().exits(1).says("the journal").says("space");
    assert_eq!(scene.parts(), parts, "{run}");
    fs::remove_file(full).unwrap();
    let run = resume().exits(0);
    scene.is_whole(&run);
}

/// What does not fit is told, and not sent again and again. What fits is there.
fn keeps_what_fits(run: Run, large: usize, names: &[String], bytes: impl Fn(&str) -> Vec<u8>) {
    let run = run.exits(9).says("make room there").says("was not copied");
    assert_eq!(names, ["a", "d"], "{run}");
    for name in ["a", "d"] {
        assert!(bytes(name) == sample(10_000), "{run}");
    }
    let (summary, failed) = (run.summary(), run.events("failed"));
    assert_eq!((summary["failed"].as_u64(), summary["files"].as_u64()), (Some(2), Some(2)), "{run}");
    let not_begun =
        failed.iter().filter(|event| event["message"].as_str().unwrap().contains("was not copied"));
    assert_eq!((failed.len(), not_begun.count()), (2, 1), "{large} bytes: {run}");
}

#[test]
fn a_destination_that_fills_up() {
    let large = 4 << 20;
    let site = ["t/b", "t/c"].iter().fold(Site::new("source"), |site, name| site.file(name, sample(large)));
    let from = site.file("t/a", sample(10_000)).file("t/d", sample(10_000)).start();
    let copy = |to: &str| {
        let run = user().args(["copy", "-r", "-j", "1", "--json", "--retries", "0", "--timeout", "5s"]);
        run.args([&from.url("t/"), to]).run()
    };
    let disk = or_skip!(SmallDisk::mount());
    let to = Site::new("full").at("127.0.0.3").start_in(disk.path().to_path_buf());
    keeps_what_fits(copy(&to.url("")), large, &to.names(), |name| to.bytes(name));
    let disk = or_skip!(SmallDisk::mount());
    let run = copy(disk.path().to_str().unwrap());
    let names = names_below(disk.path());
    keeps_what_fits(run, large, &names, |name| fs::read(disk.path().join(name)).unwrap());
}

#[test]
fn the_largest_file_size_of_a_server_ends_one_upload_and_nobody_elses() {
    let home = tempfile::tempdir().unwrap();
    let from = Site::new("source").file("large", sample(200_000)).file("small", sample(10_000)).start();
    let to = Site::new("limited").at("127.0.0.3").program(limited(Program::Server, 200, home.path())).start();
    let copy = |name: &str| user().args(["copy", "--retries", "0", &from.url(name), &to.url(name)]).run();
    copy("large").fails();
    copy("small").exits(0);
    assert_eq!(to.names(), ["small"]);
}

#[test]
fn a_server_that_is_restarted_in_the_middle_of_a_tree() {
    for is_source in [true, false] {
        let mut scene = scene();
        let run = scene.begin(&["--retries", "5"]);
        if is_source {
            scene.from.die_and_return()
        } else {
            scene.to.die_and_return()
        }
        let run = run.end().exits(0);
        scene.is_whole(&run);
    }
}

/// Every directory of this server has this listing.
fn lists(rules: &str, lines: &[&str]) -> Peer {
    let list =
        format!("LIST: 150 opening ; connection ; text {}\\r\\n ; end ; 226 done", lines.join("\\r\\n"));
    let script = format!("{rules}\n{list}\nSIZE t: 550 not a plain file\nCWD: 250 there\nSIZE: 213 1000");
    Peer::start("127.0.0.2", &script, MODERN)
}

fn copy_here(from: &Peer) -> Run {
    let run = user().args(["copy", "-r", "--json", "--retries", "0", "--timeout", "5s", "--verify", "size"]);
    run.args([&from.url("t"), "d/"]).run()
}

#[test]
fn files_that_are_renamed_while_their_directory_is_listed() {
    let line = |name: &str| format!("-rw-r--r-- 1 ann ann 1000 Jan 01 2020 {name}");
    let gone = "RETR t/gone: 550 no such file\nSIZE t/gone: 550 no such file";
    let from = lists(gone, &[&line("a"), &line("gone"), &line("z")]);
    let run = copy_here(&from).exits(9).says("t/gone");
    let summary = run.summary();
    assert_eq!((summary["files"].as_u64(), summary["failed"].as_u64()), (Some(2), Some(1)), "{run}");
    let names = run.names();
    assert!(names.contains(&"d/t/a".to_owned()) && names.contains(&"d/t/z".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("gone") || name.contains(".part")), "{names:?}");
}

#[test]
fn files_of_a_real_server_that_are_renamed_while_they_are_listed_and_copied() {
    let (from, to) = (many(), Site::new("destination").at("127.0.0.3").start());
    let (is_over, top) = (AtomicBool::new(false), from.path("t"));
    let run = std::thread::scope(|scope| {
        // Every file has one of two names. The content says which file it is.
        scope.spawn(|| {
            let name = |number: u32, round: u32| match round % 2 {
                0 => top.join(number.to_string()),
                _ => top.join(format!("other-{number}")),
            };
            for round in 0.. {
                for number in 0..300 {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    fs::rename(name(number, round), name(number, round + 1)).unwrap();
                }
            }
        });
        let run = user().args(["copy", "-r", "--json", "--timeout", "5s", "--retries", "1"]);
        let run = run.args([&from.url("t/"), &to.url("copy")]).run();
        is_over.store(true, Ordering::Relaxed);
        run
    });
    // Some were gone when their turn came; a file may also be there under both names.
    assert!(matches!(run.code(), Some(0 | 3 | 9)), "{run}");
    let names = names_below(&to.path("copy"));
    assert!(!names.iter().any(|name| name.contains(".part")), "{names:?}\n{run}");
    for name in &names {
        assert_eq!(fs::read(to.path("copy").join(name)).unwrap(), b"small", "{name}: {run}");
    }
    let summary = run.summary();
    assert_eq!(summary["files"], names.len(), "{run}");
    assert_eq!(summary["failed"].as_u64().unwrap_or(0) > 0, run.code() != Some(0), "{run}");
}

#[test]
fn a_hostile_tree_without_end_is_left_as_soon_as_its_user_wants() {
    let directory = |name: &str| format!("drwxr-xr-x 2 ann ann 4096 Jan 01 2020 {name}");
    let from = lists("", &[&directory("a"), &directory("b"), &directory("c")]);
    let run = user().args(["copy", "-r", "--json", "--retries", "0", "--timeout", "5s"]);
    let run = run.args([&from.url("t"), "d/"]).start();
    until("it is deep in the tree", || from.seen_of(&["LIST"]).len() > 300);
    let peak = peak_kib(&Path::new("/proc").join(run.running.id().to_string()).join("status")).unwrap();
    let run = run.end_with(Signal::INT).exits(10);
    assert!(run.said.len() < 1_000_000, "{} bytes said", run.said.len());
    // What is made here is what was listed, and no more; what waits is bounded.
    assert!((1..128 << 10).contains(&peak), "{peak} KiB");
    let (made, listed) = (run.names().len(), 3 * from.seen_of(&["LIST"]).len());
    assert!(made <= listed + 2, "{made} directories of {listed} names: {run}");
    assert!(run.names().iter().all(|name| name.starts_with("d/")), "{:?}", run.names());
    from.wait_for_the_end_of_all();
}

/// Lines without names are none of the entries that are counted, and these never pause.
#[test]
fn a_listing_without_end_is_left_as_soon_as_its_user_wants() {
    let list = "LIST: 150 opening ; connection ; flood \\r\\n";
    let from =
        Peer::start("127.0.0.2", &format!("{list}\nSIZE t: 550 not a plain file\nCWD: 250 there"), MODERN);
    let run = user().args(["copy", "-r", "--retries", "0", "--timeout", "5s"]);
    let run = run.args([&from.url("t"), "d/"]).start();
    until("it lists", || !from.seen_of(&["LIST"]).is_empty());
    run.end_with(Signal::INT).exits(10);
    from.wait_for_the_end_of_all();
}

#[test]
fn dates_that_cannot_be() {
    for date in ["Jan 01 0000", "Jan 01 9999", "Jan 01 99999", "Feb 31 2020", "Dec 99 25:61", "Jan 00 00:00"]
    {
        let from = lists("MDTM: 213 00000000000000", &[&format!("-rw-r--r-- 1 ann ann 1000 {date} f")]);
        let run = copy_here(&from);
        // The line is read, or told as one that is not.
        assert!(matches!(run.code(), Some(0 | 1)), "{date}: {run}");
        assert_eq!(run.names().contains(&"d/t/f".to_owned()), run.code() == Some(0), "{date}: {run}");
    }
    let to = Site::new("destination").at("127.0.0.3").start();
    for (number, time) in [
        "00000000000000",
        "00000101000000",
        "99991231235959",
        "999990101000000",
        "20240231250061",
        "never",
        "",
    ]
    .into_iter()
    .enumerate()
    {
        let features =
            "FEAT: 211-Features\\r\\n SIZE\\r\\n MDTM\\r\\n MLST type*;size*;modify*;\\r\\n211 End";
        let entries = format!("type=file;size=1000;modify={time}; f\\r\\n");
        let list = format!("MLSD: 150 opening ; connection ; text {entries} ; end ; 226 done");
        let facts = "MLST t: 250-Listing\\r\\n type=dir; t\\r\\n250 End";
        let file = format!("MLST t/f: 250-Listing\\r\\n type=file;size=1000;modify={time}; t/f\\r\\n250 End");
        let date = format!("MDTM: 213 {time}");
        let from = lists(&[features, facts, &file, &list, &date].join("\n"), &[]);
        let run = copy_here(&from).exits(0);
        assert!(run.names().contains(&"d/t/f".to_owned()), "{time}: {run}");
        let name = format!("to-{number}");
        let run =
            user().args(["copy", "-r", "--path", "user", "--verify", "size", &from.url("t"), &to.url(&name)]);
        let run = run.run().exits(0);
        assert_eq!(fs::metadata(to.path(&format!("{name}/f"))).unwrap().len(), 1000, "{time}: {run}");
    }
}

#[test]
fn n8_two_coordinators_with_one_state_directory() {
    let (from, to) = (many(), Site::new("destination").at("127.0.0.3").start());
    let state = tempfile::tempdir().unwrap();
    let run = |id: &str, name: &str| {
        with_state(user(), state.path())
            .args(["copy", "-r", "--id", id, &from.url("t"), &to.url(name)])
            .start()
    };
    let both = [run("one", "one"), run("two", "two")];
    for run in both {
        drop(run.end().exits(0));
    }
    for name in ["one", "two"] {
        assert_eq!(names_below(&to.path(name)).len(), 300, "{name}");
    }
    let jobs = with_state(user(), state.path()).args(["jobs"]).run().exits(0);
    for job in jobs.events("job") {
        assert_eq!((&job["state"], &job["files"]), (&"done".into(), &300.into()), "{jobs}");
    }
    assert_eq!(names_below(&state.path().join("jobs")), [""; 0], "{jobs}");
}

#[test]
fn n8_a_terminal_that_is_lost() {
    if is_hangup_ignored() {
        return;
    }
    let scene: Scene = scene();
    let run = scene.begin(&["--retries", "0"]);
    run.running.signal(Signal::HUP);
    let run = run.end().exits(10).says(" resume ");
    assert_eq!(scene.parts().len(), 1, "{run}");
    assert_eq!(scene.jobs()[0]["state"], "interrupted");
    let run = scene.user().args(["resume"]).run().exits(0);
    scene.is_whole(&run);
}
