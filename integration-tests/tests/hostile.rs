//! A hostile server at one end and a real one of ours, or a local file, at the other: nothing wrong gets a final name,
//! nobody else is touched, no secret is repeated, and everything ends.

use crate::through::end_with_peak_kib;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket;
use integration_tests::user::{Run, user};
use socket2::{Domain, Socket, Type};
use std::net::{SocketAddr, TcpListener};

const OLD: &[u8] = b"what was there before";
/// Hosts of the servers and of somebody who has nothing to do with them.
const HOSTILE: &str = "127.0.0.2";
const OURS: &str = "127.0.0.3";
const VICTIM: &str = "127.0.0.77";

/// A server of ours that exchanges files with servers of other people.
fn open_site() -> Server {
    let site = Site::new("ours").at(OURS);
    let site = site.args(["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"]);
    site.file("old.txt", OLD).file("a.txt", sample(1000)).start()
}

/// A hostile server with this script; as source it has `a.txt` of 1,000 bytes, as destination nothing.
fn hostile(script: &str) -> Peer {
    let rules =
        "SIZE a.txt: 213 1000\nSIZE old.txt: 550 no such file\nCWD *.txt: 550 no directory\nMLST: 550 none";
    Peer::start(HOSTILE, &format!("{script}\n{rules}"), MODERN)
}

/// A copy with short patience.
fn copy(from: &str, to: &str, more: &[&str]) -> Run {
    user().args(["copy"]).args(patience("2s")).args(more).args([from, to]).run()
}

const fn patience(time: &str) -> [&str; 8] {
    ["--retries", "0", "--timeout", time, "--stall", time, "--trace", "trace.txt"]
}

/// For copies that wait for nothing: a slow host is no reason for another exit code.
const LONG: &str = "30s";

fn fails_as_one_of(codes: &[i32], script: &str, run: &Run) {
    let trace = run.text("trace.txt");
    assert!(run.code().is_some_and(|code| codes.contains(&code)), "{script}\n{run}\n{trace}");
}

/// From the hostile server to ours, over an old file, with this patience: it fails with one of these codes, and the old file is
/// there and nothing else.
fn harms_no_destination(script: &str, time: &str, codes: &[i32]) {
    let (from, to) = (hostile(script), open_site());
    let run = user().args(["copy", "--overwrite", "always"]).args(patience(time));
    let run = run.args([&from.url("a.txt"), &to.url("old.txt")]).run();
    fails_as_one_of(codes, script, &run);
    assert!(to.bytes("old.txt") == OLD, "{script}\n{run}");
    assert_eq!(to.names(), ["a.txt", "old.txt"], "{script}\n{run}");
}

/// The same to a local file.
fn harms_no_local_file(script: &str, time: &str, codes: &[i32]) -> Run {
    let from = hostile(script);
    let run = user().file("old.txt", OLD).args(["copy", "--overwrite", "always"]).args(patience(time));
    let run = run.args([from.url("a.txt"), "old.txt".to_owned()]).run();
    fails_as_one_of(codes, script, &run);
    assert!(run.bytes("old.txt") == OLD, "{script}\n{run}");
    assert_eq!(run.names(), ["old.txt", "trace.txt"], "{script}\n{run}");
    run
}

/// From ours to the hostile server: it fails with this code, and no copy gets a final name there.
fn is_not_believed(script: &str, code: i32) -> Run {
    let (from, to) = (open_site(), hostile(script));
    let run = copy(&from.url("a.txt"), &to.url("old.txt"), &[]);
    fails_as_one_of(&[code], script, &run);
    assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{script}\n{run}");
    run
}

const HASHES: &str = "FEAT: 211-F\\r\\n SIZE\\r\\n HASH SHA-256*\\r\\n211 End\nOPTS HASH*: 200 SHA-256";

#[test]
fn a_source_that_lies_about_its_size_gives_nothing_a_final_name() {
    for script in [
        // It sends more, or less, than it has announced, and says that all is well.
        "SIZE a.txt: 213 10",
        "SIZE a.txt: 213 5000",
        // A size that no file has.
        "SIZE a.txt: 213 18446744073709551615",
    ] {
        harms_no_destination(script, LONG, &[7]);
        harms_no_local_file(script, LONG, &[7]);
    }
}

