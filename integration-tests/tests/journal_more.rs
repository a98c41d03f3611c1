//! What a job that was killed finds when it goes on: directories that are gone, other jobs, old files that were renamed
//! aside, and copies under their final names.

use crate::journal::{Scene, scene};
use ftp_proto::dialect::Dialect;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::relay::Relay;
use integration_tests::site::{PASSWORD, Server, Site, names_below, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, Started, User, user};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const SOURCE: &str = "FEAT: 211-Features\\r\\n SIZE\\r\\n MDTM\\r\\n211 End\nSIZE a.txt: 213 1000\nMDTM a.txt: 213 20240102030405";
const DESTINATION: &str = "FEAT: 211-Features\\r\\n SIZE\\r\\n MDTM\\r\\n211 End\nSIZE *.txt: 550 no such file\nCWD: 550 no directory";

fn ends(destination: &str) -> (Peer, Peer) {
    let to = Peer::start("127.0.0.3", &format!("{destination}\n{DESTINATION}"), MODERN);
    (Peer::start("127.0.0.2", SOURCE, MODERN), to)
}

fn with_state(state: &Path) -> User {
    user().args(["--state", state.to_str().unwrap(), "--json", "--timeout", "5s", "--stall", "1h"])
}

/// Copies one file, and is killed as soon as the destination has seen this.
fn killed_at(line: &str, state: &Path, (from, to): (&Peer, &Peer), more: &[&str]) -> Run {
    let run = with_state(state).args(["copy", "--path", "direct", "--no-race"]).args(more);
    let run = run.args([from.url("a.txt"), to.url("b.txt")]).start();
    to.wait_for(line);
    run.kill()
}

/// Goes on in the directory where the job was typed.
fn resume(state: &Path, (from, to): (&Peer, &Peer)) -> Run {
    with_state(state).logins([from, to].map(|peer| peer.address().ip())).args(["resume"]).run()
}

#[test]
fn n8_an_old_file_that_was_renamed_aside_gets_its_name_back_before_anything_else() {
    let (from, to) = ends("once RNTO b.txt: hang\nSIZE b.txt: 213 5");
    let state = tempfile::tempdir().unwrap();
    let run = with_state(state.path()).args(["copy", "--path", "direct", "--no-race"]);
    let run = run.args([from.url("a.txt"), to.url("b.txt")]).start();
    let named = || to.seen_of(&["RNTO"]).iter().filter(|line| *line == "RNTO b.txt").count();
    until("the new file is about to get the name", || named() == 1);
    let killed = run.kill();
    let before = to.seen_of(&["RNTO"]);
    let aside = before.iter().find(|line| line.ends_with(".ftp-user.old")).unwrap().replace("RNTO ", "");

    // The old file has its other name now, and nothing has the final one.
    // It gets its name back and is renamed aside again for the new part, which is then seen under its name alone.
    let once = |times: usize, rule: &str| format!("once {rule}\n").repeat(times);
    let sizes = once(3, "SIZE *.part: 213 {stored}") + "SIZE *.part: 550 no such file\n";
    let names = once(1, "SIZE b.txt: 550 no such file") + &once(3, "SIZE b.txt: 213 5");
    to.changes(&format!("SIZE *.ftp-user.old: 213 5\n{sizes}{names}SIZE b.txt: 213 1000"));
    let first = to.seen().len();
    let run = resume(state.path(), (&from, &to)).exits(0);
    let seen = to.seen().split_off(first);
    let changes: Vec<&String> = seen
        .iter()
        .filter(|line| ["RNFR", "RNTO", "DELE", "STOR"].iter().any(|verb| line.starts_with(verb)))
        .collect();
    assert_eq!(changes[0], &format!("RNFR {aside}"), "{changes:?}\n{killed}\n{run}");
    assert_eq!(changes[1], "RNTO b.txt", "{changes:?}\n{run}");
    assert_eq!(changes.iter().filter(|line| **line == "RNTO b.txt").count(), 2, "{changes:?}\n{run}");
}

