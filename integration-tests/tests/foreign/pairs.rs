//! ftp-user between every two kinds of servers, ours and other people's.

use integration_tests::foreign::{End, Hosts, Kind, Skipped, Way, Who, tree, way};
use integration_tests::or_skip;
use integration_tests::user::{Run, user};

/// One server of a pair.
type Side = (Who, Hosts);

/// What came of one copy.
struct Copied {
    from: End,
    to: End,
    run: Run,
}

/// Copies the tree with what ftp-user does when it is asked for nothing special.
fn copy(from: Side, to: Side, more: &[&str]) -> Result<Copied, Skipped> {
    let from = from.0.start(from.1, &tree())?;
    let to = to.0.start(to.1, &[])?;
    let run = user()
        .args(["copy", "-r", "--json", "--trace", "trace.txt", "--retries", "1"])
        .args(more)
        .args([from.url("tree"), to.url("")])
        .run();
    Ok(Copied { from, to, run })
}

/// The whole tree has arrived and nothing else.
fn is_whole(copied: &Copied) {
    assert_eq!(copied.to.names(), copied.from.names(), "{}", shown(copied));
    for (path, bytes) in tree() {
        assert!(copied.to.bytes(path) == bytes, "{path} differs\n{}", shown(copied));
    }
}

/// Between two servers with `--path direct`: the tree is there, over the way that the two leave open,
/// or the run says that there is none.
fn goes_direct(from: Side, to: Side) -> Result<(), Skipped> {
    let copied = copy(from, to, &["--path", "direct"])?;
    let cell = format!("{from:?} -> {to:?}\n{}", shown(&copied));
    match way(from, to) {
        Way::NotDirect => {
            assert_eq!(copied.run.code(), Some(6), "{cell}");
            let left: Vec<String> = copied.to.names().into_iter().filter(|name| !name.ends_with('/')).collect();
            assert!(left.is_empty(), "{left:?} is left\n{cell}");
        }
        open => {
            assert_eq!(copied.run.code(), Some(0), "{cell}");
            is_whole(&copied);
            let summary = copied.run.summary();
            assert_eq!(summary["path"], "direct", "{cell}");
            let listens = if open == Way::DestinationListens { "dest-listens" } else { "source-listens" };
            assert!(summary["rung"].as_str().unwrap().starts_with(listens), "{cell}");
            assert_ne!(summary["verified"], "none", "{cell}");
        }
    }
    Ok(())
}

/// All that is known of a cell, for a person who has to find out.
fn shown(copied: &Copied) -> String {
    let trace = String::from_utf8_lossy(&copied.run.bytes("trace.txt")).into_owned();
    format!("{}\n-- the trace --\n{trace}\n-- source --\n{}\n-- destination --\n{}", copied.run, copied.from.said(), copied.to.said())
}

/// From ours, to ours, and between two of the kind.
fn takes_part(kind: Kind) {
    let (ours, theirs) = ((Who::Ours, Hosts::Allowed), (Who::Theirs(kind), Hosts::Allowed));
    for (from, to) in [(ours, theirs), (theirs, ours), (theirs, theirs)] {
        or_skip!(goes_direct(from, to));
    }
}

/// Where it refuses foreign hosts there is no direct way.
fn is_left_out(kind: Kind) {
    let (ours, theirs) = ((Who::Ours, Hosts::Allowed), (Who::Theirs(kind), Hosts::Refused));
    for (from, to) in [(ours, theirs), (theirs, ours)] {
        or_skip!(goes_direct(from, to));
    }
}

#[test]
fn vsftpd_takes_part() {
    takes_part(Kind::Vsftpd);
}

#[test]
fn vsftpd_that_refuses_is_left_out() {
    is_left_out(Kind::Vsftpd);
}

#[test]
fn proftpd_takes_part() {
    takes_part(Kind::Proftpd);
}

#[test]
fn proftpd_that_refuses_is_left_out() {
    is_left_out(Kind::Proftpd);
}

#[test]
fn pure_ftpd_takes_part() {
    takes_part(Kind::PureFtpd);
}

#[test]
fn pure_ftpd_that_refuses_is_left_out() {
    is_left_out(Kind::PureFtpd);
}

#[test]
fn pyftpdlib_takes_part() {
    takes_part(Kind::Pyftpdlib);
}

#[test]
fn pyftpdlib_that_refuses_is_left_out() {
    is_left_out(Kind::Pyftpdlib);
}

#[test]
fn globus_takes_part() {
    takes_part(Kind::Globus);
}

#[test]
fn the_listener_is_the_end_that_lets_foreign_hosts_in() {
    let vsftpd = |hosts| (Who::Theirs(Kind::Vsftpd), hosts);
    // The source may not connect to a foreign host: it listens. And the other way round.
    or_skip!(goes_direct(vsftpd(Hosts::OnlyToAccept), vsftpd(Hosts::OnlyToConnect)));
    or_skip!(goes_direct(vsftpd(Hosts::OnlyToConnect), vsftpd(Hosts::OnlyToAccept)));
    or_skip!(goes_direct(vsftpd(Hosts::OnlyToAccept), (Who::Ours, Hosts::Allowed)));
    or_skip!(goes_direct((Who::Ours, Hosts::Allowed), vsftpd(Hosts::OnlyToConnect)));
}
