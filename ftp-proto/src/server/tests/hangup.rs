//! A24: what becomes of a session whose client has ended the control connection.

use super::Harness;
use super::harness::{FOREIGN, both, modern, open_to_all, seconds};
use crate::command::Verb;
use crate::dialect::Dialect;
use crate::digest::{Algorithm, Digest};
use crate::reply::FileOutcome;
use crate::server::ask::{End, Event, FileFailure, Input};

/// A file is being received from the user's own host.
fn receiving(mut h: Harness, command: &str) -> Harness {
    h.own_host_connects_for(command);
    assert!(h.is_moving());
    h.did();
    h
}

#[test]
fn a24_a_file_that_is_being_received_is_received_to_its_end() {
    for h in both() {
        let mut h = receiving(h, "STOR c");
        h.input(Input::HungUp);
        assert!(!h.closed);
        assert_eq!(h.did(), ["doubt None"]);
        h.finish(7, End::WHOLE_FILE);
        assert!(h.closed);
    }
}

#[test]
fn a24_allo_tells_how_many_bytes_are_the_whole_file() {
    let mut h = modern();
    h.check("ALLO 1000", &["202"]);
    let mut h = receiving(h, "STOR c");
    h.input(Input::HungUp);
    assert_eq!(h.did(), ["doubt Some(1000)"]);
    // It holds for one file.
    let mut h = modern();
    h.check("ALLO 1000", &["202"]);
    let mut h = receiving(h, "STOR c");
    h.finish(1000, End::WHOLE_FILE);
    let mut h = receiving(h, "STOR d");
    h.input(Input::HungUp);
    assert_eq!(h.did(), ["doubt None"]);
}

#[test]
fn a24_what_shows_its_own_end_or_is_written_in_place_is_not_doubted() {
    let mut block = modern();
    block.check("MODE B", &["200"]);
    let mut at = modern();
    at.check("REST 3", &["350"]);
    for (h, command) in [(block, "STOR c"), (at, "STOR b"), (modern(), "APPE c")] {
        let mut h = receiving(h, command);
        h.input(Input::HungUp);
        assert_eq!(h.did(), Vec::<String>::new(), "{command}");
        assert!(!h.closed);
    }
}

#[test]
fn a24_it_goes_on_as_long_as_a_byte_comes_within_five_seconds() {
    let mut h = receiving(modern(), "STOR c");
    h.input(Input::HungUp);
    for n in 1..10 {
        h.progress = (n, 0);
        h.pass(seconds(4));
        assert!(!h.closed);
    }
    h.did();
    h.pass(seconds(11));
    assert!(h.did().contains(&"stop".to_owned()));
    assert!(h.closed);
}

#[test]
fn a24_everything_else_ends_at_once() {
    let mut idle = modern();
    idle.port("LSTN R");
    let mut waits = modern();
    waits.port("PASV");
    waits.say("STOR c");
    let mut sends = modern();
    sends.own_host_connects_for("RETR a");
    let mut foreign = open_to_all(Dialect::Rfc959);
    let port = foreign.port("PASV");
    foreign.arrive(port, &format!("{FOREIGN}:7000"));
    foreign.say("STOR c");
    assert!(foreign.is_moving());
    for (mut h, what) in [(idle, "idle"), (waits, "waits"), (sends, "sends"), (foreign, "foreign")] {
        h.input(Input::HungUp);
        assert!(h.closed, "{what}");
    }
    // A connection that breaks says nothing about the client.
    let mut h = receiving(modern(), "STOR c");
    h.input(Input::Closed);
    assert!(h.closed);
}

#[test]
fn a24_commands_that_wait_behind_the_file_are_dropped() {
    let mut h = receiving(modern(), "STOR c");
    h.send("DELE a\r\n");
    h.input(Input::HungUp);
    h.did();
    h.finish(7, End::WHOLE_FILE);
    assert!(h.closed);
    assert!(!h.did().iter().any(|did| did.contains("Remove")));
}