#[test]
fn n8_a_copy_that_had_its_name_when_its_run_was_killed_stays_and_cancel_says_so() {
    for (size, is_told) in [
        ("SIZE b.txt: 213 1000", true),
        ("SIZE b.txt: 213 999", false),
        // The old file gets its name back.
        ("once SIZE b.txt: 550 no such file\nSIZE b.txt: 213 5", false),
    ] {
        let (from, to) = ends("once RNTO b.txt: hang");
        let state = tempfile::tempdir().unwrap();
        let _killed = killed_at("RNTO b.txt", state.path(), (&from, &to), &[]);
        to.changes(&format!("{size}\nDELE: 550 no such file"));
        let run =
            with_state(state.path()).logins([to.address().ip()]).args(["cancel", "last"]).run().exits(0);
        let warnings = run.warnings();
        let told = warnings.iter().any(|text| text.contains("b.txt has the size of its source and stays"));
        assert_eq!(told, is_told, "{size}: {warnings:?}\n{run}");
        assert!(!to.seen_of(&["DELE"]).contains(&"DELE b.txt".to_owned()), "{run}");
    }
}

/// The journal of the only job has so many finished files.
fn has_finished(files: u64, user: impl Fn() -> User) {
    until("the journal has the files", || {
        let jobs = user().args(["jobs"]).run().exits(0);
        jobs.events("job")[0]["files"] == files
    });
}

#[test]
fn n8_a_tree_of_this_host_goes_on_where_nothing_may_be_replaced() {
    for rule in ["never", "different"] {
        let scene = scene();
        let here = tempfile::tempdir().unwrap();
        fs::create_dir_all(here.path().join("t/d")).unwrap();
        for (name, size) in [("a", 10_000), ("b", 20_000), ("d/large.bin", 2_500_000)] {
            fs::write(here.path().join("t").join(name), sample(size)).unwrap();
        }
        let run = scene.user().here(here.path()).args(["copy", "-r", "-j", "1", "--overwrite", rule]);
        let run = run.args(["t/", &scene.destination("copy")]).start();
        scene.to.until_part(500_000);
        has_finished(2, || scene.user());
        let killed = run.kill();
        let run = scene.user().args(["--trace", "trace", "resume"]).run().exits(0);
        for (name, size) in [("a", 10_000), ("b", 20_000), ("d/large.bin", 2_500_000)] {
            assert!(scene.to.bytes(&format!("copy/{name}")) == sample(size), "{name}: {killed}\n{run}");
        }
        // What is finished is not compared again, as its source is the same.
        let files = run.events("file");
        let earlier = files.iter().filter(|file| file["earlier"] == "sha-256").count();
        assert_eq!((files.len(), earlier), (3, 2), "{rule}: {killed}\n{run}");
        assert_eq!((&run.summary()["skipped"], &run.summary()["earlier"]), (&2.into(), &2.into()), "{run}");
    }
}

