//! `sync --delete`: what is deleted, what stays, and what is told of both.

use crate::sync::{synced, target};
use ftp_proto::dialect::Dialect;
use integration_tests::foreign::Foreign;
use integration_tests::liar::{Liar, Lie};
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, names_below, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, job, user};
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};

fn source() -> Site {
    Site::new("source").file("s/a", "a").file("s/n.log", "n")
}

/// What the events of a kind say: verb and place.
fn told(run: &Run, kind: &str) -> Vec<String> {
    let text = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let place =
        |event| if text(event, "place").is_empty() { text(event, "dest") } else { text(event, "place") };
    let mut told: Vec<String> = run
        .events(kind)
        .iter()
        .map(|event| format!("{} {}", text(event, "verb"), place(event).rsplit('/').next().unwrap()))
        .collect();
    told.sort();
    told
}

/// The server shows a directory of this host, in which SOURCE is, or which is in SOURCE.
#[test]
fn nothing_is_deleted_where_a_directory_of_this_host_and_one_of_a_server_contain_each_other() {
    let site = || target().file("lab/new/a", "precious").file("lab/new/b", "b").file("lab/z", "z").start();
    // Whether SOURCE is the inner directory, and whether it is the one of this host.
    for (is_inner, is_here) in [(true, true), (true, false), (false, true), (false, false)] {
        let site = site();
        fs::write(site.path("lab/new/c"), "c").unwrap();
        let place = |path: &str, is_here: bool| match is_here {
            true => site.path(path).display().to_string(),
            false => site.url(path),
        };
        let [source, dest] = if is_inner { ["lab/new", "lab"] } else { ["lab", "lab/new"] };
        let (from, to) = (place(source, is_here), place(dest, !is_here));
        let run = synced(&["--delete", "--yes", &from, &to]).exits(9);
        run.says("nothing is deleted: SOURCE and DEST of this sync contain each other");
        assert_eq!(fs::read_to_string(site.path("lab/new/a")).unwrap(), "precious", "{from} {to}");
    }
}

/// A server that tells no identity of a directory, and the verbs of what it has heard.
struct NoIdentity {
    liar: Liar,
    heard: Arc<Mutex<Vec<String>>>,
}

impl NoIdentity {
    /// One that makes no directory if it `refuses`.
    fn before(server: &Server, refuses: bool) -> Self {
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&heard);
        let liar = Liar::between(
            server.address(Dialect::Rfc959),
            move |command| {
                noted.lock().unwrap().push(command.split(' ').next().unwrap().to_owned());
                (refuses && command.starts_with("MKD")).then(|| "NOOP".to_owned())
            },
            move |command, _| match command.split(' ').next().unwrap() {
                "FEAT" => Lie::Says("211-F\r\n SIZE\r\n MDTM\r\n HASH SHA-256*\r\n211 End".to_owned()),
                "MKD" if refuses => Lie::Says("550 not here".to_owned()),
                _ => Lie::None,
            },
        );
        Self { liar, heard }
    }

    /// How often it has heard this verb.
    fn count(&self, verb: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|heard| *heard == verb).count()
    }
}

/// A directory `lab` in which there is `lab/new`, with a file that is large enough to be renamed.
fn lab() -> Server {
    let site = target().file("lab/new/a", "precious").file("lab/new/big", sample(70_000));
    site.file("lab/new/d/x", "x").file("lab/z", "z").start()
}

/// Both trees contain each other, and `run` has found it out.
fn has_kept_lab(site: &Server, run: Run) {
    let run = run.says("nothing is deleted: SOURCE and DEST of this sync contain each other");
    let expect = ["a", "big", "d/", "d/x", "new/", "new/a", "new/big", "new/d/", "new/d/x", "z"];
    assert_eq!(names_below(&site.path("lab")), expect, "{run}");
    assert_eq!(fs::read_to_string(site.path("lab/new/a")).unwrap(), "precious", "{run}");
}

