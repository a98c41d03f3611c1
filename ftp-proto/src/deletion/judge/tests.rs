//! The table of the judge, a row for each reason.

use super::*;
use crate::deletion::Presence::{Missing, There, Unknown};
use crate::listing::When;

fn path(text: &str) -> PathName {
    PathName::from_wire(text.as_bytes()).unwrap()
}

fn facts(size: Option<u64>, modified: Option<i64>, unique: Option<&str>) -> Facts {
    let unique = unique.map(str::to_owned);
    Facts { kind: Kind::File, size, modified: modified.map(When), unique, version: None, mode: None }
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
    let [link, subdirectory] = [Kind::Link, Kind::Directory].map(|kind| ListedEntry { kind, ..whole });
    for (below, entry, session, expect) in [
        ("a", whole, NOW, Ok("d/a")),
        ("a/b", whole, NOW, Ok("d/a/b")),
        ("a", whole, BEFORE, Err(ReasonToKeep::Stale)),
        ("a", cut, NOW, Err(ReasonToKeep::NotListed)),
        ("..", whole, NOW, Err(ReasonToKeep::Outside)),
        ("a/../../b", whole, NOW, Err(ReasonToKeep::Outside)),
        ("/etc/passwd", whole, NOW, Err(ReasonToKeep::Outside)),
        ("a//b", whole, NOW, Err(ReasonToKeep::Outside)),
        ("a/./b", whole, NOW, Err(ReasonToKeep::Outside)),
        ("a\rDELE b", whole, NOW, Err(ReasonToKeep::Outside)),
        ("a", link, NOW, Ok("d/a")),
        ("a", subdirectory, NOW, Err(ReasonToKeep::Changed)),
    ] {
        let (below_path, learnt) = (path(below), Learnt::new(entry, session));
        let permit = DeletePermit::for_listed(&path("d"), (&below_path, RemovalKind::File), &learnt, NOW);
        let expect = expect.map(|text: &str| DeletePermit::of(path(text), RemovalKind::File));
        assert_eq!(permit, expect, "{below} {entry:?} {session:?}");
    }
}

#[test]
fn a_directory_goes_by_a_permit_for_directories() {
    let whole = ListedEntry { kind: Kind::Directory, is_listing_whole: true };
    let permit =
        |kind| DeletePermit::for_listed(&path("d"), (&path("e"), kind), &Learnt::new(whole, NOW), NOW);
    let expect = DeletePermit::of(path("d/e"), RemovalKind::Directory);
    assert_eq!(permit(RemovalKind::Directory), Ok(expect.clone()));
    assert_eq!(permit(RemovalKind::File), Err(ReasonToKeep::Changed));
    // Its host removes it only if it is empty.
    assert_eq!(DeletePermit::for_directory_if_empty(&path("d"), Some(&path("e"))), Ok(expect));
    let outside = DeletePermit::for_directory_if_empty(&path("d"), Some(&path("../e")));
    assert_eq!(outside, Err(ReasonToKeep::Outside));
}

