//! The fixtures of each chapter, played against real servers in both dialects.

use integration_tests::transcript::{play_all, unescape};

#[test]
fn escapes_are_bytes() {
    assert_eq!(unescape("a\\r\\n\\0\\xffb\\s"), b"a\r\n\0\xffb ");
}

#[test]
fn a_lines_dialect_and_session() {
    play_all("A");
}

#[test]
fn b_sock() {
    play_all("B");
}

#[test]
fn c_lstn() {
    play_all("C");
}

#[test]
fn d_pasv() {
    play_all("D");
}

#[test]
fn e_transfers_and_replies() {
    play_all("E");
}

#[test]
fn v_verbs() {
    play_all("V");
}

#[test]
fn the_example_of_rfc_438() {
    play_all("R438");
}

#[test]
fn the_figure_of_rfc_478() {
    play_all("R478");
}
