//! What is checked of it.

use super::super::receipt::tests::failed_item;
use super::*;
use crate::account::{DataPath, Dials, LastReply, Leg, Picture, PictureEnd, THIS};

fn tried(words: &str, fate: CandidateFate, started: Option<f64>) -> CandidateAccount {
    CandidateAccount {
        rung: "dest-listens".to_owned(),
        path: "direct".to_owned(),
        words: words.to_owned(),
        how: Some("PASV and PORT".to_owned()),
        protection: Some("clear".to_owned()),
        started,
        ended: started.map(|at| at + 0.25),
        fate,
        ..CandidateAccount::default()
    }
}

#[test]
fn n14_a_past_run_is_told_with_what_was_tried_and_what_was_said() {
    let said = vec![LastReply { end: "source".to_owned(), reply: "425 no\u{1b}[31m".to_owned() }];
    let failed = CandidateAccount {
        said,
        why: Some("nobody came".to_owned()),
        ..tried("a", CandidateFate::Failed, Some(0.0))
    };
    let memory = Some("it worked 2 days ago".to_owned());
    let moved = CandidateAccount { probed: true, memory, ..tried("b", CandidateFate::Moved, Some(0.25)) };
    let left =
        CandidateAccount { why: Some("too late".to_owned()), ..tried("c", CandidateFate::Skipped, None) };
    let unknown = CandidateAccount { protection: None, how: None, ..left.clone() };
    let late =
        |words| CandidateAccount { why: left.why.clone(), ..tried(words, CandidateFate::Skipped, None) };
    let (four, five) = (late("d"), late("e"));
    let race = RouteAccount {
        item: 1,
        file: "x.bin".to_owned(),
        tried: vec![failed, moved, left, unknown, four, five],
        verified: Some("sha-256".to_owned()),
        ..RouteAccount::default()
    };
    let pair = PairAccount {
        source: "ann@one:21".to_owned(),
        destination: "bob@two:21".to_owned(),
        races: vec![race],
        omitted: 3,
    };
    let past = RunAccount {
        id: "7".to_owned(),
        verb: "copy".to_owned(),
        files: 4,
        seconds: 1.5,
        pairs: vec![pair],
        ..RunAccount::default()
    };
    let expect = [
        "run 7 of 1970-01-01T00:00:00Z: copy, 4 files done, 0 failed, in 1.5 s",
        "from ann@one:21 to bob@two:21",
        "  x.bin: b by PASV and PORT, clear, verified sha-256",
        "    at 0.00 s a by PASV and PORT: failed after 0.25 s: nobody came",
        "      the source said last \"425 no%1B[31m\"",
        "    at 0.25 s b by PASV and PORT (it worked 2 days ago): probed, it moved the file, in 0.25 s",
        "    not tried c by PASV and PORT: too late",
        "    not c: too late",
        "    not tried: too late",
        "      d by PASV and PORT",
        "      e by PASV and PORT",
        "  3 more races not shown: most were like the one before",
    ];
    assert_eq!(run(&past), expect);
    assert_eq!(run(&RunAccount::default())[1..], ["no path was tried"]);
    let stopped = RunAccount { interrupted: 2, ..RunAccount::default() };
    assert!(run(&stopped)[0].contains("0 failed, 2 interrupted, in"), "{:?}", run(&stopped));
    assert_eq!(failures(&[failed_item("", "", "no")]), ["failed: no"]);
}

#[test]
fn n14_files_that_failed_for_one_reason_are_told_once() {
    let refused = |name: &str| CandidateAccount {
        why: Some(format!("550 {name}: no")),
        ended: Some(name.len() as f64),
        ..tried("a", CandidateFate::Failed, Some(0.0))
    };
    let race = |name: &str, tried| RouteAccount {
        file: format!("ftp://h/t/{name}"),
        tried: vec![tried],
        ..RouteAccount::default()
    };
    let mut races: Vec<RouteAccount> =
        (0..5).map(|at| race(&format!("f{at}"), refused(&format!("f{at}")))).collect();
    races.insert(1, race("x", CandidateAccount { why: Some("451 later".to_owned()), ..refused("x") }));
    let pair = PairAccount { races, ..PairAccount::default() };
    let reasons = (0..5).map(|at| format!("cannot copy f{at} to g{at}: 550 no")).chain(["odd: x".to_owned()]);
    let file = |(at, why): (usize, String)| failed_item(&format!("one:f{at}"), &format!("two:g{at}"), &why);
    let failed: Vec<_> = reasons.enumerate().map(file).collect();
    let past = RunAccount { pairs: vec![pair], ..RunAccount::default() };
    let expect = [
        "  ftp://h/t/f0: no path has moved it whole",
        "    at 0.00 s a by PASV and PORT: failed after 2.00 s: 550 f0: no",
        "  ftp://h/t/f1: the same",
        "  ftp://h/t/f2: the same",
        "  and 2 other files (--json names all)",
        "  ftp://h/t/x: no path has moved it whole",
        "    at 0.00 s a by PASV and PORT: failed after 1.00 s: 451 later",
        "failed: one:f0: cannot copy f0 to g0: 550 no",
        "  for the same reason:",
        "    one:f1",
        "    one:f2",
        "    and 2 other files (--json names all)",
        "failed: one:f5: odd: x",
    ];
    assert_eq!([run(&past), failures(&failed)].concat()[2..], expect);
}