#[test]
fn nothing_is_deleted_where_the_destination_contains_the_source_and_no_server_tells_identities() {
    let site = lab();
    let to = NoIdentity::before(&site, false);
    let local = site.path("lab/new").display().to_string();
    let dry = synced(&["-n", "--delete", "--yes", &local, &to.liar.url("lab")]).exits(0);
    let dry = dry.says("DEST may contain SOURCE").says("lab/new;");
    assert_eq!(to.count("MKD"), 0, "{dry}");
    has_kept_lab(&site, synced(&["--delete", "--yes", &local, &to.liar.url("lab")]).exits(9));

    let site = lab();
    let from = NoIdentity::before(&site, false);
    let local = site.path("lab").display().to_string();
    has_kept_lab(&site, synced(&["--delete", "--yes", &from.liar.url("lab/new"), &local]).exits(9));

    // Two servers with one disk.
    let site = lab();
    let (one, other) =
        (target().at("127.0.0.4").start_in(site.path("lab/new")), NoIdentity::before(&site, false));
    let one = NoIdentity::before(&one, false);
    has_kept_lab(&site, synced(&["--delete", "--yes", &one.liar.url(""), &other.liar.url("lab")]).exits(9));
}

#[test]
fn nothing_is_deleted_where_a_vsftpd_shows_the_source_in_the_destination() {
    let site = Foreign::vsftpd().file("lab/new/a", "precious").file("lab/new/d/x", "x").file("lab/z", "z");
    let site = or_skip!(site.start());
    let (local, there) = (site.path("lab/new").display().to_string(), site.path("lab").display().to_string());
    for (from, to) in [(local, site.url("lab")), (site.url("lab/new"), there)] {
        let run = synced(&["--delete", "--yes", &from, &to]).exits(9);
        let run = run.says("nothing is deleted: SOURCE and DEST of this sync contain each other");
        let expect = ["a", "d/", "d/x", "new/", "new/a", "new/d/", "new/d/x", "z"];
        assert_eq!(names_below(&site.path("lab")), expect, "{run}");
    }
}

/// The verbs that a server without identities hears while `t` becomes like SOURCE. Such a directory in it is surplus.
fn heard_with(old: &[&str]) -> Vec<String> {
    let from = tempfile::tempdir().unwrap();
    ["a", "b", "c"].iter().for_each(|name| fs::write(from.path().join(name), name).unwrap());
    let site = ["t/a", "t/b", "t/c", "t/z"].iter().fold(target(), |site, name| site.file(name, "?"));
    let site = old.iter().fold(site, |site, name| site.file(&format!("t/old/{name}"), name)).start();
    let to = NoIdentity::before(&site, false);
    let words = ["--delete", "--jobs", "1", "--compare", "exists"];
    let run = synced(&[&words[..], &[from.path().to_str().unwrap(), &to.liar.url("t")]].concat()).exits(0);
    assert_eq!(names_below(&site.path("t")), ["a", "b", "c"], "{run}");
    let heard = to.heard.lock().unwrap();
    heard.clone()
}

#[test]
fn an_old_copy_of_the_source_is_deleted_and_only_for_it_more_is_asked() {
    let usual = heard_with(&["x", "y", "z"]);
    assert_eq!(heard_with(&["a", "b", "z"]), usual);
    let count = |heard: &[String], verb: &str| heard.iter().filter(|heard| *heard == verb).count();
    let suspected = heard_with(&["a", "b", "c"]);
    assert_eq!((count(&usual, "MKD"), count(&suspected, "MKD")), (0, 1), "{suspected:?}");
    assert_eq!(count(&suspected, "RMD"), count(&usual, "RMD") + 1, "{suspected:?}");
}

#[test]
fn what_may_be_the_source_stays_if_nobody_can_tell_and_the_rest_goes() {
    let from = source().start();
    let site = target().file("t/old/a", "a").file("t/old/n.log", "n").file("t/old/x/y", "y").file("t/z", "z");
    let site = site.file("t/a", "a").file("t/n.log", "n").start();
    let to = NoIdentity::before(&site, true);
    let run = synced(&["--delete", "--yes", &from.url("s"), &to.liar.url("t")]).exits(9);
    let run = run.says("because it may be SOURCE itself").says("not here");
    let expect = ["a", "n.log", "old/", "old/a", "old/n.log", "old/x/", "old/x/y"];
    assert_eq!(names_below(&site.path("t")), expect, "{run}");
}