/// How a session ends while something of it is under way.
const ENDS: [fn() -> Input<'static>; 3] = [|| Input::Closed, || Input::HungUp, || Input::End("kicked")];

/// The session is over for its client, and goes on for an answer.
#[track_caller]
fn ends_for_its_client(h: &mut Harness, end: fn() -> Input<'static>) {
    let said = if matches!(end(), Input::End(_)) { &["421 kicked"][..] } else { &[] };
    h.take();
    h.events.clear();
    h.input(end());
    assert!(!h.closed && h.session.is_detached());
    assert_eq!(h.take(), said);
    // Neither a second end nor the client changes anything.
    h.send("NOOP\r\n");
    for again in ENDS {
        h.input(again());
    }
    h.input(Input::Shutdown);
    assert!(!h.closed && h.take().is_empty());
}

#[test]
fn a24_what_is_changed_when_the_session_ends_is_told() {
    let changes: [(&str, Verb, &str); 6] = [
        ("DELE a", Verb::Dele, "/a"),
        ("MKD d", Verb::Mkd, "/d"),
        ("RMD d", Verb::Rmd, "/d"),
        ("RNTO c", Verb::Rnto, "/a"),
        ("MFMT 20200101000000 a", Verb::Mfmt, "/a"),
        ("SITE CHMOD 600 a", Verb::Site, "/a"),
    ];
    for (command, changed, name) in changes {
        for end in ENDS {
            let mut h = modern();
            h.check("RNFR a", &["350"]);
            h.answers_files = false;
            h.check(command, &[]);
            ends_for_its_client(&mut h, end);
            h.answer_files();
            assert!(h.closed && !h.session.is_detached(), "{command}");
            assert!(h.take().is_empty(), "{command}");
            let is_told = |event: &Event| {
                matches!(event, Event::Changed { verb, path, failure: None, .. }
                    if *verb == changed && path.display() == name)
            };
            assert!(h.events.iter().any(is_told), "{command}: {:?}", h.events);
        }
    }
}

#[test]
fn a24_a_change_that_is_never_answered_is_told_in_the_end() {
    let mut h = modern();
    h.answers_files = false;
    h.check("DELE a", &[]);
    ends_for_its_client(&mut h, || Input::Closed);
    h.pass(seconds(3600));
    assert!(h.closed);
    let is_told = |event: &Event| {
        matches!(event, Event::Changed { verb: Verb::Dele, failure: Some(FileFailure::Other), .. })
    };
    assert!(h.events.iter().any(is_told));
}

#[test]
fn a24_a_session_waits_for_no_answer_that_changes_nothing() {
    for command in ["SIZE a", "HASH a", "RNFR a", "CWD d", "STAT a", "STOR c", "RETR a"] {
        for end in ENDS {
            let mut h = modern();
            h.answers_files = false;
            h.check(command, &[]);
            h.input(end());
            assert!(h.closed, "{command}");
        }
    }
}

#[test]
fn a24_files_of_a_group_that_get_their_names_when_the_session_ends_are_told() {
    for end in ENDS {
        let mut h = with_group();
        h.answers_files = false;
        h.check("PACK KEEP 7 1", &[]);
        ends_for_its_client(&mut h, end);
        h.answer_files();
        assert!(h.closed);
        assert_eq!(failures(&h), [None]);
    }
}

#[test]
fn a24_a_file_that_is_whole_when_the_session_ends_is_told_to_be_whole() {
    for end in [ENDS[0], ENDS[2]] {
        for (moved, why) in [(End::WHOLE_FILE, None), (End::Stopped, Some("the session ended".to_owned()))] {
            let mut h = receiving(modern(), "STOR c");
            h.stops = false;
            ends_for_its_client(&mut h, end);
            assert_eq!(h.did().iter().filter(|did| *did == "stop").count(), 1);
            h.finish(7, moved);
            assert!(h.closed);
            assert_eq!(failures(&h), [why]);
        }
    }
}

#[test]
fn a24_an_abor_that_is_under_way_is_answered_before_the_session_ends() {
    let mut h = receiving(modern(), "STOR c");
    h.stops = false;
    h.say("ABOR");
    ends_for_its_client(&mut h, || Input::HungUp);
    h.finish(7, End::Stopped);
    assert!(h.closed);
    assert_eq!(failures(&h), [Some("aborted by the client".to_owned())]);
}

#[test]
fn a24_a_session_that_waits_for_an_answer_holds_no_ports() {
    let mut h = modern();
    h.port("PASV");
    h.answers_files = false;
    h.check("DELE a", &[]);
    h.did();
    h.input(Input::End("kicked"));
    let did = h.did();
    assert!(did.iter().any(|did| did.starts_with("unlisten")), "{did:?}");
    assert!(did.iter().any(|did| did.starts_with("release")), "{did:?}");
}

/// A session that holds a group of one file under the number 7.
fn with_group() -> Harness {
    let mut h = modern();
    for command in ["MODE B", "DGST CRC32C"] {
        h.check(command, &["200"]);
    }
    h.own_host_connects();
    h.check("PACK STORE 7 /d//5,-,a", &["150"]);
    let digest = Digest { algorithm: Algorithm::Crc32c, hex: "0badcafe".to_owned() };
    h.finish_group(14, vec![FileOutcome::Moved { bytes: 5, digest }]);
    h
}

/// Why each transfer that the log was told of is not whole.
fn failures(h: &Harness) -> Vec<Option<String>> {
    let failure = |event: &Event| {
        if let Event::Transfer { failure, .. } = event {
            Some(failure.clone().map(|failure| failure.why))
        } else {
            None
        }
    };
    h.events.iter().filter_map(failure).collect()
}