#[test]
fn n14_the_name_of_a_file_may_be_a_word_of_the_reason() {
    let race = |name: &str| RouteAccount {
        file: format!("ftp://127.0.1.1/t/{name}"),
        tried: vec![CandidateAccount {
            why: Some(format!("127.0.1.1 said \"550 /t/{name}: no\"")),
            ..tried("a", CandidateFate::Failed, Some(0.0))
        }],
        ..RouteAccount::default()
    };
    for names in [["1", "2", "3"], ["a: b", "c", "d: e"], ["550", "t", "no"], ["1", "1.1", "0.1"]] {
        let races: Vec<RouteAccount> = names.iter().map(|name| race(name)).collect();
        assert_eq!(groups(&races, went_alike).len(), 1, "{names:?}");
    }
}

#[test]
fn n9_n14_a_transfer_that_went_on_alone_is_not_called_moved() {
    let begun = |why: Option<&str>| CandidateAccount {
        why: why.map(str::to_owned),
        ..tried("a", CandidateFate::Begun, Some(0.0))
    };
    for (why, expect) in [(None, ""), (Some("it was cancelled"), "; it was cancelled")] {
        let race = RouteAccount {
            item: 1,
            file: "x".to_owned(),
            tried: vec![begun(why)],
            ..RouteAccount::default()
        };
        assert_eq!(result(&race), "a by PASV and PORT, clear, without this program");
        let line =
            "at 0.00 s a by PASV and PORT: both servers began in 0.25 s to move the file by themselves";
        assert_eq!(super::tried(&begun(why)), [format!("{line}{expect}")]);
    }
}

#[test]
fn n4_a_probe_is_told_as_a_matrix_and_a_picture() {
    let failed = CandidateAccount {
        why: Some("nobody came".to_owned()),
        ..tried("a", CandidateFate::Failed, Some(0.0))
    };
    let through = CandidateAccount {
        rung: "user".to_owned(),
        path: "user".to_owned(),
        how: None,
        ..tried("through this host", CandidateFate::Proven, Some(0.0))
    };
    let left =
        CandidateAccount { why: Some("unknown".to_owned()), ..tried("c", CandidateFate::Skipped, None) };
    let again = CandidateAccount { how: Some("EPSV and EPRT".to_owned()), ..failed.clone() };
    let tried = vec![failed, again, through, left];
    let end = |name: &str| PictureEnd { name: name.to_owned(), is_private: false };
    let leg = Leg { dials: Dials::Either, is_private: false };
    let path = DataPath::Through { host: THIS.to_owned(), source: leg, destination: leg };
    let picture = Some(Box::new(Picture { source: end("one"), destination: end("two"), path }));
    let pair = |race| PairAccount::of("one".to_owned(), "two".to_owned(), race);
    let found = pair(RouteAccount { tried, picture, ..RouteAccount::default() });
    let screen = Screen { columns: 80, unicode: false, color: false };
    let expect = [
        "from one to two",
        "  fails     250 ms  a by PASV and PORT, clear: nobody came",
        "  fails     250 ms  a by EPSV and EPRT, clear: nobody came",
        "  works     250 ms  through this host, clear",
        "  not             c by PASV and PORT: unknown",
        "best: through this host",
        "  [one] the source",
    ];
    assert_eq!(survey(&found, screen, true)[..expect.len()], expect);
    let plain = [
        "from one to two",
        "  fails     250 ms  a, clear: nobody came",
        "  works     250 ms  through this host, clear",
        "  not             c: unknown",
        "best: through this host",
    ];
    assert_eq!(survey(&found, screen, false)[..plain.len()], plain);
    assert_eq!(survey(&pair(RouteAccount::default()), screen, true)[1..], ["no path works"]);
}