#[test]
fn retry_agrees_once_and_to_exactly_the_names_that_were_kept() {
    let to = (0..30).fold(target(), |to, number| to.file(&format!("t/m/{number}"), "x")).start();
    let (from, state) = (source().file("s/m/new", "new").start(), tempfile::tempdir().unwrap());
    let run = |words: &[&str]| job(state.path()).args(words).run();
    let first = run(&["sync", "--delete", "--id", "nightly", &from.url("s"), &to.url("t")]).exits(9);
    let message = told_message(&first);
    let advice = message.split("to go, ftp-user ").nth(1).unwrap();
    let (command, before) = advice.split_once(" deletes them").unwrap();
    // They are there.
    assert!(!before.contains("write the passwords"), "{first}");
    let [option, directory, retry, job, yes] = command.split(' ').collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((option, retry, yes), ("--state", "retry", "--yes"), "{first}");
    assert_eq!(Some(directory), state.path().to_str(), "{first}");
    // Without --yes nobody has agreed. A name that is new is no part of the answer, nor is another file of an old name.
    run(&[retry, job]).exits(9);
    fs::write(to.path("t/m/later"), "later").unwrap();
    fs::write(to.path("t/m/7"), "another file").unwrap();
    fs::remove_file(to.path("t/m/8")).unwrap();
    fs::create_dir(to.path("t/m/8")).unwrap();
    let second = run(&[retry, job, yes]).exits(9);
    assert_eq!(names_below(&to.path("t/m")), ["7", "8/", "later", "new"], "{second}");
    // Nobody has agreed to what was kept then either, and one file is not much.
    let third = run(&[retry, "nightly"]).exits(0);
    assert_eq!(names_below(&to.path("t/m")), ["new"], "{third}");
    run(&[retry, job, yes]).exits(2).says("there is nothing to retry");
    run(&[retry, "unknown"]).exits(3);
    run(&["copy", "--id", "one", &from.url("none"), &to.url("t/none")]).exits(3);
    run(&[retry, "one", yes]).exits(2).says("has kept no name to delete");
}

#[test]
fn nothing_is_deleted_where_one_tree_is_in_the_other_one_at_another_server() {
    let from = source().file("s/d/1", "1").file("s/d/2", "2").start();
    let names = from.names();
    let inside = target().start_in(from.path("s/d"));
    synced(&["--delete", &from.url("s"), &inside.url("")]).exits(9).says("nothing is deleted");
    for name in names {
        assert!(from.path(&name).exists(), "{name}");
    }
    let around = Site::new("around").at("127.0.0.4").start_in(from.path(""));
    let run = synced(&["--delete", "--yes", &inside.url(""), &around.url("s")]);
    assert!(run.code() != Some(0) && from.path("s/a").exists() && from.path("s/d/1").exists(), "{run}");
}

/// The message about names that are kept.
fn told_message(run: &Run) -> String {
    run.events("withheld")[0]["message"].as_str().unwrap().to_owned()
}

#[test]
fn nothing_is_deleted_in_a_link_that_mlsd_shows_as_a_directory() {
    deletes_nothing_in_a_link("");
}

#[test]
fn nothing_is_deleted_in_a_link_that_the_name_of_a_file_shows_as_a_directory() {
    // The name of the file has a line break, and behind it a row of its own.
    deletes_nothing_in_a_link(&(row("-rw-r--r--", "q") + &row("drwxr-xr-x", "x")));
}

/// A row of LIST.
fn row(mode: &str, name: &str) -> String {
    format!("{mode} 1 ann ann 4096 Jan 01 2020 {name}\\r\\n")
}

