//! `move`: a source is deleted when its copy is verified, and never before, whenever the program is killed.

use ftp_proto::dialect::Dialect;
use integration_tests::foreign::{Foreign, Hosts, Kind};
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, names_below, sample, target};
use integration_tests::socket::until;
use integration_tests::trace;
use integration_tests::user::{Run, job, user};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

const FILES: [&str; 6] = ["a", "b", "d/c", "d/e/f", "d/e/g", "z"];

pub(crate) fn bytes_of(name: &str) -> Vec<u8> {
    sample(1000 + name.len())
}

fn tree() -> Server {
    let site = Site::new("source").directory("t/empty");
    FILES.iter().fold(site, |site, name| site.file(&format!("t/{name}"), bytes_of(name))).start()
}

fn moved(words: &[&str]) -> Run {
    user().args(["move", "--json", "--retries", "0", "--timeout", "10s"]).args(words).run()
}

/// The directory has the whole tree, and nothing else.
fn is_whole(top: &Path, run: &Run) {
    let mut files: Vec<String> = FILES.map(String::from).to_vec();
    files.extend(["d/", "d/e/", "empty/"].map(String::from));
    files.sort();
    assert_eq!(names_below(top), files, "{run}");
    for name in FILES {
        assert!(fs::read(top.join(name)).unwrap() == bytes_of(name), "{name}: {run}");
    }
}

#[test]
fn a_tree_is_moved_between_two_servers_with_its_directories() {
    let (from, to) = (tree(), target());
    let run = moved(&["-r", "-n", &from.url("t"), &to.url("new/")]).exits(0);
    assert_eq!((run.events("plan").len(), run.events("done").len()), (FILES.len(), 0), "{run}");
    let run = moved(&["-r", &from.url("t"), &to.url("new/")]).exits(0);
    is_whole(&to.path("new/t"), &run);
    assert_eq!(from.names(), [""; 0], "{run}");
    assert_eq!((run.events("file").len(), run.events("done").len()), (FILES.len(), FILES.len() + 4), "{run}");
    assert_eq!(run.summary()["files"], FILES.len(), "{run}");
    // Back, to a directory that keeps its name.
    user().args(["move", "-r", &to.url("new/t/"), &from.url("t")]).run().exits(0).says("moved 6 files");
    is_whole(&from.path("t"), &run);
    assert_eq!(to.names(), ["new/", "new/t/"]);
}

#[test]
fn a_file_is_moved_from_and_to_this_host() {
    let at = target();
    let run = user().file("a.bin", sample(5000)).args(["move", "a.bin", &at.url("b.bin")]).run().exits(0);
    assert_eq!((at.bytes("b.bin"), run.names()), (sample(5000), vec![]), "{run}");
    let run = user().args(["move", &at.url("b.bin"), "c.bin"]).run().exits(0);
    assert_eq!((at.names().len(), run.bytes("c.bin")), (0, sample(5000)), "{run}");
    user().file("a", "a").args(["move", "a", "b"]).run().exits(2).says("mv");
    moved(&[&at.url("none"), "x"]).exits(3);
}

#[test]
fn only_what_a_filter_takes_is_moved_and_directories_that_are_not_empty_stay() {
    let (from, to) = (tree(), target());
    let run = moved(&["-r", "--include", "d/e/*", &from.url("t"), &to.url("n")]).exits(0);
    assert_eq!(to.names(), ["n/", "n/d/", "n/d/e/", "n/d/e/f", "n/d/e/g"], "{run}");
    assert_eq!(from.names(), ["t/", "t/a", "t/b", "t/d/", "t/d/c", "t/z"], "{run}");
}

#[test]
fn without_a_verification_nothing_is_moved() {
    let (from, to) = (tree(), target());
    moved(&["--verify", "none", &from.url("t/a"), &to.url("a")]).exits(2).says("--verify none");
    moved(&["-r", "--links", "follow", &from.url("t"), &to.url("a")]).exits(2).says("--links follow");
    moved(&[&from.url("t/a"), "-"]).exits(2);
    moved(&["--detach", &from.url("t/a"), &to.url("a")]).exits(2).says("--detach");
    assert_eq!((from.names().len(), to.names().len()), (FILES.len() + 4, 0));
}

