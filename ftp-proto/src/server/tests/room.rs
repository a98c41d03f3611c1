//! Uploads wait for room for the hooks that run after them.

use super::Harness;
use super::harness::{Config, config, seconds};
use super::pack::ready_with;
use crate::command::Verb;
use crate::digest::{Algorithm, Digest};
use crate::reply::FileOutcome;
use crate::server::Timer;
use crate::server::ask::{Event, FileFailure, Input};

/// A session of a server with hooks, whose next transfer finds its connection at once.
fn ready() -> Harness {
    ready_with(Harness::new(Config { has_hooks: true, ..config() }).logged_in())
}

/// Holds a group of one file under the number 7.
fn hold(h: &mut Harness) {
    let again = !h.kept.is_empty();
    h.check("PACK STORE 7 /d//5,-,a", &[if again { "125" } else { "150" }]);
    assert!(!h.did().iter().any(|did| did.starts_with("room")), "a hook runs when the file gets its name");
    let digest = Digest { algorithm: Algorithm::Crc32c, hex: "0badcafe".to_owned() };
    h.finish_group(14, vec![FileOutcome::Moved { bytes: 5, digest }]);
}

#[test]
fn a_file_is_looked_at_when_there_is_room_for_its_hook() {
    for command in ["STOR c", "APPE c", "STOU"] {
        let mut h = ready();
        h.has_room = false;
        h.check(command, &[]);
        assert_eq!(h.did(), ["room File"]);
        h.pass(seconds(7));
        h.check("STAT", &["211-", "211"]);
        h.room_comes();
        assert!(h.take().concat().starts_with("150"), "{command}");
        assert!(h.did()[0].starts_with("prepare"));
    }
    let mut h = ready();
    h.has_room = false;
    h.check("RETR a", &["150"]);
}

#[test]
fn an_upload_that_finds_no_room_is_refused_before_anything_is_touched() {
    let mut h = ready();
    h.has_room = false;
    h.check("STOR c", &[]);
    h.pass(seconds(8));
    let replies = h.take();
    assert!(replies[0].starts_with("450") && replies[0].contains("hooks-waiting"), "{replies:?}");
    assert!(!h.waits_for_room() && !h.did().iter().any(|did| did.starts_with("prepare")));
    assert!(h.events.contains(&Event::TimedOut(Timer::Room)));
    assert!(h.events.iter().any(|event| matches!(event, Event::Transfer { failure: Some(_), .. })));
    h.has_room = true;
    h.check("STOR c", &["150"]);
}

#[test]
fn abor_ends_the_wait_for_room() {
    let mut h = ready();
    h.has_room = false;
    h.check("STOR c", &[]);
    h.check("ABOR", &["426", "226"]);
    assert!(!h.waits_for_room());
    h.check("NOOP", &["200"]);
}

#[test]
fn files_of_a_group_get_their_names_when_there_is_room_for_their_hooks() {
    let mut h = ready();
    hold(&mut h);
    h.has_room = false;
    h.check("PACK KEEP 7 1", &[]);
    assert_eq!(h.did(), ["room Group(1)"]);
    h.pass(seconds(7));
    h.room_comes();
    assert_eq!(h.take(), ["250 Files named"]);
    assert!(h.did()[0].starts_with("Keep"));
    hold(&mut h);
    h.check("PACK KEEP 7 1", &[]);
    h.did();
    h.pass(seconds(8));
    assert!(h.take().concat().starts_with("450"));
    assert_eq!(h.did(), ["cancel", "drop group 7"]);
    h.check("PACK KEEP 7 1", &["503"]);
}

#[test]
fn a_group_whose_place_others_need_meanwhile_is_not_named() {
    let mut h = ready();
    hold(&mut h);
    h.has_room = false;
    h.check("PACK KEEP 7 1", &[]);
    h.input(Input::GroupTaken(crate::command::GroupNumber(7)));
    h.did();
    h.room_comes();
    assert!(h.take().concat().starts_with("503"));
    assert_eq!(h.did(), [""; 0]);
}

#[test]
fn a_new_name_waits_for_room_too() {
    let mut h = ready();
    h.has_room = false;
    h.check("RNFR a", &["350"]);
    h.check("RNTO c", &[]);
    assert_eq!(h.did().last().map(String::as_str), Some(r#"room Renamed("/a")"#));
    h.room_comes();
    assert_eq!(h.take(), ["250 Renamed"]);
    h.check("RNFR a", &["350"]);
    h.check("RNTO c", &[]);
    h.pass(seconds(8));
    assert!(h.take().concat().starts_with("450"));
    let is_told = |event: &Event| {
        matches!(event, Event::Changed { verb: Verb::Rnto, failure: Some(FileFailure::HooksWait), .. })
    };
    assert!(h.events.iter().any(is_told));
}

#[test]
fn stat_is_answered_at_once_while_a_keep_or_a_new_name_waits_for_room() {
    let mut h = ready();
    hold(&mut h);
    h.has_room = false;
    for (commands, done) in
        [(&["PACK KEEP 7 1"][..], "250 Files named"), (&["RNFR a", "RNTO c"], "250 Renamed")]
    {
        for command in commands {
            h.say(command);
        }
        h.pass(seconds(7));
        // What is behind it in the queue waits on.
        h.check("NOOP", &[]);
        let status = h.say("STAT");
        assert!(status[0].starts_with("211-") && status.concat().contains("hooks-waiting"), "{status:?}");
        assert_eq!(h.say("STAT"), status, "as often as it is asked");
        h.check("STAT /", &[]);
        h.room_comes();
        let replies = h.take();
        assert_eq!(replies[..2], [done, "200 NOOP done"], "{replies:?}");
    }
}

#[test]
fn abor_ends_the_wait_of_a_keep_and_of_a_new_name() {
    let mut h = ready();
    hold(&mut h);
    h.has_room = false;
    h.check("PACK KEEP 7 1", &[]);
    h.check("ABOR", &["426", "226"]);
    assert!(!h.waits_for_room());
    h.check("RNFR a", &["350"]);
    h.check("RNTO c", &[]);
    h.check("ABOR", &["426", "226"]);
    // The time of the wait is over with it, and the group is still held.
    h.pass(seconds(31));
    assert!(h.take().is_empty() && !h.events.contains(&Event::TimedOut(Timer::Room)));
    h.has_room = true;
    h.check("PACK KEEP 7 1", &["250"]);
}
