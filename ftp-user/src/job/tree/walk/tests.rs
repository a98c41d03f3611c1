//! Tests of the walk through a tree.

use super::*;
use crate::context::Cancel;
use crate::endpoint::LocalEnd;
use crate::place::tests::path;

/// What a walk through `root` finds.
async fn found(root: &std::path::Path, links: Links) -> Vec<Visit> {
    let context = Context::for_tests(Cancel::never());
    let root = path(root);
    let unique = LocalEnd::Typed.facts(&root).unwrap().unwrap().unique;
    let rules = WalkRules { links, ..WalkRules::default() };
    let mut visits = walk(context, Host::Local(LocalEnd::Typed), root, unique, rules);
    let mut found = Vec::new();
    while let Some(visit) = visits.next().await {
        found.push(match visit {
            Visit::Directory(path, _) => Visit::Directory(path, Attributes::default()),
            Visit::Link(path, target) => {
                assert!(target.is_some_and(|target| target.kind == Kind::File), "{}", path.display());
                Visit::File(path, None)
            }
            other @ (Visit::File(..) | Visit::Skipped(..) | Visit::Failed(..)) => other,
        });
    }
    // A directory comes before what is in it. What is only told may come at any time.
    let at = |wanted: &str| {
        found.iter().position(|visit| match visit {
            Visit::Directory(path, _) | Visit::File(path, _) | Visit::Link(path, _) => {
                path.as_bytes() == wanted.as_bytes()
            }
            Visit::Skipped(..) | Visit::Failed(..) => false,
        })
    };
    assert!(at("a") < at("a/b") && at("a/b") < at("a/b/deep"), "{found:?}");
    found.sort_by_key(|visit| match visit {
        Visit::Directory(path, _) | Visit::File(path, _) | Visit::Link(path, _) | Visit::Skipped(path, _) => {
            path.clone()
        }
        Visit::Failed(..) => path("~"),
    });
    found
}

#[tokio::test]
async fn a_walk_finds_everything_and_follows_links_as_it_is_told() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("a/b")).unwrap();
    std::fs::write(root.path().join("a/b/deep"), "x").unwrap();
    std::fs::write(root.path().join("top"), "x").unwrap();
    for (target, link) in [("top", "link"), ("a", "to"), ("none", "wrong"), ("..", "a/up")] {
        std::os::unix::fs::symlink(target, root.path().join(link)).unwrap();
    }
    let skipped = |name: &str, why: &str| Visit::Skipped(path(name), format!("it is {why}"));
    const DIRECTORY: &str = "a symbolic link to a directory (--links follow copies what is in it)";
    const NOWHERE: &str = "a symbolic link that leads nowhere";
    const LOOP: &str = "the same directory as the directory that is copied, which contains it";
    let directory = |name: &str| Visit::Directory(path(name), Attributes::default());
    let file = |name: &str| Visit::File(path(name), None);
    assert_eq!(
        found(root.path(), Links::Skip).await,
        [
            directory("a"),
            directory("a/b"),
            file("a/b/deep"),
            skipped("a/up", "a symbolic link"),
            skipped("link", "a symbolic link"),
            skipped("to", "a symbolic link"),
            file("top"),
            skipped("wrong", "a symbolic link"),
        ]
    );
    assert_eq!(
        found(root.path(), Links::Files).await,
        [
            directory("a"),
            directory("a/b"),
            file("a/b/deep"),
            skipped("a/up", DIRECTORY),
            file("link"),
            skipped("to", DIRECTORY),
            file("top"),
            skipped("wrong", NOWHERE),
        ]
    );
    assert_eq!(
        found(root.path(), Links::Follow).await,
        [
            directory("a"),
            directory("a/b"),
            file("a/b/deep"),
            skipped("a/up", LOOP),
            file("link"),
            directory("to"),
            directory("to/b"),
            file("to/b/deep"),
            skipped("to/up", LOOP),
            file("top"),
            skipped("wrong", NOWHERE),
        ]
    );
}

/// A walk through a directory of this host of which nothing is known.
fn walked(context: Context, root: PathName) -> Visits {
    walk(context, Host::Local(LocalEnd::Typed), root, None, WalkRules::default())
}

/// The root of a walk, which nothing identifies.
fn root() -> Arc<EnteredDirectory> {
    Arc::new(EnteredDirectory { path: None, identity: Identity::default(), parent: None })
}

