//! The user agent against scripted servers with the habits of other people's.

use integration_tests::peer::{MODERN, OLD, Peer};
use integration_tests::user::{Run, copies, user};
use std::thread;

fn server(script: &str) -> Peer {
    Peer::start("127.0.0.2", script, MODERN)
}

/// The long listing of a server whose LIST sends these lines: type, size, date and name of each entry,
/// and the run, which ends with this exit code.
fn listed(lines: &str, code: i32) -> (Vec<String>, Run) {
    let peer = server(&format!(
        "SIZE d: 550 no plain file\nCWD: 250 there\nLIST: 150 here ; connection ; text {lines}\\r\\n ; end ; 226 done"
    ));
    let run = user().args(["ls".to_owned(), "--json".to_owned(), peer.url("d")]).run().exits(code);
    let shown = |entry: &serde_json::Value| {
        let members =
            ["type", "size", "modified", "name"].map(|name| entry[name].to_string().replace('"', ""));
        members.join(" ")
    };
    (run.events("entry").iter().map(shown).collect(), run)
}

#[test]
fn listings_of_other_servers_are_read_with_dates_as_exact_as_they_are() {
    let check = |lines: &str, expect: &[&str]| assert_eq!(listed(lines, 0).0, expect, "{lines}");
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
fn a_listing_that_is_refused_after_names_have_come_is_none() {
    let peer = server(
        "FEAT: 211-F\\r\\n MLST type*;size*;\\r\\n211 End\nMLST: 250-here\\r\\n type=dir; /d\\r\\n250 end\n\
         MLSD: 150 here ; connection ; text type=file;size=5; a\\r\\n ; end ; 502 no",
    );
    let run = user().args(["ls".to_owned(), peer.url("d")]).run().exits(1).says("502 no");
    assert!(peer.seen_of(&["LIST", "NLST"]).is_empty(), "{run}");
}

#[test]
fn a_name_that_nlst_shows_and_nobody_can_look_at_is_listed() {
    let peer = server(
        "SIZE a.txt: 213 7\nSIZE: 550 no\nCWD: 550 no\nLIST: 502 no\n\
         NLST: 150 here ; connection ; text a.txt\\r\\nb.txt\\r\\n ; end ; 226 done",
    );
    let run = user().args(["ls".to_owned(), "-l".to_owned(), peer.url("")]).run().exits(0);
    let shown = |name: &str| run.stdout.iter().find(|line| line.ends_with(name)).map(|line| &line[..1]);
    assert_eq!((shown("a.txt"), shown("b.txt")), (Some("-"), Some("?")), "{run}");
}

#[test]
fn h25_names_of_a_listing_that_lead_elsewhere_are_refused_aloud() {
    let unix = "-rw-r--r-- 1 me us 5 Apr 22 2024";
    let lines = format!("{unix} ../x\\r\\n{unix} a\\rDELE b\\r\\n{unix} good");
    // What is left out makes the listing incomplete.
    let (entries, run) = listed(&lines, 9);
    assert_eq!(entries, ["file 5 2024-04-22 good"]);
    run.says("../x").says("a%0DDELE b").says("out of its directory");
}

/// A copy to a name beyond ASCII, at a destination with these rules. (A scripted server drops such bytes
/// from command lines.)
fn named(rules: &str, code: i32) -> Peer {
    let (from, to) = ends("", rules);
    let places = [from.url("a.txt"), to.url("%C5%BCw.txt")];
    let run = user().args(["copy", "--no-race", "--json", "--retries", "0"]).args(places).run();
    if code != 0 {
        let run = run.exits(code).says("beyond ASCII");
        assert_eq!(run.events("file").len(), 0, "{run}");
    } else {
        let run = run.exits(0);
        assert_eq!(run.events("file").len(), 1, "{run}");
    }
    from.wait_for_the_end_of_all();
    to.wait_for_the_end_of_all();
    to
}

#[test]
fn h25_a_name_that_the_server_changes_is_no_final_name() {
    let list = |name: &str| {
        format!(
            "LIST: 150 here ; connection ; text -rw-r--r-- 1 me us 1000 Apr 22 2024 {name}\\r\\n ; end ; 226 done"
        )
    };
    let mlst = |name: &str| format!("MLST: 250-here\\r\\n type=file;size=1000; {name}\\r\\n250 end");
    let facts = "FEAT: 211-F\\r\\n SIZE\\r\\n MLST type*;size*;\\r\\n211 End";
    // It is asked once, and shows what it has made of the name.
    let to = named(&list("\u{17c}w.txt"), 0);
    assert_eq!((to.seen_of(&["RNTO"]).len(), to.seen_of(&["LIST"]).len()), (1, 1));
    let absent = "once MLST: 550 none";
    named(&format!("{facts}\n{absent}\n{}", mlst("/\u{17c}w.txt")), 0);
    for rules in [list("w.txt"), format!("{facts}\n{absent}\n{}", mlst("/w.txt"))] {
        let to = named(&rules, 7);
        let renamed = to.seen_of(&["RNTO"]);
        assert_eq!((renamed.len(), renamed[0].as_str()), (2, "RNTO w.txt"), "{renamed:?}");
        assert_eq!(to.seen_of(&["DELE"]), [renamed[1].replace("RNTO", "DELE")]);
    }
    // A directory.
    let files =
        "LIST: 150 here ; connection ; text -rw-r--r-- 1 me us 1000 Apr 22 2024 a.txt\\r\\n ; end ; 226 done";
    let (from, to) = ends(
        &format!("SIZE t: 550 no plain file\nCWD t: 250 there\nCWD /: 250 back\n{files}"),
        &format!("CWD w: 550 none\nSIZE w: 550 none\nMKD: 257 made\nRMD: 250 gone\n{}", list("w")),
    );
    let run = copies(&["-r", "--retries", "0"], [from.url("t"), to.url("%C5%BCw")]).run();
    run.exits(7).says("beyond ASCII");
    assert_eq!(to.seen_of(&["MKD", "RMD", "STOR"]), ["MKD w", "RMD w"]);
    // A source that would send another file.
    let (from, to) = ends(&format!("SIZE w.txt: 213 1000\n{}", list("w.txt")), "");
    let places = [from.url("%C5%BCw.txt"), to.url("b.txt")];
    user().args(["copy", "--no-race", "--retries", "0"]).args(places).run().exits(7).says("beyond ASCII");
    assert_eq!(from.seen_of(&["RETR"]), [""; 0]);
    // What answers to the name before anything is stored is not what would be replaced.
    assert_eq!(named(&format!("{facts}\n{}", mlst("w.txt")), 7).seen_of(&["STOR", "RNTO"]), [""; 0]);
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
    // Nothing is opened for it. Afterwards it is asked whether the name is a directory.
    assert_eq!(refuses.seen_of(&verbs), ["PRET RETR a.txt", "PRET LIST"]);
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
    // The other server is told the repaired one.
    let (from, to) = ends("", "PASV: listen ; 227 Entering Passive Mode ({nowhere})");
    let run = copy(&from, &to).exits(0).says("announced 0.0.0.0");
    let port = from.seen_of(&["PORT"]);
    assert!(port.len() == 1 && port[0].starts_with("PORT 127,0,0,3,"), "{port:?}\n{run}");
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
        copies(&["--json", "--retries", "0"], [from.url("a.txt"), to.url("b.txt")]).run()
    };
    let run = copy(&format!("XSHA1: 250 {}", SHA1.to_uppercase())).exits(0);
    assert_eq!(run.summary()["verified"], "sha-1");
    copy(&format!("XSHA1: 250 {}", SHA1.replace('a', "b"))).exits(7);
    // A server that does not know its own commands is compared by size, and that is said.
    let run = copy("XSHA1: 500 unknown\nXCRC: 500 unknown").exits(0).says("sizes are compared instead");
    // It is one file, however many digests are refused.
    assert_eq!(run.said.matches("compared instead").count(), 1, "{run}");
    let run = run.never_says("more file");
    assert_eq!(run.summary()["verified"], "size");
}