#[test]
fn h21_a_file_of_another_size_time_identity_or_version_has_changed() {
    let version = |version| Facts { version, ..facts(Some(5), Some(1), Some("a")) };
    for (before, now, expect) in [
        (facts(Some(5), Some(1), None), facts(Some(6), Some(1), None), true),
        (facts(Some(5), Some(1), None), facts(Some(5), Some(2), None), true),
        (facts(Some(5), None, Some("a")), facts(Some(5), None, Some("b")), true),
        // A listing had only a date for people.
        (facts(Some(5), None, None), facts(Some(5), Some(2), Some("b")), false),
        (version(Some(1)), version(Some(1)), false),
        (version(Some(1)), version(Some(2)), true),
        (version(Some(1)), version(None), false),
        (version(None), Facts { size: None, ..version(None) }, true),
    ] {
        assert_eq!(has_changed(&before, &now), expect, "{before:?} {now:?}");
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
    let check = |evidence: SurplusEvidence<'_>, session, expect: Option<ReasonToKeep>| {
        let learnt = Learnt::new(evidence, session);
        let permit = DeletePermit::for_surplus(&path("d"), &path("a"), &learnt, NOW);
        assert_eq!(permit.err(), expect, "{evidence:?} {session:?}");
    };
    check(good, NOW, None);
    check(SurplusEvidence { witness: Witness::NotNeeded, ..good }, NOW, None);
    check(good, BEFORE, Some(ReasonToKeep::Stale));
    check(SurplusEvidence { is_listed_whole: false, ..good }, NOW, Some(ReasonToKeep::NotListed));
    check(SurplusEvidence { presence: There, ..good }, NOW, Some(ReasonToKeep::There));
    check(SurplusEvidence { presence: Unknown, ..good }, NOW, Some(ReasonToKeep::Unclear));
    check(SurplusEvidence { witness: Witness::NotFound, ..good }, NOW, Some(ReasonToKeep::NoWitness));
    check(SurplusEvidence { needs_consent: true, ..good }, NOW, Some(ReasonToKeep::Amount));
    for now in &others {
        check(SurplusEvidence { now, ..good }, NOW, Some(ReasonToKeep::Changed));
    }
    check(SurplusEvidence { seen: &link, now: &link, ..good }, NOW, None);
    check(SurplusEvidence { seen: &link, ..good }, NOW, Some(ReasonToKeep::Changed));
    // Its listing tells nothing but its kind.
    check(SurplusEvidence { seen: &vague, ..good }, NOW, None);
    for below in ["../a", "a/.."] {
        let permit = DeletePermit::for_surplus(&path("d"), &path(below), &Learnt::new(good, NOW), NOW);
        assert_eq!(permit.err(), Some(ReasonToKeep::Outside), "{below}");
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
        (Some(1), NOW, Some(ReasonToKeep::NotEmpty)),
        (None, NOW, Some(ReasonToKeep::NotListed)),
        (Some(0), BEFORE, Some(ReasonToKeep::Stale)),
    ] {
        let permit =
            DeletePermit::for_emptied(&path("d"), Some(&path("e")), &Learnt::new(entries, session), NOW);
        assert_eq!(permit.err(), expect, "{entries:?} {session:?}");
    }
}

#[test]
fn a_permit_for_a_renamed_file_is_for_its_directory_only() {
    for (old, new, is_beside) in [
        ("d/a", "d/b", true),
        ("a", "b", true),
        ("./d//a", "d/b", true),
        ("/a", "/b", true),
        ("d/a", "e/b", false),
        ("d/a", "d/a/b", false),
        ("d/a", "b", false),
        ("a", "/b", false),
    ] {
        let permit = DeletePermit::for_named(path(old), RemovalKind::File);
        let file = Facts { size: Some(5), ..Facts::of_kind(Kind::File) };
        assert_eq!(permit.renamed(path(new), &file, &file).is_ok(), is_beside, "{old} {new}");
    }
}

#[test]
fn a_file_that_somebody_has_written_to_before_it_was_renamed_stays() {
    let permit = DeletePermit::for_named(path("d/a"), RemovalKind::File);
    let before = Facts {
        size: Some(5),
        modified: Some(When(1)),
        unique: Some("u".to_owned()),
        version: Some(1),
        ..Facts::of_kind(Kind::File)
    };
    for (now, expect) in [
        (before.clone(), true),
        (Facts { version: Some(2), ..before.clone() }, true),
        (Facts { size: Some(6), ..before.clone() }, false),
        (Facts { modified: Some(When(2)), ..before.clone() }, false),
        (Facts { unique: Some("v".to_owned()), ..before.clone() }, false),
        (Facts { kind: Kind::Link, ..before.clone() }, false),
    ] {
        let renamed = permit.renamed(path("d/b"), &before, &now);
        assert_eq!(renamed.err(), (!expect).then_some(ReasonToKeep::SourceChanged), "{now:?}");
    }
}

#[test]
fn a_permit_says_which_command_is_sent() {
    let place = path("d");
    let link = DeletePermit::for_link(&place, Some(&path("e"))).unwrap();
    let emptied = DeletePermit::for_emptied(&place, None, &Learnt::new(Some(0), NOW), NOW).unwrap();
    assert_eq!((link.kind(), link.path().display()), (RemovalKind::File, "d/e".to_owned()));
    assert_eq!((emptied.kind(), emptied.path()), (RemovalKind::Directory, &place));
    assert_eq!(DeletePermit::for_link(&place, Some(&path("../e"))), Err(ReasonToKeep::Outside));
}
