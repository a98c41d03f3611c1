//! Where foreign hosts are refused at both ends every file still arrives: through the user agent.

use super::matrix::{Cell, expect_all};
use integration_tests::foreign::{DirectPath, Kind, Skipped, Who, direct_path, tree};
use integration_tests::user::user;
use integration_tests::{or_skip, skip};

/// The tree is at the other end, through this host, by size or better.
pub(super) fn arrives(from: Who, to: Who) -> Result<(), Skipped> {
    if (from, to) == (Who::Ours, Who::Ours) {
        return Err(Skipped("two of ours prove themselves to each other and go direct".into()));
    }
    // Some let everybody in, which leaves direct ways open.
    let is_open = direct_path((from, from.most_closed()), (to, to.most_closed())) != DirectPath::None;
    let path = if is_open { "user" } else { "auto" };
    let files = tree([from, to]);
    let source = from.start(from.most_closed(), &files)?;
    let target = to.start(to.most_closed(), &[])?;
    let run = user()
        .args(["copy", "-r", "--json", "--retries", "1", "--timeout", "10s", "--trace", "trace.txt"])
        .args(["--path", path])
        .args(Who::without_tls(&[from, to]))
        .args([source.url("tree"), target.url("")])
        .run();
    let shown = format!(
        "{from:?} -> {to:?}\n{run}\n{}\n-- source --\n{}\n-- destination --\n{}",
        String::from_utf8_lossy(&run.bytes("trace.txt")),
        source.said(),
        target.said()
    );
    assert_eq!(run.code(), Some(0), "{shown}");
    assert_eq!(target.names(), source.names(), "{shown}");
    for (path, bytes) in &files {
        assert!(target.bytes(path) == *bytes, "{path} differs\n{shown}");
    }
    let summary = run.summary();
    assert_eq!(summary["path"], "user", "{shown}");
    assert_ne!(summary["verified"], "none", "{shown}");
    Ok(())
}

/// From ours, to ours, and between two of the kind.
fn takes_part(kind: Kind) {
    let theirs = Who::Theirs(kind);
    for (from, to) in [(Who::Ours, theirs), (theirs, Who::Ours), (theirs, theirs)] {
        or_skip!(arrives(from, to));
    }
}

#[test]
fn i01_vsftpd() {
    takes_part(Kind::Vsftpd);
}

#[test]
fn i01_proftpd() {
    takes_part(Kind::Proftpd);
}

#[test]
fn i01_pure_ftpd() {
    takes_part(Kind::PureFtpd);
}

#[test]
fn i01_pyftpdlib() {
    takes_part(Kind::Pyftpdlib);
}

#[test]
fn i01_globus() {
    takes_part(Kind::Globus);
}

#[test]
fn i01_inetutils() {
    takes_part(Kind::Inetutils);
}

#[test]
fn i01_netkit() {
    takes_part(Kind::Netkit);
}

#[test]
fn i01_aioftp() {
    takes_part(Kind::Aioftp);
}

#[test]
fn i01_twisted() {
    takes_part(Kind::Twisted);
}

#[test]
fn i01_ftp_srv() {
    takes_part(Kind::FtpSrv);
}

#[test]
fn i01_nodeftpd() {
    takes_part(Kind::Nodeftpd);
}

#[test]
fn i01_libunftp() {
    takes_part(Kind::Libunftp);
}

/// `FOREIGN_MATRIX=all`: every ordered pair. Otherwise nothing: the tests above have one of each kind.
#[test]
fn matrix_of_all_pairs_through_this_host() {
    if std::env::var_os("FOREIGN_MATRIX").is_none_or(|value| value != "all") {
        skip!("FOREIGN_MATRIX is not `all`; `.ci/full matrix-more` runs all pairs");
    }
    let pairs = Who::all().flat_map(|from| Who::all().map(move |to| (from, to)));
    let cells: Vec<Cell<'_>> = pairs
        .map(|(from, to)| Cell {
            from: from.name(),
            to: to.name(),
            work: Box::new(move || arrives(from, to).map(|()| "through this host")),
        })
        .collect();
    expect_all(&cells);
}