#[test]
fn a_file_that_is_there_already_is_deleted_at_the_source_only_if_both_are_the_same() {
    let from = Site::new("source").file("same", "same").file("other", "mine").file("new", "new").start();
    let to = Site::new("target").at("127.0.0.3").file("same", "same").file("other", "theirs").start();
    moved(&["--overwrite", "never", &from.url("other"), &to.url("other")]).exits(8);
    // The destination is newer, and is another file.
    let run = moved(&["--overwrite", "newer", &from.url("other"), &to.url("other")]).exits(7);
    run.says("stays, because the destination is not the same file");
    let run = moved(&["--overwrite", "newer", &from.url("same"), &to.url("same")]).exits(0);
    assert!(run.events("file")[0]["skipped"].as_bool().unwrap(), "{run}");
    assert_eq!(
        (from.names(), to.bytes("other")),
        (vec!["new".to_owned(), "other".to_owned()], b"theirs".to_vec())
    );
    moved(&[&from.url("other"), &from.url("new"), &to.url("")]).exits(0);
    assert_eq!((from.names().len(), to.bytes("other"), to.names().len()), (0, b"mine".to_vec(), 3));
}

#[test]
fn one_file_under_two_places_is_not_deleted() {
    let at = Site::new("source").file("a", "only").start();
    let local = at.path("a");
    let old = at.url_of(Dialect::Rfc354, "a");
    for (from, to) in [
        (at.url("a"), old.clone()),
        (old, at.url("a")),
        (at.url("a"), local.to_str().unwrap().to_owned()),
        (local.to_str().unwrap().to_owned(), at.url("a")),
    ] {
        let run = moved(&[&from, &to]).fails();
        assert_eq!(
            (at.names(), at.bytes("a")),
            (vec!["a".to_owned()], b"only".to_vec()),
            "{from} {to}: {run}"
        );
    }
}

/// A scripted source with a file `a` and these rules, and what came of moving it.
fn from_peer(rules: &str, code: i32, words: &str) -> Vec<String> {
    let to = target();
    let list = "LIST: 150 opening ; connection ; text -rw-r--r-- 1 ann ann 1000 Jan 01 2020 a\\r\\n ; end ; 226 done";
    let script = format!("{rules}\nSIZE a: 213 1000\nSIZE: 550 none\nCWD: 550 no directory\n{list}");
    let from = Peer::start("127.0.0.2", &script, MODERN);
    let run =
        moved(&["--path", "user", "--verify", "size", &from.url("a"), &to.url("b")]).exits(code).says(words);
    assert_eq!(to.bytes("b").len(), 1000, "{run}");
    from.seen_of(&["DELE"])
}

#[test]
fn a_source_that_has_changed_or_cannot_be_deleted_stays() {
    let same = "FEAT: 211-Features\\r\\n SIZE\\r\\n MDTM\\r\\n211 End\nMDTM: 213 20200101000000";
    // It is looked at before it is copied, afterwards, and before it is deleted.
    let once = "once MDTM: 213 20200101000000\n";
    let changes = format!("{once}{once}MDTM: 213 20200102000000\n{same}");
    assert_eq!(from_peer(&changes, 7, "has changed since it was read"), [""; 0]);
    assert_eq!(from_peer(same, 0, "summary"), ["DELE a"]);
    assert_eq!(from_peer("", 7, "no time of it is known"), [""; 0]);
    let refused = format!("{same}\nDELE: 550 a: Permission denied");
    assert_eq!(from_peer(&refused, 4, "its copy is verified, and it stays"), ["DELE a"]);
    let unknown = format!("{same}\nDELE: 502 not here");
    assert_eq!(from_peer(&unknown, 1, "502"), ["DELE a"]);
}