#[tokio::test]
async fn of_a_large_directory_little_is_in_memory() {
    let (context, rules) = (Context::for_tests(Cancel::never()), WalkRules::default());
    let (sender, mut visits) = visit_queue();
    let mut listed = ListedDirectory::new(&context, &rules, &sender, root(), 0, LONGEST_PATH);
    // The listing breaks in its middle and is asked for again.
    for number in (0..100_000).chain(0..200_000) {
        listed.listings += u32::from(number == 0);
        let kind = if number % 2 == 0 { Kind::File } else { Kind::Directory };
        listed.entry(Entry { size: Some(1), ..Entry::new(path(format!("name-{number}")), kind) });
        assert!(visits.in_memory() < 20_000 && listed.level.children.in_memory() < 20_000);
    }
    assert_eq!((listed.names, listed.level.children.len()), (200_000, 100_000));
    drop(sender);
    let mut count = 0;
    while let Some(visit) = visits.next().await {
        assert!(matches!(visit, Visit::File(..) | Visit::Directory(..)), "{visit:?}");
        count += 1;
        assert!(visits.in_memory() < 20_000);
    }
    assert_eq!(count, 200_000);
}

#[tokio::test]
async fn of_a_hostile_listing_what_is_left_out_is_told_once() {
    let (context, rules) = (Context::for_tests(Cancel::never()), WalkRules::default());
    let (sender, mut visits) = visit_queue();
    let mut listed = ListedDirectory::new(&context, &rules, &sender, root(), MOST_WAITING, LONGEST_PATH);
    for number in 0..50_000 {
        for (name, kind) in [(format!("d{number}"), Kind::Directory), (format!("a/{number}"), Kind::File)] {
            listed.entry(Entry::new(path(name), kind));
        }
    }
    listed.tell_left_out();
    drop(sender);
    let (mut count, mut last) = (0, Vec::new());
    while let Some(visit) = visits.next().await {
        let Visit::Failed(FailedVisit { path, failure, is_unlisted: false }) = visit else {
            panic!("{visit:?}")
        };
        count += 1;
        last.extend(path.is_none().then(|| failure.to_string()));
    }
    assert_eq!((count, last.len()), (UNUSABLE_TOLD + 2, 2), "{last:?}");
    assert!(last[0].starts_with("50000 directories in it are not entered"), "{last:?}");
    assert!(last[1].starts_with("49000 more names in it cannot be used"), "{last:?}");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_told_as_one_that_could_not_be_listed() {
    let mut visits = walked(Context::for_tests(Cancel::never()), path("/nonexistent/directory"));
    let visit = visits.next().await;
    let is_unlisted = matches!(visit, Some(Visit::Failed(FailedVisit { path: None, is_unlisted: true, .. })));
    assert!(is_unlisted && visits.next().await.is_none(), "{visit:?}");
}

#[tokio::test]
async fn a_tree_without_end_is_ended() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..50 {
        std::fs::create_dir_all(root.path().join(format!("{number}/deeper"))).unwrap();
    }
    let mut context = Context::for_tests(Cancel::never());
    context.settings.listing.names = 40;
    let mut visits = walked(context, path(root.path()));
    let (mut failures, mut directories) = (Vec::new(), 0);
    while let Some(visit) = visits.next().await {
        match visit {
            Visit::Failed(FailedVisit { path: None, failure, is_unlisted: false }) => {
                failures.push(failure.to_string());
            }
            Visit::Directory(..) => directories += 1,
            Visit::Failed(_) | Visit::File(..) | Visit::Link(..) | Visit::Skipped(..) => {
                panic!("{visit:?}")
            }
        }
    }
    assert_eq!((failures.len(), directories), (1, 50), "{failures:?}");
    assert!(failures[0].contains("may have no end"), "{failures:?}");
}

#[test]
fn one_directory_is_known_by_the_words_of_each_host() {
    for (one, other, expect) in [
        ("8-31", "8g1f", true),
        ("8g1f", "8U1F", true),
        ("AbC", "AbC", true),
        ("AbC", "aBc", false),
        ("8-31", "8g31", false),
        ("8-31", "31", false),
        ("ag", "ag", true),
        ("ag", "aU", false),
    ] {
        assert_eq!(is_one_directory(one, other), expect, "{one} {other}");
    }
}
