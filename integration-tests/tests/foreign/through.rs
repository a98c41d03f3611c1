//! Where foreign hosts are refused at both ends every file still arrives: through the user agent.

use super::matrix::{brings_tree, run_all_pairs, run_with_each};
use integration_tests::foreign::{DirectPath, Kind, Skipped, Who, direct_path, shown, tree};

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

#[test]
fn i01_every_kind_of_server() {
    run_with_each(&Kind::ALL, arrives);
}

/// `FOREIGN_MATRIX=all`: every ordered pair. Otherwise nothing: the test above has one of each kind.
#[test]
fn matrix_of_all_pairs_through_this_host() {
    run_all_pairs(None, arrives);
}