#[test]
fn a_move_onto_a_copy_that_is_there_changes_its_version() {
    use std::os::unix::fs::MetadataExt;
    let (from, to) = (tree(), Site::new("target").at("127.0.0.3").file("n/a", bytes_of("a")).start());
    let version = || {
        let facts = fs::metadata(to.path("n/a")).unwrap();
        ((facts.ctime(), facts.ctime_nsec()), facts.mtime())
    };
    let (before, time) = version();
    let run = moved(&[&from.url("t/a"), &to.url("n/a")]).exits(0);
    let (after, time_now) = version();
    assert!(after != before && time_now == time, "{run}");
    assert!(!from.path("t/a").exists() && to.bytes("n/a") == bytes_of("a"), "{run}");
}

#[test]
fn symbolic_links_are_deleted_themselves() {
    let (from, to) = (tree(), target());
    fs::create_dir(from.path("outside")).unwrap();
    fs::write(from.path("outside/kept"), "kept").unwrap();
    symlink("../outside/kept", from.path("t/link")).unwrap();
    symlink("../outside", from.path("t/dir")).unwrap();
    let run = moved(&["-r", &from.url("t"), &to.url("n")]).exits(0);
    assert_eq!(to.bytes("n/link"), b"kept", "{run}");
    assert_eq!(from.names(), ["outside/", "outside/kept", "t/", "t/dir"], "{run}");
}

#[test]
fn what_a_link_leads_to_stays_where_a_server_shows_it_as_a_directory() {
    let from = Foreign::new(Kind::Pyftpdlib).file("t/a", b"a").file("outside/kept", b"kept");
    let from = or_skip!(from.file("outside/sub/deep", b"deep").start());
    symlink("../outside", from.path("t/link")).unwrap();
    let to = target();
    let run = moved(&["-r", &from.url("t"), &to.url("n")]);
    let shown = format!("{run}\n{}", from.said());
    assert_eq!(names_below(&from.path("outside")), ["kept", "sub/", "sub/deep"], "{shown}");
    assert_eq!((run.code(), to.bytes("n/a")), (Some(0), b"a".to_vec()), "{shown}");
    assert!(!from.path("t").exists(), "{shown}");
}

#[test]
fn what_a_link_that_stays_leads_to_stays_too() {
    let line = |kind: &str, name: &str| format!("{kind}rw-r--r-- 1 ann ann 1000 Jan 01 2020 {name}");
    let list = |path: &str, lines: &str| {
        format!("LIST {path}: 150 opening ; connection ; text {lines}\\r\\n ; end ; 226 done")
    };
    let script = [
        "FEAT: 211-Features\\r\\n SIZE\\r\\n MDTM\\r\\n211 End".to_owned(),
        list("t", &line("d", "x")),
        list("t/x", &line("-", "precious")),
        "LIST: 150 opening ; connection ; text \\r\\n ; end ; 226 done".to_owned(),
        "SIZE t/x/precious: 213 1000\nMDTM t/x/precious: 213 20200101000000\nSIZE: 550 not a file".to_owned(),
        "DELE t/x: 550 Permission denied\nRMD: 250 gone\nCWD t/x: enter /victim ; 250 there".to_owned(),
        "CWD t: enter ; 250 there\nCWD /: enter ; 250 back\nCWD: 550 no".to_owned(),
    ];
    let (from, to) = (Peer::start("127.0.0.2", &script.join("\n"), MODERN), target());
    let words = ["-r", "--path", "user", "--verify", "size", &from.url("t"), &to.url("n")];
    let run = moved(&words).fails().says("is a symbolic link to /victim");
    assert_eq!(to.bytes("n/x/precious").len(), 1000, "{run}");
    let deleted = from.seen_of(&["DELE"]);
    assert!(!deleted.contains(&"DELE t/x/precious".to_owned()), "{run}\n{deleted:?}");
}

