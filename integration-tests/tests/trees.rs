//! What of a tree is copied: filters, patterns, lists of pairs, symbolic links.

use integration_tests::foreign::{Foreign, ForeignServer, Hosts, Kind, Skipped};
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, names_below, target};
use integration_tests::user::{Run, user};
use integration_tests::{or_skip, skip};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

pub(crate) fn source(files: &[&str]) -> Server {
    files.iter().fold(Site::new("source"), |site, name| site.file(name, name)).start()
}

pub(crate) fn copy(args: &[&str]) -> Run {
    user().args(["copy", "--json", "--retries", "0"]).args(args).run()
}

#[test]
fn a_filter_says_which_files_of_a_tree_are_copied() {
    let from = source(&["t/a.txt", "t/a.bin", "t/d/b.txt", "t/d/tmp/c.txt", "t/e/e.bin", "t/photos/x/p.jpg"]);
    for (args, expect) in [
        (&["--include", "*.txt"][..], &["a.txt", "d/", "d/b.txt", "d/tmp/", "d/tmp/c.txt"][..]),
        (&["--include", "*.txt", "--exclude", "tmp/"], &["a.txt", "d/", "d/b.txt"]),
        (
            &["--include", "photos/", "--include", "/*.bin"],
            &["a.bin", "photos/", "photos/x/", "photos/x/p.jpg"],
        ),
        (&["--exclude", "d", "--exclude", "*.{bin,jpg}"], &["a.txt", "e/", "photos/", "photos/x/"]),
    ] {
        let to = target();
        let run = copy(&[args, &["-r", &from.url("t/"), &to.url("")]].concat()).exits(0);
        assert_eq!(to.names(), expect, "{args:?}\n{run}");
    }
    copy(&["-r", "--exclude", "a[", &from.url("t/"), "d"]).exits(2).says("the pattern");
}

#[test]
fn a_link_that_leads_nowhere_is_told_and_counted_and_the_others_are_copied() {
    let from = source(&["t/a", "t/z"]);
    symlink("nothing", from.path("t/link")).unwrap();
    let at_server = vec![from.url("t/*")];
    // The shell of a person has found the names of this host.
    let here = ["t/a", "t/link", "t/z"].map(|name| from.path(name).display().to_string());
    for sources in [at_server, here.to_vec()] {
        let to = target();
        let told = user().args(["copy", "-r", "--retries", "0"]).args(&sources).args([to.url("")]).run();
        told.exits(9)
            .says("link is a symbolic link that leads nowhere; repair or delete the link")
            .never_says("does not exist")
            .says("copied 2 files")
            .says("1 file failed");
        assert_eq!(to.names(), ["a", "z"], "{sources:?}");
    }
    copy(&[&here[1], &target().url("")]).exits(3).says("leads nowhere");
}

#[test]
fn a_filter_holds_for_what_a_pattern_of_the_source_matches() {
    let names = ["logs/a.log", "logs/b.tmp", "logs/d/c.tmp", "logs/tmp/e.log"];
    let filters: [(&[&str], &[&str]); 3] = [
        (&["--exclude", "*.tmp"], &["a.log", "d/", "tmp/", "tmp/e.log"]),
        (&["--include", "b.*", "--exclude", "tmp/"], &["b.tmp", "d/"]),
        (&["--exclude", "*"], &[]),
    ];
    for (filter, expect) in filters {
        let (from, to) = (source(&names), target());
        let run = user().args(["move", "-r", &from.url("logs/*"), &to.url("")]).args(filter).run().exits(0);
        assert_eq!(to.names(), expect, "{run}");
        // What is left out stays, also where sources are deleted.
        let is_left = |name: &str| !expect.contains(&name.strip_prefix("logs/").unwrap());
        assert!(names.into_iter().filter(|name| is_left(name)).all(|name| from.path(name).exists()), "{run}");
    }
}

