//! What goes and what stays, and how that is told.

use super::*;
use crate::place::tests::path;
use ftp_proto::deletion::AmountTally;

/// A directory `d` of 30 files that all go, beside 100 others.
fn large() -> LargeDeletions {
    let mut tally = AmountTally::default();
    (0..100).for_each(|number| tally.file(&path(format!("a{number}")), number == 0));
    tally.directory(&path("d"));
    (0..30).for_each(|number| tally.file(&path(format!("d/{number}")), true));
    tally.finish()
}

#[test]
fn names_are_kept_unless_somebody_has_agreed_to_them() {
    let renamed: HashSet<PathName> = (0..10).map(|number| path(format!("d/{number}"))).collect();
    let none = HashSet::new;
    let file = |size| Facts { size: Some(size), ..Facts::of_kind(listing::Kind::File) };
    let seen = |text: &str| WithheldName::new(&path(text), &file(5));
    let names = |texts: &[&str]| Some(texts.iter().map(|text| seen(text)).collect());
    for (agreed, is_source_empty, renamed, expect) in [
        (names(&[]), false, none(), [true, true, false]),
        (names(&[]), true, none(), [true, true, true]),
        (names(&["d/1", "a0"]), true, none(), [false, true, false]),
        (None, true, none(), [false, false, false]),
        (names(&[]), false, renamed, [false, false, false]),
    ] {
        let withheld = WithheldNames::new(large(), is_source_empty, agreed, &renamed);
        let found = ["d/1", "d/20", "a0"].map(|name| withheld.need_consent(&path(name), &file(5)));
        assert_eq!(found, expect, "{withheld:?}");
        // What has changed since is another file.
        let changed = withheld.need_consent(&path("d/20"), &file(6));
        assert_eq!(changed, withheld.consented.is_some() && withheld.large.keeper(&path("d/20")).is_some());
    }
}

#[test]
fn the_directory_and_the_remedy_are_told() {
    let none = Some(HashSet::new());
    let mut withheld = WithheldNames::new(large(), false, none, &HashSet::new());
    ["d/1", "d/2"].iter().for_each(|name| withheld.keep(&path(name), &Facts::of_kind(listing::Kind::File)));
    let words = withheld.words(
        |below| below.map_or("DEST".to_owned(), |below| format!("DEST/{}", below.display())),
        "the same command with --yes",
    );
    assert_eq!(
        words,
        "not deleted: 2 names that the source lacks, because they are more than half of what DEST/d has; if they are to go, the same command with --yes deletes them"
    );
}

#[test]
fn what_has_another_name_or_is_left_does_not_go() {
    let renamed = HashSet::from([path("b")]);
    let goes = |name: &str, kind| {
        let entry = TreeEntry { path: path(name), facts: Facts::of_kind(kind) };
        goes_if_lacking(&entry, &renamed, &SimilarNames::default())
    };
    use listing::Kind::{File, Other};
    assert_eq!(
        [("a", File), ("b", File), ("a", Other)].map(|(name, kind)| goes(name, kind)),
        [true, false, false]
    );
}

#[test]
fn names_that_servers_hide_are_counted_apart() {
    let mut kept = KeptNames::default();
    [".a/b", "a/.b", "a/b", "a.b"].iter().for_each(|name| kept.keep(&path(name), ReasonToKeep::There));
    let count = |begins_with_dot| kept.by_reason[&(ReasonToKeep::There, begins_with_dot)].count;
    assert_eq!([true, false].map(count), [2, 2]);
}

#[test]
fn names_that_stay_are_told_with_the_jobs_that_work_there() {
    let mut kept = ClaimedNames::default();
    kept.keep(&path("b"), JobId::new(2));
    let check = |kept: &ClaimedNames, expect: &str| {
        assert_eq!(
            kept.words("x/b"),
            format!("not deleted: {expect}; the first is x/b; sync again after its end")
        );
    };
    check(&kept, "1 name where job 0000000000000002 works");
    kept.keep(&path("a"), JobId::new(1));
    check(&kept, "2 names where job 0000000000000001 and another one work");
    kept.keep(&path("c"), JobId::new(3));
    check(&kept, "3 names where job 0000000000000001 and 2 other jobs work");
    kept.keep_empty(&path("d"), &OtherJobs::default());
    check(&kept, "3 names and empty directories where job 0000000000000001 and 2 other jobs work");
}
