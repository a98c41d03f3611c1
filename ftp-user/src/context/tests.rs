//! The context that tests of all folders have, and the bounds of what is noted of directories.

use super::*;

impl Context {
    /// A context whose events nobody reads, with long timeouts and no retries.
    pub(crate) fn for_tests(cancel: Cancel) -> Self {
        let long = Duration::from_secs(60);
        let events = crate::report::Reporter::start(crate::report::Style::for_tests(), None).0;
        Self {
            world: World::real(),
            store: Store::default(),
            settings: Settings {
                patience: Patience { reply: long, stall: long, unseen: None, retries: 0, first_retries: 0 },
                family: None,
                proxy: None,
                known_relays: Relays::default(),
                relay_consent: Consent::default(),
                race: true,
                clear_data: false,
                takes_tls: true,
                demands_tls: false,
                trust: Trust::default(),
                unknown: UnknownCertificates::default(),
                named: Names::default(),
                typed: TypedOptions::default(),
                listing: ListingLimit::default(),
                limit: None,
                congestion: None,
            },
            run: Run::new(events, cancel),
        }
    }
}

fn entries(count: usize) -> Vec<Entry> {
    let name = |number: usize| PathName::from_user(format!("n{number}")).unwrap();
    (0..count).map(|number| Entry::new(name(number), Kind::File)).collect()
}

#[test]
fn what_is_noted_has_bounds_and_says_what_is_cut() {
    let listed = ListedDirectories::wanted();
    for _ in 0..4 {
        listed.note("lab:pub", None, &entries(MOST_OF_ONE + 1), false);
    }
    let kept = listed.take();
    let sizes: Vec<usize> = kept.iter().map(|listed| listed.names.len()).collect();
    assert_eq!(sizes, [MOST_OF_ONE, MOST_OF_ONE]);
    assert!(kept.iter().all(|listed| listed.is_cut));
    for _ in 0..2 * MOST_DIRECTORIES {
        listed.note("lab:pub", None, &entries(1), false);
    }
    assert_eq!(listed.take().len(), MOST_DIRECTORIES);
    assert!(listed.take().is_empty(), "it was taken");
    let nobody = ListedDirectories::default();
    nobody.note("lab:pub", None, &entries(1), false);
    assert!(nobody.take().is_empty());
}