#[test]
fn a_pattern_in_the_last_name_of_a_source_stands_for_what_it_matches() {
    let from = source(&["d/a.txt", "d/b.txt", "d/.c.txt", "d/x*y", "d/x1y", "d/deep/z.txt"]);
    let check = |pattern: &str, more: &[&str], expect: &[&str]| {
        let to = target();
        let run = copy(&[more, &[&from.url(pattern), &to.url("")]].concat()).exits(0);
        assert_eq!(to.names(), expect, "{pattern}\n{run}");
    };
    check("d/*.txt", &[], &["a.txt", "b.txt"]);
    check("d/[!a].?xt", &[], &["b.txt"]);
    check("d/x%2Ay", &[], &["x*y"]);
    check("d/x*y", &[], &["x*y", "x1y"]);
    check(
        "*",
        &["-r"],
        &["d/", "d/.c.txt", "d/a.txt", "d/b.txt", "d/deep/", "d/deep/z.txt", "d/x*y", "d/x1y"],
    );
    check("d/de*/", &["-r"], &["z.txt"]);
    let to = target();
    copy(&[&from.url("d/*.none"), &to.url("")]).exits(3).says("nothing matches");
    // One match may get another name; several need a directory.
    copy(&[&from.url("d/a.*"), &to.url("other")]).exits(0);
    copy(&[&from.url("d/*.txt"), &to.url("new")]).exits(2).says("several sources need a directory");
    copy(&[&from.url("d/?.txt"), &from.url("d/*.none"), &to.url("")]).exits(9).says("nothing matches");
    // A name of this host is none, and neither is that of a destination.
    copy(&["./*.txt", &to.url("")]).exits(3);
    copy(&[&from.url("d/a.txt"), &to.url("q*")]).exits(0);
    assert_eq!(to.names(), ["a.txt", "b.txt", "other", "q*"]);
}

#[test]
fn a_list_says_where_each_file_goes() {
    let (from, to) = (source(&["a", "t/b", "t/d/c", "x*y", "x1y"]), target());
    let lines = [
        format!("{}\t{}", from.url("a"), to.url("new/place/a")),
        String::new(),
        format!("{}\t{}", from.url("t/"), to.url("tree")),
        format!("{}\t{}", from.url("x*y"), to.url("star")),
        format!("./local\t{}", to.url("local")),
        format!("{}\t./here/", from.url("x1y")),
    ];
    let run = user().file("list", lines.join("\n")).file("local", "local");
    let run = run.args(["copy", "-r", "--json", "--from-file", "list"]).run().exits(0);
    assert_eq!(
        to.names(),
        ["local", "new/", "new/place/", "new/place/a", "star", "tree/", "tree/b", "tree/d/", "tree/d/c"]
    );
    assert_eq!((to.bytes("star"), to.bytes("tree/d/c")), (b"x*y".to_vec(), b"t/d/c".to_vec()));
    assert_eq!((run.bytes("here/x1y"), run.summary()["files"].as_u64()), (b"x1y".to_vec(), Some(6)), "{run}");
    // One that fails stops no other.
    let lines =
        [format!("{}\t{}", from.url("none"), to.url("n")), format!("{}\t{}", from.url("a"), to.url("z"))];
    let run =
        user().file("list", lines.join("\n")).args(["copy", "--json", "--from-file", "list"]).run().exits(9);
    assert_eq!((run.summary()["failed"].as_u64(), to.bytes("z")), (Some(1), b"a".to_vec()), "{run}");
}

#[test]
fn a_mistake_in_a_list_is_told_with_its_line_and_nothing_is_sent() {
    let to = target();
    let good = format!("./a\t{}\n", to.url("a"));
    let check = |line: &str, words: &str| {
        let list = user().file("a", "a").file("list", format!("{good}\n{line}\n"));
        let run = list.args(["copy", "--from-file", "list"]).run().exits(2);
        run.says("list line 3").says(words).never_says("s3cret");
    };
    check("only one", "1 field");
    check("a\tb\tc", "3 fields");
    check("ftp://ann:s3cret@h:0/a\tb", "port");
    check("./a\t./b", "both on this host");
    check("-\tftp://h/a", "./-");
    assert!(to.names().is_empty());
    user().args(["copy", "--from-file", "none"]).run().exits(3).says("cannot read none");
    user()
        .args(["copy", "--from-file", "."])
        .run()
        .exits(2)
        .says("cannot read .: this host said \"is a directory\"");
    user().file("list", "\n").args(["copy", "--from-file", "list"]).run().exits(2).says("lists nothing");
    user().file("list", "a").args(["copy", "--from-file", "list", "a", "b"]).run().exits(2);
    user().args(["copy"]).run().exits(2);
}