#[test]
fn n14_texts_say_the_same_if_they_differ_in_the_names_of_their_files_alone() {
    let check = |one: (&str, &str), other: (&str, &str), expect: bool| {
        for (one, other) in [(one, other), (other, one)] {
            let found = say_the_same((one.0, &[one.1]), (other.0, &[other.1]));
            assert_eq!(found, expect, "{one:?} {other:?}");
        }
    };
    check(("550 f1: no, f1", "h/t/f1"), ("550 f2: no, f2", "h/t/f2"), true);
    check(("550 f1: no", "f1"), ("550 f2: later", "f2"), false);
    check(("550 f1: no", "f1"), ("550 f2: no", "f3"), false);
    check(("550 f1: no", "f1"), ("550 no", "f2"), false);
    check(("f12", "f1"), ("f22", "f2"), false);
    check(("127.0.1.1: 550 /t/1", "1"), ("127.0.1.1: 550 /t/2", "2"), true);
    check(("127.0.1.1: 550 /t/1", "1"), ("127.0.3.1: 550 /t/2", "2"), false);
    check(("1.1: 550 1", "1"), ("1.1: 550 1.1", "1.1"), true);
    check(("cannot read a: b: 550", "a: b"), ("cannot read c: 550", "c"), true);
    check(("cannot read a: b: 550", "a"), ("cannot read c: d: 550", "c"), false);
    check(("550 d/\u{e9}", "h/d/\u{e9}"), ("550 e/\u{fc}", "h/e/\u{fc}"), true);
    check(("", ""), ("", ""), true);
}

#[test]
fn alike_things_stay_behind_the_first_one() {
    let found = groups(&[1, 2, 11, 3, 12], |one, other| one % 10 == other % 10);
    assert_eq!(found, [(&1, vec![&11]), (&2, vec![&12]), (&3, vec![])]);
}

fn screen(columns: usize, unicode: bool) -> Screen {
    Screen { columns, unicode, color: false }
}

fn picture(path: DataPath) -> Picture {
    let end = |name: &str, is_private| PictureEnd { name: name.to_owned(), is_private };
    Picture { source: end("ann@one.example:21", true), destination: end("bob@two:21", false), path }
}

#[test]
fn a_long_line_is_folded_and_a_short_one_stays() {
    assert_eq!(folded("    ", "not a: b", 30), ["    not a: b"]);
    let expect = ["    if that is refused or", "      slow: the destination", "      listens"];
    assert_eq!(folded("    ", "if that is refused or slow: the destination listens", 30), expect);
}

#[test]
fn a_direct_path_shows_who_connects_and_what_protects_it() {
    let path = DataPath::Direct(Leg { dials: Dials::Above, is_private: true });
    let expect = [
        "  [ann@one.example:21] the source",
        "    |  the source connects to the destination",
        "    |  the bytes of the file, inside TLS",
        "    v",
        "  [bob@two:21] the destination",
        "  This host connects to both and sends the commands: inside TLS to the source,",
        "  in clear to the destination; no byte of the file passes it.",
    ];
    assert_eq!(picture(path).lines(screen(80, false)), expect);
}

#[test]
fn a_path_through_a_third_host_has_two_legs() {
    let leg = |dials| Leg { dials, is_private: false };
    let path = DataPath::Through {
        host: "the relay edge".to_owned(),
        source: leg(Dials::Below),
        destination: leg(Dials::Either),
    };
    let lines = picture(path).lines(screen(80, true));
    assert_eq!(lines[1], "    \u{2502}  the relay connects to the source");
    assert_eq!(lines[3], "    \u{25bc}");
    assert_eq!(lines[4], "  [the relay edge] passes the bytes on");
    assert_eq!(lines[5], "    \u{2502}  the relay connects to the destination, or the other way round");
    let own = DataPath::Through {
        host: THIS.to_owned(),
        source: leg(Dials::Either),
        destination: leg(Dials::Either),
    };
    assert!(!picture(own).lines(screen(80, false)).concat().contains("no byte"));
}

#[test]
fn no_line_is_longer_than_the_screen() {
    let leg = Leg { dials: Dials::Both, is_private: true };
    let long = format!("the hub {}", "x".repeat(100));
    for path in [DataPath::Direct(leg), DataPath::Through { host: long, source: leg, destination: leg }] {
        for columns in [20, 40, 41, 79, 120] {
            for line in picture(path.clone()).lines(screen(columns, true)) {
                assert!(line.chars().count() <= columns, "{columns}: {line:?}");
            }
        }
    }
}

#[test]
fn colour_is_that_of_what_protects_it_and_a_name_paints_nothing() {
    let mut picture = picture(DataPath::Direct(Leg { dials: Dials::Above, is_private: false }));
    picture.source.name = "\x1b[31mred".to_owned();
    let lines = picture.lines(Screen { columns: 80, unicode: false, color: true });
    assert_eq!(lines[0], "  [%1B[31mred] the source");
    assert_eq!(lines[2], "    |  the bytes of the file, \x1b[33min clear\x1b[0m");
}
