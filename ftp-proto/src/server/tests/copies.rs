//! SITE CPFR, SITE CPTO: copies of files within the server.

use super::Harness;
use super::harness::{Config, both, config, modern, seconds};
use crate::server::ask::{Event, Input};

/// Events of copies that have come so far.
fn told(h: &Harness) -> Vec<String> {
    let told = h.events.iter().filter_map(|event| {
        let Event::Copied { from, to, outcome, .. } = event else { return None };
        Some(format!("{} {} {outcome:?}", from.display(), to.display()))
    });
    told.collect()
}

/// The codes of lines, each with what follows it.
fn codes(lines: Vec<String>) -> Vec<String> {
    lines.iter().map(|line| line[..4].to_owned()).collect()
}

#[test]
fn a_file_is_copied_by_two_commands() {
    for mut h in both() {
        h.check("SITE CPFR a", &["200/350"]);
        h.did();
        assert_eq!(h.say("SITE CPTO d/c d"), [format!("{} Copied 1000 bytes", h.code("200/250"))]);
        let asked = h.did();
        assert!(asked[0].contains("Copy {") && asked[0].contains("/d/c d"), "{asked:?}");
        assert_eq!(told(&h), ["/a /d/c d Ok(1000)"]);
    }
}

#[test]
fn a_copy_needs_its_file_right_before() {
    let mut h = modern();
    h.check("SITE CPTO c", &["503"]);
    h.check("SITE CPFR a", &["350"]);
    h.check("NOOP", &["200"]);
    h.check("SITE CPTO c", &["503"]);
    h.check("SITE CPFR nothing", &["550"]);
    h.check("SITE CPTO c", &["503"]);
    // What is named for a new name is not named for a copy, and the other way round.
    h.check("RNFR a", &["350"]);
    h.check("SITE CPTO c", &["503"]);
    h.check("SITE CPFR a", &["350"]);
    h.check("RNTO c", &["503"]);
    h.check("SITE CPTO c", &["503"]);
    h.check("SITE CPFR", &["501"]);
    h.check("SITE CPTO", &["501"]);
}

#[test]
fn an_account_that_may_only_read_copies_nothing() {
    let mut h = Harness::new(config());
    h.say("USER anonymous");
    h.say("PASS x");
    h.check("SITE CPFR a", &["550"]);
    h.check("SITE CPTO c", &["503"]);
    assert_eq!(told(&h), [""; 0]);
}

#[test]
fn copies_can_be_switched_off() {
    let mut h = Harness::new(Config { copies: false, ..config() }).logged_in();
    h.check("SITE CPFR a", &["504"]);
    h.check("SITE CPTO c", &["504"]);
    assert!(!h.say("FEAT").iter().any(|line| line.contains("SITE COPY")));
    assert!(!h.say("SITE HELP").iter().any(|line| line.contains("CPFR")));
    let mut h = modern();
    assert!(h.say("FEAT").iter().any(|line| line == " SITE COPY"));
    assert!(h.say("SITE HELP").iter().any(|line| line.contains("CPFR <path>")));
}

#[test]
fn a_long_copy_shows_that_it_goes_on_and_then_says_the_truth() {
    let mut h = modern();
    for (name, last) in [("a", "250 Copied 1000 bytes"), ("b", "250 Copied 5 bytes")] {
        h.answers_files = true;
        h.check(&format!("SITE CPFR {name}"), &["350"]);
        h.answers_files = false;
        h.check("SITE CPTO c", &[]);
        h.pass(seconds(25));
        assert_eq!(h.take(), ["150-Copying", "150-Copying"]);
        h.answer_files();
        assert_eq!(h.take(), ["150 The copy has ended", last]);
        h.pass(seconds(60));
        assert!(h.take().is_empty());
    }
}

#[test]
fn abor_stops_a_copy_and_waits_for_what_has_become_of_it() {
    for waits in [0, 11] {
        let mut h = modern();
        h.check("SITE CPFR a", &["350"]);
        h.answers_files = false;
        h.check("SITE CPTO c", &[]);
        h.pass(seconds(waits));
        h.take();
        h.did();
        h.check("ABOR", &[]);
        assert_eq!(h.did(), ["stop"]);
        // The preliminary reply that has begun ends before another one.
        let expect: &[&str] = if waits > 0 { &["150 ", "225 "] } else { &["225 "] };
        assert_eq!(codes(h.say("ABOR")), expect);
        assert!(h.did().is_empty(), "it is stopped once");
        assert!(told(&h).is_empty());
        h.answer_files();
        assert_eq!(codes(h.take()), ["426 ", "226 "]);
        assert_eq!(told(&h), ["/a /c Err(Stopped)"]);
        h.answers_files = true;
        h.check("NOOP", &["200"]);
    }
}

#[test]
fn a_session_that_ends_stops_its_copy_and_tells_the_log() {
    let mut h = modern();
    h.check("SITE CPFR a", &["350"]);
    h.answers_files = false;
    h.check("SITE CPTO c", &[]);
    h.did();
    h.input(Input::Closed);
    assert_eq!(h.did(), ["stop"]);
    h.answer_files();
    assert_eq!(told(&h), ["/a /c Err(Stopped)"]);
    assert!(h.closed);
}