const SOURCE: &str = "SIZE a.txt: 213 1000\nSIZE c.txt: 213 1000";
const DESTINATION: &str =
    "SIZE *.txt: 550 no such file\nMLST: 550 none\nCWD *.txt: 550 no directory\nCWD: 250 there";

fn ends(source: &str, destination: &str) -> (Peer, Peer) {
    (
        server(&format!("{source}\n{SOURCE}")),
        Peer::start("127.0.0.3", &format!("{destination}\n{DESTINATION}"), MODERN),
    )
}

/// A copy of one file by any way, tried once.
fn copy(from: &Peer, to: &Peer) -> Run {
    let patience = ["--retries", "0", "--timeout", "2s", "--stall", "2s"];
    let run = copies(&["--json"], [from.url("a.txt"), to.url("b.txt")]).args(patience).run();
    from.wait_for_the_end_of_all();
    to.wait_for_the_end_of_all();
    run
}

#[test]
fn h10_h11_over_ipv6_everything_is_extended_and_two_families_meet_at_this_host() {
    let extended = "EPSV: listen ; 229 Extended (|||{port}|)\nEPRT: target ; 200 ok\n\
        FEAT: 211-F\\r\\n SIZE\\r\\n EPSV\\r\\n EPRT\\r\\n211 End";
    let at = |ip: &str, more: &str| Peer::start(ip, &format!("{more}\n{extended}"), MODERN);
    let (from, to) = (at("::1", SOURCE), at("::1", DESTINATION));
    let run = copy(&from, &to).exits(0);
    assert_eq!(run.summary()["path"], "direct", "{run}");
    let eprt = from.seen_of(&["EPRT"]);
    assert!(eprt.len() == 1 && eprt[0].starts_with("EPRT |2|::1|"), "{eprt:?}");
    for peer in [&from, &to] {
        assert_eq!(peer.seen_of(&["PASV", "PORT"]), [""; 0]);
        assert!(peer.seen_of(&["EPSV"]).iter().all(|line| !line.to_uppercase().contains("ALL")));
    }
    let from = at("127.0.0.2", &format!("{SOURCE}\nEPRT |2*: 522 use (1)\nEPSV 2: 522 use (1)"));
    let to = at("::1", &format!("{DESTINATION}\nEPRT |1*: 522 use (2)\nEPSV 1: 522 use (2)"));
    let run = copy(&from, &to).exits(0).says("the data passes this host").says("522");
    assert_eq!(run.summary()["path"], "user", "{run}");
    assert_eq!(to.seen_of(&["EPSV"])[0], "EPSV 1", "{run}");
    assert_eq!(to.seen_of(&["PASV", "PORT"]), [""; 0], "{run}");
    // They would listen for the other family, but their replies have no address of it. No server is told to connect.
    let (from, to) = (at("127.0.0.2", SOURCE), at("::1", DESTINATION));
    let run = copy(&from, &to).exits(0).says("has no address of it");
    assert_eq!(run.summary()["path"], "user", "{run}");
    assert_eq!([from.seen_of(&["EPRT"]), to.seen_of(&["EPRT"])], [[""; 0], [""; 0]], "{run}");
}

