//! `sync`: a directory is made like another one, and nothing is deleted that somebody may want.

use integration_tests::foreign::{Foreign, ForeignServer, Hosts, Kind};
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, are_equal, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, job, user};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

fn source() -> Site {
    let site = Site::new("source").directory("s/empty");
    let site = site.file("s/a", "a").file("s/b", sample(1000)).file("s/d/c", "ccc");
    site.file("s/d/e/f", sample(70_000)).file("s/z", "")
}

pub(crate) fn target() -> Site {
    Site::new("target").at("127.0.0.3")
}

pub(crate) fn synced(words: &[&str]) -> Run {
    user().args(["sync", "--json", "--retries", "0", "--timeout", "10s"]).args(words).run()
}

/// Gives a file another time.
fn touch(path: &Path, seconds: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

/// What events of a kind say of a key.
fn told(run: &Run, kind: &str, key: &str) -> Vec<String> {
    let mut told: Vec<String> =
        run.events(kind).iter().map(|event| event[key].as_str().unwrap_or_default().to_owned()).collect();
    told.sort();
    told
}

#[test]
fn a_directory_becomes_like_another_one_and_the_next_run_does_nothing() {
    let (from, to) = (source().start(), target().file("t/extra", "x").start());
    let run = synced(&[&from.url("s"), &to.url("t/")]).exits(0);
    assert_eq!(run.summary()["files"], 5, "{run}");
    assert_eq!(to.bytes("t/extra"), b"x", "without --delete it stays");
    let run = synced(&["--delete", &from.url("s/"), &to.url("t")]).exits(0);
    are_equal(&from.path("s"), &to.path("t"), &run);
    assert_eq!((run.summary()["skipped"].as_u64(), run.summary()["deleted"].as_u64()), (Some(5), Some(1)));
    // As cron runs it: nothing is done, and nothing is said.
    let run = user().args(["sync", "--delete", &from.url("s"), &to.url("t")]).run().exits(0);
    assert_eq!(run.said, "");
    // Something has changed: a size, a time, a directory.
    fs::write(from.path("s/a"), "aa").unwrap();
    touch(&from.path("s/b"), 1_000_000_000);
    fs::create_dir(from.path("s/new")).unwrap();
    let run = synced(&["--delete", &from.url("s"), &to.url("t")]).exits(0);
    let files: Vec<bool> = run.events("file").iter().map(|file| file["skipped"].as_bool().unwrap()).collect();
    assert_eq!(files.iter().filter(|skipped| !**skipped).count(), 1, "{run}");
    are_equal(&from.path("s"), &to.path("t"), &run);
    // A file that has only another time gets it, so that it is not compared again.
    let run = user().args(["sync", "-v", &from.url("s"), &to.url("t")]).run().exits(0);
    run.never_says(" -> ").says("copied 0 files");
    let run = user().args(["sync", "-q", "--delete", &from.url("s/d"), &to.url("t")]).run().exits(0);
    assert_eq!(run.said, "");
    are_equal(&from.path("s/d"), &to.path("t"), &run);
}

/// The session that has listed the source moves the first file and others over its data connection, and lists again after that: each
/// listing comes over a connection of its own or of another listing.
#[test]
fn what_is_listed_again_after_files_have_moved_does_not_go_to_the_other_server() {
    let files = |site: Site, names: &[&str]| names.iter().fold(site, |site, name| site.file(name, "x"));
    let many: Vec<String> = (0..12).map(|number| format!("s/n{}/g{number}", number % 3)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for jobs in [&["-j", "1"][..], &[]] {
        let from = files(Site::new("source").directory("s/e1").directory("s/e2"), &many).start();
        let to = files(target(), &["s/gone/x/f", "s/n1/old"]).start();
        let run = user().args(["sync", "--json", "--delete", "--retries", "0"]).args(jobs);
        let run = run.args([from.url("s/"), to.url("s/")]).run().exits(0);
        assert_eq!(run.summary()["deleted"], 4, "{run}");
        are_equal(&from.path("s"), &to.path("s"), &run);
    }
}

/// A digest that is older than the time would call a file the same that has changed since, for ever.
#[test]
fn h22_a_file_gets_the_time_of_its_source_right_after_the_comparison() {
    let files = |site: Site| (0..20).fold(site, |site, number| site.file(&format!("s/{number}"), "same"));
    let (from, to) = (files(Site::new("source")).start(), files(target()).start());
    for number in 0..20 {
        touch(&to.path(&format!("s/{number}")), 1_000_000_000 + number);
    }
    let run = user().args(["sync", "--json", "--trace", "trace.txt", "-j", "1"]);
    let run = run.args([from.url("s/"), to.url("s/")]).run().exits(0);
    assert_eq!(run.summary()["skipped"], 20, "{run}");
    let trace = run.text("trace.txt");
    let said = trace.lines().filter_map(|line| line.split_once(" | > "));
    let said: Vec<&str> = said.filter_map(|(_, said)| said.split(' ').next()).collect();
    let first = said.iter().position(|verb| *verb == "MFMT").unwrap();
    let hashed = said[..first].iter().filter(|verb| **verb == "HASH").count();
    assert_eq!(hashed, 1, "{trace}");
}

#[test]
fn a_directory_of_this_host_is_one_end() {
    let at = target().start();
    let here = user().file("x", "x");
    let home = here.home().to_owned();
    fs::create_dir_all(home.join("l/d")).unwrap();
    fs::write(home.join("l/d/f"), sample(500)).unwrap();
    fs::write(home.join("l/g"), "g").unwrap();
    let run = here.args(["sync", "--delete", "l", &at.url("t")]).run().exits(0);
    are_equal(&home.join("l"), &at.path("t"), &run);
    // And back, to one that has more.
    let here = user();
    let home = here.home().to_owned();
    fs::create_dir_all(home.join("l/d/old")).unwrap();
    fs::write(home.join("l/d/old/file"), "old").unwrap();
    fs::write(home.join("l/g"), "other").unwrap();
    fs::write(home.join("outside"), "kept").unwrap();
    symlink("../outside", home.join("l/link")).unwrap();
    let run = here.args(["sync", "--json", "--delete", &at.url("t"), "./l"]).run().exits(0);
    are_equal(&at.path("t"), &home.join("l"), &run);
    assert_eq!(fs::read(home.join("outside")).unwrap(), b"kept");
    assert_eq!(run.summary()["deleted"], 3, "{run}");
    // A destination that is a link is what it leads to.
    let here = user();
    let home = here.home().to_owned();
    fs::create_dir(home.join("real")).unwrap();
    fs::write(home.join("real/old"), "old").unwrap();
    symlink("real", home.join("link")).unwrap();
    let run = here.args(["sync", "--delete", &at.url("t"), "link"]).run().exits(0);
    are_equal(&at.path("t"), &home.join("real"), &run);
    user().file("a", "a").args(["sync", "a", "b"]).run().exits(2).says("both on this host");
}

#[test]
fn a_dry_run_tells_everything_and_changes_nothing() {
    let to = target().file("t/a", "other").file("t/extra", "x").file("t/old/f", "f").start();
    let from = source().start();
    let before = to.names();
    let run = synced(&["-n", "--delete", &from.url("s"), &to.url("t")]).exits(0);
    assert_eq!(to.names(), before);
    let verbs = told(&run, "plan", "verb");
    let count = |verb: &str| verbs.iter().filter(|known| *known == verb).count();
    assert_eq!((count("copy"), count("replace"), count("delete")), (4, 1, 3), "{run}");
    let summary = run.summary();
    assert_eq!((&summary["files"], &summary["deleted"]), (&5.into(), &3.into()), "{run}");
    let run = user().args(["sync", "-n", "--delete", &from.url("s"), &to.url("t")]).run().exits(0);
    run.says("would copy ftp://")
        .says("would replace ftp://")
        .says("would delete ftp://")
        .says("3 names to be deleted");
}

#[test]
fn only_what_the_filters_take_is_copied_and_deleted() {
    let from = source().file("s/tmp/x", "x").file("s/n.log", "n").start();
    let to = target().file("t/tmp/y", "y").file("t/old.log", "o").file("t/gone", "g").file("t/d/o.log", "o");
    let to = to.file("t/leave/o.log", "o").file("t/leave/gone", "g").start();
    let run = user().file("filter", "# logs stay\n- *.log\n\n- tmp/\n");
    let run = run.args(["sync", "--json", "--delete", "--filter-from", "filter"]);
    let run = run.args([&from.url("s"), &to.url("t")]).run().exits(0);
    let left = ["t/d/o.log", "t/leave/", "t/leave/o.log", "t/old.log", "t/tmp/", "t/tmp/y"];
    let names = to.names();
    assert!(left.iter().all(|name| names.contains(&(*name).to_owned())), "{names:?} {run}");
    for gone in ["t/gone", "t/leave/gone", "t/tmp/x", "t/n.log"] {
        assert!(!names.contains(&gone.to_owned()), "{gone} {run}");
    }
    let bad = user().file("filter", "- a\nb\n").args(["sync", "--filter-from", "filter"]);
    bad.args([&from.url("s"), &to.url("t")]).run().exits(2).says("filter: line 2");
    let run = synced(&["--delete", "--include", "*.log", &from.url("s"), &to.url("t")]).exits(0);
    assert_eq!(told(&run, "done", "place").len(), 4, "{run}");
    assert!(to.path("t/n.log").exists() && to.path("t/a").exists() && to.path("t/tmp/y").exists(), "{run}");
}

#[test]
fn nothing_is_deleted_unless_it_is_certain_and_allowed() {
    let (from, to) = (source().start(), target().file("t/x", "x").file("t/y", "y").start());
    // More than was allowed: everything is copied, and nothing is deleted.
    let run = synced(&["--delete", "--max-delete", "1", &from.url("s"), &to.url("t")]).exits(9);
    let run = run.says("2 names would be, and --max-delete allows 1");
    assert!(to.path("t/x").exists() && to.path("t/a").exists(), "{run}");
    // The source is empty.
    fs::create_dir(from.path("nothing")).unwrap();
    let run = synced(&["--delete", &from.url("nothing"), &to.url("t")]).exits(9).says("--yes");
    assert!(to.path("t/x").exists(), "{run}");
    synced(&["--delete", &from.url("none"), &to.url("t")]).exits(3);
    // One of the other is in it.
    synced(&[&from.url("s"), &from.url("s/d")]).exits(2).says("is in the source");
    synced(&["--delete", &from.url("s/d"), &from.url("s")]).exits(2).says("is in the destination");
    synced(&["--delete", &from.url("s/d"), &from.url("")]).exits(2).says("is in the destination");
    synced(&["--delete", &from.url("/s/d"), &from.url("s")]).exits(2).says("is in the destination");
    assert!(from.path("s/a").exists());
    synced(&["--delete", "--yes", &from.url("nothing"), &to.url("t")]).exits(0);
    assert_eq!(to.names(), ["t/"]);
}

#[test]
fn a_listing_that_has_failed_protects_its_directory_and_nothing_else() {
    let to = target().file("t/x", "x").file("t/d/y", "y").start();
    let rows = "drw-r--r-- 1 ann ann 1000 Jan 01 2020 d\\r\\n-rw-r--r-- 1 ann ann 1000 Jan 01 2020 f";
    let list = format!("LIST s: 150 opening ; connection ; text {rows}\\r\\n ; end ; 226 done");
    let script = format!(
        "{list}\nLIST s/d: 550 Permission denied\nSIZE s/f: 213 1000\nSIZE: 550 not a file\nCWD s: enter ; 250 in\nCWD /: enter ; 250 in\nCWD: 550 no"
    );
    let from = Peer::start("127.0.0.2", &script, MODERN);
    let run =
        synced(&["--delete", "--path", "user", "--verify", "size", &from.url("s"), &to.url("t")]).exits(9);
    let run = run.says("not deleted: 1 name where the source could not be listed").says("Permission denied");
    assert_eq!(to.bytes("t/f").len(), 1000, "{run}");
    assert!(!to.path("t/x").exists() && to.path("t/d/y").exists(), "{run}");
}

#[test]
fn a_listing_that_is_cut_off_with_a_positive_reply_deletes_nothing() {
    for said in ["226 Transfer done (but failed to open directory).", "226 Output truncated to 1 matches"] {
        let to = target().file("t/d/y", "y").start();
        let row = |kind: &str, name: &str| format!("{kind}rw-r--r-- 1 ann ann 1000 Jan 01 2020 {name}\\r\\n");
        let rows = row("d", "d") + &row("-", "f");
        let list = format!("LIST s: 150 opening ; connection ; text {rows} ; end ; 226 done");
        let rest = format!("LIST s/d: 150 opening ; connection ; end ; {said}\nSIZE s/f: 213 1000");
        let script =
            format!("{list}\n{rest}\nSIZE: 550 not a file\nCWD s: enter ; 250 in\nCWD /: enter ; 250 in");
        let from = Peer::start("127.0.0.2", &format!("{script}\nCWD: 550 no"), MODERN);
        let words = ["--delete", "--path", "user", "--verify", "size", &from.url("s"), &to.url("t")];
        let run = synced(&words).exits(9).says("not deleted: 1 name where the source could not be listed");
        assert!(to.path("t/d/y").exists() && to.path("t/f").exists(), "{run}");
    }
}

#[test]
fn what_is_replaced_or_deleted_is_kept_in_a_directory_for_it() {
    let to = || target().file("t/a", "old a").file("t/extra/f", "old f").file("old/a", "older").start();
    let from = source().start();
    let at = to();
    synced(&["--delete", "--backup-dir", &at.url("t/old"), &from.url("s"), &at.url("t")])
        .exits(2)
        .says("--exclude");
    synced(&["--backup-dir", &from.url("old"), &from.url("s"), &at.url("t")])
        .exits(2)
        .says("not on the same server and user");
    let run = synced(&["--delete", "--backup-dir", &at.url("old"), &from.url("s"), &at.url("t")]).exits(0);
    are_equal(&from.path("s"), &at.path("t"), &run);
    assert_eq!((at.bytes("old/a"), at.bytes("old/a.~1~")), (b"older".to_vec(), b"old a".to_vec()), "{run}");
    assert_eq!(at.bytes("old/extra/f"), b"old f", "{run}");
    let inside = ["--delete", "--exclude", "/old/", "--backup-dir"];
    fs::write(from.path("s/a"), "new").unwrap();
    let run = synced(&[&inside[..], &[&at.url("t/old"), &from.url("s"), &at.url("t")]].concat()).exits(0);
    assert_eq!((at.bytes("t/a"), at.bytes("t/old/a")), (b"new".to_vec(), b"a".to_vec()), "{run}");
    // Here as well.
    let here = user().file("x", "x");
    let home = here.home().to_owned();
    fs::create_dir(home.join("l")).unwrap();
    fs::write(home.join("l/a"), "mine").unwrap();
    let run = here.args(["sync", "--backup-dir", "kept", &from.url("s"), "l"]).run().exits(0);
    assert_eq!(fs::read(home.join("kept/a")).unwrap(), b"mine", "{run}");
    are_equal(&from.path("s"), &home.join("l"), &run);
}

#[test]
fn a_file_with_another_name_is_renamed_and_not_copied() {
    let large = sample(200_000);
    let from = Site::new("source").file("s/new/name", &large).file("s/b", "b").start();
    let to = target().file("t/old/name", &large).file("t/b", "b").file("t/like", vec![0; 200_000]).start();
    let run = synced(&["-n", "--delete", &from.url("s"), &to.url("t")]).exits(0);
    let run_verbs = told(&run, "plan", "verb");
    assert_eq!(run_verbs.iter().filter(|verb| *verb == "rename").count(), 1, "{run}");
    let run = synced(&["--delete", &from.url("s"), &to.url("t")]).exits(0);
    are_equal(&from.path("s"), &to.path("t"), &run);
    let summary = run.summary();
    assert_eq!((&summary["renamed"], &summary["bytes"]), (&1.into(), &0.into()), "{run}");
    assert_eq!(told(&run, "done", "verb"), ["delete", "delete", "rename"], "{run}");
}

#[test]
fn what_is_of_another_kind_is_told_and_stays() {
    let from = source().start();
    let to = target().file("t/a/inside", "x").file("t/d", "file").start();
    let run = synced(&["--delete", &from.url("s"), &to.url("t")]).exits(9).says("is a file, but");
    assert!(to.path("t/a/inside").exists() && to.bytes("t/d") == b"file", "{run}");
    assert_eq!(to.bytes("t/b"), sample(1000), "{run}");
}

/// Both servers, where the destination has to be changed in every respect.
fn different() -> (Server, Server) {
    let from =
        (0..8).fold(source(), |site, number| site.file(&format!("s/m/{number}"), sample(3000 + number)));
    let to = (0..8).fold(target(), |site, number| site.file(&format!("t/old/{number}"), "old"));
    (from.start(), to.file("t/a", "other").start())
}

#[test]
fn a_sync_that_is_killed_goes_on() {
    for (kind, number) in [("plan", 1), ("file", 2), ("done", 1), ("done", 5)] {
        let ((from, to), state) = (different(), tempfile::tempdir().unwrap());
        let words = ["sync", "--delete", "--jobs", "1", &from.url("s"), &to.url("t")];
        let mut run = job(state.path()).args(words).start();
        run.wait_for_events(kind, number);
        let run = run.kill();
        let resumed = job(state.path()).args(["resume"]).run();
        assert_eq!(resumed.code(), Some(0), "{kind} {number}: {run}\n{resumed}");
        are_equal(&from.path("s"), &to.path("t"), &resumed);
    }
}

#[test]
fn a_sync_that_a_later_one_has_overtaken_does_not_say_that_another_one_runs() {
    let (from, state) = (source().file("s/m", sample(600_000)).start(), tempfile::tempdir().unwrap());
    let to = target().start();
    let sync =
        |options: &[&str]| job(state.path()).args(["sync"]).args(options).args([from.url("s"), to.url("t")]);
    let run = sync(&["--limit", "100KB", "--id", "first"]).start();
    to.until_part(150_000);
    let killed = run.kill();
    drop(sync(&["--delete"]).run().exits(0));
    for _ in 0..2 {
        let retried = job(state.path()).args(["retry", "first"]).run().exits(8);
        drop(retried.says("because a later sync has ended there").never_says("another sync"));
    }
    are_equal(&from.path("s"), &to.path("t"), &killed);
}

#[test]
fn n8_a_file_that_a_killed_sync_has_begun_and_that_is_the_same_ends_with_the_resumed_one() {
    let (from, state) = (source().file("s/m", sample(600_000)).start(), tempfile::tempdir().unwrap());
    let to = target().start();
    let run = job(state.path()).args(["sync", "--limit", "100KB", &from.url("s"), &to.url("t")]).start();
    to.until_part(150_000);
    let killed = run.kill();
    // By its own claim of the destination nothing is stored.
    let jobs = job(state.path()).args(["jobs"]).run().exits(0);
    let told = &jobs.events("job")[0];
    let files = told["files"].as_u64().unwrap() + told["open"].as_u64().unwrap();
    assert!(files <= 6, "{killed}\n{jobs}");
    // As if it had its name, which nobody has told the journal.
    fs::write(to.path("t/m"), from.bytes("s/m")).unwrap();
    for path in [from.path("s/m"), to.path("t/m")] {
        touch(&path, 1_600_000_000);
    }
    let resumed = job(state.path()).args(["resume"]).run().exits(0);
    are_equal(&from.path("s"), &to.path("t"), &resumed);
    let jobs = job(state.path()).args(["jobs"]).run().exits(0);
    let told = &jobs.events("job")[0];
    assert_eq!((&told["state"], &told["open"]), (&"done".into(), &0.into()), "{killed}\n{resumed}\n{jobs}");
    let why = job(state.path()).args(["why", "last"]).run().exits(0);
    let receipts = why.events("receipt");
    let file = receipts.iter().find(|told| told["source"].as_str().unwrap().ends_with("/m")).unwrap();
    assert_eq!((&file["state"], &file["verified"]), (&"done".into(), &"sha-256".into()), "{why}");
}

#[test]
fn a_destination_has_one_sync_at_a_time() {
    let (to, state) = (target().file("t/x", "x").start(), tempfile::tempdir().unwrap());
    let script = "LIST s: hang\nCWD: enter ; 250 in\nSIZE: 550 not a file";
    let from = Peer::start("127.0.0.2", script, MODERN);
    let run = job(state.path()).args(["sync", "--delete", &from.url("s"), &to.url("t")]).start();
    // The destination is claimed before anything is listed.
    from.wait_for("LIST s");
    let other = job(state.path()).args(["sync", &from.url("other"), &to.url("/t/")]).run().exits(8);
    other.says("another sync of").says(" jobs shows it");
    run.interrupt();
    let run = run.end().exits(10);
    assert!(to.path("t/x").exists(), "{run}");
    // Nothing of it is left: another one may begin, and there is nothing to cancel.
    user().args(["--state", state.path().to_str().unwrap(), "cancel", "last"]).run().exits(2);
}

#[test]
fn a_sync_goes_between_servers_of_other_people() {
    let from = Foreign::new(Kind::Vsftpd).foreign(Hosts::Allowed);
    let from = or_skip!(from.file("s/a", b"a").file("s/d/b", sample(5000)).start());
    let to = Foreign::new(Kind::PureFtpd).foreign(Hosts::Allowed).file("t/x/y", b"y").file("t/a", b"other");
    let to = or_skip!(to.start());
    let run = synced(&["--delete", &from.url("s"), &to.url("t")]);
    let shown = format!("{run}\n{}\n{}", from.said(), to.said());
    assert_eq!(run.code(), Some(0), "{shown}");
    are_equal(&from.path("s"), &to.path("t"), &run);
    let run = synced(&["--delete", "--compare", "size", &from.url("s"), &to.url("t")]).exits(0);
    assert_eq!((run.summary()["skipped"].as_u64(), run.events("done").len()), (Some(2), 0), "{run}");
}

#[test]
fn what_the_server_of_the_source_hides_is_not_deleted() {
    // Without its name in the greeting, `LIST -a` is not sent.
    let from = Foreign::new(Kind::Vsftpd).foreign(Hosts::Allowed).extra("ftpd_banner=Files");
    let from = from.file("s/a", b"a").file("s/.htaccess", b"h").file("s/.git/config", b"c");
    let from = or_skip!(from.start());
    let to = target().file("t/a", "a").file("t/.htaccess", "h").file("t/.git/config", "c");
    let to = to.file("t/old", "o").file("t/.old/x", "o").start();
    let run = synced(&["--delete", "--path", "user", "--compare", "size", &from.url("s"), &to.url("t")]);
    let shown = format!("{run}\n{}", from.said());
    assert_eq!(run.code(), Some(0), "{shown}");
    assert_eq!(to.names(), ["t/", "t/.git/", "t/.git/config", "t/.htaccess", "t/a"], "{shown}");
    let run = run.says("not deleted: 3 names that no listing of the source shows");
    assert_eq!(run.summary()["deleted"], 3, "{run}");
}

#[test]
fn the_next_run_does_nothing_where_only_mdtm_tells_exact_times() {
    let from = source().start();
    let to = or_skip!(Foreign::new(Kind::Vsftpd).foreign(Hosts::Allowed).directory("t").start());
    let words = ["--delete", "--path", "user", &from.url("s"), &to.url("t")];
    let run = synced(&words);
    let shown = format!("{run}\n{}", to.said());
    assert_eq!(run.code(), Some(0), "{shown}");
    are_equal(&from.path("s"), &to.path("t"), &run);
    let run = synced(&words).exits(0);
    assert_eq!((run.summary()["skipped"].as_u64(), run.events("plan").len()), (Some(5), 0), "{run}");
}

#[test]
fn a_new_file_is_not_deleted_under_its_old_case() {
    for (said, are_one) in [("213 1000", true), ("550 no such file", false)] {
        let from = Site::new("source").file("s/Foo", sample(1000)).start();
        let list = "LIST t: 150 opening ; connection ; text -rw-r--r-- 1 ann ann 3 Jan 01 2020 foo\\r\\n ; end ; 226 done";
        let rules = format!(
            "{list}\nSIZE t/Foo: {said}\nSIZE t/foo: 213 3\nunrenamed SIZE *.ftp-user.part: 213 {{stored}}\nSIZE: 550 no file\nMKD: 550 exists"
        );
        let rules = format!("{rules}\nCWD t: enter ; 250 in\nCWD /: enter ; 250 in\nCWD: 550 no");
        let to = Peer::start("127.0.0.3", &rules, MODERN);
        let words =
            ["--delete", "--path", "user", "--verify", "size", "--no-times", &from.url("s"), &to.url("t")];
        let run = synced(&words);
        let deleted = to.seen_of(&["DELE"]).contains(&"DELE t/foo".to_owned());
        assert_eq!((run.code(), deleted), (Some(0), !are_one), "{run}\n{:?}", to.seen());
    }
}

#[test]
fn a_sync_with_a_name_is_done_once() {
    let (from, to, state) = (source().start(), target().start(), tempfile::tempdir().unwrap());
    let words = ["sync", "--id", "nightly", &from.url("s"), &to.url("t")];
    let run = job(state.path()).args(words).run().exits(0);
    are_equal(&from.path("s"), &to.path("t"), &run);
    fs::remove_file(to.path("t/a")).unwrap();
    job(state.path()).args(words).run().exits(0).says("nightly is done already");
    assert!(!to.path("t/a").exists());
}

/// A home directory with the settings, a secret and a state of ftp-user, and things of its owner.
fn full_home(home: &Path) {
    for (name, text) in [
        (".config/ftp-user/config.toml", ""),
        (".config/ftp-user/secrets/lab", "s3cret\n"),
        (".local/state/ftp-user/extra", "state"),
        (".ssh/id", "key"),
        ("docs/thesis", "years"),
    ] {
        fs::create_dir_all(home.join(name).parent().unwrap()).unwrap();
        fs::write(home.join(name), text).unwrap();
    }
}

#[test]
fn a_home_directory_is_not_emptied_unasked_and_what_the_program_needs_never_is() {
    let at = source().start();
    for place in [".", "", "/", ".config", ".local/state/ftp-user"] {
        let here = user();
        let home = here.home().to_owned();
        full_home(&home);
        let dest = if place == "/" { place.into() } else { home.join(place) };
        // No name is copied before it is refused: what is deleted from / is nobody's wish in a test.
        let words = ["sync", "--json", "--delete", "--max-delete", "0", &at.url("s")];
        let run = here.args(words).args([&dest]).run().exits(2).says("--yes");
        assert!(home.join(".ssh/id").exists() && !dest.join("a").exists(), "{run}");
    }
    let here = user();
    let home = here.home().to_owned();
    full_home(&home);
    let run =
        here.args(["sync", "-n", "--delete", &at.url("s"), "."]).run().exits(0).says("would delete ./.ssh");
    assert!(!run.said.contains("would delete ./.config"), "{run}");
    let here = user();
    let home = here.home().to_owned();
    full_home(&home);
    let run = here.args(["sync", "--json", "--delete", "--yes", &at.url("s"), "."]).run().exits(0);
    let run = run.says("not deleted: ").says("that ftp-user needs itself");
    assert!(!home.join(".ssh").exists() && !home.join("docs").exists() && home.join("d/c").exists(), "{run}");
    for name in ["config/ftp-user/config.toml", "config/ftp-user/secrets/lab", "local/state/ftp-user/extra"] {
        assert!(home.join(format!(".{name}")).exists(), "{name}: {run}");
    }
    assert!(home.join(".local/state/ftp-user/journal.db").exists(), "{run}");
}

#[test]
fn what_the_program_needs_is_neither_removed_nor_moved_by_name() {
    let at = target().start();
    let settings = ".config/ftp-user/config.toml";
    let (to_one, to_two) = (at.url("one"), at.url("two/"));
    for (words, code, said) in [
        (vec!["rm", settings], 2, "belongs to the settings of ftp-user"),
        (vec!["rm", "-r", "--yes", ".config"], 2, "belongs to the settings of ftp-user, or contains them"),
        (vec!["rm", "-r", "--yes", ".local/state/ftp-user"], 2, "rm does not delete it"),
        (vec!["mv", ".config", "elsewhere"], 2, "belongs to the settings of ftp-user"),
        (vec!["mv", ".local/state/ftp-user/extra", "extra"], 2, "belongs to the state of ftp-user"),
        (vec!["move", "-r", ".config", &to_one], 2, "move does not delete it"),
        (vec!["move", "-r", "../HOME/", &to_two], 2, "is your home directory"),
    ] {
        let here = user();
        let home = here.home().to_owned();
        full_home(&home);
        let own = home.file_name().unwrap().to_str().unwrap();
        let words: Vec<String> = words.into_iter().map(|word| word.replace("HOME", own)).collect();
        let run = here.args(&words).run().exits(code).says(said);
        assert!(home.join(settings).exists() && home.join(".local/state/ftp-user/extra").exists(), "{run}");
        assert!(home.join(".ssh/id").exists(), "{run}");
    }
    assert_eq!(at.names(), [""; 0]);
}

/// By MLST, ProFTPD tells the size, the time and the permissions of the link.
#[test]
fn a_symbolic_link_at_proftpd_is_the_file_to_which_it_leads() {
    let from = Foreign::new(Kind::Proftpd).foreign(Hosts::Allowed);
    let from = or_skip!(from.file("t/d/file", sample(5000)).file("t/run", "#!/bin/sh").start());
    symlink("d/file", from.path("t/link")).unwrap();
    touch(&from.path("t/d/file"), 1_000_000_000);
    fs::set_permissions(from.path("t/run"), fs::Permissions::from_mode(0o751)).unwrap();
    let to = target().start();
    let run = synced(&["--perms", &from.url("t"), &to.url("t")]).exits(0);
    assert_eq!((run.summary()["files"].as_u64(), to.bytes("t/link")), (Some(3), sample(5000)), "{run}");
    let [link, script] = ["t/link", "t/run"].map(|name| to.path(name).metadata().unwrap());
    assert_eq!(link.modified().unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    assert!(link.mode() & 0o111 == 0 && script.mode() & 0o777 == 0o751, "{run}");
    let run = run.says("t/link is copied without its permissions");
    assert_eq!(run.said.matches("without its permissions").count(), 1, "{run}");
    let run = synced(&[&from.url("t"), &to.url("t")]).exits(0);
    assert_eq!(run.summary()["skipped"], 3, "{run}");
    let run = user().args(["move", "-r", &from.url("t"), &to.url("moved/")]).run().exits(0);
    assert!(!from.path("t").exists(), "{run}");
    are_equal(&to.path("t"), &to.path("moved/t"), &run);
}

#[test]
fn names_that_begin_with_a_dot_belong_to_a_tree_of_every_server() {
    let from = source().file("s/.profile", "p").file("s/d/.git/config", "c").directory("s/.empty").start();
    for kind in [Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd] {
        let there = or_skip!(Foreign::new(kind).foreign(Hosts::Allowed).directory("in").start());
        let run = synced(&["--path", "user", &from.url("s"), &there.url("in/s")]).exits(0);
        are_equal(&from.path("s"), &there.path("in/s"), &run);
        // Pure-FTPd cannot show that a directory with such a name is none behind a link, and keeps it.
        let extra = if kind == Kind::PureFtpd { "in/s/d/.old" } else { "in/s/d/.old/x" };
        let extra = there.path(extra);
        let above = extra.parent().unwrap();
        fs::create_dir_all(above).unwrap();
        fs::write(&extra, "x").unwrap();
        fs::set_permissions(above, fs::Permissions::from_mode(0o777)).unwrap();
        let aside = there.path("in/s/.0123456789abcdef.ftp-user.old");
        fs::write(&aside, "old").unwrap();
        let run = synced(&["--path", "user", "--delete", &from.url("s"), &there.url("in/s")]).exits(0);
        assert_eq!((run.summary()["skipped"].as_u64(), aside.exists()), (Some(7), true), "{kind:?}: {run}");
        fs::remove_file(aside).unwrap();
        are_equal(&from.path("s"), &there.path("in/s"), &run);
        let back = target().start();
        let run = user().args(["move", "-r", &there.url("in/s"), &back.url("t/")]).run().exits(0);
        are_equal(&from.path("s"), &back.path("t/s"), &run);
        assert!(!there.path("in/s").exists(), "{kind:?}: {run}");
    }
}

/// Kills a sync when some files have arrived, and resumes it. Returns the run that has resumed it.
fn killed_and_resumed(other: &ForeignServer, from: &str, to: &str, names: impl Fn() -> Vec<String>) -> Run {
    let (name, password) = other.user();
    let state = tempfile::tempdir().unwrap();
    let ftp_user = || job(state.path()).login(other.address().ip(), name, password);
    let run = ftp_user().args(["sync", "-j1", "--limit", "200KB", "--path", "user", from, to]).start();
    until("files arrive", || names().iter().filter(|name| !name.ends_with(".part")).count() > 12);
    drop(run.running);
    ftp_user().args(["resume"]).run().exits(0)
}

#[test]
fn a_sync_that_is_resumed_copies_only_what_was_under_way_again() {
    let mut from = Site::new("source");
    for number in 0..60 {
        from = from.file(&format!("s/{number}"), sample(20_000));
    }
    let (from, back) = (from.start(), target().start());
    let to = or_skip!(Foreign::new(Kind::Vsftpd).foreign(Hosts::Allowed).directory("t").start());
    let run = killed_and_resumed(&to, &from.url("s"), &to.url("t/s"), || to.names());
    are_equal(&from.path("s"), &to.path("t/s"), &run);
    assert!(run.summary()["skipped"].as_u64().unwrap() >= 10, "{run}");
    // A source that lists no exact times is asked for them.
    let run = killed_and_resumed(&to, &to.url("t/s"), &back.url("s"), || back.names());
    are_equal(&to.path("t/s"), &back.path("s"), &run);
    assert!(run.summary()["skipped"].as_u64().unwrap() >= 10, "{run}");
}
