//! Chapter A where a fixture would not do: the exact lines of replies, and long lines.

use ftp_proto::dialect::Dialect::{self, Rfc354, Rfc959};
use integration_tests::site::Site;

/// The lines that the server has sent, in order.
fn lines(dialogue: &str) -> Vec<&str> {
    dialogue.lines().filter_map(|line| line.strip_prefix("S: ")).collect()
}

/// A11 over everything that was said: a block opens with `nnn-`, ends with `nnn `, and no line
/// between them could be taken for the end.
fn blocks_are_well_formed(dialogue: &str) -> usize {
    let mut open: Option<&str> = None;
    let mut blocks = 0;
    for line in lines(dialogue) {
        let (code, rest) = line.split_at_checked(3).unwrap_or_default();
        let is_code = code.bytes().all(|byte| byte.is_ascii_digit()) && code.len() == 3;
        match open {
            None => {
                assert!(is_code, "{line:?} is no reply\n{dialogue}");
                if rest.starts_with('-') {
                    open = Some(code);
                    blocks += 1;
                } else {
                    assert!(rest.starts_with(' '), "{line:?}");
                }
            }
            Some(first) if code == first && rest.starts_with(' ') => open = None,
            Some(_) => {}
        }
    }
    assert_eq!(open, None, "a block has no end\n{dialogue}");
    blocks
}

fn long_replies(dialect: Dialect) {
    let server = Site::new("lines").file("a.txt", "hello").start();
    let mut raw = server.login(dialect);
    for line in ["HELP", "FEAT", "STAT", "MLST a.txt", "STAT ."] {
        raw.send(line);
        raw.reply();
    }
    raw.send("NOOP");
    // What was still under way (200 ends a STAT of 1973) comes before NOOP's own reply.
    raw.send("BYE");
    while raw.next_reply().is_some() {}
    let blocks = blocks_are_well_formed(&raw.dialogue());
    assert!(blocks >= 3, "HELP, FEAT and STAT need several lines\n{}", raw.dialogue());
}

#[test]
fn a11_long_replies_begin_and_end_with_their_code_in_1973() {
    long_replies(Rfc354);
}

#[test]
fn a11_long_replies_begin_and_end_with_their_code_today() {
    long_replies(Rfc959);
}

#[test]
fn a13_a_line_beyond_the_limit_leaves_the_session_in_step() {
    for dialect in [Rfc354, Rfc959] {
        let server = Site::new("long").start();
        let mut raw = server.login(dialect);
        // 512 bytes of argument are within every limit: the file is missing, the line is not too long.
        let path = "long-name/".repeat(52);
        raw.ask(&format!("RETR {}", &path[..512]), "450|550/550");
        for length in [70_000, 1_000_000] {
            raw.ask(&format!("RETR {}", "x".repeat(length)), "500");
            raw.ask("NOOP", "200");
        }
        raw.ask("BYE", "231/221");
        raw.closed();
    }
}