/// The source refuses in these words what it is told: the destination is to connect instead.
fn flips(rule: &str) {
    let (from, to) = ends(rule, "");
    let run = copy(&from, &to).exits(0);
    assert_eq!(run.summary()["rung"], "source-listens", "{rule}\n{run}");
    assert_eq!(to.seen_of(&["RNTO"]).len(), 1, "{rule}\n{run}");
}

#[test]
fn h17_after_a_refusal_the_other_end_listens() {
    let rules = [
        "PORT: 500 Illegal PORT command.",
        "PORT: 501 Illegal PORT command",
        "PORT: 500 I won't open a connection to 127.0.0.3 (only to 127.0.0.1)",
        "PORT: 501 Rejected data connection to foreign address 127.0.0.3:5000.",
        "PORT: 425 Transfers to 3rd party addresses are not supported",
        "PORT: 504 PORT refused",
        "PORT: 530 Only to your own address",
        "PORT: 501 ==YOU'RE BEHIND A NAT ROUTER==",
        "PORT: 501 Server cannot accept argument.",
        "once RETR: 425 Security: Bad IP connecting.",
        "once RETR: 425 Data connection ip address does not match control connection ip address",
        "once RETR: 425 Can't build data connection: Connection refused",
        "once RETR: 425 Can't open data connection.",
        "once RETR: 425 Use PORT or PASV first.",
        "once RETR: 425 Accept timed out",
        "once RETR: 425 TLS session of data connection not resumed.",
        "once RETR: 522 SSL connection failed; session reuse required",
        "once RETR: 435 Failed TLS negotiation on data channel",
        "once RETR: 427 Use SSL FXP!",
        "once RETR: 530 USE SECURE DATA CONNECTION",
        "once RETR: 522 Data connections must be encrypted.",
        "once RETR: 426 You are not allowed to FXP from here.",
        "once RETR: 150 opening ; dial ; data 500 ; end ; 426 Data connection: Broken pipe.",
        "once RETR: 150 opening ; dial ; data 500 ; end ; 426 Slow transfer: 1KB/s below 10KB/s",
        "once RETR: 150 opening ; dial ; data 500 ; end ; 226 Transfer aborted",
    ];
    let runs = rules.map(|rule| thread::spawn(move || flips(rule)));
    let failed: Vec<&str> =
        rules.into_iter().zip(runs).filter_map(|(rule, run)| run.join().err().map(|_| rule)).collect();
    assert_eq!(failed, [""; 0]);
}

