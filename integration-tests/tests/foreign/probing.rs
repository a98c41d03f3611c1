//! `probe` between servers of other people: they know no PROB, so an empty file is stored and deleted.

use integration_tests::foreign::{DirectPath, Hosts, Kind, Skipped, Who, direct_path, say_skipped};
use integration_tests::user::user;

/// What the probe says is what a copy would find, and nothing is left at either end.
fn probes(from: (Who, Hosts), to: (Who, Hosts)) -> Result<(), Skipped> {
    let (source, target) = (from.0.start(from.1, &[("a.bin", b"a".to_vec())])?, to.0.start(to.1, &[])?);
    let (before, empty) = (source.names(), target.names());
    // Now and then a session of pyftpdlib answers nothing any more, from the first EPSV on.
    let run = user().args(["probe", "--json", "--trace", "trace.txt", "--retries", "0", "--timeout", "10s"]);
    let run = run.args([source.url("a.bin"), target.url("")]).run();
    let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
    let shown = format!("{from:?} -> {to:?}\n{run}\n{trace}");
    assert_eq!(run.code(), Some(0), "{shown}");
    let found = &run.events("probe")[0];
    let path = if direct_path(from, to) == DirectPath::None { "user" } else { "direct" };
    assert_eq!(found["path"], path, "{shown}");
    assert_eq!((source.names(), target.names()), (before, empty), "{shown}");
    Ok(())
}

#[test]
fn n4_servers_of_other_people_are_probed_with_an_empty_file_that_is_deleted() {
    for kind in [Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib] {
        for hosts in [Hosts::Allowed, Hosts::Refused] {
            for pair in [[Who::Theirs(kind), Who::Theirs(kind)], [Who::Ours, Who::Theirs(kind)]] {
                let [from, to] = pair.map(|who| (who, hosts));
                if let Err(Skipped(reason)) = probes(from, to) {
                    say_skipped(reason);
                }
            }
        }
    }
}