#[test]
fn of_many_files_that_fail_every_one_is_told_when_it_fails_and_people_see_ten() {
    const FILES: usize = 600;
    let names: Vec<String> = (0..FILES).map(|number| format!("t/{number:03}")).collect();
    let from = names.iter().fold(Site::new("source"), |site, name| site.file(name, "file")).start();
    // Every second name is that of a directory.
    let taken = || {
        let site = Site::new("target").at("127.0.0.3");
        names.iter().step_by(2).fold(site, |site, name| site.directory(name)).start()
    };
    let to = taken();
    let run = copy(&["-r", "-j", "1", &from.url("t"), &to.url("")]).exits(9);
    let kinds: Vec<&str> = run.stdout.iter().filter_map(|line| line.split('"').nth(3)).collect();
    let count = |kind| kinds.iter().filter(|other| **other == kind).count();
    assert_eq!((count("failed"), count("file")), (FILES / 2, FILES / 2), "{run}");
    // They are told while others are still to be copied: at most 256 files wait at the same time.
    let first = kinds.iter().position(|kind| *kind == "failed");
    assert!(first < kinds.iter().rposition(|kind| *kind == "file"), "{run}");
    let to = taken();
    let run = user().args(["copy", "-r", "--retries", "0", &from.url("t"), &to.url("")]).run().exits(9);
    let run = run.says("and 290 other files (--json names all)").says("300 files failed");
    let named = run.said.lines().filter(|line| line.contains("/t/")).count();
    assert_eq!((named, run.said.matches("is a directory").count()), (10, 1), "{run}");
    let long = |line: &&str| !line.contains("retry") && line.len() > 240;
    assert_eq!(run.said.lines().find(long), None, "{run}");
}

#[test]
fn a_tree_that_is_refused_throughout_is_4_also_where_its_directories_could_not_be_made() {
    let from =
        Site::new("source").file("t/a", "a").file("t/below/b", "b").file("t/below/more/c", "c").start();
    let to = Site::new("target").at("127.0.0.3").directory("t").user("reader:pw:ro").start();
    let place = to.url("").replace("ann:open%3Asesame@", "reader:pw@");
    let run = user().args(["copy", "-r", &from.url("t"), &place]).run().exits(4);
    // What the server has said of the directory, and what to do.
    run.says("its directory could not be made: the destination 127.0.0.3").says("only read");
    assert_eq!(to.names(), ["t/"]);
}

#[test]
fn a_warning_that_many_files_cause_is_shown_once_and_counted() {
    let from = source(&["t/d/f"]);
    for number in 0..40 {
        symlink("d", from.path(&format!("t/to-d-{number}"))).unwrap();
    }
    symlink("nothing", from.path("t/to-nothing")).unwrap();
    let to = target();
    let run = user().args(["copy", "-r", &from.url("t"), &to.url("")]).run().exits(0);
    let told: Vec<&str> = run.said.lines().filter(|line| line.contains("skipped")).collect();
    assert_eq!(told.len(), 3, "{run}");
    assert!(told[2].contains("39 more files skipped (ftp://") && told[2].contains("--links follow"), "{run}");
    // Programs are told of each.
    let to = target();
    let run = copy(&["-r", &from.url("t"), &to.url("")]).exits(0);
    let topics: Vec<_> =
        run.events("warning").into_iter().filter(|event| event["topic"] == "skipped").collect();
    assert_eq!(topics.len(), 41, "{run}");
    assert!(topics.iter().all(|event| event["site"].as_str().unwrap().starts_with("ftp://ann@")), "{run}");
}

/// Symbolic links of all kinds in the directory `t`.
fn link(root: &Path) {
    std::fs::create_dir_all(root.join("t/d")).unwrap();
    std::fs::write(root.join("t/f"), "file").unwrap();
    std::fs::write(root.join("t/d/g"), "deeper").unwrap();
    for (target, name) in [("f", "to-f"), ("d", "to-d"), ("nothing", "to-nothing"), ("..", "d/up")] {
        symlink(target, root.join("t").join(name)).unwrap();
    }
}