#[test]
fn h17_a_refused_file_is_refused_whoever_listens() {
    for (source, destination, code) in [
        ("RETR: 550 a.txt: No such file or directory", "", 3),
        ("RETR: 550 Permission denied", "", 4),
        ("", "STOR: 553 Could not create file.", 4),
        ("", "STOR: 553 X-DUPE: b.txt", 4),
        ("", "STOR: 452 No space left on device", 1),
        ("", "STOR: 552 Disk quota exceeded", 1),
    ] {
        let (from, to) = ends(source, destination);
        let run = copy(&from, &to).exits(code);
        assert_eq!(from.seen_of(&["PASV", "PORT"]).len() + to.seen_of(&["PASV", "PORT"]).len(), 2, "{run}");
        for peer in [&from, &to] {
            peer.wait_for("QUIT");
        }
    }
}

#[test]
fn h18_the_candidate_that_worked_is_tried_first_for_the_next_file() {
    let (from, to) = ends("PORT: 500 Illegal PORT command.", "");
    user()
        .args(["copy", "--no-race", "--path", "direct", "--retries", "0"])
        .args([from.url("a.txt"), from.url("c.txt"), to.url("d/")])
        .run()
        .exits(0);
    assert_eq!(from.seen_of(&["PORT"]).len(), 1, "{:?}", from.seen());
    assert_eq!(to.seen_of(&["PORT"]).len(), 2, "{:?}", to.seen());
}

/// Two files into a directory.
fn two_files(from: &Peer, to: &Peer, more: &[&str]) -> Run {
    let patience = ["--retries", "0", "--timeout", "2s", "--stall", "2s"];
    let places = [from.url("a.txt"), from.url("c.txt"), to.url("d/")];
    user().args(["copy", "--no-race", "--json"]).args(patience).args(more).args(places).run()
}

#[test]
fn h18_a_candidate_that_was_refused_is_tried_for_one_file_only() {
    let refusal = "PORT: 500 Illegal PORT command.";
    let ports = |peer: &Peer| peer.seen_of(&["PORT"]).len();
    // No way is left: every file fails, the reasons are told with the first one.
    let (from, to) = ends(refusal, refusal);
    let run = two_files(&from, &to, &["--path", "direct"]).exits(6);
    assert_eq!((ports(&from), ports(&to)), (1, 1), "{run}");
    let told = |failed: &serde_json::Value| failed["message"].to_string().contains("Illegal PORT");
    let told: Vec<bool> = run.events("failed").iter().map(told).collect();
    assert_eq!(told, [true, false], "{run}");
    // The first file fails for its own sake on the last way that is left.
    let (from, to) = ends(&format!("{refusal}\nRETR a.txt: 550 a.txt: No such file"), refusal);
    let run = two_files(&from, &to, &[]).exits(9);
    assert_eq!((ports(&from), ports(&to)), (1, 1), "{run}");
    assert_eq!(run.warnings().len(), 2, "the refusal once, and how to go on: {run}");
    // Nobody comes, and nobody says why: the wait is paid once.
    let deaf = "RETR: await ABOR\nABOR: 426 gone ; 226 done";
    let (from, to) = ends(deaf, refusal);
    let run = two_files(&from, &to, &["--path", "direct"]).exits(6);
    assert_eq!(from.seen_of(&["RETR"]), ["RETR a.txt"], "{run}");
}

#[test]
fn two_servers_that_fail_each_other_for_a_while_get_their_file_through_this_host() {
    for (source, destination) in [
        // Hangs up on whoever names another host.
        ("PORT: close", "PORT: close"),
        ("PORT: hang", "PORT: reset"),
        // Connects, and then nothing comes.
        (
            "once RETR: 150 opening ; dial ; await ABOR",
            "PORT: close\nonce STOR: 150 opening ; accept ; await ABOR",
        ),
    ] {
        let (from, to) = ends(source, destination);
        let run = copy(&from, &to).exits(0).says("the data passes this host");
        assert_eq!(run.summary()["path"], "user", "{source}\n{run}");
        assert_eq!(to.seen_of(&["RNTO"]).len(), 1, "{source}\n{run}");
    }
}