#[test]
fn n8_a_finished_copy_is_known_where_nothing_may_be_replaced_and_listings_have_no_exact_time() {
    // Both are so large that they are copied one after the other.
    let line = |name: &str, size: u32| format!("-rw-r--r-- 1 ann ann {size} Jan 01 2020 {name}\\r\\n");
    let lines = line("a", 1_000_000) + &line("z", 1_000_000);
    let list = format!("LIST: 150 opening ; connection ; text {lines} ; end ; 226 done");
    let large = "RETR: 150 opening ; connection ; data 1000000 ; end ; 226 sent\nSIZE t/*: 213 1000000";
    let rest = "SIZE t: 550 no plain file\nCWD: 250 there\nMDTM: 213 20240102030405";
    let rules = format!("{large}\n{rest}");
    let feat = "FEAT: 211-Features\\r\\n SIZE\\r\\n MDTM\\r\\n211 End";
    let hangs = "once RETR t/z: 150 opening ; connection ; hang";
    let from = Peer::start("127.0.0.2", &format!("{hangs}\n{feat}\n{list}\n{rules}"), MODERN);
    let to = Site::new("destination").at("127.0.0.3").start();
    let state = tempfile::tempdir().unwrap();
    let run = with_state(state.path()).args(["copy", "-r", "-j", "1", "--path", "user", "--verify", "size"]);
    let run = run.args(["--overwrite", "never", &from.url("t/"), &to.url("copy")]).start();
    from.wait_for("RETR t/z");
    has_finished(1, || with_state(state.path()));
    let _killed = run.kill();
    let run = with_state(state.path()).logins(["127.0.0.2", "127.0.0.3"]).args(["resume"]).run().exits(0);
    assert_eq!(to.names(), ["copy/", "copy/a", "copy/z"], "{run}");
    // Somebody else's file is none of the job's.
    fs::write(to.path("copy/other"), "somebody's own").unwrap();
    let run = with_state(state.path()).args(["copy", "--path", "user", "--overwrite", "never"]);
    drop(run.args([from.url("t/a"), to.url("copy/other")]).run().exits(8));
}

#[test]
fn n8_a_part_of_a_copy_under_its_final_name_is_never_taken_for_the_whole() {
    for rule in ["different", "newer", "always"] {
        let (from, to) = ends("RNFR: 502 not here\nonce STOR b.txt: 150 opening ; connection ; hang");
        let state = tempfile::tempdir().unwrap();
        let _killed = killed_at("STOR b.txt", state.path(), (&from, &to), &["--overwrite", rule]);
        // Half of it is there, and it is newer than the source.
        to.changes("MDTM b.txt: 213 20300101000000\nSIZE b.txt: 213 {stored}\nonce SIZE b.txt: 213 500");
        to.changes("once SIZE b.txt: 213 500");
        let first = to.seen().len();
        let run = resume(state.path(), (&from, &to)).exits(0);
        let seen = to.seen().split_off(first);
        assert!(seen.contains(&"STOR b.txt".to_owned()), "{rule}: {seen:#?}\n{run}");
        let file = &run.events("file")[0];
        assert_eq!((&file["skipped"], &file["bytes"]), (&false.into(), &1000.into()), "{rule}: {run}");
    }
}

#[test]
fn n8_where_nothing_may_be_replaced_a_part_under_the_final_name_is_left_to_its_user() {
    let (from, to) = ends("RNFR: 502 not here\nonce STOR b.txt: 150 opening ; connection ; hang");
    let state = tempfile::tempdir().unwrap();
    let _killed = killed_at("STOR b.txt", state.path(), (&from, &to), &["--overwrite", "never"]);
    to.changes("SIZE b.txt: 213 500");
    let first = to.seen().len();
    let run = resume(state.path(), (&from, &to)).exits(8).says("it may be what the killed run has stored");
    let seen = to.seen().split_off(first);
    assert!(!seen.iter().any(|line| line == "STOR b.txt" || line == "DELE b.txt"), "{seen:#?}\n{run}");
}

#[test]
fn n8_where_nothing_may_be_replaced_a_copy_that_has_just_got_its_name_is_still_the_copy() {
    let hash = |name: &str| {
        let feat = "FEAT: 211-Features\\r\\n SIZE\\r\\n MDTM\\r\\n HASH SHA-256*\\r\\n211 End";
        format!("{feat}\nHASH: 213 SHA-256 0-1000 {} {name}", "ab".repeat(32))
    };
    let from = Peer::start("127.0.0.2", &format!("{}\n{SOURCE}", hash("a.txt")), MODERN);
    let to = format!("once RNTO b.txt: hang\n{}\n{DESTINATION}", hash("b.txt"));
    let to = Peer::start("127.0.0.3", &to, MODERN);
    let state = tempfile::tempdir().unwrap();
    let killed = killed_at("RNTO b.txt", state.path(), (&from, &to), &["--overwrite", "never"]);
    // The server has renamed the part all the same.
    to.changes("SIZE b.txt: 213 1000\nMDTM b.txt: 213 20240102030405");
    let run = resume(state.path(), (&from, &to)).exits(0);
    assert_eq!(run.events("file")[0]["skipped"], true, "{killed}\n{run}");
}

