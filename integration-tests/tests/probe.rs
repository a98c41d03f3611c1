//! `probe`: every path between two servers is tried, nothing moves, and nothing is left.

use integration_tests::site::{Server, Site, target};
use integration_tests::user::{Run, user};
use serde_json::Value;

fn pair(args: &[&'static str]) -> (Server, Server) {
    let site = |name, at| Site::new(name).at(at).args(args.iter().copied());
    (site("source", "127.0.0.2").file("a.bin", b"a").start(), site("target", "127.0.0.3").start())
}

fn probe(args: &[&str]) -> Run {
    let user = user().environment("LC_ALL", "C");
    user.args(["probe", "--trace", "trace.txt", "--retries", "0"]).args(args).run()
}

/// The candidate with this rung and these commands.
fn tried<'a>(probe: &'a Value, rung: &str, how: &str) -> &'a Value {
    let found = probe["tried"].as_array().unwrap().iter();
    found.into_iter().find(|one| one["rung"] == rung && one["how"] == how).unwrap()
}

/// Nothing but what was there before.
fn nothing_is_left([one, two]: [&Server; 2], run: &Run) {
    assert_eq!(one.names(), ["a.bin"], "{run}");
    assert_eq!(two.names(), [""; 0], "{run}");
}

#[test]
fn n4_between_two_of_ours_every_path_is_proven_and_nothing_moves() {
    let (one, two) = pair(&[]);
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let run = probe(&["-v", "--state", state, &one.url("a.bin"), &two.url("")]).exits(0);
    let trace = run.text("trace.txt");
    nothing_is_left([&one, &two], &run);
    let run = run
        .says("direct (destination listens) by LSTN and SOCK, clear")
        .says("direct (source listens) by EPSV and EPRT, clear")
        .says("direct (both listen and connect) by RSYM, GSOC and SOCK, clear")
        .says("through this host, clear")
        .says("not             through the relay: none is configured")
        .never_says("fails");
    let run = run
        .says("best: direct (destination listens) by LSTN and SOCK")
        .says("  |  the source connects to the destination")
        .says("  |  the bytes of the file, in clear");
    let ends: Vec<&String> = run.stdout.iter().filter(|line| line.starts_with("  [")).collect();
    assert!(ends[0].contains("ann@127.0.0.2:") && ends[1].contains("ann@127.0.0.3:"), "{run}");
    assert!(trace.contains("PROB S") && trace.contains("PROB R"), "{trace}");
    let plain = probe(&[&one.url("a.bin"), &two.url("")]).exits(0).says("best: direct (destination listens)");
    let named = plain.stdout.iter().filter(|line| line.contains("direct (source listens), clear")).count();
    assert_eq!(named, 1, "{plain}");
    for word in ["LSTN", "EPSV", "PORT", "RSYM"] {
        assert!(!plain.stdout.concat().contains(word), "{word}: {plain}");
    }
    // What works is remembered, and `--explain` tells it.
    let told = user().environment("LC_ALL", "C.UTF-8").args(["copy", "--explain", "--state", state]);
    let told = told.args([one.url("a.bin"), two.url("")]).run().exits(0);
    told.says("; it worked less than a minute ago").says("\u{2502}  the source connects to the destination");
}

#[test]
fn n4_where_two_servers_refuse_each_other_their_words_are_told_and_the_path_through_this_host_is_found() {
    let (one, two) = pair(&["--foreign", "never"]);
    let run = probe(&["--json", &one.url("a.bin"), &two.url("")]).exits(0);
    nothing_is_left([&one, &two], &run);
    let found = &run.events("probe")[0];
    assert_eq!((&found["ok"], &found["path"]), (&true.into(), &"user".into()), "{run}");
    let refused = tried(found, "dest-listens", "LSTN and SOCK");
    assert_eq!(refused["fate"], "failed", "{run}");
    assert!(refused["why"].as_str().unwrap().contains("said \"504 "), "{run}");

    let direct = probe(&["--path", "direct", &one.url("a.bin"), &two.url("")]).exits(6);
    nothing_is_left([&one, &two], &direct);
    direct.says("no path works").says("not             through this host: --path direct does not allow it");
}

#[test]
fn n4_a_source_that_cannot_be_written_is_probed_as_far_as_nothing_need_be_read() {
    let one = Site::new("source").at("127.0.0.2").user("bob:b0b:ro").file("a.bin", b"a").start();
    let two = target();
    let reader = one.url("a.bin").replace(one.url("").split_once('@').unwrap().0, "ftp://bob:b0b");
    let run = probe(&[&reader, &two.url("")]).exits(0);
    nothing_is_left([&one, &two], &run);
    run.says("works")
        .says("through this host: it cannot be tried without moving a file: cannot store")
        .never_says("may still be there");
}

#[test]
fn a_probe_needs_two_servers() {
    let (one, _two) = pair(&[]);
    probe(&[&one.url("a.bin"), "here"]).exits(2).says("probe needs two servers");
    probe(&[&one.url("a.bin"), "ftp://ann:open%3Asesame@127.0.0.9:1/"]).exits(5);
}
