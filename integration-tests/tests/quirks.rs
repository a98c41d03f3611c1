//! The user agent against scripted servers with the habits of other people's.

use integration_tests::peer::{MODERN, Peer};
use integration_tests::user::{Run, user};

fn server(script: &str) -> Peer {
    Peer::start("127.0.0.2", script, MODERN)
}

/// The long listing of a server whose LIST sends these lines: type, size, date and name of each entry.
fn listed(lines: &str) -> (Vec<String>, Run) {
    let peer = server(&format!(
        "SIZE d: 550 no plain file\nCWD: 250 there\nLIST: 150 here ; connection ; text {lines}\\r\\n ; end ; 226 done"
    ));
    let run = user().args(["ls".to_owned(), "--json".to_owned(), peer.url("d")]).run().exits(0);
    let shown = |entry: &serde_json::Value| {
        let members =
            ["type", "size", "modified", "name"].map(|name| entry[name].to_string().replace('"', ""));
        members.join(" ")
    };
    (run.events("entry").iter().map(shown).collect(), run)
}

#[test]
fn listings_of_other_servers_are_read_with_dates_as_exact_as_they_are() {
    let check = |lines: &str, expect: &[&str]| assert_eq!(listed(lines).0, expect, "{lines}");
    check(
        "07-12-24  10:20PM  <DIR>  a dir\\r\\n07-12-24  10:20AM  42 b",
        &["directory null 2024-07-12T22:20 a dir", "file 42 2024-07-12T10:20 b"],
    );
    check("+i1.2,m825718503,r,s280,\tc", &["file 280 1996-03-01T22:15:03Z c"]);
    check(
        "Directory D:[X]\\r\\n\\r\\nA.TXT;2  2/3  30-DEC-1996 17:44 [X] (RWED)\\r\\nA.TXT;1  2/3  30-DEC-1996 17:44",
        &["file null 1996-12-30T17:44 A.TXT"],
    );
    check("total 4\\r\\n-rw-r--r-- 1 me us 5 Apr 22 2024 x y", &["file 5 2024-04-22 x y"]);
}

#[test]
fn h25_names_of_a_listing_that_lead_elsewhere_are_refused_aloud() {
    let unix = "-rw-r--r-- 1 me us 5 Apr 22 2024";
    let (entries, run) = listed(&format!("{unix} ../x\\r\\n{unix} a\\rDELE b\\r\\n{unix} good"));
    assert_eq!(entries, ["file 5 2024-04-22 good"]);
    run.says("../x").says("a%0DDELE b").says("out of its directory");
}

#[test]
fn h34_pret_is_said_where_feat_has_it_and_where_pasv_asks_for_it() {
    let in_feat = server("FEAT: 211-Features\\r\\n PRET\\r\\n211 End\nPRET: 200 planned");
    user().args(["cat".to_owned(), in_feat.url("a.txt")]).run().exits(0);
    let verbs = ["PRET", "PASV", "RETR"];
    assert_eq!(in_feat.seen_of(&verbs), ["PRET RETR a.txt", "PASV", "RETR a.txt"]);

    let asks = server("once PASV: 500 You need to use a client supporting PRET\nPRET: 200 planned");
    user().args(["cat".to_owned(), asks.url("a.txt")]).run().exits(0);
    assert_eq!(asks.seen_of(&verbs), ["PASV", "PRET RETR a.txt", "PASV", "RETR a.txt"]);

    let refuses = server("FEAT: 211-Features\\r\\n PRET\\r\\n211 End\nPRET: 550 a.txt: No such file");
    user().args(["cat".to_owned(), refuses.url("a.txt")]).run().exits(3).says("No such file");
    assert_eq!(refuses.seen_of(&verbs), ["PRET RETR a.txt"]);
}

#[test]
fn h08_an_announced_address_that_cannot_be_meant_is_repaired_and_said() {
    let peer = server("PASV: listen ; 227 Entering Passive Mode ({nowhere})");
    user()
        .args(["cat".to_owned(), peer.url("a.txt")])
        .run()
        .exits(0)
        .says("announced 0.0.0.0")
        .says("127.0.0.2");
}

#[test]
fn h22_two_servers_verify_by_what_each_of_them_knows() {
    const SHA1: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
    let copy = |at_source: &str| {
        let from = server(&format!(
            "FEAT: 211-F\\r\\n SIZE\\r\\n XCRC\\r\\n XSHA1\\r\\n211 End\nSIZE a.txt: 213 1000\n{at_source}"
        ));
        let script = format!(
            "FEAT: 211-F\\r\\n SIZE\\r\\n HASH SHA-256*;SHA-1;CRC32\\r\\n211 End\nSIZE b.txt: 550 no such file\n\
             OPTS HASH SHA-1: 200 SHA-1\nHASH: 213 SHA-1 0-999 {SHA1} b"
        );
        let to = Peer::start("127.0.0.3", &script, MODERN);
        user().args(["copy", "--json", "--retries", "0"]).args([from.url("a.txt"), to.url("b.txt")]).run()
    };
    let run = copy(&format!("XSHA1: 250 {}", SHA1.to_uppercase())).exits(0);
    assert_eq!(run.summary()["verified"], "sha-1");
    copy(&format!("XSHA1: 250 {}", SHA1.replace('a', "b"))).exits(7);
    // A server that does not know its own commands is compared by size, and that is said.
    let run = copy("XSHA1: 500 unknown\nXCRC: 500 unknown").exits(0).says("sizes are compared instead");
    assert_eq!(run.summary()["verified"], "size");
}