#[test]
fn a_directory_that_cannot_be_listed_fails_once_and_stays() {
    let script = [
        "LIST t: 150 opening ; connection ; text drwxr-xr-x 1 ann ann 1000 Jan 01 2020 x\\r\\n ; end ; 226 done",
        "LIST t/x: 550 Permission denied\nLIST: 150 opening ; connection ; end ; 226 done",
        "SIZE: 550 not a file\nRMD: 550 not empty\nCWD t/x: enter ; 250 there",
        "CWD t: enter ; 250 there\nCWD /: enter ; 250 back\nCWD: 550 no",
    ];
    let (from, to) = (Peer::start("127.0.0.2", &script.join("\n"), MODERN), target());
    let run = moved(&["-r", "--path", "user", "--verify", "size", &from.url("t"), &to.url("n")]).exits(4);
    assert_eq!(run.summary()["failed"], 1, "{run}");
    assert!(!from.seen_of(&["RMD"]).contains(&"RMD t/x".to_owned()), "{run}");
}

/// Every file of the tree is at the source or complete at its destination.
fn nothing_is_lost(from: &Server, to: &Server, when: &str) {
    for name in FILES {
        let is_good = |path: &Path| fs::read(path).is_ok_and(|bytes| bytes == bytes_of(name));
        let (source, copy) = (from.path(&format!("t/{name}")), to.path(&format!("n/{name}")));
        // What the source has not, the destination has: the first is looked at first.
        assert!(is_good(&source) || is_good(&copy), "{name} is lost, killed at {when}");
    }
}

/// Moves the tree, is killed after so many events of a kind, and resumes the job until it is done.
fn killed_at(kind: &str, number: usize) {
    let (from, to, state) = (tree(), target(), tempfile::tempdir().unwrap());
    let mut run = job(state.path()).args(["move", "-r", &from.url("t"), &to.url("n")]).start();
    run.wait_for_events(kind, number);
    let run = run.kill();
    let when = format!("{kind} {number}: {run}");
    nothing_is_lost(&from, &to, &when);
    let resumed = job(state.path()).args(["resume"]).run();
    assert_eq!(resumed.code(), Some(0), "{when}\n{resumed}");
    is_whole(&to.path("n"), &resumed);
    assert_eq!(from.names(), [""; 0], "{when}\n{resumed}");
    if kind == "done" {
        // The journal had all of them by then: what this job has copied is not called "already there".
        let skipped = |file: &Value| file["skipped"] == true;
        assert!(!resumed.events("file").iter().any(skipped), "{when}\n{resumed}");
    }
    if kind == "done"
        && number > FILES.len()
        && let Some(summary) = resumed.events("summary").first()
    {
        // All sources are gone: that is how a move ends, and it may be a disk that is not mounted.
        assert_eq!(summary["earlier"], FILES.len(), "{when}\n{resumed}");
        assert!(!resumed.warnings().iter().any(|text| text.contains("has no file:")), "{when}\n{resumed}");
    }
}

#[test]
fn a_move_that_is_killed_goes_on_and_loses_nothing() {
    for (kind, number) in [("plan", 1), ("plan", 4), ("file", 1), ("file", 3), ("file", 6)] {
        killed_at(kind, number);
    }
}

#[test]
fn a_move_that_is_killed_while_it_deletes_goes_on_and_loses_nothing() {
    for number in [1, 2, 4, 6, 7, 9, 10] {
        killed_at("done", number);
    }
}

