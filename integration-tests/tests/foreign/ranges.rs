//! A large file over several data connections with Globus at one end: ERET and ESTO of GridFTP.

use integration_tests::foreign::{End, Hosts, Kind, Skipped, Who};
use integration_tests::or_skip;
use integration_tests::site::sample;
use integration_tests::user::{Run, user};
use std::fs;

/// Enough for three data connections.
const LARGE: usize = (48 << 20) + 3;

/// Copies a file over three connections, and returns the trace as well.
fn copied(from: Who, to: Who, words: &[&str]) -> Result<(Run, String, [End; 2]), Skipped> {
    let bytes = sample(LARGE);
    let ends = [from.start(Hosts::Allowed, &[("large", bytes)])?, to.start(Hosts::Allowed, &[])?];
    let home = tempfile::tempdir().unwrap();
    let run = user().here(home.path()).args(["--json", "--trace", "trace.txt", "copy", "--streams", "3"]);
    let run = run.args(["--path", "direct", "--retries", "0"]).args(words);
    let run = run.args([ends[0].url("large"), ends[1].url("large")]).run();
    let trace = fs::read_to_string(home.path().join("trace.txt")).unwrap();
    Ok((run, trace, ends))
}

/// Copies a file, and returns how many connections it had at the same time.
fn moves_in_ranges(from: Who, to: Who, words: &[&str], commands: [&str; 2]) -> Result<Option<u64>, Skipped> {
    let (run, trace, [from, to]) = copied(from, to, words)?;
    let run = run.exits(0);
    assert!(to.bytes("large") == from.bytes("large"), "{run}");
    assert_eq!(to.names(), ["large"], "{run}");
    let file = run.events("file").remove(0);
    assert_eq!(file["verified"], "sha-256", "{run}");
    for command in commands {
        assert!(trace.matches(command).count() >= 3, "{command}: {trace}");
    }
    Ok(file["streams"].as_u64())
}

/// So fast that a test is short, and not so fast that the first connection is done before the others begin. Only our server keeps
/// to it.
const LIMIT: [&str; 2] = ["--limit", "40MB"];

#[test]
fn a_large_file_comes_from_globus_over_several_connections() {
    let globus = Who::Theirs(Kind::Globus);
    assert_eq!(or_skip!(moves_in_ranges(globus, Who::Ours, &LIMIT, ["> ERET P ", "> RANG "])), Some(3));
}

#[test]
fn a_large_file_goes_to_globus_over_several_connections() {
    let globus = Who::Theirs(Kind::Globus);
    assert_eq!(or_skip!(moves_in_ranges(Who::Ours, globus, &LIMIT, ["> RANG ", "> ESTO A "])), Some(3));
}

#[test]
fn a_large_file_moves_between_two_globus_in_ranges() {
    let globus = Who::Theirs(Kind::Globus);
    or_skip!(moves_in_ranges(globus, globus, &[], ["> ERET P ", "> ESTO A "]));
}