#[test]
fn n8_a_job_whose_directory_is_gone_keeps_no_other_from_going_on_and_can_be_cancelled() {
    let scene = scene();
    let state = scene.state.path().to_str().unwrap().to_owned();
    let bytes = scene.from.bytes("t/large.bin");
    let begin = |name: &str, parts: usize| -> Started {
        let run = user().file("large.bin", &bytes).args(["--state", &state, "copy", "--id", name]);
        let run = run.args(["large.bin".to_owned(), scene.destination(name)]).start();
        until("a part has arrived", || scene.parts().len() == parts);
        run
    };
    // The directory in which it runs is removed with its run.
    drop(begin("first", 1).kill());
    let second = begin("second", 2).kill();
    let run = scene.user().args(["resume"]).run().exits(1).says("cannot go to").says(" cancel ");
    assert!(scene.to.bytes("second") == bytes, "{run}");
    assert_eq!(scene.parts().len(), 1, "{run}");
    drop(second);
    let run = scene.user().args(["cancel", "first"]).run().exits(0).says("cannot go to");
    assert!(scene.parts().is_empty(), "{run}");
    scene.user().args(["resume"]).run().exits(0).says("there is nothing to resume");
}

/// Begins to copy a list, and returns in the middle of its second file.
fn copies_a_list(scene: &Scene, more: &[&str]) -> Started {
    let line =
        |name: &str| format!("{}\t{}\n", scene.from.url(&format!("t/{name}")), scene.destination(name));
    let run = scene.user().file("list", line("a") + &line("large.bin"));
    let run = run.args(["copy", "--limit", "500KB", "-j", "1", "--from-file", "list"]).args(more).start();
    scene.to.until_part(200_000);
    has_finished(1, || scene.user());
    run
}

#[test]
fn n8_what_earlier_runs_have_copied_is_told_as_that_and_keeps_its_receipt() {
    let scene = scene();
    let run = copies_a_list(&scene, &["--overwrite", "never"]);
    let receipt = |run: &Run| {
        let receipts = run.events("receipt");
        let found = receipts.iter().find(|told| told["source"].as_str().unwrap().ends_with("/a")).unwrap();
        ["state", "bytes", "path", "verified"].map(|key| found[key].clone())
    };
    let before = receipt(&scene.user().args(["why", "last"]).run().exits(0));
    let killed = run.kill();
    let run = scene.user().args(["resume"]).run().exits(0);
    let file = &run.events("file")[0];
    assert_eq!((&file["skipped"], &file["earlier"]), (&true.into(), &"sha-256".into()), "{killed}\n{run}");
    let summary = run.summary();
    assert_eq!(["files", "skipped", "earlier"].map(|key| summary[key].as_u64()), [Some(2), Some(1), Some(1)]);
    assert_eq!(receipt(&scene.user().args(["why", "last"]).run().exits(0)), before, "{run}");
    assert_eq!((before[0].as_str(), before[3].as_str()), (Some("done"), Some("sha-256")), "{before:?}");
}

#[test]
fn n8_what_an_earlier_run_has_copied_and_the_destination_has_lost_is_copied_again() {
    let scene = scene();
    let run = copies_a_list(&scene, &[]);
    let killed = run.kill();
    let copy = scene.to.path("a");
    let bytes = fs::read(&copy).unwrap();
    fs::remove_file(&copy).unwrap();
    let run = scene.user().args(["resume"]).run().exits(0).says("were copied again");
    assert_eq!(fs::read(&copy).unwrap(), bytes, "{killed}\n{run}");
}