/// The directory has a symbolic link, a directory, and what `more` shows.
fn deletes_nothing_in_a_link(more: &str) {
    // As pyftpdlib does: MLSD and MLST look through links, PWD repeats what CWD was given, and LIST tells the truth.
    let listed = |directory: &str, facts: &str| {
        format!("MLSD {directory}: 150 here ; connection ; text {facts} ; end ; 226 done")
    };
    let rows = row("lrwxrwxrwx", "x -> ../priv") + &row("drwxr-xr-x", "d") + more;
    let script = [
        "FEAT: 211-F\\r\\n SIZE\\r\\n MLST type*;size*;modify*;\\r\\n211 End".to_owned(),
        listed("t", "type=dir; x\\r\\ntype=dir; d\\r\\ntype=file;size=1; a\\r\\ntype=file;size=1; n.log\\r\\n"),
        listed("t/x", "type=file;size=5;modify=20200101000000; p\\r\\n"),
        "once ".to_owned() + &listed("t/d", "type=file;size=5;modify=20200101000000; old\\r\\n"),
        listed("t/d", ""),
        format!("LIST t: 150 here ; connection ; text {rows} ; end ; 226 done"),
        "MLST t/x/p: 250-here\\r\\n type=file;size=5;modify=20200101000000; t/x/p\\r\\n250 end".to_owned(),
        "MLST t/d/old: 250-here\\r\\n type=file;size=5;modify=20200101000000; t/d/old\\r\\n250 end".to_owned(),
        "MLST t: 250-here\\r\\n type=dir; t\\r\\n250 end".to_owned(),
        "MLST: 550 no such file\nSIZE *.ftp-user.part: 213 {stored}\nSIZE: 550 no such file\nRMD: 250 gone".to_owned(),
        "CWD t/x: enter /t/x ; 250 in\nCWD t/d: enter /t/d ; 250 in\nCWD t: enter /t ; 250 in\nCWD /: enter / ; 250 in".to_owned(),
        "CWD: 550 no".to_owned(),
    ];
    let to = Peer::start("127.0.0.3", &script.join("\n"), MODERN);
    let from = source().start();
    let words = [
        "--delete",
        "--path",
        "user",
        "--verify",
        "size",
        "--compare",
        "exists",
        &from.url("s"),
        &to.url("t"),
    ];
    let run = synced(&words).exits(9).says("nobody can tell whether").says("nothing in it was deleted");
    assert_eq!(to.seen_of(&["DELE", "RMD"]), ["DELE t/d/old", "RMD t/d"], "{run}");
}

/// With `ShowSymlinks off`, its LIST and PWD show the directory to which a link leads, and MLST mixes the facts of both.
#[test]
fn nothing_is_deleted_in_a_link_that_proftpd_shows_as_a_directory() {
    for (tells_facts, kept) in [(true, &[][..]), (false, &["t/.d/", "t/.d/old", "t/d/", "t/d/old"])] {
        deletes_nothing_in_links_of_proftpd(tells_facts, kept);
    }
}

/// `kept` are directories that may be links where it tells no facts.
fn deletes_nothing_in_links_of_proftpd(tells_facts: bool, kept: &[&str]) {
    let from = source().start();
    let facts = if tells_facts { "" } else { "\nFactsAdvertise off" };
    let there = Foreign::proftpd().extra(&format!("ShowSymlinks off{facts}")).file("priv/p", "precious");
    let there = or_skip!(there.file("t/d/old", "old").file("t/.d/old", "old").start());
    for link in ["vis", ".dot"] {
        symlink("../priv", there.path("t").join(link)).unwrap();
    }
    let words = ["--path", "user", "--delete", &from.url("s"), &there.url("t")];
    let run = synced(&words).exits(9);
    let said = "MLST does not show it as a directory; nothing in it was deleted";
    let told = run.events("failed").iter().filter(|event| event.to_string().contains(said)).count();
    assert!(told >= 2, "{run}");
    let mut left = ["priv/", "priv/p", "t/", "t/.dot", "t/a", "t/n.log", "t/vis"].to_vec();
    left.extend(kept);
    left.sort_unstable();
    assert_eq!(there.names(), left, "{run}");
}

