//! Where foreign hosts are refused at both ends every file still arrives: through the user agent.

use super::matrix::{brings_tree, run_all_pairs, shown};
use integration_tests::foreign::{DirectPath, Kind, Skipped, Who, direct_path, tree};
use integration_tests::or_skip;

/// The tree is at the other end, through this host, by size or better.
pub(super) fn arrives(from: Who, to: Who) -> Result<&'static str, Skipped> {
    if (from, to) == (Who::Ours, Who::Ours) {
        return Err(Skipped("two of ours prove themselves to each other and go direct".into()));
    }
    // Some let everybody in, which leaves direct ways open.
    let is_open = direct_path((from, from.most_closed()), (to, to.most_closed())) != DirectPath::None;
    let path = if is_open { "user" } else { "auto" };
    let files = tree([from, to]);
    let source = from.start(from.most_closed(), &files)?;
    let target = to.start(to.most_closed(), &[])?;
    let run = brings_tree(&source, &target, &files, &["--path", path]);
    assert_eq!(run.summary()["path"], "user", "{}", shown(&run, &source, &target, ""));
    Ok("through this host")
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
    run_all_pairs(None, arrives);
}
