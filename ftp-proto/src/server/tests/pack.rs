//! PACK: groups of small files.

use super::Harness;
use super::harness::{Config, config, modern, old, seconds};
use crate::command::{Direction, GroupNumber, Verb};
use crate::digest::{Algorithm, Digest};
use crate::policy::Exchange;
use crate::reply::{FileOutcome, LeftOut};
use crate::server::ask::{End, Event, FileFailure, Input, Intent};
use crate::server::{Access, Right, Rights, Tls, TlsStart};
use crate::wire::PathName;

const SEND: &str = "PACK SEND /d//5,-,-,a/3,-,-,b";
const STORE: &str = "PACK STORE 7 /d//5,-,a/3,-,b";

/// A session that may move groups, and whose next transfer finds its connection at once.
fn ready() -> Harness {
    ready_with(modern())
}

/// The same of somebody who has logged in.
pub(super) fn ready_with(mut h: Harness) -> Harness {
    for command in ["TYPE I", "MODE B", "DGST CRC32C"] {
        h.check(command, &["200"]);
    }
    h.own_host_connects();
    h
}

/// Checks the reply to the first command about a group of somebody who logs in for it.
#[track_caller]
fn check_alone(h: Harness, command: &str, code: &str) {
    let mut h = h.logged_in();
    for setting in ["TYPE I", "DGST CRC32C"] {
        h.check(setting, &["200"]);
    }
    h.own_host_connects();
    h.check(command, &[code]);
}

fn moved(bytes: u32) -> FileOutcome {
    FileOutcome::Moved { bytes, digest: Digest { algorithm: Algorithm::Crc32c, hex: "0badcafe".to_owned() } }
}

/// Stores a group of two files under the number 7.
#[track_caller]
fn store(h: &mut Harness) {
    let again = !h.kept.is_empty();
    h.check(STORE, &[if again { "125" } else { "150" }]);
    let replies = h.finish_group(26, vec![moved(5), moved(3)]);
    assert_eq!(replies, ["250-1 5 0badcafe", "250-2 3 0badcafe", "250 Transfer complete."]);
}

/// A session that holds such a group, of which the log was told.
fn holds() -> Harness {
    let mut h = ready();
    store(&mut h);
    told(&mut h);
    h
}

/// The transfers that the log was told of since the last call: direction, path, bytes, failure.
fn told(h: &mut Harness) -> Vec<(Direction, String, Option<u64>, Option<String>)> {
    let told = std::mem::take(&mut h.events).into_iter().filter_map(|event| {
        let Event::Transfer { direction, path, bytes, failure, .. } = event else { return None };
        Some((direction, path.display(), bytes, failure.map(|failure| failure.why)))
    });
    told.collect()
}

#[test]
fn a_group_is_a_transfer_with_a_line_for_each_file() {
    let mut h = ready();
    h.check(SEND, &["150"]);
    let intent = h.intent.clone();
    let is_asked =
        |algorithm| algorithm == Algorithm::Crc32c && h.terms.is_some_and(|terms| terms.digest.is_none());
    assert!(
        matches!(intent, Some(Intent::SendGroup { files, algorithm }) if files.len() == 2 && is_asked(algorithm))
    );
    let replies = h.finish_group(15, vec![moved(5), FileOutcome::LeftOut(LeftOut::Gone)]);
    assert_eq!(replies, ["250-1 5 0badcafe", "250-2 left gone", "250 Transfer complete."]);
    let why = Some("1 of 2 files left out: gone".to_owned());
    let expect = [
        (Direction::Send, "/d/a".to_owned(), Some(5), None),
        (Direction::Send, "/d".to_owned(), Some(0), why),
    ];
    assert_eq!(told(&mut h), expect);
    // The connection is kept for the next one.
    h.check(SEND, &["125"]);
}

#[test]
fn the_log_has_one_line_for_all_files_that_a_group_left_out() {
    let left = |why| FileOutcome::LeftOut(why);
    for (outcomes, why) in [
        (vec![left(LeftOut::Gone); 256], "256 of 256 files left out: gone"),
        (
            vec![left(LeftOut::Changed), left(LeftOut::Gone), left(LeftOut::Gone)],
            "3 of 3 files left out: 2 gone, 1 changed",
        ),
    ] {
        let mut h = ready();
        let files: Vec<String> = (0..outcomes.len()).map(|number| format!("0,-,-,n{number}")).collect();
        h.check(&format!("PACK SEND /d//{}", files.join("/")), &["150"]);
        h.finish_group(0, outcomes);
        assert_eq!(told(&mut h), [(Direction::Send, "/d".to_owned(), Some(0), Some(why.to_owned()))]);
    }
}

