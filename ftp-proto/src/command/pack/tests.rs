//! PACK as it is read and written.

use super::*;
use crate::command::{Command, CommandError, Verb, parse};
use crate::dialect::Dialect::Rfc959;

fn path(text: &str) -> PathName {
    PathName::from_wire(text).unwrap()
}

fn file(text: &str) -> FileName {
    FileName::from_wire(text).unwrap()
}

fn source(size: u32, modified: Option<i64>, unique: Option<&str>, name: &str) -> FileToSend {
    FileToSend { size, modified: modified.map(When), unique: unique.map(str::to_owned), name: file(name) }
}

fn target(size: u32, modified: Option<i64>, name: &str) -> FileToStore {
    FileToStore { size, modified: modified.map(When), name: file(name) }
}

/// The line is read as `expect`, and written as it was read.
fn check(line: &str, expect: Pack) {
    let command = Command::Pack(Box::new(expect));
    assert_eq!(parse(line.as_bytes(), Rfc959), Ok(command.clone()), "{line}");
    assert_eq!(command.to_line(Rfc959), format!("{line}\r\n").as_bytes());
}

#[test]
fn every_form_is_read_as_it_is_written() {
    check("PACK LOOK /d//a/b c/-", Pack::Look(path("/d"), vec![file("a"), file("b c"), file("-")]));
    check("PACK LOOK ///a", Pack::Look(path("/"), vec![file("a")]));
    check("PACK LOOK d//x//a ", Pack::Look(path("d//x"), vec![file("a ")]));
    let large =
        FileToSend { size: u32::MAX, modified: None, unique: Some("8g2".to_owned()), name: file("a,b") };
    check("PACK SAME d//4294967295,-,8g2,a,b", Pack::Same(path("d"), vec![large.clone()]));
    check("PACK DELETE d//4294967295,-,8g2,a,b", Pack::Delete(path("d"), vec![large]));
    check(
        "PACK SEND /d//4096,20261120102030,fd00g2a,a,b/0,-,-,c",
        Pack::Send(
            path("/d"),
            vec![source(4096, Some(1_795_170_030), Some("fd00g2a"), "a,b"), source(0, None, None, "c")],
        ),
    );
    check(
        "PACK STORE 7 /d//262144,19700101000000,a/0,-,,",
        Pack::Store(GroupNumber(7), path("/d"), vec![target(262_144, Some(0), "a"), target(0, None, ",")]),
    );
    check(
        "PACK KEEP 7 1,3-5,256",
        Pack::Keep(GroupNumber(7), FileNumbers::new([256, 1, 4, 3, 5, 1]).unwrap()),
    );
    check("PACK DROP 4294967295", Pack::Drop(GroupNumber(u32::MAX)));
}

#[test]
fn fractions_of_a_time_are_read_and_words_count_in_any_case() {
    let read = parse(b"pack store 1 /d//1,19700101000001.25,a", Rfc959);
    let expect = Pack::Store(GroupNumber(1), path("/d"), vec![target(1, Some(1), "a")]);
    assert_eq!(read, Ok(Command::Pack(Box::new(expect))));
}