#[test]
fn a_destination_that_loses_early_bytes_gets_its_stor_first() {
    let greeting = "greet 220 pyftpdlib 2.2.0 ready.";
    let (from, to) = ends("", greeting);
    let run = copy(&from, &to).exits(0);
    assert_eq!(run.summary()["rung"], "dest-listens", "{run}");
    assert!(to.moment("> 150") < from.moment("RETR"), "{run}");
    // H13: one that says 150 when its peer has come is not waited for for long.
    let (from, to) = ends("", &format!("{greeting}\nSTOR: accept ; 150 opening ; drain ; 226 stored"));
    let run = copy(&from, &to).exits(0);
    assert!(to.moment("STOR") < from.moment("RETR"), "{run}");
    // A source without the file leaves nothing there.
    let (from, to) = ends(
        "RETR: 550 a.txt: No such file",
        &format!("{greeting}\nSTOR: 150 opening ; await ABOR ; 426 aborted"),
    );
    let run = copy(&from, &to).exits(3);
    assert_eq!((to.seen_of(&["RNTO"]).len(), to.seen_of(&["DELE"]).len()), (0, 1), "{run}");
}

#[test]
fn a_listener_that_turns_its_peer_away_unasked_costs_no_timer() {
    let (from, to) = ends(
        "once RETR: dial ; await ABOR\nABOR: 426 gone ; 226 done",
        "once PASV: listen ; 227 here ({commas}) ; accept ; 425 Rejected data connection from foreign address.",
    );
    let run = copy(&from, &to).exits(0);
    assert_eq!(run.summary()["rung"], "source-listens", "{run}");
    assert_eq!((to.seen_of(&["STOR"]).len(), from.seen_of(&["USER"]).len()), (1, 1), "{run}");
}

#[test]
fn h19_replies_to_abor_in_the_wild_never_cost_the_next_file() {
    for (replies, sessions) in [
        ("226 Transfer aborted", None),
        ("226 Abort successful ; 150 opening late", None),
        ("226 done ; 426 aborted", None),
        ("426 aborted", None),
        ("500 'BOR': Command not understood", None),
        ("426 aborted ; 226 done", Some(1)),
        ("226 sent ; 226 done", Some(1)),
        ("226 sent ; 225 nothing", Some(1)),
        ("426 aborted ; 225 nothing", Some(1)),
        ("451 aborted ; 226 done", Some(1)),
        ("426 aborted ; 500 what", Some(1)),
        ("225 nothing", Some(2)), // the reply to RETR is still owed: nobody waits for it in this session
    ] {
        let (from, to) = ends(
            &format!("once RETR: 150 opening\nonce ABOR: {replies}\nNOOP: 200 here"),
            "once STOR: 553 not this name",
        );
        let run = user()
            .args(["copy", "--no-race", "--retries", "0", "--timeout", "2s", "--json"])
            .args([from.url("a.txt"), from.url("c.txt"), to.url("d/")])
            .run()
            .exits(9);
        assert_eq!(run.summary()["files"], 1, "{replies}\n{run}");
        assert_eq!(from.seen_of(&["RETR"]), ["RETR a.txt", "RETR c.txt"], "{replies}\n{run}");
        let logins = from.seen_of(&["USER"]).len();
        assert!(sessions.is_none_or(|sessions| sessions == logins), "{replies}\n{run}");
    }
}

#[test]
fn h35_a_421_or_a_close_in_mid_file_aborts_the_other_end_and_the_next_try_succeeds() {
    for last in ["421 going down ; close", "close", "reset"] {
        let (from, to) = ends(
            "once RETR: 150 opening ; dial ; data 500 ; await ABOR\nonce ABOR: 426 aborted ; 226 done",
            &format!("once STOR: 150 opening ; accept ; {last}"),
        );
        let run = copies(
            &["--json", "--retries", "1", "--timeout", "3s", "--path", "direct"],
            [from.url("a.txt"), to.url("b.txt")],
        );
        let run = run.run().exits(0);
        assert_eq!(run.events("file")[0]["attempts"], 2, "{last}\n{run}");
        // The other end was told, and its session was kept.
        let usage =
            (from.seen_of(&["ABOR"]).len(), from.seen_of(&["USER"]).len(), to.seen_of(&["USER"]).len());
        assert_eq!(usage, (1, 1, 2), "{last}\n{run}");
        assert_eq!(to.seen_of(&["RNTO"]).len(), 1, "{last}\n{run}");
    }
}