#[test]
fn a_group_that_was_received_waits_for_its_names() {
    let mut h = ready();
    store(&mut h);
    assert_eq!(told(&mut h), []);
    h.left = Ok(vec![(2, LeftOut::Taken)]);
    assert_eq!(h.say("PACK KEEP 7 1-2"), ["250-2 left taken", "250 Files named"]);
    let why = Some("the file did not get its name: taken".to_owned());
    let expect = [
        (Direction::Receive, "/d/a".to_owned(), Some(5), None),
        (Direction::Receive, "/d/b".to_owned(), Some(3), why),
    ];
    assert_eq!(told(&mut h), expect);
    h.check("PACK KEEP 7 1", &["503"]);
    h.check("PACK DROP 7", &["503"]);
    // LOOK and KEEP leave the connection open.
    assert_eq!(h.kept.len(), 1);
    h.left = Ok(Vec::new());
    assert_eq!(h.say("PACK LOOK /d//a/b"), ["250 Names taken: 0"]);
    assert_eq!(h.say("PACK SAME /d//5,-,-,a/6,-,-,b"), ["250 Same: 2"]);
    store(&mut h);
    h.check("PACK KEEP 7 3", &["501"]);
    h.check("PACK DROP 7", &["250"]);
    let why = Some("the client did not keep the file".to_owned());
    assert_eq!(told(&mut h), [(Direction::Receive, "/d".to_owned(), Some(8), why)]);
}

#[test]
fn every_file_of_a_deletion_is_told() {
    let deleted = |h: &mut Harness| -> Vec<(String, Option<FileFailure>)> {
        let events = std::mem::take(&mut h.events).into_iter();
        let deleted = events.filter_map(|event| {
            let Event::Changed { verb: Verb::Dele, path, to: None, failure } = event else { return None };
            Some((path.display(), failure))
        });
        deleted.collect()
    };
    let mut h = ready();
    h.left = Ok(vec![(1, LeftOut::Changed), (2, LeftOut::Gone), (3, LeftOut::Refused), (4, LeftOut::Failed)]);
    assert_eq!(
        h.say("PACK DELETE /d//1,-,-,a/1,-,-,b/1,-,-,c/1,-,-,e/1,-,-,f"),
        [
            "250-1 left changed",
            "250-2 left gone",
            "250-3 left refused",
            "250-4 left failed",
            "250 Deleted: 1"
        ]
    );
    let expect = [("/d/c", Some(FileFailure::Denied)), ("/d/e", Some(FileFailure::Other)), ("/d/f", None)];
    assert_eq!(deleted(&mut h), expect.map(|(path, failure)| (path.to_owned(), failure)));
    h.left = Err(FileFailure::NotFound);
    h.check("PACK DELETE /d//1,-,-,a", &["550"]);
    assert_eq!(deleted(&mut h), [("/d/a".to_owned(), Some(FileFailure::NotFound))]);
}

#[test]
fn a_keep_that_names_nothing_is_told_at_once() {
    let mut h = ready();
    for (failure, code, why) in [
        (FileFailure::OtherDirectory, "451", "no file got its name: Another directory"),
        (FileFailure::NotFound, "550", "no file got its name: No such file"),
        (FileFailure::Other, "451", "it is not known which files got their names"),
    ] {
        store(&mut h);
        told(&mut h);
        h.left = Err(failure);
        h.check("PACK KEEP 7 1", &[code]);
        let told = told(&mut h);
        assert!(
            matches!(&told[..], [(_, path, Some(8), Some(told))] if path == "/d" && told.starts_with(why)),
            "{told:?}"
        );
    }
}

#[test]
fn what_the_disk_of_the_server_refuses_is_no_refusal_of_the_client() {
    for (failure, is_of_the_server) in
        [(FileFailure::NoSpace, true), (FileFailure::Other, true), (FileFailure::QuotaBytes, false)]
    {
        let mut h = ready();
        h.opens = Err(failure);
        h.say(STORE);
        let told = |event: &Event| {
            let Event::Transfer { bytes, failure: Some(failure), .. } = event else { return None };
            Some((*bytes, failure.is_of_the_server))
        };
        assert_eq!(h.events.iter().find_map(told), Some((Some(0), is_of_the_server)), "{failure}");
    }
}

#[test]
fn a_time_needs_the_right_to_set_one() {
    let rights: Rights = Right::ALL.into_iter().filter(|right| *right != Right::Chmod).collect();
    for (command, code) in [
        ("PACK STORE 7 /d//5,20010101000000,a/3,-,b", "550"),
        (STORE, "150"),
        ("PACK SEND /d//5,20010101000000,-,a", "150"),
    ] {
        let mut h = Harness::new(config());
        h.access = Access::everywhere(rights);
        check_alone(h, command, code);
    }
}

