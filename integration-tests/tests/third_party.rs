//! The main job with the real programs: files and trees from server to server under the default
//! policy, in every pair of dialects, in both families.

use ftp_proto::dialect::Dialect::{self, Rfc354, Rfc959};
use integration_tests::site::{Server, Site, sample, target};
use integration_tests::user::{Run, user};

fn copy(args: &[&str], from: String, to: String) -> Run {
    user().args(["copy", "--json", "--path", "direct"]).args(args).args([from, to]).run()
}

fn pair(file: &[u8]) -> (Server, Server) {
    (Site::new("source").file("a.bin", file).start(), target())
}

fn between(from_dialect: Dialect, to_dialect: Dialect) {
    let content = sample(5_000_003);
    let (from, to) = pair(&content);
    let run = copy(&[], from.url_of(from_dialect, "a.bin"), to.url_of(to_dialect, "b.bin")).exits(0);
    let summary = run.summary();
    assert!(to.bytes("b.bin") == content, "{run}");
    assert_eq!(to.names(), ["b.bin"]);
    assert_eq!(
        (&summary["ok"], &summary["files"], &summary["bytes"], &summary["path"], &summary["rung"]),
        (&true.into(), &1.into(), &5_000_003.into(), &"direct".into(), &"dest-listens".into()),
        "{run}"
    );
}

#[test]
fn a_file_arrives_in_every_pair_of_dialects() {
    for (from, to) in [(Rfc959, Rfc959), (Rfc354, Rfc959), (Rfc959, Rfc354), (Rfc354, Rfc354)] {
        between(from, to);
    }
}

#[test]
fn a_tree_arrives_whole() {
    let names = ["tree/a.txt", "tree/b/c.txt", "tree/b/d/e.bin", "tree/two words/é.txt"];
    let from = names
        .iter()
        .fold(Site::new("source"), |site, name| site.file(name, format!("content of {name}")))
        .directory("tree/empty")
        .start();
    let to = Site::new("target").at("127.0.0.3").directory("in").start();
    let run = copy(&["-r"], from.url("tree"), to.url("in")).exits(0);
    assert_eq!(run.summary()["files"], names.len(), "{run}");
    for name in names {
        assert_eq!(to.bytes(&format!("in/{name}")), format!("content of {name}").as_bytes());
    }
    // A second run has nothing to do: sizes and digests are equal.
    let before = to.names();
    let run = copy(&["-r"], from.url("tree"), to.url("in")).exits(0);
    assert_eq!(run.events("file").len(), names.len(), "{run}");
    assert_eq!(to.names(), before);
}

#[test]
fn contents_of_a_tree_go_where_a_slash_says() {
    let from = Site::new("source").file("tree/a.txt", "a").file("tree/b/c.txt", "c").start();
    let to = Site::new("target").at("127.0.0.3").directory("in").start();
    copy(&["-r"], from.url("tree/"), to.url("in/")).exits(0);
    assert_eq!(to.names(), ["in/", "in/a.txt", "in/b/", "in/b/c.txt"]);
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let from =
        Site::new("source").file("tree/a.txt", "a").file("tree/b.txt", "b").file("tree/c.txt", "c").start();
    let to = Site::new("target").at("127.0.0.3").directory("in/tree/b.txt").start();
    let run = copy(&["-r"], from.url("tree"), to.url("in")).exits(9);
    assert_eq!(to.bytes("in/tree/a.txt"), b"a", "{run}");
    assert_eq!(to.bytes("in/tree/c.txt"), b"c", "{run}");
    assert_eq!(run.summary()["failed"], 1, "{run}");
}

#[test]
fn append_adds_to_what_is_there() {
    let from = Site::new("source").file("prog1.pl1", "one").start();
    let to = Site::new("target").at("127.0.0.3").file("prog2.pl1", "two+").start();
    for dialect in [Rfc959, Rfc354] {
        let places = [from.url_of(dialect, "prog1.pl1"), to.url_of(dialect, "prog2.pl1")];
        user().args(["append"]).args(places).run().exits(0);
    }
    assert_eq!(to.bytes("prog2.pl1"), b"two+oneone");
    let places = [from.url("prog1.pl1"), to.url("prog2.pl1")];
    user().args(["append", "--verify", "hash"]).args(places).run().exits(2);
    let places = [from.url("prog1.pl1/"), to.url("prog2.pl1")];
    user().args(["append"]).args(places).run().exits(2).says("ends in /, and append takes two files");
    assert_eq!(to.bytes("prog2.pl1"), b"two+oneone");
}