#[test]
fn a_move_of_one_file_that_is_killed_is_done_when_it_is_resumed() {
    for kind in ["plan", "done", "file"] {
        let from = Site::new("source").file("t/a", bytes_of("a")).start();
        let (to, state) = (target(), tempfile::tempdir().unwrap());
        let mut run = job(state.path()).args(["move", &from.url("t/a"), &to.url("n/a")]).start();
        run.wait_for_events(kind, 1);
        let run = run.kill();
        let resumed = job(state.path()).args(["resume"]).run();
        assert_eq!(resumed.code(), Some(0), "{kind}: {run}\n{resumed}");
        assert_eq!(
            (from.names(), to.names()),
            (vec!["t/".to_owned()], vec!["n/".to_owned(), "n/a".to_owned()]),
            "{kind}: {run}\n{resumed}"
        );
        assert!(to.bytes("n/a") == bytes_of("a"), "{kind}: {resumed}");
        // The journal had the copy by then, and its source is gone: this job has moved it, and did not find it there.
        if kind == "done"
            && let Some(file) = resumed.events("file").first()
        {
            let summary = resumed.summary();
            assert_eq!(
                (&file["skipped"], &file["verified"]),
                (&false.into(), &"sha-256".into()),
                "{resumed}"
            );
            assert_eq!((&summary["files"], &summary["bytes"]), (&1.into(), &bytes_of("a").len().into()));
        }
    }
}

#[test]
fn a_move_whose_source_and_copy_are_both_gone_is_not_done() {
    let from = Site::new("source").file("a", "data").user("reader:pw:ro").start();
    let source = format!("ftp://reader:pw@{}/a", from.address(Dialect::Rfc959));
    let home = tempfile::tempdir().unwrap();
    let copy = home.path().join("a");
    for (number, (left, expect)) in
        [(Some("data"), 0), (None, 3), (Some("other bytes"), 3)].iter().enumerate()
    {
        fs::write(from.path("a"), "data").unwrap();
        let id = format!("night{number}");
        let again =
            || user().here(home.path()).args(["--state", "state", "move", "--id", &id, &source, "a"]).run();
        again().exits(4).says("its copy is verified, and it stays");
        fs::remove_file(from.path("a")).unwrap();
        fs::remove_file(&copy).unwrap();
        if let Some(bytes) = left {
            fs::write(&copy, bytes).unwrap();
        }
        for _ in 0..2 {
            let run = again().exits(*expect);
            assert_eq!(fs::read_to_string(&copy).ok().as_deref(), *left, "{run}");
        }
        let _ = fs::remove_file(&copy);
    }
}

#[test]
fn n8_a_move_goes_on_later_if_the_tree_that_it_has_not_finished_is_not_there() {
    let site = Site::new("source").file("t/a", sample(4 << 20)).file("t/b", sample(4 << 20));
    let (from, to, state) = (site.start(), target(), tempfile::tempdir().unwrap());
    for (source, target) in [("t", "n"), ("t/*", "m")] {
        let words = ["move", "-r", "-j1", "--limit", "1MB"];
        let places = [from.url(source), to.url(&format!("{target}/"))];
        let mut run = job(state.path()).args(words).args(&places).start();
        run.wait_for_events("file", 1);
        let has_part = || !to.parts().is_empty();
        until("a file has a part", has_part);
        let run = run.kill();
        fs::rename(from.path("t"), from.path("away")).unwrap();
        if source == "t/*" {
            fs::create_dir(from.path("t")).unwrap();
        }
        let resumed = job(state.path()).args(["resume"]).run().exits(3).says("has not finished");
        assert!(has_part(), "{run}\n{resumed}");
        let known = job(state.path()).args(["jobs"]).run();
        assert_eq!(known.events("job").last().unwrap()["state"], "interrupted", "{resumed}\n{known}");
        job(state.path()).args(["cancel", "last"]).run().exits(0);
        assert!(!has_part(), "{:?}", to.names());
        let _ = fs::remove_dir(from.path("t"));
        fs::rename(from.path("away"), from.path("t")).unwrap();
        // What has moved is there again.
        for name in ["t/a", "t/b"] {
            fs::write(from.path(name), sample(4 << 20)).unwrap();
        }
    }
}

#[test]
fn nothing_is_copied_or_moved_under_the_name_of_a_part() {
    let part = "t/.0123456789abcdef.ftp-user.part";
    let from = Site::new("source").file("t/a", "one").file(part, "two").start();
    let to = target();
    let run = user().args(["copy", "-r", &from.url("t"), &to.url("c")]).run();
    let run = run.exits(0).says("is skipped: another job");
    assert_eq!(to.names(), ["c/", "c/a"], "{run}");
    let run = moved(&["-r", &from.url("t"), &to.url("n")]).exits(0).says("is skipped: another job");
    assert_eq!(to.names(), ["c/", "c/a", "n/", "n/a"], "{run}");
    assert!(from.bytes(part) == b"two" && !from.path("t/a").exists(), "{run}");
}