#[test]
fn the_listener_of_1973_neither_serves_nor_announces_groups() {
    let mut h = old();
    assert!(!h.say("HELP").concat().contains("PACK"));
    assert!(h.say("HELP PACK").concat().contains("not served"));
    assert!(modern().say("HELP").concat().contains("PACK"));
}

#[test]
fn a_number_names_one_group_and_a_session_holds_four() {
    let mut h = ready();
    store(&mut h);
    h.check(STORE, &["503"]);
    assert!(h.kept.is_empty(), "a transfer command that fails closes its connection");
    for number in 1..=3 {
        h.own_host_connects();
        h.check(&format!("PACK STORE {number} /d//0,-,a"), &["150"]);
        h.finish_group(9, vec![moved(0)]);
    }
    h.check("PACK STORE 4 /d//0,-,a", &["450"]);
    h.check("PACK DROP 1", &["250"]);
    h.own_host_connects();
    h.check("PACK STORE 4 /d//0,-,a", &["150"]);
}

#[test]
fn a_group_that_finds_no_place_among_all_is_refused_before_anything_moves() {
    let mut h = ready();
    h.left = Err(FileFailure::HeldGroups);
    let replies = h.say(STORE);
    assert!(
        matches!(&replies[..], [no] if no.starts_with("450") && no.contains("held-groups")),
        "{replies:?}"
    );
    assert!(!h.is_moving() && h.kept.is_empty());
    h.check("PACK KEEP 7 1", &["503"]);
    h.left = Ok(Vec::new());
    h.own_host_connects();
    store(&mut h);
}

#[test]
fn a_group_whose_place_others_need_is_held_no_more() {
    let mut h = holds();
    h.input(Input::GroupTaken(GroupNumber(8)));
    assert_eq!(told(&mut h), [], "there is none of that number");
    h.input(Input::GroupTaken(GroupNumber(7)));
    let why = Some("others needed the place of the group (held-groups)".to_owned());
    assert_eq!(told(&mut h), [(Direction::Receive, "/d".to_owned(), Some(8), why)]);
    assert_eq!(h.say("PACK KEEP 7 1"), ["503 No group 7 is held; send PACK STORE again"]);
    store(&mut h);
    h.left = Ok(Vec::new());
    h.check("PACK KEEP 7 1-2", &["250"]);
}

#[test]
fn a_group_that_waits_for_a_minute_is_dropped_whatever_else_the_client_says() {
    let mut h = holds();
    h.pass(seconds(30));
    h.check("NOOP", &["200"]);
    h.pass(seconds(29));
    assert_eq!(told(&mut h), []);
    h.did();
    h.pass(seconds(1));
    assert!(h.did().contains(&"drop group 7".to_owned()));
    let why = Some("the client did not keep the file".to_owned());
    assert_eq!(told(&mut h), [(Direction::Receive, "/d".to_owned(), Some(8), why)]);
    h.check("PACK KEEP 7 1", &["503"]);
}

#[test]
fn a_group_does_not_grow_old_while_a_transfer_is_under_way() {
    let mut h = ready();
    store(&mut h);
    h.pass(seconds(30));
    h.own_host_connects();
    h.check("PACK STORE 8 /d//5,-,c", &["150"]);
    h.progress = (1, 0);
    h.pass(seconds(100));
    h.finish_group(14, vec![moved(5)]);
    h.pass(seconds(29));
    h.did();
    h.pass(seconds(1));
    assert!(h.did().contains(&"drop group 7".to_owned()));
    h.check("PACK KEEP 7 1", &["503"]);
    h.left = Ok(Vec::new());
    h.check("PACK KEEP 8 1", &["250"]);
}

#[test]
fn a_group_that_is_not_whole_is_not_held() {
    for (end, code) in [
        (End::Failed(FileFailure::NoSpace), "552"),
        (End::Failed(FileFailure::NotTheGroup), "451"),
        (End::Broken("reset".to_owned()), "426"),
    ] {
        let mut h = ready();
        h.check(STORE, &["150"]);
        let replies = h.finish(9, end);
        assert!(replies[0].starts_with(code), "{replies:?}");
        let told = told(&mut h);
        assert!(matches!(&told[..], [(_, path, Some(9), Some(_))] if path == "/d"), "{told:?}");
        h.check("PACK KEEP 7 1", &["503"]);
    }
}