#[test]
fn a_symbolic_link_at_a_server_is_deleted_itself() {
    let from = source().start();
    let to = target().file("photos/kept", "kept").file("t/a", "other").file("t/d/x", "x").start();
    for (link, leads_to) in
        [("dir", "../photos"), ("file", "../photos/kept"), ("dang", "nowhere"), ("d/up", "..")]
    {
        symlink(leads_to, to.path("t").join(link)).unwrap();
    }
    let run = synced(&["--delete", &from.url("s"), &to.url("t")]).exits(0);
    assert_eq!(to.names(), ["photos/", "photos/kept", "t/", "t/a", "t/n.log"], "{run}");
    assert_eq!(run.summary()["deleted"], 6, "{run}");
}

#[test]
fn more_names_than_allowed_is_an_ending_of_the_job_and_no_file_that_failed() {
    let from = source().start();
    let to = target().file("t/x", "x").file("t/d/y", "y").start();
    let (source, dest) = (from.url("s"), to.url("t"));
    let words =
        ["--delete", "--max-delete", "2", "--yes", "--exclude", "*.log", "--exclude", "a", &source, &dest];
    let before = to.names();
    let run = synced(&[&["-n"], &words[..]].concat()).exits(9).says("allows 2");
    assert_eq!(told(&run, "plan"), ["delete d", "delete x", "delete y"], "{run}");
    let run =
        synced(&words).exits(9).says("3 names would be, and --max-delete allows 2").says("-n shows them");
    let summary = run.summary();
    let counts = ["failed", "withheld", "files"].map(|key| summary[key].as_u64());
    assert_eq!((counts, summary["ok"].as_bool()), ([Some(0), Some(3), Some(0)], Some(false)), "{run}");
    let withheld = run.events("withheld");
    let numbers = |key: &str| withheld.iter().map(|event| event[key].as_u64()).collect::<Vec<_>>();
    assert_eq!(["names", "most", "exit"].map(numbers), [[Some(3)], [Some(2)], [Some(9)]], "{run}");
    assert!(run.events("failed").is_empty(), "{run}");
    assert_eq!(to.names(), before, "{run}");
    let run = user().args(["sync", "-q"]).args(words).run().exits(9);
    run.says("nothing was deleted").never_says("failed");
    // Nothing is wanted of the source, and nobody has said that this is meant.
    let empty = ["--delete", "--exclude", "*.log", "--exclude", "a", &from.url("s"), &to.url("t")];
    synced(&empty).exits(9).says("the filters leave everything out");
    assert_eq!(to.names(), before);
    let run = synced(&[&["-n"], &empty[..]].concat()).exits(9).says("--yes");
    assert!(told(&run, "plan").is_empty(), "{run}");
}

#[test]
fn a_dry_run_tells_where_old_files_would_go_and_kept_names_are_counted_as_kept() {
    let from = source().start();
    let to = target().file("t/a", "old a").file("t/d/y", "y").start();
    let old = to.url("old");
    let words = ["--delete", "--backup-dir", &old, &from.url("s"), &to.url("t")];
    let run = synced(&[&["-n"], &words[..]].concat()).exits(0);
    assert_eq!(told(&run, "plan"), ["backup a", "backup y", "copy n.log", "delete d", "replace a"], "{run}");
    let run = user().args(["sync", "-n"]).args(words).run().exits(0);
    run.says("old/a").says("2 names to be kept in --backup-dir").says("would replace ftp://ann@127.0.0.3:");
    let run = synced(&words).exits(0);
    let summary = run.summary();
    assert_eq!(["deleted", "kept"].map(|key| summary[key].as_u64()), [Some(1), Some(2)], "{run}");
    let done = run.events("done").into_iter().filter(|event| event["verb"] == "backup");
    let bytes: Vec<_> = done.map(|event| event["bytes"].as_u64()).collect();
    assert_eq!(bytes, [Some(5), Some(1)], "{run}");
    assert_eq!((to.bytes("old/a"), to.bytes("old/d/y")), (b"old a".to_vec(), b"y".to_vec()), "{run}");
}