#[test]
fn n8_a_job_whose_list_is_gone_says_which_job_that_is_and_how_it_is_given_up() {
    let scene = scene();
    let line = format!("{}\t{}", scene.from.url("t/large.bin"), scene.destination("large.bin"));
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("list"), line).unwrap();
    let run = scene.user().here(here.path()).args(["copy", "--from-file", "list"]).start();
    until("a part has arrived", || scene.parts().len() == 1);
    drop(run.kill());
    let id = scene.jobs()[0]["id"].as_str().unwrap().to_owned();
    fs::remove_file(here.path().join("list")).unwrap();
    for verb in ["resume", "cancel"] {
        let run = scene.user().args([verb, "last"]).run().says("cannot read list");
        run.says(&format!("the list of job {id}")).says(&format!(" cancel --forget {id}"));
    }
    scene.user().args(["cancel", "--forget", &id]).run().exits(0);
}

#[test]
fn n8_what_a_cancelled_job_has_left_on_this_host_is_removed_or_named_although_its_directory_is_gone() {
    let scene = scene();
    let here = tempfile::tempdir().unwrap();
    let top = here.path().canonicalize().unwrap();
    let parts = |directory: &str| -> Vec<String> {
        let names = fs::read_dir(top.join(directory)).into_iter().flatten();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    fs::create_dir(top.join("other")).unwrap();
    // What is elsewhere is removed, however it was spelled; what has moved with the directory is named.
    for (dest, at, is_left) in [("../other/x", "other", false), ("x", "renamed", true)] {
        fs::create_dir(top.join("here")).unwrap();
        let words = ["copy", "--limit", "500KB", &scene.from.url("t/large.bin"), dest];
        let run = scene.user().here(&top.join("here")).args(words).start();
        until("a part has arrived", || parts("here").len() + parts("other").len() == 1);
        drop(run.kill());
        fs::rename(top.join("here"), top.join("renamed")).unwrap();
        let part = parts(at).remove(0);
        let run = scene.user().args(["cancel", "last"]).run().exits(0).says("cannot go to");
        assert_eq!(parts(at).len(), usize::from(is_left), "{dest}: {run}");
        let named = format!("nobody has removed {}", top.join("here").join(part).display());
        assert_eq!(run.said.contains(&named), is_left, "{dest}: {run}");
        fs::remove_dir_all(top.join("renamed")).unwrap();
    }
}

#[test]
fn n8_of_many_that_begin_one_job_at_once_one_runs_it_and_the_others_say_so() {
    let scene = scene();
    let home = tempfile::tempdir().unwrap();
    let state = scene.state.path().to_str().unwrap();
    let runs: Vec<Started> = (0..6)
        .map(|_| {
            let run = user().here(home.path()).args(["--state", state, "copy", "--id", "night"]);
            run.args([scene.from.url("t/large.bin"), scene.destination("large")]).start()
        })
        .collect();
    let runs: Vec<Run> = runs.into_iter().map(Started::end).collect();
    let (done, others): (Vec<Run>, Vec<Run>) = runs.into_iter().partition(|run| run.code() == Some(0));
    assert!(!done.is_empty(), "{others:?}");
    for run in others {
        run.exits(8).says("is being run by process").never_says("--id");
    }
    assert_eq!(scene.jobs().len(), 1);
    assert!(scene.to.bytes("large") == scene.from.bytes("t/large.bin"));
}

#[test]
fn n8_a_job_between_two_servers_goes_on_without_the_directory_in_which_it_was_typed() {
    let scene = scene();
    // The directory of this run is removed with it.
    drop(scene.begin(&[]).kill());
    let run = scene.user().args(["resume"]).run().exits(0);
    scene.is_whole(&run);
}

#[test]
fn n8_a_job_whose_server_does_not_come_back_is_forgotten_and_what_it_may_have_left_is_named() {
    let scene = scene();
    let run = scene.begin(&[]);
    scene.user().args(["cancel", "--forget", "last"]).run().exits(8).says("is being run by process");
    drop(run.kill());
    scene.to.running.signal(rustix::process::Signal::KILL);
    scene.user().args(["--retries", "0", "cancel", "last"]).run().exits(5);
    let run = scene.user().args(["cancel", "--forget", "last"]).run().exits(0);
    assert!(!scene.parts().is_empty(), "nothing is left that could be named: {run}");
    for part in scene.parts() {
        let name = part.file_name().unwrap().to_str().unwrap();
        assert!(
            run.said.contains(&format!(
                "nobody has removed ftp://eve@{}/copy/{name}",
                scene.to.address(Dialect::Rfc959)
            )),
            "{name}: {run}"
        );
    }
    assert_eq!(scene.state_of_the_job(), "cancelled", "{run}");
    scene.user().args(["resume"]).run().exits(0).says("there is nothing to resume");
}

/// Changes a byte in the middle.
fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x5a;
}

