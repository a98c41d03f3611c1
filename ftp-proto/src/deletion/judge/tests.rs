//! The table of the judge, a row for each reason.

use super::*;
use crate::deletion::absence::Presence::{Missing, There, Unknown};
use crate::listing::When;

fn path(text: &str) -> PathName {
    PathName::from_wire(text.as_bytes()).unwrap()
}

fn facts(size: Option<u64>, modified: Option<i64>, unique: Option<&str>) -> Facts {
    let unique = unique.map(str::to_owned);
    Facts { kind: Kind::File, size, modified: modified.map(When), unique, mode: None }
}

fn directory() -> Facts {
    Facts::of_kind(Kind::Directory)
}

const NOW: SessionId = SessionId::new(7);
const BEFORE: SessionId = SessionId::new(6);

#[test]
fn a_listed_name_goes_by_a_whole_listing_of_the_same_session() {
    let whole = ListedEntry { kind: Kind::File, is_listing_whole: true };
    let cut = ListedEntry { is_listing_whole: false, ..whole };
    for (below, entry, session, expect) in [
        ("a", whole, NOW, Ok("d/a")),
        ("a/b", whole, NOW, Ok("d/a/b")),
        ("a", whole, BEFORE, Err(Kept::Stale)),
        ("a", cut, NOW, Err(Kept::NotListed)),
        ("..", whole, NOW, Err(Kept::Outside)),
        ("a/../../b", whole, NOW, Err(Kept::Outside)),
        ("/etc/passwd", whole, NOW, Err(Kept::Outside)),
        ("a//b", whole, NOW, Err(Kept::Outside)),
        ("a/./b", whole, NOW, Err(Kept::Outside)),
        ("a\rDELE b", whole, NOW, Err(Kept::Outside)),
    ] {
        let permit = DeletePermit::for_listed(&path("d"), &path(below), &Learnt::new(entry, session), NOW);
        let expect = expect.map(|path_text: &str| DeletePermit { path: path(path_text) });
        assert_eq!(permit, expect, "{below} {entry:?} {session:?}");
    }
}

#[test]
fn a_surplus_name_goes_only_if_the_source_surely_lacks_it() {
    let file = facts(Some(5), Some(1), Some("a"));
    let (vague, link) = (facts(None, None, None), Facts::of_kind(Kind::Link));
    let good = SurplusEvidence {
        is_listed_whole: true,
        presence: Missing,
        witness: Witness::Found,
        needs_consent: false,
        seen: &file,
        now: &file,
    };
    let others = [
        facts(Some(6), Some(1), Some("a")),
        facts(Some(5), Some(2), Some("a")),
        facts(Some(5), Some(1), Some("b")),
        directory(),
    ];
    let check = |evidence: SurplusEvidence<'_>, session, expect: Option<Kept>| {
        let learnt = Learnt::new(evidence, session);
        let permit = DeletePermit::for_surplus(&path("d"), &path("a"), &learnt, NOW);
        assert_eq!(permit.err(), expect, "{evidence:?} {session:?}");
    };
    check(good, NOW, None);
    check(SurplusEvidence { witness: Witness::NotNeeded, ..good }, NOW, None);
    check(good, BEFORE, Some(Kept::Stale));
    check(SurplusEvidence { is_listed_whole: false, ..good }, NOW, Some(Kept::NotListed));
    check(SurplusEvidence { presence: There, ..good }, NOW, Some(Kept::There));
    check(SurplusEvidence { presence: Unknown, ..good }, NOW, Some(Kept::Unclear));
    check(SurplusEvidence { witness: Witness::NotFound, ..good }, NOW, Some(Kept::NoWitness));
    check(SurplusEvidence { needs_consent: true, ..good }, NOW, Some(Kept::Amount));
    for now in &others {
        check(SurplusEvidence { now, ..good }, NOW, Some(Kept::Changed));
    }
    check(SurplusEvidence { seen: &link, now: &link, ..good }, NOW, None);
    check(SurplusEvidence { seen: &link, ..good }, NOW, Some(Kept::Changed));
    // Its listing tells nothing but its kind.
    check(SurplusEvidence { seen: &vague, ..good }, NOW, None);
    for below in ["../a", "a/.."] {
        let permit = DeletePermit::for_surplus(&path("d"), &path(below), &Learnt::new(good, NOW), NOW);
        assert_eq!(permit.err(), Some(Kept::Outside), "{below}");
    }
    for (root, expect) in [("/", "/a"), (".", "./a"), ("d", "d/a"), ("/d", "/d/a")] {
        let permit = DeletePermit::for_surplus(&path(root), &path("a"), &Learnt::new(good, NOW), NOW);
        assert_eq!(permit.unwrap().path().display(), expect);
    }
}

#[test]
fn a_directory_goes_only_if_a_whole_listing_of_the_same_session_shows_nothing_in_it() {
    for (entries, session, expect) in [
        (Some(0), NOW, None),
        (Some(1), NOW, Some(Kept::NotEmpty)),
        (None, NOW, Some(Kept::NotListed)),
        (Some(0), BEFORE, Some(Kept::Stale)),
    ] {
        let permit =
            DeletePermit::for_emptied(&path("d"), Some(&path("e")), &Learnt::new(entries, session), NOW);
        assert_eq!(permit.err(), expect, "{entries:?} {session:?}");
    }
}