#[test]
fn a_tree_is_moved_between_servers_of_other_people() {
    let start = |kind| Foreign::new(kind).foreign(Hosts::Allowed);
    for (one, other) in [(Kind::Vsftpd, Kind::Proftpd), (Kind::PureFtpd, Kind::Vsftpd)] {
        let mut from = start(one);
        for name in FILES {
            from = from.file(&format!("t/{name}"), bytes_of(name));
        }
        let (from, to) = (or_skip!(from.start()), or_skip!(start(other).start()));
        let run = moved(&["-r", &from.url("t"), &to.url("n")]);
        let shown = format!("{run}\n{}\n{}", from.said(), to.said());
        assert_eq!(run.code(), Some(0), "{shown}");
        for name in FILES {
            assert!(to.bytes(&format!("n/{name}")) == bytes_of(name), "{name}: {shown}");
        }
        assert_eq!(from.names(), [""; 0], "{shown}");
    }
}

#[test]
fn a_move_by_several_workers_ends_no_session_whose_copies_have_sources_that_are_not_deleted_yet() {
    let start = |kind| Foreign::new(kind).foreign(Hosts::Allowed);
    for number in [2, 3, 9] {
        let with_file =
            |from: Foreign, number: u32| from.file(&format!("t/f {number}"), bytes_of(&number.to_string()));
        let from = (0..number).fold(start(Kind::Pyftpdlib), with_file);
        let (from, to) = (or_skip!(from.start()), or_skip!(start(Kind::Proftpd).offers_tls().start()));
        let trace = tempfile::NamedTempFile::new().unwrap();
        let run = moved(&[
            "-r",
            "--jobs",
            "4",
            "--trust",
            "new",
            "--trace",
            trace.path().to_str().unwrap(),
            &from.url("t"),
            &to.url("n"),
        ]);
        assert_eq!(run.code(), Some(0), "{run}\n{}", fs::read_to_string(trace.path()).unwrap());
    }
}

/// The number of workers falls while files are moved whose links were not found yet.
#[test]
fn links_beside_their_files_are_moved_with_them() {
    let start = |kind| Foreign::new(kind).foreign(Hosts::Allowed);
    let with_file =
        |from: Foreign, number: u32| from.file(&format!("t/f{number}"), bytes_of(&number.to_string()));
    let from = (0..150).fold(start(Kind::Proftpd), with_file);
    let (from, to) = (or_skip!(from.start()), or_skip!(start(Kind::Vsftpd).start()));
    for number in 0..150 {
        for name in ["a", "z"] {
            symlink(format!("f{number}"), from.path(&format!("t/{name}{number}"))).unwrap();
        }
    }
    let trace = tempfile::NamedTempFile::new().unwrap();
    let file = trace.path().to_str().unwrap();
    let run = moved(&["--trace", file, "-r", &from.url("t"), &to.url("n")]).exits(0);
    assert_eq!((from.names(), to.names().len()), (Vec::new(), 451), "{run}");
    // The directory of the copies is new and the source tells which file it is, so that none is renamed aside to find out.
    let trace = fs::read_to_string(trace.path()).unwrap();
    assert!(!trace::commands(&trace, trace::SOURCE).any(|said| said.starts_with("RNFR")), "{run}");
    for number in 0..150 {
        for name in ["a", "f", "z"] {
            assert!(to.bytes(&format!("n/{name}{number}")) == bytes_of(&number.to_string()), "{run}");
        }
    }
}