#[test]
fn h22_a_source_that_lies_about_its_digest_gives_nothing_a_final_name() {
    let lie = format!("{HASHES}\nHASH: 213 SHA-256 0-1000 {} a.txt", "ab".repeat(32));
    harms_no_destination(&lie, LONG, &[7]);
    harms_no_local_file(&lie, LONG, &[7]);
}

#[test]
fn a_destination_that_lies_about_what_it_has_stored_is_not_believed() {
    // A size or a digest of something else.
    is_not_believed("SIZE *.ftp-user.part: 213 999", 7);
    is_not_believed(&format!("{HASHES}\nHASH: 213 SHA-256 0-1000 {} x", "cd".repeat(32)), 7);
    // It has stored nothing, and says that it has, before any data and without a connection.
    is_not_believed("STOR: 226 stored\nSIZE *.ftp-user.part: 213 0\nABOR: 226 done", 7);
}

/// A port of the victim, where nobody may arrive.
struct Victim {
    listener: TcpListener,
    /// Keeps the same port of the hostile server's host: of a 229 only the port counts, and a server of another test would
    /// accept there.
    _kept: Socket,
    port: u16,
}

impl Victim {
    fn new() -> Self {
        let tries = std::iter::repeat_with(|| {
            let listener = socket::listen(VICTIM, 0);
            let port = listener.local_addr().unwrap().port();
            // Not to be shared (no SO_REUSEADDR): whoever listens there fails, and whoever connects is refused.
            let kept = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let at: SocketAddr = SocketAddr::new(HOSTILE.parse().unwrap(), port);
            kept.bind(&at.into()).ok().map(|()| Self { listener, _kept: kept, port })
        });
        tries.take(64).flatten().next().unwrap_or_else(|| panic!("no port is free at {VICTIM} and {HOSTILE}"))
    }

    /// Its address in the form of a 227.
    fn commas(&self) -> String {
        format!("{},{},{}", VICTIM.replace('.', ","), self.port / 256, self.port % 256)
    }
}

#[test]
fn h08_nobody_is_sent_to_a_victim_that_a_reply_names() {
    let victim = Victim::new();
    let (commas, port) = (victim.commas(), victim.port);
    let extended = "FEAT: 211-F\\r\\n SIZE\\r\\n EPSV\\r\\n EPRT\\r\\n211 End\nEPRT: 502 no\nPORT: 502 no";
    for lie in [
        format!("PORT: 500 no\nPASV: 227 Entering Passive Mode ({commas})"),
        format!("{extended}\nPASV: 502 no\nEPSV: 229 Extended (|1|{VICTIM}|{port}|)"),
        format!("{extended}\nPASV: 227 Here ({commas})\nEPSV: 229 Extended (|2|::ffff:{VICTIM}|{port}|)"),
    ] {
        for (from, to) in [(true, false), (false, true)] {
            let (liar, ours) = (hostile(&lie), open_site());
            let url = |is_liar: bool, path: &str| if is_liar { liar.url(path) } else { ours.url(path) };
            let run = copy(&url(from, "a.txt"), &url(to, "new.txt"), &["--no-race"]).fails();
            assert!(socket::is_quiet(&victim.listener), "{lie}\n{run}");
            assert!(!ours.running.said().contains(VICTIM), "{lie}\n{}", ours.running.said());
            assert_eq!(ours.names(), ["a.txt", "old.txt"], "{lie}\n{run}");
        }
        let run = harms_no_local_file(&lie, LONG, &[6]);
        assert!(socket::is_quiet(&victim.listener), "{lie}\n{run}");
    }
}

/// The password of every scripted server, as it may be repeated.
const SECRET: &str = "hunter2-and-more";

