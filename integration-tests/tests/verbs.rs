//! mkdir, rm, mv, hash and tree, on our server, on servers of other people, on scripted ones and on this host.

use integration_tests::beside::each_of;
use integration_tests::foreign::{Foreign, ForeignServer, Kind, Skipped};
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, names_below, sample, target};
use integration_tests::socket::until;
use integration_tests::terminal::answering;
use integration_tests::user::{Run, job, user};
use std::fs;
use std::os::unix::fs::symlink;

fn site(files: &[&str]) -> Server {
    files.iter().fold(Site::new("verbs"), |site, name| site.file(name, name)).start()
}

fn verb(words: &[&str]) -> Run {
    user().args(["--json", "--retries", "0"]).args(words).run()
}

/// The places of the events of this kind.
fn places(run: &Run, kind: &str) -> Vec<String> {
    run.events(kind).iter().map(|event| event["place"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn mkdir_makes_one_directory_or_all_that_are_missing() {
    let at = site(&["file"]);
    let run = verb(&["mkdir", &at.url("d")]).exits(0);
    assert_eq!(places(&run, "done").len(), 1, "{run}");
    assert_eq!(
        (run.summary()["verb"].as_str(), run.summary()["directories"].as_u64()),
        (Some("mkdir"), Some(1))
    );
    verb(&["mkdir", &at.url("d")]).exits(8).says("exists");
    let needed = "file is a file, and a directory is needed there";
    for (option, place) in [("-p", "file"), ("-n", "file/x"), ("-p", "file/x/y")] {
        verb(&["mkdir", &at.url(place)]).exits(8).says(needed);
        verb(&["mkdir", option, &at.url(place)]).exits(8).says(needed);
    }
    verb(&["mv", &at.url("d"), &at.url("file/x")]).exits(8).says(needed);
    verb(&["mkdir", &at.url("a/b/c")]).exits(3).says("a/b does not exist; mkdir -p");
    verb(&["mkdir", "-n", &at.url("a/b/c")]).exits(3).says("mkdir -p");
    let run = verb(&["mkdir", "-p", "-n", &at.url("a/b/c")]).exits(0);
    assert_eq!((places(&run, "plan").len(), at.path("a").exists()), (3, false), "{run}");
    let run = verb(&["mkdir", "-p", &at.url("a/b/c"), &at.url("d")]).exits(0);
    assert_eq!(places(&run, "done").len(), 3, "{run}");
    verb(&["mkdir", &at.url("d"), &at.url("e*")]).exits(9);
    assert_eq!(at.names(), ["a/", "a/b/", "a/b/c/", "d/", "e*/", "file"]);
    // On this host.
    let run = user().args(["mkdir", "-p", "x/y", "z"]).run().exits(0).says("made 3 directories");
    assert_eq!(run.names(), ["x/", "x/y/", "z/"]);
}

#[test]
fn rm_deletes_files_and_wants_r_for_directories() {
    let at = site(&["a.txt", "b.txt", "c", "d/e"]);
    verb(&["rm", &at.url("none")]).exits(3).says("does not exist");
    verb(&["rm", &at.url("d")]).exits(2).says("rm -r");
    verb(&["rm", &at.url("c/")]).exits(2).says("is not a directory");
    let run = verb(&["rm", "-n", &at.url("*.txt")]).exits(0);
    assert_eq!((places(&run, "plan").len(), run.summary()["dry_run"].as_bool()), (2, Some(true)), "{run}");
    verb(&["rm", &at.url("*.none")]).exits(3).says("nothing matches");
    assert_eq!(at.names(), ["a.txt", "b.txt", "c", "d/", "d/e"]);
    let run = verb(&["rm", &at.url("*.txt"), &at.url("none")]).exits(9);
    let summary = run.summary();
    assert_eq!(
        (summary["files"].as_u64(), summary["bytes"].as_u64(), summary["failed"].as_u64()),
        (Some(2), Some(10), Some(1))
    );
    assert_eq!(at.names(), ["c", "d/", "d/e"]);
    // A place that is named twice is one.
    let twice = ["c", "%63"].map(|name| at.url(name));
    let run = verb(&["rm", "-n", &twice[0], &twice[1]]).exits(0);
    assert_eq!(places(&run, "plan").len(), 1, "{run}");
    user().args(["rm"]).args(twice).run().exits(0).says("deleted 1 file, 1 B");
    let here = user().file("f", "f").args(["rm", "f", "f"]);
    here.run().exits(0).says("deleted 1 file, 1 B");
    let here = user().file("f", "f").args(["rm", "f/", "f"]);
    here.run().exits(9).says("leave out the /").says("deleted 1 file, 1 B");
}

#[test]
fn rm_r_deletes_a_tree_and_follows_no_link() {
    let at = site(&["t/a", "t/d/b", "t/d/deep/c", "outside/kept"]);
    symlink("../outside", at.path("t/link")).unwrap();
    symlink("../../outside/kept", at.path("t/d/file")).unwrap();
    symlink("nowhere", at.path("t/dangling")).unwrap();
    symlink(".", at.path("t/loop")).unwrap();
    symlink("t", at.path("alias")).unwrap();
    let run = verb(&["rm", "-r", "-n", &at.url("t")]).exits(0);
    assert_eq!(run.events("plan").len(), 10, "{run}");
    // A plan of a link is the link, and not what it leads to.
    let run = verb(&["rm", "-r", "-n", &at.url("alias")]).exits(0);
    assert_eq!((run.events("plan").len(), run.summary()["directories"].as_u64()), (1, Some(0)), "{run}");
    verb(&["rm", "-r", "--yes", &at.url("alias/")]).exits(2).says("is a symbolic link");
    verb(&["rm", "-r", "--yes", &at.url("alias")]).exits(0);
    assert!(at.path("t/a").exists() && !at.path("alias").is_symlink());
    let run = verb(&["rm", "-r", "--yes", &at.url("t")]).exits(0);
    let summary = run.summary();
    assert_eq!((summary["files"].as_u64(), summary["directories"].as_u64()), (Some(7), Some(3)), "{run}");
    assert_eq!(at.names(), ["outside/", "outside/kept"]);
    // A server looks through a link, or refuses to; its directory shows the link.
    for (name, target, words) in [
        ("lost", "nowhere", &["rm"][..]),
        ("also", "nowhere", &["rm", "-r", "--yes"]),
        ("loop", "loop", &["rm"]),
        ("away", "/..", &["rm"]),
        ("tree", "outside", &["rm"]),
    ] {
        symlink(target, at.path(name)).unwrap();
        user().args(words).args([at.url(name)]).run().exits(0).says("deleted 1 file");
        assert!(!at.path(name).is_symlink());
    }
    assert_eq!(at.names(), ["outside/", "outside/kept"]);
}

#[test]
fn a_directory_that_cannot_be_listed_is_asked_once_for_names_that_are_missing() {
    let script = "FEAT: 211-Features\\r\\n MLST type*;size*;\\r\\n211 End\nMLST: 550 no such file\nCWD: 550 no such directory\n\
        SIZE: 550 no such file\nMLSD: 425 no data connection\nLIST: 425 no data connection";
    let listings = |names: &[&str]| {
        let at = Peer::start("127.0.0.2", script, MODERN);
        let places = names.iter().map(|name| at.url(name));
        user().args(["rm"]).args(places).run().fails().says("does not exist");
        assert!(at.seen_of(&["DELE"]).is_empty());
        at.seen_of(&["MLSD", "LIST"]).len()
    };
    // One question may use two ways to open a data connection.
    let of_one = listings(&["a"]);
    assert!((1..=2).contains(&of_one), "{of_one}");
    assert_eq!(listings(&["a", "b", "c"]), of_one);
}

#[test]
fn rm_r_on_this_host_follows_no_link() {
    let start = || {
        let at = user();
        for (directory, file) in [("outside", "kept"), ("t", "a"), ("t/d", "b")] {
            fs::create_dir_all(at.home().join(directory)).unwrap();
            fs::write(at.home().join(directory).join(file), file).unwrap();
        }
        at
    };
    let at = start();
    symlink("../outside", at.home().join("t/link")).unwrap();
    symlink("t", at.home().join("alias")).unwrap();
    user().here(at.home()).args(["rm", "-r", "-y", "alias/"]).run().exits(2).says("is a symbolic link");
    assert!(at.home().join("t/a").exists());
    let run = at.args(["rm", "-r", "-y", "t", "alias"]).run().exits(0);
    assert_eq!(run.names(), ["outside/", "outside/kept"]);
    let run = start().args(["rm", "-r", "-y", "."]).run().exits(2).says("rm -r ./*");
    assert!(run.names().contains(&"t/a".to_owned()));
    start().args(["rm", "-r", "-y", "/"]).run().exits(2).says("rm does not delete it");
    // Nobody is told what answers a question that is not asked.
    start().args(["rm", "-r", "/"]).run().exits(2).says("rm does not delete it").never_says("--yes answers");
    start().args(["rm", "-r", "t"]).run().exits(2).says("--yes answers");
    start().args(["rm", "t"]).run().exits(2).says("rm -r");
}

#[test]
fn the_root_and_the_login_directory_are_not_deleted_and_it_is_said_what_to_type() {
    let at = site(&["a", "d/b"]);
    for place in ["", ".", "%2F", "%2F.", "d/../", "d/.."] {
        let run = verb(&["rm", "-r", "--yes", &at.url(place)]).exits(2);
        assert!(run.events("done").is_empty(), "{run}");
    }
    let run = verb(&["rm", "-r", "--yes", &at.url("")]).exits(2).says("is the login directory").says("/*'");
    assert_eq!(at.names(), ["a", "d/", "d/b"], "{run}");
    verb(&["rm", "-r", "--yes", &at.url("*")]).exits(0);
    assert_eq!(at.names(), [""; 0]);
}

#[test]
fn rm_r_asks_and_without_a_terminal_it_wants_yes() {
    let at = site(&["t/a", "t/d/b", "u/c"]);
    let run = verb(&["rm", "-r", &at.url("t")]).exits(2).says("--yes");
    assert!(run.events("done").is_empty(), "{run}");
    assert!(at.path("t/d/b").exists());
    let state = tempfile::tempdir().unwrap();
    let typed = format!("rm -r '{}' '{}'", at.url("t"), at.url("u"));
    let (said, code) = or_skip!(answering(state.path(), &typed, "Delete it? (yes/no) ", "no\n"));
    assert!(
        said.contains("t: 2 files, 8 B in 2 directories") && said.contains("u: 1 file, 3 B in 1 directory"),
        "{said}"
    );
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(at.names(), ["t/", "t/a", "t/d/", "t/d/b", "u/", "u/c"]);
    let (said, code) = answering(state.path(), &typed, "Delete it? (yes/no) ", "yes\n").unwrap();
    assert!(said.contains("deleted 3 files and 3 directories") && code == Some(0), "{said}");
    assert_eq!(at.names(), [""; 0]);
}

/// A server whose directory `t` has this listing.
fn listing(rules: &str, lines: &[&str]) -> Peer {
    let list =
        format!("LIST t: 150 opening ; connection ; text {}\\r\\n ; end ; 226 done", lines.join("\\r\\n"));
    let none = "LIST: 150 opening ; connection ; text \\r\\n ; end ; 226 done";
    let script = format!(
        "{rules}\n{list}\n{none}\nDELE t: 550 t: Is a directory\nSIZE t: 550 not a plain file\nCWD t: enter ; 250 there\nCWD /: enter ; 250 back\nCWD: 550 no\nRMD: 250 gone\nSIZE: 213 5"
    );
    Peer::start("127.0.0.2", &script, MODERN)
}

const FILE: &str = "-rw-r--r-- 1 ann ann 5 Jan 01 2020 ";

#[test]
fn h25_a_hostile_listing_deletes_nothing_at_all() {
    let file = |name: &str| format!("{FILE}{name}");
    let long = "drwxr-xr-x 2 ann ann 4096 Jan 01 2020 ".to_owned() + &"l".repeat(240);
    for lines in [
        vec![file("good"), file("../outside")],
        vec![file("good"), file("/etc/passwd")],
        vec![file("good"), file("a\\rDELE b")],
        vec![file("good"), "?? what is this ??".to_owned()],
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let at = listing("", &lines);
        verb(&["rm", "-r", "--yes", &at.url("t")]).fails().says("its listing is incomplete");
        assert_eq!(at.seen_of(&["DELE", "RMD"]), [""; 0], "{lines:?}");
    }
    // Every directory has another one in it.
    let endless =
        format!("LIST: 150 opening ; connection ; text {long}\\r\\n ; end ; 226 done\nCWD: 250 there");
    let at = listing(&endless, &[]);
    verb(&["rm", "-r", "--yes", &at.url("t")])
        .fails()
        .says("longer than 4096 bytes")
        .says("its listing is incomplete");
    assert_eq!(at.seen_of(&["DELE", "RMD"]), [""; 0]);
}

#[test]
fn what_a_server_refuses_is_told_by_cause_and_the_rest_is_deleted() {
    let lines = ["a", "b", "c"].map(|name| format!("{FILE}{name}"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let at = listing("DELE t/b: 550 t/b: Permission denied", &lines);
    let run = verb(&["rm", "-r", "--yes", &at.url("t")]).exits(9).says("Permission denied");
    assert_eq!(at.seen_of(&["DELE", "RMD"]), ["DELE t", "DELE t/a", "DELE t/b", "DELE t/c"], "{run}");
    assert_eq!(
        (run.summary()["files"].as_u64(), run.summary()["failed"].as_u64()),
        (Some(2), Some(1)),
        "{run}"
    );

    let at = listing("RMD t: 550 t: Directory not empty", &lines);
    verb(&["rm", "-r", "--yes", &at.url("t")]).exits(9).says("Directory not empty");
    let at = listing("DELE: 502 not here", &lines);
    verb(&["rm", &at.url("a")]).exits(1).says("502");
    let at = listing("RMD: 502 not here", &[]);
    verb(&["rm", "-r", "--yes", &at.url("t")]).exits(1).says("502");
    // What is in it is not known: the exit code is that of the cause, which is told first.
    let at = listing("LIST t: 550 t: Permission denied\nNLST: 550 t: Permission denied", &[]);
    let run = verb(&["rm", "-r", "--yes", &at.url("t")]).exits(4).says("its listing is incomplete");
    let failed = run.events("failed");
    assert!(failed[0]["message"].as_str().unwrap().contains("Permission denied"), "{run}");
    // Of many failures the first ten are named.
    let many: Vec<String> = (10..40).map(|number| format!("{FILE}f{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let at = listing("DELE: 550 Permission denied", &many);
    let run = user().args(["rm", "-r", "--yes", "--retries", "0", &at.url("t")]).run().exits(4);
    run.says("f19").says("20 other files").never_says("f20");
}

#[test]
fn a_link_that_a_server_shows_as_a_directory_is_deleted_itself() {
    let directory = "drwxr-xr-x 2 ann ann 4096 Jan 01 2020 link";
    let inside = format!("LIST t/link: 150 opening ; connection ; text {FILE}kept\\r\\n ; end ; 226 done");
    let at = listing(&inside, &[directory]);
    verb(&["rm", "-r", "--yes", &at.url("t")]).exits(0);
    assert_eq!(at.seen_of(&["DELE", "RMD"]), ["DELE t", "DELE t/link", "RMD t"]);
    // The link may not be deleted, and where it leads to things may.
    let check = |cwd: &str, words: &str| {
        let rules = format!("{inside}\nDELE t/link: 550 Permission denied\n{cwd}");
        let at = listing(&rules, &[directory]);
        let run = verb(&["rm", "-r", "--yes", &at.url("t")]).fails().says(words);
        let deleted = at.seen_of(&["DELE", "RMD"]);
        assert!(
            deleted.iter().all(|line| ["DELE t", "DELE t/link"].contains(&line.as_str())),
            "{run}\n{deleted:?}"
        );
    };
    check("CWD t/link: enter /victim ; 250 there", "is a symbolic link to /victim");
    check("CWD t/link: enter /T/link ; 250 there", "is a symbolic link to /T/link");
    // Nobody can tell.
    check("CWD t/link: 550 Permission denied", "nobody can tell");
    // The place is a link itself.
    check("CWD t: enter /users/victim ; 250 there", "is a symbolic link to /users/victim");
    check("CWD t: enter / ; 250 there", "is the root of the server");
}

#[test]
fn mv_renames_on_one_server_and_replaces_nothing() {
    let at = site(&["a", "b", "c.txt", "d.txt", "d/x"]);
    let other = Site::new("other").at("127.0.0.3").start();
    verb(&["mv", &at.url("a"), &other.url("a")]).exits(2).says("ftp-user move");
    verb(&["mv", &at.url("a"), "a"]).exits(2).says("ftp-user move");
    verb(&["mv", &at.url("a"), &at.url("b")]).exits(8).says("replaces nothing");
    verb(&["mv", &at.url("none"), &at.url("z")]).exits(3);
    verb(&["mv", &at.url("a"), &at.url("z/")]).exits(3);
    verb(&["mv", &at.url("a"), &at.url("b"), &at.url("z")]).exits(2).says("need a directory");
    verb(&["mv", &at.url("d"), &at.url("d")]).exits(2).says("into itself");
    let run = verb(&["mv", "-n", &at.url("a"), &at.url("z")]).exits(0);
    assert_eq!((run.events("plan").len(), at.path("z").exists()), (1, false), "{run}");
    let run = verb(&["mv", &at.url("a"), &at.url("z")]).exits(0);
    assert!(run.events("done")[0]["dest"].as_str().unwrap().ends_with("/z"), "{run}");
    verb(&["mv", &at.url("*.txt"), &at.url("z"), &at.url("d")]).exits(0);
    fs::write(at.path("x"), "x").unwrap();
    verb(&["mv", &at.url("x"), &at.url("d")]).exits(8);
    assert_eq!(at.names(), ["b", "d/", "d/c.txt", "d/d.txt", "d/x", "d/z", "x"]);
    let run = user().file("a", "a").file("b", "b").args(["mv", "a", "b"]).run().exits(8);
    assert_eq!(run.bytes("b"), b"b");
    user().file("a", "a").args(["mv", "a", "c"]).run().exits(0).says("renamed 1 file");
}

#[test]
fn a_rename_that_is_refused_says_who_and_why() {
    let facts = "SIZE b: 550 b: No such file\nSIZE a: 213 5\nCWD: 550 no such directory";
    let check = |rules: &str, code: i32, words: &str| {
        let list = format!("LIST: 150 opening ; connection ; text {FILE}a\\r\\n ; end ; 226 done");
        let at = Peer::start("127.0.0.2", &format!("{rules}\n{facts}\n{list}"), MODERN);
        verb(&["mv", &at.url("a"), &at.url("b")]).exits(code).says(words);
    };
    check("RNFR: 502 not here", 1, "502");
    check("RNFR: 550 a: Permission denied", 4, "Permission denied");
    check("RNTO: 553 b: Permission denied", 4, "Permission denied");
    check("", 0, "done");
}

const SHA256_OF_A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

#[test]
fn hash_prints_the_lines_of_sha256sum() {
    let at = site(&["a", "d/b"]);
    let run = user().args(["hash", &at.url("a")]).run().exits(0);
    run.says(&format!("{SHA256_OF_A}  a\n")).never_says("hashed here");
    let run = verb(&["hash", &at.url("a"), &at.url("d"), &at.url("none")]).exits(9);
    let hash = &run.events("hash")[0];
    assert_eq!(
        (hash["algorithm"].as_str(), hash["digest"].as_str(), hash["by"].as_str()),
        (Some("sha-256"), Some(SHA256_OF_A), Some("host"))
    );
    user()
        .args(["hash", "--alg", "md5", &at.url("a")])
        .run()
        .exits(0)
        .says("0cc175b9c0f1b6a831c399e269772661  a");
    verb(&["hash", "--alg", "rot13", &at.url("a")]).exits(2).says("sha-256");
    verb(&["hash", &at.url("d")]).exits(2).says("is a directory");
    user().file("a", "a").args(["hash", "a"]).run().exits(0).says(&format!("{SHA256_OF_A}  a\n"));
    // This server computes no digests.
    let at = Peer::start("127.0.0.3", "SIZE: 213 1000", MODERN);
    let run = verb(&["hash", &at.url("a"), &at.url("b")]).exits(0).says("hashed here");
    let hashes = run.events("hash");
    assert_eq!((hashes[0]["by"].as_str(), hashes[0]["bytes"].as_u64()), (Some("user"), Some(1000)), "{run}");
    assert_eq!(hashes[0]["digest"], hashes[1]["digest"], "{run}");
    let run = user().args(["hash", &at.url("a"), &at.url("b")]).run().exits(0);
    assert_eq!(
        run.to_string().matches("hashed here").count(),
        2,
        "once, and the number of the others: {run}"
    );
}

#[test]
fn a_file_that_is_not_read_whole_has_no_digest() {
    let at = Peer::start("127.0.0.2", "SIZE: 213 2000", MODERN);
    let run = verb(&["hash", &at.url("a")]).fails();
    assert!(run.events("hash").is_empty(), "{run}");
}

#[test]
fn ls_of_several_places_tells_each_directory_below_its_name() {
    let at = site(&["f1", "one/a", "one/b", "two/c", "f2"]);
    let heading = |name: &str| {
        let url = at.url(name);
        let (login, place) = url.rsplit_once('@').unwrap();
        format!("{}@{place}:", login.rsplit_once(':').unwrap().0)
    };
    let ls = |words: &[&str]| user().args(["ls"]).args(words).run().exits(0).stdout;
    let (one, two) = (heading("one"), heading("two"));
    let expect = ["f1", "f2", "", &one, "a", "b", "", &two, "c"];
    assert_eq!(ls(&[&at.url("*")]), expect);
    assert_eq!(
        ls(&[&at.url("two"), &at.url("f1"), &at.url("one")]),
        ["f1", "", &two, "c", "", &one, "a", "b"]
    );
    assert_eq!(ls(&[&at.url("one"), &at.url("two")])[..2], [&*one, "a"]);
    let long = ls(&["-l", &at.url("*")]);
    assert!(long[3] == one && long[4].ends_with("  a") && long.len() == expect.len(), "{long:?}");
    // One place alone has none.
    assert_eq!(ls(&[&at.url("one")]), ["a", "b"]);
    assert_eq!(ls(&[&at.url("on*")]), ["a", "b"]);
    let run = verb(&["ls", &at.url("*")]).exits(0);
    let entry =
        |entry: &serde_json::Value| entry["place"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let places: Vec<_> = run.events("entry").iter().map(entry).collect();
    assert_eq!(places, ["f1", "f2", "one", "one", "two"], "{run}");
    // What is no directory has no `/` behind its name, and what is one is not printed.
    for word in ["ls", "cat", "stat", "hash", "tree", "rm"] {
        verb(&[word, &at.url("f1/")]).exits(2).says("is not a directory");
        let here = user().file("f1", "f1").args([word, "f1/"]);
        assert_eq!(here.run().fails().says("not a directory").names(), ["f1"]);
    }
    verb(&["mv", &at.url("f1/"), &at.url("f3")]).exits(2).says("is not a directory");
    user().file("f1", "f1").args(["mv", "f1/", "f3"]).run().fails().says("not a directory");
    symlink("one", at.path("link")).unwrap();
    for name in ["one/", "link/"] {
        verb(&["stat", &at.url(name)]).exits(0);
        verb(&["tree", &at.url(name)]).exits(0);
    }
    verb(&["mv", &at.url("one/"), &at.url("three/")]).exits(3);
    verb(&["mv", &at.url("two/"), &at.url("three")]).exits(0);
    verb(&["cat", &at.url("one")]).exits(2).says("is a directory");
    // A program hears of the only place that fails as it does of one of several.
    for place in ["none", "none*"] {
        for word in ["ls", "stat"] {
            let run = verb(&[word, &at.url(place)]).exits(3);
            let failed = run.events("failed");
            assert!(failed.len() == 1 && failed[0]["exit"] == 3, "{word} {place}: {run}");
        }
        verb(&["cat", &at.url(place)]).exits(3).says("{\"event\":\"failed\"");
    }
}

#[test]
fn tree_draws_what_a_directory_holds() {
    let at = site(&["t/a", "t/d/b", "t/d/deep/c", "t/z"]);
    symlink("d", at.path("t/link")).unwrap();
    let run = user().args(["tree", &at.url("t")]).run().exits(0);
    run.says("\u{251c}\u{2500}\u{2500} a\n\u{251c}\u{2500}\u{2500} d/\n\u{2502}   \u{251c}\u{2500}\u{2500} b\n\u{2502}   \u{2514}\u{2500}\u{2500} deep/\n\u{2502}       \u{2514}\u{2500}\u{2500} c\n\u{251c}\u{2500}\u{2500} link@\n\u{2514}\u{2500}\u{2500} z\n");
    let run = verb(&["tree", &at.url("t")]).exits(0);
    let names: Vec<_> =
        run.events("entry").iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["a", "d", "d/b", "d/deep", "d/deep/c", "link", "z"], "{run}");
    verb(&["tree", &at.url("none")]).exits(3);
    let at = user();
    fs::create_dir(at.home().join("d")).unwrap();
    at.file("d/f", "").args(["tree", "d"]).run().exits(0).says("\u{2514}\u{2500}\u{2500} f");
    // A tree without end.
    let long = "drwxr-xr-x 2 ann ann 4096 Jan 01 2020 ".to_owned() + &"l".repeat(240);
    let endless =
        format!("LIST: 150 opening ; connection ; text {long}\\r\\n ; end ; 226 done\nCWD: 250 there");
    let at = listing(&endless, &[]);
    verb(&["tree", &at.url("t")]).exits(9).says("longer than 4096 bytes");
}

/// A server of other people with a tree, in which a symbolic link leads out. Rare servers show no link, or delete none.
fn foreign(kind: Kind) -> Result<ForeignServer, Skipped> {
    let at =
        Foreign::new(kind).file("t/a", b"a").file("t/d/b", b"b").file("outside/kept", b"kept").start()?;
    if Kind::ALL.contains(&kind) {
        symlink("../outside", at.path("t/link")).unwrap();
    }
    Ok(at)
}

/// The verbs work on a server of other people.
pub(crate) fn work_on(kind: Kind) -> Result<(), Skipped> {
    let at = foreign(kind)?;
    let said = |run: &Run| format!("{run}\n{}", at.said());
    let run = verb(&["mkdir", "-p", &at.url("n/m")]);
    assert_eq!(run.code(), Some(0), "{}", said(&run));
    let run = verb(&["mkdir", &at.url("n")]);
    assert_eq!(run.code(), Some(8), "{}", said(&run));
    let run = verb(&["mv", &at.url("t/a"), &at.url("n")]);
    assert_eq!(run.code(), Some(0), "{}", said(&run));
    let run = verb(&["mv", &at.url("n/a"), &at.url("t/d/b")]);
    assert_eq!(run.code(), Some(8), "{}", said(&run));
    let run = verb(&["hash", &at.url("n/a")]);
    assert_eq!(run.events("hash")[0]["digest"], SHA256_OF_A, "{}", said(&run));
    let run = verb(&["tree", &at.url("t")]);
    assert_eq!(run.code(), Some(0), "{}", said(&run));
    let run = verb(&["rm", &at.url("n/a")]);
    assert_eq!(run.code(), Some(0), "{}", said(&run));
    let run = verb(&["rm", "-r", "--yes", &at.url("t"), &at.url("n")]);
    assert_eq!(run.code(), Some(0), "{}", said(&run));
    assert_eq!(names_below(&at.path("")), ["outside/", "outside/kept"], "{}", said(&run));
    Ok(())
}

#[test]
fn the_verbs_work_on_servers_of_other_people() {
    each_of(&[Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib], |kind| or_skip!(work_on(*kind)));
}

#[test]
fn the_part_of_a_job_that_runs_is_not_deleted() {
    let (from, to) = (Site::new("source").file("a", sample(300_000)).start(), target());
    let state = tempfile::tempdir().unwrap();
    let copy = job(state.path()).args(["copy", "--limit", "100KB", &from.url("a"), &to.url("a")]).start();
    let part = || to.names().into_iter().find(|name| name.contains(".ftp-user.part"));
    until("a part is stored", || part().is_some());
    let run = job(state.path()).args(["rm", &to.url(&part().unwrap())]).run().exits(8);
    let run = run.says("stays, because job").says("which runs, stores a file there");
    copy.end().exits(0);
    assert_eq!(to.names(), ["a"], "{run}");
}
