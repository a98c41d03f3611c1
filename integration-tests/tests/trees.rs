//! What of a tree is copied: filters, patterns, lists of pairs, symbolic links.

use integration_tests::foreign::{Foreign, Hosts, Kind, Skipped};
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, names_below};
use integration_tests::user::{Run, user};
use std::os::unix::fs::symlink;
use std::path::Path;

fn source(files: &[&str]) -> Server {
    files.iter().fold(Site::new("source"), |site, name| site.file(name, name)).start()
}

fn target() -> Server {
    Site::new("target").at("127.0.0.3").start()
}

fn copy(args: &[&str]) -> Run {
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
    user().file("list", "\n").args(["copy", "--from-file", "list"]).run().exits(2).says("lists nothing");
    user().file("list", "a").args(["copy", "--from-file", "list", "a", "b"]).run().exits(2);
    user().args(["copy"]).run().exits(2);
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
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn time(path: &Path) -> u64 {
    let time = path.metadata().unwrap().modified().unwrap();
    time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_copy_has_the_time_of_its_source() {
    let (from, to) = (source(&["t/a", "t/d/b"]), target());
    set_time(&from.path("t/a"));
    set_time(&from.path("t/d/b"));
    // Between two servers, to this host and from it.
    copy(&["-r", &from.url("t"), &to.url("")]).exits(0).never_says("times are not kept");
    assert_eq!([time(&to.path("t/a")), time(&to.path("t/d/b"))], [TIME; 2]);
    let here = tempfile::tempdir().unwrap();
    let directory = here.path().display().to_string();
    copy(&["-r", &from.url("t"), &directory]).exits(0);
    assert_eq!(time(&here.path().join("t/d/b")), TIME);
    copy(&[&format!("{directory}/t/a"), &to.url("c")]).exits(0);
    assert_eq!(time(&to.path("c")), TIME);
    copy(&["--no-times", &from.url("t/a"), &to.url("e")]).exits(0);
    assert_ne!(time(&to.path("e")), TIME);
}

/// Times of a server of other people, in both directions.
fn times_at_other_servers(kind: Kind) -> Result<(), Skipped> {
    let server = Foreign::new(kind).foreign(Hosts::Allowed).file("t/a", "a").directory("in").start()?;
    set_time(&server.path("t/a"));
    let to = target();
    copy(&["-r", &server.url("t"), &to.url("")]).exits(0).never_says("times are not kept");
    assert_eq!(time(&to.path("t/a")), TIME);
    copy(&[&to.url("t/a"), &server.url("in/")]).exits(0).never_says("times are not kept");
    assert_eq!(time(&server.path("in/a")), TIME);
    Ok(())
}

#[test]
fn times_are_kept_at_vsftpd() {
    or_skip!(times_at_other_servers(Kind::Vsftpd));
}

#[test]
fn times_are_kept_at_proftpd() {
    or_skip!(times_at_other_servers(Kind::Proftpd));
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