#[test]
fn a_move_keeps_what_another_move_in_the_opposite_direction_has_claimed() {
    let state = tempfile::tempdir().unwrap();
    let with_state = || user().args(["--state", state.path().to_str().unwrap()]);
    let (a, z) = (bytes_of("a"), sample(8_000_000));
    let from = Site::new("source").file("t/a", a.clone()).start();
    let to = Site::new("target").at("127.0.0.3").file("t/a", a.clone()).file("t/z", z).start();
    // It finds a copy of the first file there, whose source waits until the second one is copied, which takes minutes.
    let words = ["move", "-r", "-j1", "--limit", "50KB"];
    let back = with_state().args(words).args([to.url("t/"), from.url("t")]).start();
    until("the second file arrives", || from.names().iter().any(|name| name.ends_with(".part")));
    // Both names of the file are told from the login directory, however they are spelled.
    let source = from.url("t/a").replace("/t/a", "//t/a");
    let run = with_state().args(["move", &source, &to.url("t/a")]).run();
    let run = run.exits(8).says("it stays, because job").says("moves a file to this name");
    assert_eq!((from.bytes("t/a"), to.bytes("t/a")), (a.clone(), a.clone()), "{run}");
    drop(back.running);
    // The move that was killed holds nothing.
    with_state().args(["move", &source, &to.url("t/a")]).run().exits(0);
    assert!(!from.path("t/a").exists() && to.bytes("t/a") == a);
}

/// A tree with symbolic links to a file of it, one of them through another one, and with hard links in two directories.
fn linked(top: &Path) {
    fs::create_dir_all(top.join("a")).unwrap();
    fs::create_dir_all(top.join("z")).unwrap();
    fs::write(top.join("real"), "real").unwrap();
    for (name, target) in
        [("alink", "real"), ("chain", "alink"), ("z/link", "../real"), ("z/chain", "../alink")]
    {
        symlink(target, top.join(name)).unwrap();
    }
    fs::write(top.join("h1"), "hard").unwrap();
    for name in ["h2", "a/h3"] {
        fs::hard_link(top.join("h1"), top.join(name)).unwrap();
    }
}

#[test]
fn links_of_a_moved_tree_go_with_the_files_to_which_they_lead() {
    let names = ["a/", "a/h3", "alink", "chain", "h1", "h2", "real", "z/", "z/chain", "z/link"];
    let is_moved = |to: &Server, run: &Run| {
        assert_eq!(names_below(&to.path("n")), names, "{run}");
        for (name, bytes) in [
            ("z/chain", "real"),
            ("chain", "real"),
            ("z/link", "real"),
            ("real", "real"),
            ("a/h3", "hard"),
            ("h1", "hard"),
        ] {
            assert!(fs::read_to_string(to.path("n").join(name)).unwrap() == bytes, "{name}: {run}");
        }
    };
    for jobs in ["1", "4"] {
        let (from, to) = (Site::new("source").directory("t").start(), target());
        linked(&from.path("t"));
        // A name that is hashed while another name of its file is deleted is asked for again.
        let words = ["move", "-r", "--jobs", jobs, &from.url("t"), &to.url("n")];
        let run = user().args(words).run().exits(0);
        assert_eq!(from.names(), [""; 0], "{run}");
        is_moved(&to, &run);
        let to = target();
        let here = user();
        linked(&here.home().join("t"));
        let run = here.args(["move", "-r", "--jobs", jobs, "t", &to.url("n")]).run().exits(0);
        assert_eq!(run.names(), [""; 0], "{run}");
        is_moved(&to, &run);
    }
}

#[test]
fn a_file_stays_while_a_link_to_it_was_not_moved() {
    let from = Site::new("source").file("t/real", "real").start();
    symlink("real", from.path("t/link")).unwrap();
    let to = Site::new("target").at("127.0.0.3").directory("n/t/link").start();
    let run = moved(&["-r", &from.url("t"), &to.url("n")]).exits(9);
    run.says("it stays, because the symbolic link t/link to it was not moved");
    assert_eq!(
        (from.names(), to.bytes("n/t/real")),
        (["t/", "t/link", "t/real"].map(String::from).to_vec(), b"real".to_vec())
    );
}