/// A kill leaves nearly everything in the log of changes beside the database.
#[test]
fn n8_a_journal_that_is_damaged_after_a_kill_is_told_and_nothing_is_changed() {
    let scene = scene();
    let _killed = scene.begin(&[]).kill();
    let at = |name: &str| scene.state.path().join(name);
    let names = ["journal.db", "journal.db-wal", "journal.db-mark"];
    // An empty log is none.
    let read = || {
        names.map(|name| fs::read(at(name)).ok().filter(|bytes| !name.ends_with("wal") || !bytes.is_empty()))
    };
    let whole = read();
    let write = |files: &[Option<Vec<u8>>; 3]| {
        for (name, bytes) in names.iter().zip(files) {
            match bytes {
                Some(bytes) => fs::write(at(name), bytes).unwrap(),
                None => drop(fs::remove_file(at(name))),
            }
        }
    };
    let before = scene.to.names();
    let change = |number: usize, change: fn(&mut Vec<u8>)| {
        let mut files = whole.clone();
        change(files[number].as_mut().unwrap());
        files
    };
    let [database, _, mark] = whole.clone();
    for (what, files) in [
        ("a wrong byte in the header of the log", change(1, |log| log[20] ^= 0xff)),
        ("a wrong byte in its middle", change(1, |log| flip(log.as_mut_slice()))),
        ("a log that is cut", change(1, |log| log.truncate(log.len() / 2))),
        ("a log that is gone", [database, None, mark.clone()]),
        ("an empty database", change(0, Vec::clear)),
        ("an empty database without its log", [Some(Vec::new()), None, mark]),
    ] {
        write(&files);
        for words in [&["jobs"][..], &["resume"], &["cancel", "last"]] {
            let run = scene.user().args(words).run().exits(1).says("is damaged").says("journal.db-*");
            assert_eq!(scene.to.names(), before, "{what}: {run}");
            assert!(read() == files, "{what}: {run}");
        }
    }
    write(&whole);
    let run = scene.user().args(["resume"]).run().exits(0);
    scene.is_whole(&run);
}

/// Writes a file that only its user may read.
fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn n8_resume_has_the_passwords_of_sites_from_their_file_and_from_their_command() {
    let scene = scene();
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).display().to_string();
    write_private(&home.path().join("source"), PASSWORD);
    write_private(&home.path().join("destination"), "s3cret");
    let site = |name: &str, user: &str, server: &Server, password: &str| {
        let address = server.address(Dialect::Rfc959);
        format!("[sites.{name}]\nurl = \"ftp://{user}@{address}/\"\n{password}\n")
    };
    let settings = site("one", "ann", &scene.from, &format!("password-file = \"{}\"", at("source")))
        + &site("two", "eve", &scene.to, &format!("password-command = \"cat {}\"", at("destination")));
    write_private(&home.path().join("config.toml"), &settings);
    let run = || {
        let run = user().args(["--state", scene.state.path().to_str().unwrap(), "--json", "--timeout", "5s"]);
        run.args(["--config", &at("config.toml")]).here(home.path())
    };
    let killed = run().args(["copy", "-r", "one:t", "two:copy"]).start();
    scene.to.until_part(500_000);
    drop(killed.kill());
    let run = run().args(["resume"]).run().exits(0).never_says("s3cret").never_says(PASSWORD);
    scene.is_whole(&run);
}