#[test]
fn a_checksum_that_anybody_can_choose_neither_skips_nor_renames_a_file() {
    let features = "FEAT: 211-F\\r\\n SIZE\\r\\n XCRC\\r\\n211 End\nXCRC: 250 DEADBEEF";
    let more = "RETR s/new: 150 here ; connection ; data 70000 ; end ; 226 sent";
    let from = listing(features, "s", &[(1000, "a"), (70_000, "new")]) + more;
    let from = Peer::start("127.0.0.2", &from, MODERN);
    let to = listing(features, "t", &[(1000, "a"), (70_000, "old")]);
    let to = Peer::start("127.0.0.3", &to, MODERN);
    let words = ["--delete", "--path", "user", "--verify", "size", "--no-times", "--jobs", "1"];
    let run = synced(&[&words[..], &[&from.url("s"), &to.url("t")]].concat());
    let (moved, renamed) = (from.seen_of(&["RETR"]), to.seen_of(&["RNFR"]));
    assert_eq!(moved.len(), 2, "{run}\n{:?}", to.seen());
    assert!(!renamed.contains(&"RNFR t/old".to_owned()), "{renamed:?}\n{run}");
    assert!(to.seen_of(&["DELE"]).contains(&"DELE t/old".to_owned()), "{run}\n{:?}", to.seen());
}

#[test]
fn a_file_that_the_source_has_and_does_not_list_is_not_renamed() {
    let features =
        "FEAT: 211-F\\r\\n SIZE\\r\\n XMD5\\r\\n211 End\nXMD5: 250 0123456789abcdef0123456789abcdef";
    let more = "SIZE s/old: 213 70000\nRETR s/new: 150 here ; connection ; data 70000 ; end ; 226 sent\n";
    let from = more.to_owned() + &listing(features, "s", &[(70_000, "new")]);
    let from = Peer::start("127.0.0.2", &from, MODERN);
    let to = Peer::start("127.0.0.3", &listing(features, "t", &[(70_000, "old")]), MODERN);
    let words = ["--delete", "--path", "user", "--verify", "size", "--no-times", "--jobs", "1"];
    let run = synced(&[&words[..], &[&from.url("s"), &to.url("t")]].concat());
    let seen = to.seen_of(&["RNFR", "DELE"]);
    assert!(!seen.iter().any(|line| line.ends_with(" t/old")), "{seen:?}\n{run}");
    assert_eq!(from.seen_of(&["RETR"]), ["RETR s/new"], "{run}\n{:?}", to.seen());
    run.says("not deleted: 1 name, because the source has it when it is asked");
}

/// The script of a server without MLST that has these files in a directory.
fn listing(features: &str, directory: &str, files: &[(u32, &str)]) -> String {
    let rows: String = files
        .iter()
        .map(|(size, name)| format!("-rw-r--r-- 1 ann ann {size} Jan 01 2020 {name}\\r\\n"))
        .collect();
    let sizes: String =
        files.iter().map(|(size, name)| format!("SIZE {directory}/{name}: 213 {size}\n")).collect();
    format!(
        "{features}\nLIST {directory}: 150 here ; connection ; text {rows} ; end ; 226 done\n{sizes}SIZE *.ftp-user.part: 213 {{stored}}\nSIZE: 550 no file\nCWD {directory}: enter ; 250 in\nCWD /: enter ; 250 in\nCWD: 550 no\n"
    )
}

