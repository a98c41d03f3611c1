//! Trees that lead into themselves, listings that are slow, and listings that do not show everything.

use integration_tests::peer::{MODERN, Peer};
use integration_tests::user::{Run, user};

/// A server whose every directory has this listing, in the format of `ls -l`, and that has the directory `t`.
fn source(rules: &str, lines: &[&str], end: &str) -> Peer {
    let list = format!("LIST: 150 opening ; connection ; text {}\\r\\n ; end ; {end}", lines.join("\\r\\n"));
    let script = format!("{rules}\n{list}\nSIZE t: 550 not a plain file\nCWD: 250 there\nSIZE: 213 1000");
    Peer::start("127.0.0.2", &script, MODERN)
}

fn copy(from: &Peer, options: &[&str]) -> Run {
    user()
        .args(["copy", "-r", "--json", "--retries", "0", "--timeout", "5s", "--verify", "size"])
        .args(options)
        .args([&from.url("t"), "d/"])
        .run()
}

fn lists(peer: &Peer) -> usize {
    peer.seen_of(&["LIST", "MLSD"]).len()
}

#[test]
fn a_directory_that_contains_itself_is_entered_once() {
    let facts = "MLST: 250-Listing\\r\\n type=dir;unique=7g1; t\\r\\n250 End";
    let features = "FEAT: 211-Features\\r\\n SIZE\\r\\n MLST type*;size*;unique*;\\r\\n211 End";
    let entries = "type=dir;unique=7g1; loop\\r\\ntype=file;size=1000;unique=8g1; f\\r\\n";
    let list = format!("MLSD: 150 opening ; connection ; text {entries} ; end ; 226 done");
    let file = "MLST t/f: 250-Listing\\r\\n type=file;size=1000;unique=8g1; t/f\\r\\n250 End";
    let from = source(&[features, file, facts, &list].join("\n"), &[], "226 done");
    let run = copy(&from, &[]).exits(0);
    run.says("d/t/f");
    assert_eq!(lists(&from), 1, "{:?}", from.seen());
}

#[test]
fn a_loop_that_nothing_identifies_ends_where_paths_are_too_long() {
    let name = "l".repeat(240);
    let line = format!("drwxr-xr-x 2 ann ann 4096 Jan 01 2020 {name}");
    let from = source("", &[&line], "226 done");
    copy(&from, &[]).fails().says("longer than 4096 bytes");
    // t, and so many times 241 bytes below it. Each of these shows nothing but its own name, as a directory of vsftpd does that
    // cannot be entered. So it is entered, and listed again.
    assert_eq!(lists(&from), 1 + 2 * ((4096 - 1) / 241));
}

#[test]
fn a_listing_that_moves_slowly_is_no_stall() {
    let line = |name: &str| format!("-rw-r--r-- 1 ann ann 1000 Jan 01 2020 {name}\\r\\n");
    let slow = ["a", "b", "c"].map(|name| format!("text {} ; pause 1200", line(name))).join(" ; ");
    let list = format!("LIST: 150 opening ; connection ; {slow} ; end ; 226 done");
    let from = source(&list, &[], "226 done");
    let run = copy(&from, &["--stall", "2s"]).exits(0);
    assert_eq!(run.summary()["files"], 3, "{run}");
}

#[test]
fn files_are_copied_while_their_directory_is_still_being_listed() {
    let row = |name: &str| format!("type=file;size=1000;modify=20200101000000; {name}\\r\\n");
    let (directory, file) = (
        "250-facts\\r\\n type=dir; t\\r\\n250 End",
        "250-facts\\r\\n type=file;size=1000;modify=20200101000000; x\\r\\n250 End",
    );
    // The second name comes when the file of the first one is asked for.
    let rules = [
        "FEAT: 211-F\\r\\n SIZE\\r\\n MLST type*;size*;modify*;\\r\\n211 End".to_owned(),
        format!("MLST t: {directory}\nMLST t/: {directory}\nMLST *: {file}"),
        format!(
            "MLSD: 150 here ; connection ; text {} ; until RETR t/a ; text {} ; end ; 226 done",
            row("a"),
            row("b")
        ),
    ];
    let from = source(&rules.join("\n"), &[], "226 done");
    let run = copy(&from, &[]).exits(0);
    assert_eq!(run.summary()["files"], 2, "{run}");
    assert_eq!(from.seen_of(&["MLSD"]).len(), 1, "{run}");
}

#[test]
fn a_directory_with_names_that_ftp_cannot_carry_is_a_failure_and_the_rest_is_copied() {
    let file = "-rw-r--r-- 1 ann ann 1000 Jan 01 2020 f";
    let from = source("", &[file], "226-Omitted 2\\r\\n226 done");
    user()
        .args(["ls", &from.url("t")])
        .run()
        .exits(9)
        .says("leaves out 2 names that FTP cannot carry")
        .says("f");
    let run = copy(&from, &[]).exits(9).says("leaves out 2 names that FTP cannot carry");
    let summary = run.summary();
    assert_eq!((summary["files"].as_u64(), summary["failed"].as_u64()), (Some(1), Some(1)), "{run}");
}

#[test]
fn a_listing_with_lines_that_cannot_be_read_is_a_failure_and_the_rest_is_copied() {
    let file = "-rw-r--r-- 1 ann ann 1000 Jan 01 2020 f";
    let from = source("", &[file, "?? what is this ??"], "226 done");
    let run = copy(&from, &[]).exits(9).says("1 line that cannot be read");
    let summary = run.summary();
    assert_eq!((summary["files"].as_u64(), summary["failed"].as_u64()), (Some(1), Some(1)), "{run}");
}