#[test]
fn h38_a_password_that_a_server_repeats_anywhere_is_seen_nowhere() {
    for script in [
        format!("PASS: 230 welcome, your password {SECRET} is fine"),
        format!("FEAT: 211-F\\r\\n SIZE\\r\\n X-{SECRET}\\r\\n211 End"),
        format!("TYPE: 500 {SECRET}?"),
        format!("PASV: 502 not with {SECRET}\nPORT: 502 {SECRET} again"),
        format!("RETR: 550 {SECRET}: no such file"),
        format!("RETR: 150 {SECRET} ; connection ; data 500 ; end ; 426 broken {SECRET}"),
        format!(
            "SIZE a.txt: 550 {SECRET}\nLIST: 150 here ; connection ; text -rw-r--r-- 1 me us 5 Apr 22 2024 {SECRET}\\r\\n ; end ; 226 done"
        ),
        format!("SIZE a.txt: 421 {SECRET} has to leave ; close"),
        format!("SIZE a.txt: 213 {SECRET}"),
        format!("greet say {SECRET} is no reply"),
        format!("PASS: 530 you said {SECRET} and {}", SECRET.to_uppercase()),
    ] {
        let from = hostile(&script);
        let url = from.url("a.txt").replace("open%3Asesame", SECRET);
        for option in [&["--json"][..], &["-v"], &[]] {
            let run = copy(&url, "b.txt", option);
            let shown = format!("{}\n{}", run.said, run.text("trace.txt")).replace(&url, "").to_lowercase();
            assert!(!shown.contains(SECRET), "{script}\n{shown}");
            if script.contains("you said") {
                for text in [run.said.to_lowercase(), run.text("trace.txt").to_lowercase()] {
                    assert!(text.contains("530 you said *** and ***"), "{text}");
                }
                run.exits(4);
            }
        }
    }
}

#[test]
fn what_a_terminal_would_obey_is_escaped_wherever_a_server_says_it() {
    // Escape sequences, a bell, C1 controls, an overwritten line, and letters that turn the direction of writing.
    const NASTY: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\r\u{202e}txt.exe\u{2028}";
    for script in [
        format!("greet 220 {NASTY}"),
        format!("PASS: 530 {NASTY}"),
        format!("FEAT: 211-F\\r\\n SIZE\\r\\n {NASTY}\\r\\n211 End"),
        format!("RETR: 550 {NASTY}"),
        format!("PWD: 257 \"/{NASTY}\""),
        format!(
            "SIZE a.txt: 550 no plain file\nCWD a.txt: 250 in\nLIST: 150 here ; connection ; text -rw-r--r-- 1 me us 5 Apr 22 2024 {NASTY}\\r\\n ; end ; 226 done"
        ),
    ] {
        let from = hostile(&script);
        for (verb, option) in [("copy", "--json"), ("copy", "-v"), ("ls", "-l"), ("stat", "--json")] {
            let run = user().args([verb, option, "--trace", "trace.txt"]);
            let run = if verb == "copy" { run.args(["-r", "--retries", "0"]) } else { run };
            let run = run.args([from.url("a.txt")]);
            let run = if verb == "copy" { run.args(["b"]) } else { run }.run();
            let is_bad = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2028}".contains(c);
            assert!(!run.said.contains(is_bad), "{script:?}\n{:?}", run.said);
            assert!(!run.text("trace.txt").contains(is_bad), "{script:?}\n{:?}", run.text("trace.txt"));
        }
    }
}

#[test]
fn replies_without_end_are_ended() {
    for script in [
        "greet 220-hello ; endless and more",
        "PASS: 230-hello ; endless and more",
        "FEAT: 211-Features ; endless  X",
        "SIZE a.txt: 213-1 ; endless 213-1",
        // Each of these is a reply of its own, and nobody has asked for it.
        "SIZE a.txt: 213 1000 ; endless 200 yes",
        "TYPE: 200 type ; endless 120 wait",
        "RETR: 150 opening ; endless 150 opening",
    ] {
        let from = hostile(script);
        let run = copy(&from.url("a.txt"), "b.txt", &[]);
        // Another session may have got the file: then it is whole.
        let is_there = run.names() != ["trace.txt"];
        assert_eq!(is_there, run.code() == Some(0), "{script}\n{run}");
        assert!(!is_there || run.bytes("b.txt") == sample(1000), "{script}\n{run}");
        assert!(run.said.len() < 10_000, "{script}\n{} bytes said", run.said.len());
        assert!(
            run.text("trace.txt").len() < 20_000_000,
            "{script}\n{} bytes of trace",
            run.text("trace.txt").len()
        );
        from.wait_for_the_end_of_all();
    }
}