#[test]
fn the_path_of_a_sync_is_explained_whether_or_not_files_would_be_copied() {
    let from = source().start();
    for to in [target().start(), target().file("t/a", "a").file("t/n.log", "n").start()] {
        let words = ["sync", "--explain", "--compare", "size", &from.url("s"), &to.url("t")];
        let run = user().environment("LC_ALL", "C.UTF-8").args(words).run().exits(0);
        let run = run.says("path: ").says("if that is refused or slow").says("127.0.0.3");
        let drawn = run.stdout.iter().any(|line| line.contains('\u{2502}'));
        assert!(drawn, "{run}");
    }
    let to = tempfile::tempdir().unwrap();
    let words = ["sync", "--explain", &from.url("s"), to.path().to_str().unwrap()];
    user().args(words).run().exits(0).says("one end is this host");
}

#[test]
fn the_first_line_of_a_filter_file_decides() {
    let from = source().file("s/d/p.jpg", "p").file("s/d/t.txt", "t").start();
    let to = target().file("t/old.jpg", "o").file("t/old.txt", "o").start();
    let run = user().file("filter", "; as rclone reads it\n+ *.jpg\n- *\n").args([
        "sync",
        "--delete",
        "--filter-from",
        "filter",
    ]);
    let run = run.args([&from.url("s"), &to.url("t")]).run().exits(0);
    assert_eq!(to.names(), ["t/", "t/d/", "t/d/p.jpg", "t/old.txt"], "{run}");
    let run = user().file("filter", "+ {{.*}}\n").args(["sync", "--filter-from", "filter"]);
    run.args([&from.url("s"), &to.url("t")]).run().exits(2).says("filter: line 1").says("regular expression");
}

#[test]
fn a_named_sync_that_is_done_says_nothing_with_quiet() {
    let (from, to, state) = (source().start(), target().start(), tempfile::tempdir().unwrap());
    let words = [
        "--state",
        state.path().to_str().unwrap(),
        "sync",
        "-q",
        "--id",
        "night",
        &from.url("s"),
        &to.url("t"),
    ];
    for _ in 0..2 {
        let run = user().args(words).run().exits(0);
        assert_eq!(run.said, "", "{run}");
    }
    assert_eq!(fs::read(to.path("t/a")).unwrap(), b"a");
    // With a place for old files that depends on the directory, the same words in another one are another sync.
    let here = |directory: &str| {
        let here = user();
        let home = here.home().to_owned();
        fs::create_dir_all(home.join(directory)).unwrap();
        let dest = state.path().join("dest").display().to_string();
        let words = ["sync", "--id", "here", "--backup-dir", "./old", &from.url("s"), &dest];
        here.here(&home.join(directory)).args(["--state", state.path().to_str().unwrap()]).args(words).run()
    };
    here("one").exits(0);
    here("two").exits(2).says("asked for in other words");
}

#[test]
fn a_directory_that_holds_what_a_filter_leaves_out_is_not_counted_among_what_goes() {
    let from = source().start();
    let to = target().file("t/d/big.1", "b").file("t/e/f/big.2", "b").file("t/e/x", "x").start();
    let (source, dest) = (from.url("s"), to.url("t"));
    let words = ["--delete", "--max-delete", "1", "--exclude", "big*", &source, &dest];
    let run = synced(&[&["-n"], &words[..]].concat()).exits(0);
    let deletions = told(&run, "plan").into_iter().filter(|told| told.starts_with("delete"));
    assert_eq!(deletions.collect::<Vec<_>>(), ["delete x"], "{run}");
    let run = synced(&words).exits(0);
    assert_eq!(run.summary()["deleted"], 1, "{run}");
    assert_eq!(to.names(), ["t/", "t/a", "t/d/", "t/d/big.1", "t/e/", "t/e/f/", "t/e/f/big.2", "t/n.log"]);
}

#[test]
fn nothing_is_deleted_if_the_journal_does_not_tell_what_other_jobs_store() {
    let (from, to) = (source().file("s/a", "a").start(), target().file("t/x", "x").start());
    let state = tempfile::tempdir().unwrap();
    for words in [&["--dry-run"][..], &[]] {
        fs::write(state.path().join("journal.db"), "no database").unwrap();
        let run = user().args(["--state", state.path().to_str().unwrap(), "sync", "--delete"]).args(words);
        let run = run.args([from.url("s"), to.url("t")]).run().fails();
        let run = run.says("not known what other jobs store");
        assert_eq!(to.bytes("t/x"), b"x", "{run}");
    }
}

