//! HASH, RANG, XCRC and their relatives.

use super::harness::{Harness, both, modern, old, seconds};
use crate::server::ask::{FileFailure, Intent};
use crate::wire::ByteRange;

#[test]
fn every_offered_algorithm_can_be_chosen() {
    for mut h in both() {
        for (name, digits) in [("sha-1", 40), ("SHA-256", 64), ("SHA-512", 128), ("MD5", 32), ("CRC32", 8)] {
            let chosen = h.say(&format!("OPTS HASH {name}"));
            assert_eq!(chosen, [format!("200 {}", name.to_uppercase())]);
            let said = h.say("HASH a");
            let expect = format!(" {} 0-999 {} a", name.to_uppercase(), "ab".repeat(digits / 2));
            assert_eq!(said[0][3..], expect);
            let star = format!("{}*", name.to_uppercase());
            assert!(h.say("FEAT").iter().any(|line| line.starts_with(" HASH ") && line.contains(&star)));
        }
        h.check("OPTS HASH CRC-37", &["501"]);
        assert!(h.say("OPTS HASH")[0].ends_with(" CRC32"));
    }
}

#[test]
fn rang_holds_for_the_next_digest() {
    let mut h = modern();
    h.check("RANG 10 19", &["350"]);
    assert!(h.say("HASH a")[0].starts_with("213 SHA-256 10-19 ab"));
    assert!(h.say("HASH a")[0].starts_with("213 SHA-256 0-999 ab"), "RANG is used up");
    h.check("RANG 990 5000", &["350"]);
    assert!(h.say("HASH a")[0].starts_with("213 SHA-256 990-999 ab"), "the file ends earlier");
    h.check("RANG 2000 3000", &["350"]);
    h.check("HASH a", &["554"]);
    h.check("RANG 10 19", &["350"]);
    h.check("RANG 1 0", &["350"]);
    assert!(h.say("HASH a")[0].starts_with("213 SHA-256 0-999 ab"));
    h.check("RANG 10 19", &["350"]);
    h.check("RANG 9 3", &["501"]);
    assert!(h.say("HASH a")[0].starts_with("213 SHA-256 0-999 ab"), "a wrong RANG is no RANG");
    for wrong in ["RANG", "RANG 1", "RANG 1 2 3", "RANG a b"] {
        h.check(wrong, &["501"]);
    }
    h.check("REST 7", &["350"]);
    assert!(h.say("HASH a")[0].starts_with("213 SHA-256 0-999 ab"), "REST is for transfers");
}

#[test]
fn rang_holds_for_the_next_transfer() {
    let part = |first, last| ByteRange::through(first, last).unwrap();
    let after = |lines: &[&str], transfer: &str| {
        let mut h = modern();
        for line in lines {
            h.say(line);
        }
        h.say("PASV");
        h.say(transfer);
        h.intent
    };
    let send = |range| Some(Intent::Send { range });
    assert_eq!(after(&["RANG 5 9"], "RETR a"), send(part(5, 9)));
    assert_eq!(after(&["RANG 0 9"], "STOR a"), Some(Intent::WriteAt { range: part(0, 9) }));
    assert_eq!(after(&["REST 7", "RANG 5 9"], "RETR a"), send(part(5, 9)));
    assert_eq!(after(&["RANG 5 9", "REST 7"], "RETR a"), send(ByteRange::from(7)));
    assert_eq!(after(&["RANG 5 9", "TYPE I", "ALLO 5"], "RETR a"), send(part(5, 9)));
    assert_eq!(after(&["RANG 5 9", "ABOR"], "RETR a"), send(ByteRange::WHOLE));
    assert_eq!(after(&["RANG 5 9", "SIZE a"], "RETR a"), send(part(5, 9)));
    let mut h = modern();
    h.say("RANG 5 9");
    h.check("APPE a", &["503"]);
    h.say("RANG 5 9");
    h.say("TYPE A");
    h.check("RETR a", &["504"]);
}

#[test]
fn rang_and_stor_write_a_part_of_a_user_agent_beside_others() {
    let part = ByteRange::through(5, 9).unwrap();
    let check = |mut h: Harness, name: &str, expect: Intent| {
        h.say("RANG 5 9");
        h.say("PASV");
        h.say(&format!("STOR {name}"));
        assert_eq!(h.intent, Some(expect), "{name}");
    };
    let beside = || Intent::WriteRange { range: part };
    let alone = || Intent::WriteAt { range: part };
    check(old(), ".1.ftp-user.part", alone());
    check(modern(), ".1.ftp-user.part", beside());
    check(modern(), "d/.0123456789abcdef.ftp-user.part", beside());
    for other in ["a", "1.ftp-user.part", ".1.ftp-user.part/a", ".1.ftp-user.parts", ".1.ftp-user.old"] {
        check(modern(), other, alone());
    }
    let mut h = modern();
    let features = h.say("FEAT").join("\n");
    assert!(features.contains(" RANG STOR\n"), "{features}");
    // REST has no end, so that nobody writes beside it.
    h.say("REST 5");
    h.say("PASV");
    h.say("STOR .1.ftp-user.part");
    assert_eq!(h.intent, Some(Intent::WriteAt { range: ByteRange::from(5) }));
}

#[test]
fn the_older_commands_say_the_digits_alone() {
    for mut h in both() {
        let code = h.code("200/250");
        for (verb, digits) in
            [("XCRC", 8), ("XMD5", 32), ("XSHA", 40), ("XSHA1", 40), ("XSHA256", 64), ("XSHA512", 128)]
        {
            assert_eq!(h.say(&format!("{verb} a")), [format!("{code} {}", "AB".repeat(digits / 2))]);
        }
        h.did();
        h.say("XCRC \"a\" 2 5");
        let asked = h.did();
        assert!(asked[0].contains("first: 2") && asked[0].contains("length: Some(3)"), "{asked:?}");
    }
    let mut h = modern();
    h.check("XCRC", &["501"]);
    h.check("XMD5 nothing", &["550"]);
    h.check("XMD5 \"a\" 7", &["501"]);
}

#[test]
fn a_long_digest_shows_that_it_goes_on() {
    let mut h = modern();
    h.answers_files = false;
    h.check("HASH a", &[]);
    h.pass(seconds(25));
    let lines = h.take();
    assert_eq!(lines, ["213-Computing", "213-Computing"]);
    h.answer_files();
    let said = h.take();
    assert!(said.len() == 1 && said[0].starts_with("213 SHA-256 0-999 "), "{said:?}");
    h.pass(seconds(60));
    assert!(h.take().is_empty(), "nothing is computed any more");
}

#[test]
fn a_long_digest_that_fails_ends_its_reply_with_the_code_that_has_begun() {
    let mut h = modern();
    h.answers_files = false;
    h.send("XSHA256 nothing\r\n");
    h.pass(seconds(11));
    assert_eq!(h.take(), ["250-Computing"]);
    h.answer_files();
    assert_eq!(h.take(), [format!("250 No digest: {}", FileFailure::NotFound)]);

    h.check("HASH a", &[]);
    h.check("ABOR", &["426", "226"]);
    h.check("HASH a", &[]);
    h.pass(seconds(11));
    h.take();
    let said = h.say("ABOR");
    assert!(said[0].starts_with("213 No digest") && said[1].starts_with("226 "), "{said:?}");
    h.answer_files();
    h.pass(seconds(60));
    assert!(h.take().is_empty());
}
