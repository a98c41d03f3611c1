//! A large file over several data connections with Globus at one end: ERET and ESTO of GridFTP.

use integration_tests::foreign::{End, Hosts, Kind, Skipped, Who};
use integration_tests::or_skip;
use integration_tests::site::sample;
use integration_tests::user::{Run, user};
use std::fs;

/// Enough for three data connections.
const LARGE: usize = (48 << 20) + 3;

/// Copies a file over three connections, and returns the trace as well.
fn copied(from: Who, to: Who) -> Result<(Run, String, [End; 2]), Skipped> {
    let bytes = sample(LARGE);
    let ends = [from.start(Hosts::Allowed, &[("large", bytes)])?, to.start(Hosts::Allowed, &[])?];
    let home = tempfile::tempdir().unwrap();
    let run = user().here(home.path()).args(["--json", "--trace", "trace.txt", "copy", "--streams", "3"]);
    // So fast that a test is short, and not so fast that the first connection is done before the others begin.
    let run = run.args(["--limit", "40MB", "--path", "direct", "--retries", "0"]);
    let run = run.args([ends[0].url("large"), ends[1].url("large")]).run();
    let trace = fs::read_to_string(home.path().join("trace.txt")).unwrap();
    Ok((run, trace, ends))
}

fn moves_in_ranges(from: Who, to: Who, commands: [&str; 2]) -> Result<(), Skipped> {
    let (run, trace, [from, to]) = copied(from, to)?;
    let run = run.exits(0);
    assert!(to.bytes("large") == from.bytes("large"), "{run}");
    assert_eq!(to.names(), ["large"], "{run}");
    let file = run.events("file").remove(0);
    assert_eq!((&file["streams"], &file["verified"]), (&3.into(), &"sha-256".into()), "{run}");
    for command in commands {
        assert!(trace.matches(command).count() >= 3, "{command}: {trace}");
    }
    Ok(())
}

#[test]
fn a_large_file_comes_from_globus_over_several_connections() {
    or_skip!(moves_in_ranges(Who::Theirs(Kind::Globus), Who::Ours, ["> ERET P ", "> RANG "]));
}

#[test]
fn a_large_file_goes_to_globus_over_several_connections() {
    or_skip!(moves_in_ranges(Who::Ours, Who::Theirs(Kind::Globus), ["> RANG ", "> ESTO A "]));
}

#[test]
fn a_large_file_moves_between_two_globus_over_several_connections() {
    let globus = Who::Theirs(Kind::Globus);
    or_skip!(moves_in_ranges(globus, globus, ["> ERET P ", "> ESTO A "]));
}
