//! DGST: servers that compute the digest while the file moves, and tell it in their final replies.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Site, sample, target};
use integration_tests::user::{Run, user};

const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const COMPUTES: &str = "FEAT: 211-F\\r\\n SIZE\\r\\n DGST SHA-256*;CRC32C\\r\\n HASH SHA-256*\\r\\n211 End\n\
    DGST SHA-256: 200 SHA-256\nOPTS: 200 ok";

/// A source and a destination with these rules, that have files of 1,000 bytes.
fn peers(source: &str, destination: &str) -> (Peer, Peer) {
    let source = format!("{source}\n{COMPUTES}\nSIZE a.txt: 213 1000");
    let destination = format!("{destination}\n{COMPUTES}\nSIZE b.txt: 550 no such file");
    (Peer::start("127.0.0.2", &source, MODERN), Peer::start("127.0.0.3", &destination, MODERN))
}

/// Transfer commands whose final reply has these facts.
fn sends(facts: &str) -> String {
    format!("RETR: 150 opening ; connection ; data 1000 ; end ; 226-{facts}\\r\\n226 sent")
}

fn stores(facts: &str) -> String {
    format!("STOR: 150 opening ; connection ; drain ; 226-{facts}\\r\\n226 stored")
}

fn fact(range: &str, hex: &str) -> String {
    format!("Digest SHA-256 {range} {hex}")
}

fn copy(from: &Peer, to: &Peer, more: &[&str]) -> Run {
    let run = user().args(["copy", "--no-race", "--json", "--retries", "0"]).args(more);
    run.args([from.url("a.txt"), to.url("b.txt")]).run()
}

#[test]
fn h22_two_digests_of_the_passing_bytes_verify_the_copy_without_a_second_read() {
    let right = fact("0+1000", HEX);
    let (from, to) = peers(&sends(&right), &stores(&right));
    let run = copy(&from, &to, &["--verify", "hash"]).exits(0);
    assert_eq!(run.summary()["verified"], "sha-256", "{run}");
    for peer in [&from, &to] {
        assert_eq!(peer.seen_of(&["DGST"]), ["DGST SHA-256"], "{run}");
        assert_eq!(peer.seen_of(&["HASH"]), [""; 0], "{run}");
    }
    assert_eq!(to.seen_of(&["RNTO"]).len(), 1, "{run}");
}

#[test]
fn h22_a_wrong_or_unreadable_digest_is_exit_7_and_nothing_gets_the_final_name() {
    let right = fact("0+1000", HEX);
    let other = HEX.replace('9', "8");
    let check = |at_destination: &str| {
        let (from, to) = peers(&sends(&right), &stores(at_destination));
        let run = copy(&from, &to, &[]).exits(7);
        assert_eq!(to.seen_of(&["RNFR", "RNTO"]), [""; 0], "{at_destination}\n{run}");
        assert_eq!(to.seen_of(&["DELE"]).len(), 1, "{at_destination}\n{run}");
    };
    check(&fact("0+1000", &other));
    check(&fact("0+999", HEX));
    check(&fact("1+999", HEX));
    check(&fact("0+1000", &HEX[1..]));
    check(&format!("{right}\\r\\n226-{right}"));
}

#[test]
fn h22_an_end_without_dgst_and_one_that_refuses_it_are_asked_afterwards() {
    let right = fact("0+1000", HEX);
    let hash = format!("HASH: 213 SHA-256 0-999 {HEX} a");
    for rule in [
        "FEAT: 211-F\\r\\n SIZE\\r\\n HASH SHA-256*\\r\\n211 End",
        "DGST: 504 not now",
        // It has promised and not kept it.
        "NOOP: 200 noop",
    ] {
        let (from, to) = peers(&format!("{rule}\n{hash}"), &stores(&right));
        let run = copy(&from, &to, &[]).exits(0);
        assert_eq!(run.summary()["verified"], "sha-256", "{rule}\n{run}");
        assert_eq!((from.seen_of(&["HASH"]).len(), to.seen_of(&["HASH"]).len()), (1, 0), "{rule}\n{run}");
    }
    // What is compared only by size costs no digest.
    let (from, to) = peers("", "");
    copy(&from, &to, &["--verify", "size"]).exits(0);
    assert_eq!([from.seen_of(&["DGST"]), to.seen_of(&["DGST"])], [[""; 0], [""; 0]]);
}

#[test]
fn h22_a_source_that_changes_while_it_is_sent_is_noticed_although_both_digests_are_equal() {
    let right = fact("0+1000", HEX);
    let source = format!(
        "once MDTM: 213 20240102030405\nMDTM: 213 20240102030406\n{}\n\
         FEAT: 211-F\\r\\n SIZE\\r\\n MDTM\\r\\n DGST SHA-256*\\r\\n HASH SHA-256*\\r\\n211 End",
        sends(&right)
    );
    let (from, to) = peers(&source, &stores(&right));
    let run = copy(&from, &to, &[]).exits(7).says("has changed while it was copied");
    assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
}

#[test]
fn h22_between_two_of_ours_no_file_is_read_twice_and_sessions_that_are_kept_are_not_asked_again() {
    let contents = [sample(300_000), Vec::new(), sample(70_001)];
    let site = contents.iter().zip(["t/a", "t/b", "t/c"]);
    let from = site.fold(Site::new("source"), |site, (content, name)| site.file(name, content)).start();
    let to = target();
    let run = user().args(["copy", "-r", "--json", "--trace", "trace.txt", "--path", "direct"]);
    let run = run.args([from.url_of(Rfc959, "t/"), to.url_of(Rfc959, "u/")]).run().exits(0);
    let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
    assert_eq!(run.summary()["verified"], "sha-256", "{run}");
    for (content, name) in contents.iter().zip(["u/a", "u/b", "u/c"]) {
        assert!(to.bytes(name) == *content, "{name} differs\n{run}");
    }
    assert_eq!(trace.matches("> DGST SHA-256").count(), 2, "once for each session\n{trace}");
    assert_eq!(trace.matches("> HASH").count(), 0, "{trace}");
    assert_eq!(trace.matches("-Digest SHA-256 0+").count(), 6, "{trace}");
}