#[test]
fn h36_progress_is_asked_of_those_who_tell_it() {
    let (from, to) = ends(
        "",
        "FEAT: 211-F\\r\\n SIZE\\r\\n RNDZ\\r\\n STOR PARTIAL\\r\\n211 End\n\
         STAT: 211-Status\\r\\n Bytes 500\\r\\n211 End\n\
         STOR: 150 opening ; accept ; drain ; await STAT ; 226 stored",
    );
    let run = copy(&from, &to).exits(0);
    assert!(run.events("progress").iter().any(|told| told["bytes"] == 500), "{run}");
    assert_eq!(from.seen_of(&["STAT"]), [""; 0], "{run}");
    // Markers are told unasked.
    let (from, to) = ends(
        "",
        "STOR: 150 opening ; accept ; drain ; 112-Perf Marker\\r\\n Stripe Bytes Transferred: 300\\r\\n112 End ; \
         111 Range Marker 0-700 ; 110 MARK 9 = 9 ; 226 stored",
    );
    let run = copy(&from, &to).exits(0);
    let told = run.events("progress");
    let mut told: Vec<u64> = told.iter().filter_map(|event| event["bytes"].as_u64()).collect();
    told.retain(|bytes| *bytes > 0);
    told.dedup();
    assert_eq!(told, [300, 700], "{run}");
    assert_eq!([from.seen_of(&["STAT"]), to.seen_of(&["STAT"])], [[""; 0], [""; 0]], "{run}");
    // Of others a second session asks the size: in the middle of a transfer they do not expect STAT.
    let (from, to) =
        ends("", "STOR: 150 opening ; accept ; drain ; until SIZE . ; 226 stored\nSIZE *.part: 213 1000");
    let run = copies(&["--json"], [from.url("a.txt"), to.url("b.txt")]).run().exits(0);
    assert_eq!([from.seen_of(&["STAT"]), to.seen_of(&["STAT"])], [[""; 0], [""; 0]], "{run}");
    assert!(to.seen_of(&["USER"]).len() == 2, "{run}");
}

#[test]
fn h37_a_server_of_1973_that_changes_its_data_socket_is_found_out() {
    const HELP: &str = "HELP: 200-SOCK\\r\\n LSTN R;S\\r\\n SIZE\\r\\n200 end\nABOR: 452 aborted ; 202 done";
    let run = |source: &str, destination: &str| {
        let from = Peer::start("127.0.0.2", &format!("{source}\nSIZE a.txt: 200 1000\n{HELP}"), OLD);
        let stored = "SIZE *.part: 200 {stored}\nSIZE: 450 no";
        let to = Peer::start("127.0.0.3", &format!("{destination}\n{stored}\n{HELP}"), OLD);
        let patience = ["--path", "direct", "--retries", "0", "--timeout", "2s"];
        let run = copies(&["--json"], [from.url("a.txt"), to.url("b.txt")]).args(patience);
        (run.run(), to.seen_of(&["RNTO"]).len())
    };
    let (fine, renamed) =
        run("RETR: 255 SOCK {sock} ; 250 started ; connection ; data 1000 ; end ; 257 sent", "");
    assert_eq!((fine.exits(0).events("file").len(), renamed), (1, 1));
    for (source, destination) in [
        ("RETR: 255 SOCK 9 ; 250 started ; await ABOR", ""),
        ("", "STOR: 255 SOCK 9 ; 250 started ; await ABOR"),
    ] {
        let (run, renamed) = run(source, destination);
        assert_eq!(run.exits(6).says("socket verification").events("file").len() + renamed, 0);
    }
}

#[test]
fn a_server_that_calls_superfluous_what_it_lacks_has_not_done_it() {
    let lacks = "AUTH: 202 superfluous\nMKD: 202 superfluous\nRNTO: 202 superfluous\nDELE: 202 superfluous";
    let to = server(&format!("{lacks}\nSIZE a.txt: 213 7\nSIZE: 550 no such file"));
    for (verb, names) in [("mkdir", &["d"][..]), ("rm", &["a.txt"]), ("mv", &["a.txt", "b.txt"])] {
        let urls = names.iter().map(|name| to.url(name));
        user().args([verb.to_owned()].into_iter().chain(urls)).run().exits(1).says("202 superfluous");
    }
    assert_eq!(to.seen_of(&["MKD", "DELE", "RNTO"]).len(), 3);
}

