//! The fixtures of each chapter, played against real servers in both dialects.

use integration_tests::beside::each_of;
use integration_tests::transcript::{play_all, unescape};

#[test]
fn escapes_are_bytes() {
    assert_eq!(unescape("a\\r\\n\\0\\xffb\\s"), b"a\r\n\0\xffb ");
}

/// Lines and sessions, SOCK, LSTN, PASV, transfers and replies, the other verbs, and the examples of RFC 438 and 478.
#[test]
fn every_chapter_of_the_fixtures_is_played() {
    each_of(&["A", "B", "C", "D", "E", "V", "R438", "R478"], |chapter| play_all(chapter));
}