#[test]
fn n8_h21_a_source_that_has_grown_since_its_run_was_killed_is_copied_from_its_first_byte() {
    let scene = scene();
    let _killed = scene.begin(&[]).kill();
    fs::OpenOptions::new()
        .append(true)
        .open(scene.from.path("t/large.bin"))
        .unwrap()
        .write_all(b"more")
        .unwrap();
    let run = scene.user().args(["--trace", "trace", "resume"]).run().exits(0);
    scene.is_whole(&run);
    let trace = run.text("trace");
    let middle = trace.lines().filter(|line| line.contains("> REST ") && !line.contains("> REST 0"));
    assert_eq!(middle.count(), 0, "{trace}");
}

#[test]
fn n10_of_two_runs_that_resume_one_job_one_goes_on_with_it() {
    let scene = scene();
    let _killed = scene.begin(&["--limit", "400KB", "--timeout", "10m", "--stall", "10m"]).kill();
    let first = scene.user().args(["resume", "last"]).start();
    until("the job runs again", || scene.jobs()[0]["process"] == first.running.id());
    // It runs for as long as the other one tries.
    first.running.signal(rustix::process::Signal::STOP);
    let second = scene.user().args(["resume", "last"]).run().exits(8);
    drop(second.says(&format!("process {}", first.running.id())));
    first.running.signal(rustix::process::Signal::CONT);
    let run = first.end().exits(0);
    scene.is_whole(&run);
}

/// Nothing below the state directory has any of these words.
fn has_no_secret(state: &Path, secrets: &[&[u8]]) {
    let names = names_below(state);
    assert!(names.iter().any(|name| name == "journal.db-wal"), "{names:?}");
    for name in names.iter().filter(|name| !name.ends_with('/')) {
        let bytes = fs::read(state.join(name)).unwrap();
        for secret in secrets {
            assert!(!bytes.windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret)), "{name}");
        }
    }
}

#[test]
fn n8_no_token_of_a_relay_and_no_secret_of_a_rendezvous_is_in_the_state_directory() {
    let scene = scene();
    let relay = Relay::new().allow("127.0.0.0/8:1024-65535").start();
    let (address, token) = (relay.address.to_string(), relay.token_file.to_str().unwrap());
    let run = scene.begin(&["--path", "relay", "--relay", &address, "--relay-token-file", token]);
    drop(run.kill());
    let line = relay.token.line().to_string();
    has_no_secret(scene.state.path(), &[line.rsplit('.').next().unwrap().as_bytes()]);

    let able = "FEAT: 211-F\\r\\n SIZE\\r\\n MDTM\\r\\n RNDZ\\r\\n211 End\nRNDZ: 200 noted";
    let from = Peer::start("127.0.0.2", &format!("{able}\n{SOURCE}"), MODERN);
    let to = Peer::start("127.0.0.3", &format!("{able}\nSTOR: 150 opening ; hang\n{DESTINATION}"), MODERN);
    let state = tempfile::tempdir().unwrap();
    let _killed = killed_at("STOR", state.path(), (&from, &to), &[]);
    let told = to.seen_of(&["RNDZ"]);
    let hex = told[0].strip_prefix("RNDZ ").unwrap();
    assert_eq!(hex.len(), 64, "{told:?}");
    let number = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let secret: Vec<u8> = (0..hex.len()).step_by(2).map(number).collect();
    has_no_secret(state.path(), &[hex.as_bytes(), &secret]);
}