#[test]
fn groups_end_with_the_login_and_with_the_session() {
    let why = Some("the session ended before the files got their names".to_owned());
    let lost = [(Direction::Receive, "/d".to_owned(), Some(8), why)];
    for command in ["USER u", "REIN"] {
        let mut h = holds();
        h.say(command);
        assert_eq!(told(&mut h), lost, "{command}");
        h.log_in();
        h.check("PACK KEEP 7 1", &["503"]);
    }
    for end in ["QUIT", ""] {
        let mut h = holds();
        if end.is_empty() {
            h.input(Input::Closed);
        } else {
            h.say(end);
        }
        assert_eq!(told(&mut h), lost, "{end}");
    }
}

#[test]
fn rules_of_exchange_that_are_about_some_of_the_files_refuse_the_group() {
    for (path, command, code) in [
        ("/d/b", SEND, "550"),
        ("/d/b", STORE, "550"),
        ("/d", SEND, "150"),
        ("/", STORE, "150"),
        ("/d/b", "PACK SEND /d//5,-,-,a", "150"),
        ("/d/bb", SEND, "150"),
    ] {
        let path = Some(PathName::from_wire(path).unwrap());
        let mut h = Harness::new(config());
        h.exchanges = vec![Exchange { path, peers: Vec::new(), direction: None, require_tls: false }];
        check_alone(h, command, code);
    }
}

#[test]
fn groups_end_when_tls_begins() {
    let tls = Tls { begin: TlsStart::Explicit, ..Tls::default() };
    let mut h = ready_with(Harness::new(Config { tls, ..config() }).logged_in());
    store(&mut h);
    told(&mut h);
    h.check("AUTH TLS", &["234"]);
    let why = Some("the session ended before the files got their names".to_owned());
    assert_eq!(told(&mut h), [(Direction::Receive, "/d".to_owned(), Some(8), why)]);
}

#[test]
fn a_group_does_not_outlive_its_control_connection() {
    for detaches in [false, true] {
        for input in [Input::HungUp, Input::Closed] {
            let mut h = ready();
            if detaches {
                h.check("DETA 60", &["200"]);
            }
            h.check(STORE, &["150"]);
            h.input(input);
            assert!(h.closed && !h.session.is_detached(), "DETA: {detaches}");
        }
    }
}

#[test]
fn parameters_that_do_not_fit_are_refused_before_any_connection() {
    for (command, code) in
        [("TYPE A", "504"), ("MODE Z", "504"), ("REST 5", "504"), ("RANG 1 2", "504"), ("DGST OFF", "503")]
    {
        for pack in [SEND, STORE] {
            let mut h = ready();
            h.say(command);
            h.did();
            h.check(pack, &[code]);
            assert!(!h.did().iter().any(|did| did.starts_with("prepare")), "{command}");
        }
    }
    let reserved = ".ftp-0123456789abcdef0123456789abcdef.part";
    for (command, code) in [
        (format!("PACK SEND /d//5,-,-,{reserved}"), "553"),
        (format!("PACK STORE 1 /d//5,-,{reserved}"), "553"),
        (format!("PACK STORE 1 /{reserved}//5,-,a"), "553"),
        (format!("PACK LOOK /d//{reserved}"), "553"),
        (format!("PACK SAME /d//5,-,-,{reserved}"), "553"),
        (format!("PACK DELETE /d//5,-,-,{reserved}"), "553"),
        ("PACK".to_owned(), "501"),
        ("PACK STORE 1 /d//5,-,..".to_owned(), "501"),
    ] {
        ready().check(&command, &[code]);
    }
    let mut h = old();
    h.check("PACK DROP 1", &["506"]);
}

#[test]
fn a_line_that_is_no_group_closes_what_is_kept() {
    let mut h = ready();
    store(&mut h);
    h.check("PACK STORE 8 /d//x", &["501"]);
    assert!(h.kept.is_empty());
}

#[test]
fn the_rights_of_every_file_count() {
    let path = |text: &str| PathName::from_wire(text).unwrap();
    let access = Access::everywhere(Rights::ALL).beneath(path("/d/b"), Rights::NONE.with(Right::List));
    for (command, code) in [
        (SEND, "550"),
        (STORE, "550"),
        ("PACK SEND /d//5,-,-,a", "150"),
        ("PACK STORE 7 /d//5,-,a", "150"),
        ("PACK LOOK /d//b", "250"),
        ("PACK SAME /d//5,-,-,b", "250"),
        ("PACK DELETE /d//5,-,-,a/5,-,-,b", "550"),
        ("PACK DELETE /d//5,-,-,a", "250"),
    ] {
        let mut h = Harness::new(config());
        h.access = access.clone();
        check_alone(h, command, code);
    }
}