#[test]
fn a_listing_of_one_line_without_end_is_ended_with_a_reason() {
    // (A listing of lines without end is ended by the bounds of listings: `endpoint/files/list.rs` tests that.)
    let from = hostile(
        "FEAT: 211-F\\r\\n SIZE\\r\\n MLST type*;size*;\\r\\n211 End\n\
         MLST: 250-here\\r\\n type=dir; d\\r\\n250 end\n\
         MLSD: 150 here ; connection ; flood {kib} ; end ; 426 gone",
    );
    let run = copy(&from.url("d"), "d", &["-r"]).fails();
    assert!(run.names().iter().all(|name| ["trace.txt", "d/"].contains(&name.as_str())), "{run}");
    from.wait_for_the_end_of_all();
}

#[test]
fn a_name_that_is_looked_for_in_a_large_listing_takes_no_more_memory_than_in_a_small_one() {
    let peak = |lines: usize| {
        let line = |number| format!("-rw-r--r-- 1 ann ann 1000 Jan 01 2020 {number:0>40}\\r\\n");
        let lines: String = (0..lines).map(line).collect();
        let from = hostile(&format!(
            "SIZE none: 550 no\nCWD none: 550 no\nLIST: 150 here ; connection ; text {lines} ; end ; 226 done"
        ));
        let run = user().args(["copy"]).args(patience(LONG)).args([&from.url("none"), "./"]).start();
        let (run, peak) = end_with_peak_kib(run);
        drop(run.exits(3).says("does not exist"));
        assert!(!from.seen_of(&["LIST"]).is_empty(), "it was looked for");
        from.wait_for_the_end_of_all();
        peak
    };
    let (few, many) = (peak(10), peak(200_000));
    assert!((1..few + (16 << 10)).contains(&many), "{few} KiB and {many} KiB");
}

#[test]
fn h25_names_that_lead_out_of_a_local_directory_are_refused() {
    let names = ["../up", "..", "/tmp/absolute", "a/../../x", "sub/file", ".", "good"];
    let unix: Vec<String> =
        names.iter().map(|name| format!("-rw-r--r-- 1 me us 1000 Apr 22 2024 {name}\\r\\n")).collect();
    let facts: Vec<String> = names.iter().map(|name| format!("type=file;size=1000; {name}\\r\\n")).collect();
    let mlst = "FEAT: 211-F\\r\\n SIZE\\r\\n MLST type*;size*;\\r\\n211 End\nMLST d: 250-here\\r\\n type=dir; d\\r\\n250 end";
    for script in [
        format!(
            "SIZE d: 550 no plain file\nCWD d: 250 in\nCWD /: 250 back\nLIST: 150 here ; connection ; text {} ; end ; 226 done",
            unix.concat()
        ),
        format!("{mlst}\nMLSD: 150 here ; connection ; text {} ; end ; 226 done", facts.concat()),
    ] {
        let from = hostile(&format!("{script}\nSIZE d/good: 213 1000"));
        let run = copy(&from.url("d"), "inside", &["-r"]).exits(9).says("../up").says("/tmp/absolute");
        let files: Vec<String> = run.names().into_iter().filter(|name| name != "trace.txt").collect();
        assert_eq!(files, ["inside/", "inside/good"], "{run}");
        assert_eq!(run.bytes("inside/good"), sample(1000));
        assert_eq!(from.seen_of(&["RETR"]), ["RETR d/good"], "{run}");
    }
}

#[test]
fn a_226_before_any_data_is_no_whole_file() {
    for script in [
        // It never connects.
        "RETR: 150 opening ; 226 sent\nABOR: 226 done",
        "RETR: 226 sent\nABOR: 226 done",
        // It connects and sends nothing.
        "RETR: 150 opening ; 226 sent ; connection ; end",
        // It sends one half.
        "RETR: 150 opening ; 226 sent ; connection ; data 500 ; end",
    ] {
        harms_no_destination(script, "2s", &[5, 6, 7]);
        harms_no_local_file(script, "2s", &[5, 6, 7]);
    }
    // The data come after it all the same: a whole file is a whole file.
    let from = hostile("RETR: 150 opening ; 226 sent ; connection ; data 1000 ; end");
    let run = copy(&from.url("a.txt"), "b.txt", &[]).exits(0);
    assert!(run.bytes("b.txt") == sample(1000), "{run}");
}