/// Copies the links of a source with each value of `--links`. `shows_all` says whether it lists a link that leads
/// nowhere.
fn follows(source: &str, shows_all: bool) {
    const FILES: &[&str] = &["d/", "d/g", "f", "to-f"];
    for (how, expect, warnings) in [
        ("skip", &["d/", "d/g", "f"][..], 4),
        ("files", FILES, 3),
        ("follow", &["d/", "d/g", "f", "to-d/", "to-d/g", "to-f"], 3),
    ] {
        let to = tempfile::tempdir().unwrap();
        let run = copy(&["-r", "--links", how, source, &to.path().display().to_string()]).exits(0);
        assert_eq!(names_below(to.path()), expect, "{how}\n{run}");
        assert_eq!(std::fs::read(to.path().join("f")).unwrap(), b"file");
        let told = run.warnings().iter().filter(|text| text.contains("is skipped")).count();
        assert_eq!(told, if shows_all { warnings } else { warnings - 1 }, "{how}\n{run}");
    }
}

#[test]
fn links_are_copied_as_what_they_lead_to_or_skipped_as_they_were_told() {
    let from = source(&[]);
    link(&from.path(""));
    follows(&from.url("t/"), true);
}

#[test]
fn links_of_this_host_are_copied_as_what_they_lead_to() {
    let (here, to) = (tempfile::tempdir().unwrap(), target());
    link(here.path());
    let tree = format!("{}/t/", here.path().display());
    copy(&["-r", &tree, &to.url("")]).exits(0).says("--links follow");
    assert_eq!(to.names(), ["d/", "d/g", "f", "to-f"]);
    copy(&["-r", "--links", "follow", &tree, &to.url("all")]).exits(0).says("the same directory");
    let names: Vec<String> = to.names().into_iter().filter(|name| name.starts_with("all/")).collect();
    assert_eq!(names, ["all/", "all/d/", "all/d/g", "all/f", "all/to-d/", "all/to-d/g", "all/to-f"]);
}

/// Links, patterns and filters at a server of other people.
fn at_other_servers(kind: Kind) -> Result<(), Skipped> {
    let from =
        Foreign::new(kind).foreign(Hosts::Allowed).file("p/a.txt", "a").file("p/b.bin", "b").start()?;
    link(&from.path(""));
    follows(&from.url("t/"), kind != Kind::Proftpd);
    let to = target();
    copy(&[&from.url("p/*.txt"), &to.url("")]).exits(0);
    copy(&["-r", "--include", "*.bin", &from.url("p"), &to.url("")]).exits(0);
    assert_eq!(to.names(), ["a.txt", "p/", "p/b.bin"]);
    Ok(())
}

#[test]
fn links_patterns_and_filters_at_vsftpd() {
    or_skip!(at_other_servers(Kind::Vsftpd));
}

#[test]
fn links_patterns_and_filters_at_proftpd() {
    or_skip!(at_other_servers(Kind::Proftpd));
}

/// Some second of 2020.
const TIME: u64 = 1_600_000_000;

fn set_time(path: &Path) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(TIME);
    std::fs::File::open(path).unwrap().set_modified(time).unwrap();
}

