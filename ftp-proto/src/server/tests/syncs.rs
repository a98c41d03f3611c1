//! SITE SYNC: what was stored is on stable storage.

use super::Harness;
use super::harness::{both, config, modern, seconds};
use crate::server::ask::FileFailure;

#[test]
fn site_sync_is_answered_when_everything_is_on_stable_storage() {
    for mut h in both() {
        assert_eq!(h.say("SITE SYNC"), ["200 Everything is on stable storage"]);
        assert!(h.did().iter().any(|asked| asked.contains("Sync")));
        h.check("SITE SYNC now", &["501"]);
        assert!(h.say("SITE HELP").iter().any(|line| line.contains("SYNC")));
    }
    assert!(modern().say("FEAT").iter().any(|line| line == " SITE CHMOD;SYMLINK;SYNC;UTIME"));
}

#[test]
fn site_sync_asks_nothing_of_an_account_that_may_only_read() {
    let mut h = Harness::new(config());
    h.say("USER anonymous");
    h.say("PASS x");
    h.did();
    h.check("SITE SYNC", &["200"]);
    assert!(!h.did().iter().any(|asked| asked.contains("Sync")));
}

#[test]
fn a_sync_that_fails_is_never_200() {
    for mut h in both() {
        let code = h.code("455/451");
        h.opens = Err(FileFailure::NotSynced);
        let said = h.say("SITE SYNC");
        assert_eq!(said, [format!("{code} Something may not be on stable storage: the disk has failed")]);
    }
}

#[test]
fn a_long_sync_shows_that_it_goes_on() {
    let mut h = modern();
    h.answers_files = false;
    h.check("SITE SYNC", &[]);
    h.pass(seconds(25));
    assert_eq!(h.take(), ["150-Syncing", "150-Syncing"]);
    h.answer_files();
    assert_eq!(h.take(), ["150 The sync has ended", "200 Everything is on stable storage"]);
    h.check("SITE SYNC", &[]);
    h.pass(seconds(11));
    h.take();
    assert_eq!(h.say("ABOR").iter().map(|line| &line[..4]).collect::<Vec<_>>(), ["150 ", "426 ", "226 "]);
}