#[test]
fn a_local_path_may_be_one_end() {
    let content = sample(200_000);
    let site = Site::new("site").file("a.bin", &content).start();
    let run = user().args(["copy".to_owned(), site.url("a.bin"), "here.bin".to_owned()]).run().exits(0);
    assert_eq!(run.bytes("here.bin"), content);
    user()
        .file("mine.bin", &content)
        .args(["copy".to_owned(), "mine.bin".to_owned(), site.url("theirs.bin")])
        .run()
        .exits(0);
    assert_eq!(site.bytes("theirs.bin"), content);
}

#[test]
fn a_server_that_never_lets_a_foreign_host_in_has_no_direct_path() {
    let from = Site::new("source").file("a.bin", "hello").start();
    let to = Site::new("target").at("127.0.0.3").args(["--foreign", "never"]).start();
    let run = copy(&["--retries", "0"], from.url("a.bin"), to.url("b.bin")).exits(6);
    assert_eq!(to.names(), [""; 0], "{run}");
}

#[test]
fn dry_runs_and_explanations_change_nothing() {
    let (from, to) = pair(b"hello");
    for option in ["--dry-run", "--explain"] {
        let run = user().args(["copy", option]).args([from.url("a.bin"), to.url("b.bin")]).run().exits(0);
        assert_eq!(to.names(), [""; 0]);
        assert!(run.stdout.concat().contains("would copy"), "{run}");
        assert!(
            run.stdout.concat().contains("the source connects to it, and both are proved to each other"),
            "{option}: {run}"
        );
        let next = "if that is refused or slow: direct (source listens)";
        assert_eq!(run.stdout.concat().contains(next), option == "--explain", "{option}: {run}");
    }
}

#[test]
fn a_dry_run_that_fails_makes_no_directory() {
    let to = Site::new("target").start();
    let here = user();
    let pipe = here.home().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    here.args(["copy", "--dry-run", "pipe", &to.url("new/below/x")]).run().fails().says("regular file");
    assert_eq!(to.names(), [""; 0]);
}

#[test]
fn a_tree_does_not_replace_a_file() {
    let from = Site::new("source").file("d/a.bin", "hello").start();
    let to = Site::new("target").at("127.0.0.3").file("b", "old").start();
    for (dest, says) in [("b", "b is a file, and"), ("b/", "b/ is a file, and"), ("b/x", "b is a file, and")]
    {
        copy(&["-r"], from.url("d/"), to.url(dest)).exits(8).says(says);
        assert_eq!(to.bytes("b"), b"old");
    }
    user()
        .file("b", "old")
        .args(["copy", "-r", &from.url("d/"), "b/x"])
        .run()
        .exits(8)
        .says("b is a file, and");
    // A dry run says it as well.
    let from = Site::new("source").file("t/x/f", "1").file("t/y/f", "2").file("t/new/z/f", "3").start();
    let to = Site::new("target").at("127.0.0.3").file("t/x", "old").file("t/y", "old").start();
    for dry in [&["-r", "--dry-run"][..], &["-r"]] {
        let run = copy(dry, from.url("t/"), to.url("t")).exits(9);
        // Two directories and the file in each.
        assert_eq!(run.said.matches("is a file, and a directory is needed there").count(), 4, "{run}");
    }
}

#[test]
fn a_name_that_cannot_be_used_is_told_once_and_by_name() {
    let site = Site::new("odd").start();
    let d = tempfile::tempdir().unwrap();
    std::fs::write(d.path().join("a\rb"), "x").unwrap();
    let run = user().args(["copy", "-r", d.path().to_str().unwrap(), &site.url("there")]).run().fails();
    let told: Vec<&str> = run.said.lines().filter(|line| line.contains("carriage return")).collect();
    assert_eq!(told.len(), 1, "{run}");
    assert!(told[0].contains("a%0Db"), "{run}");
}

#[test]
fn listings_and_contents() {
    let site = Site::new("site").file("d/a.txt", "hello\n").file("d/b.txt", "").start();
    for dialect in [Rfc959, Rfc354] {
        let run = user().args(["ls".to_owned(), site.url_of(dialect, "d")]).run().exits(0);
        assert_eq!(run.stdout, ["a.txt", "b.txt"]);
        let run = user().args(["cat".to_owned(), site.url_of(dialect, "d/a.txt")]).run().exits(0);
        assert_eq!(run.stdout, ["hello"]);
        user().args(["stat".to_owned(), site.url_of(dialect, "d/a.txt")]).run().exits(0).says("6");
        user().args(["stat".to_owned(), site.url_of(dialect, "d/x.txt")]).run().exits(3);
    }
}