fn time(path: &Path) -> u64 {
    let time = path.metadata().unwrap().modified().unwrap();
    time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_copy_has_the_time_of_its_source() {
    let (from, to) = (source(&["t/a", "t/d/b"]), target());
    for name in ["t/a", "t/d/b", "t/d", "t"] {
        set_time(&from.path(name));
    }
    // Between two servers, to this host and from it.
    copy(&["-r", &from.url("t"), &to.url("")]).exits(0).never_says("times are not kept");
    // Directories get theirs after their contents.
    let names = ["t/a", "t/d/b", "t/d", "t"];
    assert_eq!(names.map(|name| time(&to.path(name))), [TIME; 4]);
    let here = tempfile::tempdir().unwrap();
    let directory = here.path().display().to_string();
    copy(&["-r", &from.url("t"), &directory]).exits(0);
    assert_eq!(names.map(|name| time(&here.path().join(name))), [TIME; 4]);
    copy(&["-r", &format!("{directory}/t"), &to.url("again")]).exits(0);
    assert_eq!([time(&to.path("again/d")), time(&to.path("again"))], [TIME; 2]);
    copy(&[&format!("{directory}/t/a"), &to.url("c")]).exits(0);
    assert_eq!(time(&to.path("c")), TIME);
    copy(&["--no-times", &from.url("t/a"), &to.url("e")]).exits(0);
    assert_ne!(time(&to.path("e")), TIME);
    copy(&["-r", "--no-times", &from.url("t"), &to.url("no")]).exits(0);
    assert_ne!(time(&to.path("no/d")), TIME);
}

/// Times of files and directories of a server of other people, in both directions. `lack` is what is said of those of
/// directories from there and to there, if they are not kept.
fn times_at_other_servers(kind: Kind, lack: [Option<&str>; 2]) -> Result<(), Skipped> {
    let server = Foreign::new(kind).foreign(Hosts::Allowed).file("t/d/a", "a").directory("in").start()?;
    let names = ["t/d/a", "t/d", "t"];
    names.iter().for_each(|name| set_time(&server.path(name)));
    let to = target();
    let check = |run: Run, times: [u64; 3], lack: Option<&str>| {
        assert_eq!(times[0], TIME, "{run}");
        match lack {
            None => assert_eq!(times, [TIME; 3], "{}", run.never_says("times are not kept")),
            Some(why) => {
                assert_eq!(run.said.matches("modification times are not kept").count(), 1, "{run}");
                drop(run.says("of directories, modification times are not kept: ").says(why));
            }
        }
    };
    let run = copy(&["-r", &server.url("t"), &to.url("")]).exits(0);
    check(run, names.map(|name| time(&to.path(name))), lack[0]);
    names.iter().for_each(|name| set_time(&to.path(name)));
    let run = copy(&["-r", &to.url("t"), &server.url("in/")]).exits(0);
    check(run, names.map(|name| time(&server.path(&format!("in/{name}")))), lack[1]);
    Ok(())
}

#[test]
fn times_are_kept_at_vsftpd() {
    // It tells times of directories only in the words of LIST, and sets none.
    let lack = [Some("the source does not tell them"), Some("550 Could not set file modification time")];
    or_skip!(times_at_other_servers(Kind::Vsftpd, lack));
}

#[test]
fn times_are_kept_at_proftpd() {
    or_skip!(times_at_other_servers(Kind::Proftpd, [None, None]));
}

#[test]
fn a_destination_that_sets_no_times_is_told_once() {
    let from = source(&["t/a", "t/b"]);
    let features = "FEAT: 211-Features\\r\\n SIZE\\r\\n MFMT\\r\\n211 End";
    let peer = Peer::start(
        "127.0.0.3",
        &format!(
            "{features}\nMFMT: 550 no rights\nMKD: 257 made\nSIZE *.part: 213 3\nSIZE: 550 no such file"
        ),
        MODERN,
    );
    let run = copy(&["-r", "--path", "user", &from.url("t"), &peer.url("")]).exits(0);
    assert_eq!(peer.seen_of(&["MFMT"]).len(), 1, "{run}");
    assert_eq!(run.said.matches("times are not kept").count(), 1, "{run}");
}

#[test]
fn two_sources_with_one_last_name_are_refused_before_anything_moves() {
    let (from, to) = (source(&["a/x", "b/x", "c/y"]), target());
    let run = copy(&[&from.url("c/y"), &from.url("a/x"), &from.url("b/x"), &to.url("")]).exits(2);
    assert!(to.names().is_empty(), "{run}");
    // Patterns show only later what they stand for: nothing is replaced.
    let run = copy(&[&from.url("a/*"), &from.url("b/*"), &to.url("")]).exits(9).says("another source");
    assert_eq!(to.bytes("x"), b"a/x", "{run}");
    // Contents are merged.
    copy(&["-r", &from.url("a/"), &from.url("c/"), &to.url("all/")]).exits(0);
    assert_eq!((to.bytes("all/x"), to.bytes("all/y")), (b"a/x".to_vec(), b"c/y".to_vec()));
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn permissions_are_kept_if_they_are_asked_for() {
    let (from, to) = (source(&["t/a", "t/d/b"]), target());
    // Nobody gets the rights of another owner.
    for (name, rights) in [("t/a", 0o4701), ("t/d/b", 0o604), ("t/d", 0o1711), ("t", 0o705)] {
        set_mode(&from.path(name), rights);
    }
    let names = ["t/a", "t/d/b", "t/d", "t"];
    let expect = [0o701, 0o604, 0o711, 0o705];
    copy(&["-r", "--perms", &from.url("t"), &to.url("")]).exits(0).never_says("permissions are not kept");
    assert_eq!(names.map(|name| mode(&to.path(name))), expect);
    let here = tempfile::tempdir().unwrap();
    let directory = here.path().display().to_string();
    copy(&["-r", "--perms", &from.url("t"), &directory]).exits(0);
    assert_eq!(names.map(|name| mode(&here.path().join(name))), expect);
    copy(&["-r", "--perms", &format!("{directory}/t"), &to.url("again")]).exits(0);
    assert_eq!([mode(&to.path("again/a")), mode(&to.path("again/d"))], [0o701, 0o711]);
    copy(&["-r", &from.url("t"), &to.url("without")]).exits(0);
    assert_ne!(mode(&to.path("without/a")), 0o701);
}

/// What is in the tree of [`with_permissions`], and its permissions.
const PERMISSIONS: [(&str, u32); 2] = [("t/d/a", 0o606), ("t/d", 0o705)];

/// A server of other people with a tree.
fn with_permissions(kind: Kind) -> Result<ForeignServer, Skipped> {
    let server = Foreign::new(kind).foreign(Hosts::Allowed).file("t/d/a", "a").directory("in").start()?;
    PERMISSIONS.iter().for_each(|(name, rights)| set_mode(&server.path(name), *rights));
    Ok(server)
}

#[test]
fn permissions_are_kept_at_proftpd() {
    let server = or_skip!(with_permissions(Kind::Proftpd));
    let to = target();
    let run = copy(&["-r", "--perms", &server.url("t"), &to.url("")]).exits(0);
    let run = run.never_says("permissions are not kept");
    assert_eq!(PERMISSIONS.map(|(name, _)| (name, mode(&to.path(name)))), PERMISSIONS, "{run}");
    let run = copy(&["-r", "--perms", &to.url("t"), &server.url("in/")]).exits(0);
    let run = run.never_says("permissions are not kept");
    assert_eq!(
        PERMISSIONS.map(|(name, _)| (name, mode(&server.path(&format!("in/{name}"))))),
        PERMISSIONS,
        "{run}"
    );
}

#[test]
fn permissions_come_from_the_lines_of_list_and_a_refused_site_chmod_is_told_once() {
    // vsftpd has no MLSD, and its users without an account change no permissions.
    let server = or_skip!(with_permissions(Kind::Vsftpd));
    let to = target();
    let run = copy(&["-r", "--perms", &server.url("t"), &to.url("")]).exits(0);
    // A listing does not have the directory that is listed.
    let run = run.never_says("\"permissions are not kept");
    let run = run.says(
        "of directories, modification times and permissions are not kept: the source does not tell them",
    );
    assert_eq!(PERMISSIONS.map(|(name, _)| (name, mode(&to.path(name)))), PERMISSIONS, "{run}");
    std::fs::write(to.path("t/d/b"), "b").unwrap();
    let run = copy(&["-r", "--perms", &to.url("t"), &server.url("in/")]).exits(0);
    assert_eq!(run.said.matches("\"permissions are not kept").count(), 1, "{run}");
}

#[test]
fn a_destination_that_sets_no_permissions_is_told_once() {
    let from = source(&["t/a", "t/b"]);
    let peer = Peer::start(
        "127.0.0.3",
        "MKD: 257 made\nSIZE *.part: 213 3\nSIZE: 550 no such file\nSITE: 502 no SITE here",
        MODERN,
    );
    let run =
        copy(&["-r", "--perms", "--no-times", "-j", "1", "--path", "user", &from.url("t"), &peer.url("")])
            .exits(0);
    assert_eq!(peer.seen_of(&["SITE"]).len(), 1, "{run}");
    assert_eq!(run.said.matches("permissions are not kept").count(), 1, "{run}");
}

/// Names that are hard to carry, and easy to take for something else.
const STRANGE: [&[u8]; 5] = [b"tab\there", b"esc\x1b[2Jape", b"\xff\xfe bytes", b"del\x7fete", b"bell\x07"];

/// Makes a directory `t` with these names below a root, and a name that FTP cannot carry. Returns false if this file
/// system takes other names only.
fn name_strangely(root: &Path) -> bool {
    std::fs::create_dir_all(root.join("t")).unwrap();
    let at = |name: &[u8]| root.join("t").join(std::ffi::OsStr::from_bytes(name));
    STRANGE.iter().chain(&[&b"line\nfeed"[..], b"plain"]).all(|name| std::fs::write(at(name), name).is_ok())
}

/// The names in a directory that FTP can carry.
fn names_in(directory: &Path) -> Vec<Vec<u8>> {
    let names =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_encoded_bytes());
    let mut names: Vec<_> = names.filter(|name| !name.contains(&b'\n')).collect();
    names.sort();
    names
}

/// What is told of a run has no control characters.
fn is_escaped(run: &Run) {
    assert!(!run.said.chars().any(|letter| letter.is_control() && letter != '\n'), "{run}");
}

#[test]
fn strange_names_are_carried_and_escaped_and_what_cannot_be_carried_stops_nothing() {
    let (from, to) = (source(&[]), target());
    if !name_strangely(&from.path("")) {
        skip!("this file system keeps only names in UTF-8");
    }
    let run = copy(&["-r", &from.url("t"), &to.url("")]).exits(9).says("that FTP cannot carry");
    assert_eq!(names_in(&to.path("t")), names_in(&from.path("t")), "{run}");
    is_escaped(&run);
    assert_eq!(run.summary()["files"], 6, "{run}");
    let here = tempfile::tempdir().unwrap();
    let directory = here.path().display().to_string();
    let run = copy(&["-v", "-r", &from.url("t"), &directory]).exits(9);
    assert_eq!(names_in(&here.path().join("t")), names_in(&from.path("t")), "{run}");
    let run = user().args(["copy", "-v", "-r", &format!("{directory}/t"), &to.url("again")]).run().exits(0);
    assert_eq!(names_in(&to.path("again")), names_in(&from.path("t")), "{run}");
    is_escaped(&run);
}

/// Strange names to a server of other people and back. What it cannot carry is a failure of its own.
fn strange_names_at(kind: Kind) -> Result<(), Skipped> {
    let server = Foreign::new(kind).foreign(Hosts::Allowed).directory("in").start()?;
    let here = tempfile::tempdir().unwrap();
    if !name_strangely(here.path()) {
        return Ok(());
    }
    let directory = here.path().join("t").display().to_string();
    let run = copy(&["-r", &directory, &server.url("in/")]);
    assert!(matches!(run.code(), Some(0 | 9)), "{run}");
    is_escaped(&run);
    // Every name is there unchanged, or told as a failure.
    let stored = names_in(&server.path("in/t"));
    let expect = names_in(&here.path().join("t"));
    assert!(stored.iter().all(|name| expect.contains(name)), "{stored:?} {run}");
    assert!(stored.contains(&b"plain".to_vec()), "{run}");
    let failed = run.events("failed");
    let missing = expect.len() - stored.len();
    // A name with a line feed is one failure more.
    assert_eq!(failed.len(), missing + 1, "{stored:?} {run}");
    let back = tempfile::tempdir().unwrap();
    let run = copy(&["-r", &server.url("in/t"), &back.path().display().to_string()]);
    is_escaped(&run);
    let returned = names_in(&back.path().join("t"));
    assert!(returned.iter().all(|name| stored.contains(name)), "{returned:?} {run}");
    assert!(returned.contains(&b"plain".to_vec()), "{run}");
    assert!(returned.len() == stored.len() || run.code() == Some(9), "{returned:?} {run}");
    Ok(())
}

#[test]
fn strange_names_at_vsftpd() {
    or_skip!(strange_names_at(Kind::Vsftpd));
}

#[test]
fn strange_names_at_proftpd() {
    or_skip!(strange_names_at(Kind::Proftpd));
}

#[test]
fn links_out_of_a_tree_and_circles_are_warnings_and_stop_no_deletion() {
    let from = source(&["t/a"]);
    for (target, name) in [("/etc/passwd", "out"), ("circle", "circle")] {
        symlink(target, from.path("t").join(name)).unwrap();
    }
    let to = Site::new("target").at("127.0.0.3").file("t/old", "old").start();
    let run = user().args(["sync", "--json", "--delete", &from.url("t"), &to.url("t")]).run().exits(0);
    assert_eq!(to.names(), ["t/", "t/a"], "{run}");
    for name in ["out", "circle"] {
        let is_told = |text: &String| text.contains(&format!("t/{name} is skipped: it is a symbolic link"));
        assert_eq!(run.warnings().iter().filter(|text| is_told(text)).count(), 1, "{name}: {run}");
    }
    let here = user();
    std::fs::create_dir(here.home().join("t")).unwrap();
    symlink("circle", here.home().join("t/circle")).unwrap();
    std::fs::write(here.home().join("t/b"), "b").unwrap();
    let run = here.args(["sync", "--delete", "t", &to.url("t")]).run().exits(0).says("t/circle is skipped");
    assert_eq!(to.names(), ["t/", "t/b"], "{run}");
}