#[test]
fn a_server_that_has_hung_up_on_an_idle_session_is_logged_in_to_again() {
    let bye = "\\r\\n421 idle for too long";
    let from = server(&format!(
        "{SOURCE}\nonce RETR: 150 opening ; connection ; data 1000 ; end ; 226 sent{bye} ; close"
    ));
    let to = Peer::start(
        "127.0.0.3",
        &format!(
            "SIZE *.ftp-user.part: 213 1000\nonce STOR: 150 opening ; connection ; drain ; 226 stored{bye} ; close\n{DESTINATION}"
        ),
        MODERN,
    );
    let run = user().args(["copy", "--no-race", "--path", "direct", "--verify", "size", "--retries", "0"]);
    let run = run.args([from.url("a.txt"), to.url("b.txt")]).run().exits(0);
    for peer in [&from, &to] {
        assert_eq!(peer.seen_of(&["USER"]).len(), 2, "{run}");
    }
    assert_eq!((to.seen_of(&["STOR"]).len(), to.seen_of(&["RNTO"]).len()), (1, 1), "{run}");
}

#[test]
fn h33_an_interrupt_counts_after_the_cleanup_of_an_earlier_attempt() {
    let able = "FEAT: 211-F\\r\\n SIZE\\r\\n HASH SHA-256*\\r\\n211 End\nHASH: await ABOR";
    let to = Peer::start(
        "127.0.0.3",
        &format!("once STOR: 150 opening ; connection ; drain ; 451 not now\n{able}\n{DESTINATION}"),
        MODERN,
    );
    let run = user().file("a.txt", "hello").args(["copy", "--no-race", "a.txt", &to.url("b.txt")]).start();
    to.wait_for("HASH");
    run.interrupt();
    let run = run.end().exits(10);
    assert_eq!((to.seen_of(&["STOR"]).len(), to.seen_of(&["RNTO"]).len()), (2, 0), "{run}");
    assert_eq!(to.seen_of(&["DELE"]).len(), 2, "{run}");
}

#[test]
fn bytes_of_an_append_that_arrive_late_are_not_appended_twice() {
    let (from, to) = ends(
        "",
        "once SIZE b.txt: 213 5\nonce SIZE b.txt: 213 5\nonce SIZE b.txt: 213 5\nSIZE b.txt: 213 9\n\
         APPE: 150 opening ; connection ; drain ; 451 not now",
    );
    let run =
        user().args(["append".to_owned(), "--path=direct".to_owned(), from.url("a.txt"), to.url("b.txt")]);
    let run = run.run().exits(5).says("had 5 bytes before and has 9 bytes now; look at it before");
    // Once with either end listening; the next try saw what had come.
    assert_eq!(to.seen_of(&["APPE"]).len(), 2, "{run}");
}

#[test]
fn bytes_of_an_append_that_a_server_takes_for_commands_are_not_appended_twice() {
    for (says, status) in [("502 unknown", 6), ("553 no", 4)] {
        let (from, to) = ends(
            "",
            &format!("once SIZE b.txt: 213 5\nSIZE b.txt: 213 1005\nAPPE: connection ; drain ; {says}"),
        );
        let run = user().args(["append", &from.url("a.txt"), &to.url("b.txt")]).run();
        run.exits(status).says("had 5 bytes before and has 1005 bytes now; look at it before");
        assert_eq!(to.seen_of(&["APPE"]).len(), 1);
    }
}

#[test]
fn a_session_that_was_opened_in_haste_only_tidies_up() {
    let (from, to) = ends(
        "once RETR: 150 opening ; dial ; data 500 ; await ABOR\nonce ABOR: 426 aborted ; 226 done",
        "once STOR: 150 opening ; connection ; close",
    );
    let places = [from.url("a.txt"), to.url("b.txt")];
    let run = user().args(["copy", "--no-race", "--path=direct", "--no-resume"]).args(places).run().exits(0);
    let seen = to.seen_of(&["USER", "STOR", "DELE", "RNTO"]);
    let verbs: Vec<&str> = seen.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(verbs, ["USER", "STOR", "USER", "DELE", "USER", "STOR", "RNTO"], "{run}");
}