#[test]
fn what_is_no_pack_is_refused() {
    let many = format!("PACK LOOK /d/{}", "/a".repeat(257));
    let large = format!("PACK STORE 1 /d/{}", "/262144,-,a".repeat(33));
    for (line, fault) in [
        ("PACK", Fault::Missing),
        ("PACK LOOK", Fault::Missing),
        ("PACK SAME /d//4294967296,-,-,a", Fault::OutOfRange),
        ("PACK SAME /d//1,-,a", Fault::Syntax),
        ("PACK DELETE /d//a", Fault::Syntax),
        ("PACK DELETE /d//1,-,-,..", Fault::Syntax),
        ("PACK LIST /d//a", Fault::Syntax),
        ("PACK LOOK /d/a", Fault::Syntax),
        ("PACK LOOK //a", Fault::Missing),
        ("PACK LOOK /d//", Fault::Missing),
        ("PACK LOOK /d//a/", Fault::Missing),
        ("PACK LOOK /d//..", Fault::Syntax),
        ("PACK LOOK /d//a/./b", Fault::Syntax),
        (&many, Fault::OutOfRange),
        ("PACK SEND /d//1,-,a", Fault::Syntax),
        ("PACK SEND /d//1,-,,a", Fault::Missing),
        ("PACK SEND /d//,-,-,a", Fault::Missing),
        ("PACK SEND /d//1,-,a b,c", Fault::Syntax),
        ("PACK SEND /d//1,-,a\x1bb,c", Fault::Syntax),
        ("PACK SEND /d//1,20260230000000,-,a", Fault::Syntax),
        ("PACK SEND /d//1,-,-,", Fault::Missing),
        ("PACK SEND /d//262145,-,-,a", Fault::OutOfRange),
        ("PACK STORE /d//1,-,a", Fault::Missing),
        ("PACK STORE 4294967296 /d//1,-,a", Fault::OutOfRange),
        ("PACK STORE 1 /d//1,-,..", Fault::Syntax),
        ("PACK STORE 1 /d//-1,-,a", Fault::Syntax),
        (&large, Fault::OutOfRange),
        ("PACK KEEP 1", Fault::Missing),
        ("PACK KEEP 1 0", Fault::OutOfRange),
        ("PACK KEEP 1 1-257", Fault::OutOfRange),
        ("PACK KEEP 1 2-1", Fault::Syntax),
        ("PACK KEEP 1 1,1", Fault::Syntax),
        ("PACK KEEP 1 3,2", Fault::Syntax),
        ("PACK KEEP 1 1,", Fault::Missing),
        ("PACK KEEP 1 1-", Fault::Missing),
        ("PACK DROP", Fault::Missing),
        ("PACK DROP x", Fault::Syntax),
    ] {
        assert_eq!(
            parse(line.as_bytes(), Rfc959),
            Err(CommandError { verb: Some(Verb::Pack), fault }),
            "{line}"
        );
    }
    let bad = parse(b"PACK LOOK /d//a\0", Rfc959);
    assert_eq!(bad, Err(CommandError { verb: Some(Verb::Pack), fault: Fault::BadName }));
}

#[test]
fn the_bounds_themselves_are_inside() {
    let names: Vec<FileName> = (0..256).map(|number| file(&number.to_string())).collect();
    let command = Command::Pack(Box::new(Pack::Look(path("/"), names)));
    let line = command.to_line(Rfc959);
    assert_eq!(parse(line.strip_suffix(b"\r\n").unwrap(), Rfc959), Ok(command));
    let line = format!("PACK STORE 1 /d/{}", "/262144,-,a".repeat(32));
    assert!(parse(line.as_bytes(), Rfc959).is_ok());
}

#[test]
fn what_a_line_cannot_carry_is_written_as_unknown() {
    for unique in ["", "-", "a,b", "a/b", "a b", "a\r\n"] {
        assert_eq!(source(1, Some(i64::MAX / 2), Some(unique), "n").text(), b"1,-,-,n", "{unique:?}");
    }
}

#[test]
fn numbers_are_at_least_one_and_none_is_beyond_a_group() {
    assert_eq!(FileNumbers::new([]), None);
    assert_eq!(FileNumbers::new([0]), None);
    assert_eq!(FileNumbers::new([1, 257]), None);
    let numbers = FileNumbers::new([2, 9]).unwrap();
    assert!(numbers.has(9) && !numbers.has(3));
    assert_eq!((numbers.iter().collect::<Vec<_>>(), numbers.last()), (vec![2, 9], 9));
}

/// Every selection of a small group is read as it is written.
#[test]
fn every_choice_of_files_comes_back() {
    for bits in 1_u32..1 << 10 {
        let numbers = FileNumbers::new((1..=10).filter(|number| bits & (1 << (number - 1)) != 0)).unwrap();
        assert_eq!(FileNumbers::parse(numbers.text().as_bytes()), Ok(numbers.clone()), "{}", numbers.text());
    }
}