#[test]
fn what_a_running_copy_stores_below_the_destination_is_neither_deleted_nor_counted() {
    let from =
        source().file("s/a", "a").file("n/a", "new").file("n/big", sample(600_000)).directory("n/empty");
    let (from, state) = (from.start(), tempfile::tempdir().unwrap());
    let to = target().file("t/old/x", "x").directory("t/old/none").start();
    let job = |words: &[&str]| job(state.path()).args(words);
    let (source, dest) = (from.url("s"), to.url("t"));
    let copy = job(&["copy", "-r", "--limit", "10KB", &from.url("n/"), &to.url("t/n")]).start();
    let is_part = |name: &String| name.starts_with("t/n/.") && name.ends_with(".ftp-user.part");
    until("the large file is under way", || to.path("t/n/a").exists() && to.names().iter().any(is_part));
    // One name goes: x. A directory that is empty, and so the one above it, may be the copy's.
    let sync = ["sync", "--delete", "--max-delete", "1", &source, &dest];
    let dry = job(&[&sync[..], &["--dry-run"]].concat()).run().exits(0);
    let dry = dry.says("not deleted").says("empty directories");
    assert_eq!(told(&dry, "plan"), ["copy a", "copy n.log", "delete x"], "{dry}");
    let run = job(&sync).run().exits(0);
    let jobs = job(&["jobs"]).run().exits(0);
    let running = jobs.events("job").into_iter().find(|job| job["verb"] == "copy").unwrap();
    assert_eq!(running["state"], "running", "the copy has ended before the sync: {jobs}");
    let run = run.says(&format!(
        "not deleted: 2 names and empty directories where job {} works",
        running["id"].as_str().unwrap()
    ));
    for (name, is_there) in [("t/n/a", true), ("t/n/empty", true), ("t/old/x", false), ("t/a", true)] {
        assert_eq!(to.path(name).exists(), is_there, "{name}: {run}");
    }
    copy.interrupt();
    copy.end().exits(10);
    // Nobody works there now.
    let run = job(&["sync", "--delete", &source, &dest]).run().exits(0);
    assert!(!to.path("t/n/a").exists() && !to.path("t/old").exists(), "{run}");
}

#[test]
fn nothing_is_deleted_in_a_directory_here_whose_name_is_that_of_a_site_too() {
    let from = Site::new("source").file("s/a", "a").start();
    let typed = |words: &[&str]| {
        let site = |name: &str| format!("[sites.{name}]\nurl = \"ftp://bob@127.0.0.3/\"\n");
        let settings = site("backup") + &site("lab");
        let user = user().private_file("config.toml", settings);
        let home = user.home().to_owned();
        fs::create_dir(home.join("backup")).unwrap();
        fs::write(home.join("backup/mine"), "mine").unwrap();
        let run = user.args(["--config", "config.toml"]).args(words).run();
        (run, home)
    };
    let url = from.url("s");
    for words in [
        &["sync", "--delete", &url, "backup"][..],
        &["sync", "--delete", &url, "backup/"],
        &["sync", "--delete", "backup", &url],
        &["rm", "-r", "--yes", "backup"],
        &["rm", "-r", "--yes", "lab", "backup/mine"],
        &["rm", "-r", "--yes", "backup/\u{1b}[31m"],
    ] {
        let (run, home) = typed(words);
        let run = run.exits(2).says("backup is a name of this host and also a site; nothing was deleted");
        let run =
            run.says("write ./backup").says("or backup:").never_says("127.0.0.3").never_says("\u{1b}[31m");
        assert!(home.join("backup/mine").is_file(), "{words:?}\n{run}");
    }
    let (run, home) = typed(&["sync", "--delete", &url, "./backup"]);
    let run = run.exits(0);
    assert_eq!(names_below(&home.join("backup")), ["a"], "{run}");
}
