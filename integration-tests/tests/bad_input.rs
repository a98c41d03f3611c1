//! What goes wrong ends in bounded time, with its exit code, one clear sentence, the other server's
//! session released, and the old destination as it was.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::disk::SmallDisk;
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use integration_tests::socket::{connect, free_port, until};
use integration_tests::user::{Run, copies, user};
use std::io::{BufRead, BufReader};

/// A server with so few sessions that one which is still held is missed.
const SESSIONS: [&str; 2] = ["--max-sessions", "2"];

const OLD: &[u8] = b"what was there before";

fn source() -> Server {
    Site::new("source").args(SESSIONS).file("a.txt", "hello").start()
}

fn target() -> Server {
    Site::new("target").at("127.0.0.3").args(SESSIONS).file("b.txt", OLD).start()
}

fn copy(from: &str, to: &str) -> Run {
    let patience = ["--retries", "0", "--timeout", "3s", "--stall", "5s"];
    user().args(["copy", "--no-race", "--path", "direct"]).args(patience).args([from, to]).run()
}

/// The sessions of the run are given back: both that the server has can be had at once.
fn released(server: &Server) {
    let greeted = || {
        let to = server.address(Rfc959);
        let mut greeting = String::new();
        let stream = connect("127.0.0.1:0".parse().unwrap(), to);
        BufReader::new(&stream).read_line(&mut greeting).unwrap();
        greeting.starts_with("220").then_some(stream)
    };
    until("both sessions can be had", || {
        let both = [greeted(), greeted()];
        both.iter().all(Option::is_some)
    });
}

/// The old file is there and nothing else, and the server's sessions are given back.
fn unharmed(server: &Server) {
    released(server);
    assert_eq!(server.bytes("b.txt"), OLD);
    assert_eq!(server.names(), ["b.txt"]);
}

/// One sentence for people: a single line that names the culprit and has no debug text in it.
fn one_sentence(run: Run, words: &[&str]) {
    let run = words.iter().fold(run, |run, word| run.says(word));
    for noise in ["Os {", "Err(", "panicked", "Some(", "RUST_BACKTRACE"] {
        assert!(!run.said.contains(noise), "{noise:?} is not for people\n{run}");
    }
    let lines = run.said.lines().filter(|line| !line.trim().is_empty()).count();
    assert!((1..=6).contains(&lines), "{lines} lines\n{run}");
}

#[test]
fn an_unknown_host() {
    let to = target();
    let run = copy("ftp://nobody.invalid/a.txt", &to.url("b.txt")).exits(1);
    one_sentence(run, &["nobody.invalid"]);
    unharmed(&to);
}

#[test]
fn a_refused_connection() {
    let to = target();
    let nobody = format!("127.0.0.2:{}", free_port("127.0.0.2"));
    let run = copy(&format!("ftp://ann:x@{nobody}/a.txt"), &to.url("b.txt")).exits(5);
    one_sentence(run, &[&nobody, "refused"]);
    unharmed(&to);
}

#[test]
fn a_wrong_password() {
    let (from, to) = (source(), target());
    let wrong = format!("ftp://{USER}:wrong@{}/a.txt", from.address(Rfc959));
    let run = copy(&wrong, &to.url("b.txt")).exits(4).never_says("wrong@").never_says(PASSWORD);
    one_sentence(run, &["127.0.0.2"]);
    unharmed(&to);
}

#[test]
fn a_missing_source() {
    let (from, to) = (source(), target());
    let run = copy(&from.url("missing.txt"), &to.url("b.txt")).exits(3);
    one_sentence(run, &["missing.txt", "127.0.0.2"]);
    unharmed(&to);
}

#[test]
fn an_unwritable_destination() {
    let from = source();
    let to =
        Site::new("readonly").at("127.0.0.3").args(SESSIONS).user("reader:pw:ro").file("b.txt", OLD).start();
    let place = format!("ftp://reader:pw@{}/b.txt", to.address(Rfc959));
    let run = copy(&from.url("a.txt"), &place).exits(4);
    one_sentence(run, &["127.0.0.3"]);
    released(&from);
    unharmed(&to);
}

#[test]
fn a_destination_directory_that_cannot_be_made() {
    let (from, to) = (source(), target());
    let run = copy(&from.url("a.txt"), &to.url("b.txt/no/directory/c.txt")).fails();
    one_sentence(run, &["127.0.0.3"]);
    released(&from);
    unharmed(&to);
}

#[test]
fn a_full_disk() {
    let disk = or_skip!(SmallDisk::mount());
    std::fs::write(disk.path().join("b.txt"), OLD).unwrap();
    let from = Site::new("source").args(SESSIONS).file("a.bin", sample(8 << 20)).start();
    let to = Site::new("full").at("127.0.0.3").args(SESSIONS).start_in(disk.path().to_path_buf());
    let run = copy(&from.url("a.bin"), &to.url("b.txt"));
    released(&from);
    unharmed(&to);
    one_sentence(run.exits(1), &["127.0.0.3", "space"]);
}

#[test]
fn malformed_urls() {
    let to = target();
    for url in
        ["ftp://", "ftp://[::1/a.txt", "ftp://host:99999/a.txt", "ftp://ann:pw@/a.txt", "http://host/a.txt"]
    {
        let run = copy(url, &to.url("b.txt")).exits(2);
        assert!(!run.said.contains("panicked"), "{run}");
    }
    unharmed(&to);
}

#[test]
fn cr_lf_and_nul_in_a_path() {
    let (from, to) = (source(), target());
    for bad in ["a%0Dtxt", "a%0Atxt", "a%00txt", "a%0D%0ADELE%20a.txt"] {
        copy(&from.url(bad), &to.url("b.txt")).exits(2);
        copy(&from.url("a.txt"), &to.url(bad)).exits(2);
    }
    assert_eq!(from.bytes("a.txt"), b"hello");
    unharmed(&to);
}

#[test]
fn a_reply_that_is_not_ftp() {
    let to = target();
    for (noise, words) in [
        ("HTTP/1.1 400 Bad Request", "is a web server, not an FTP server: it said"),
        ("SSH-2.0-OpenSSH_9.2", "is an SSH server, not an FTP server: it said"),
        ("\u{1}\u{2}\u{3}", "does not speak FTP: expected a reply code, got"),
    ] {
        let from = Peer::start("127.0.0.2", &format!("greet say {noise}"), MODERN);
        let run = copy(&from.url("a.txt"), &to.url("b.txt")).exits(1);
        one_sentence(run, &["127.0.0.2", words]);
    }
    // After a reply, a line without a code is the rest of its text (RFC 354); one with digits is not.
    for (line, code, words) in
        [("no reply at all", 5, "did not answer in time"), ("99 bottles", 1, "does not speak FTP")]
    {
        let from = Peer::start("127.0.0.2", &format!("SIZE: say {line}\nMLST: say {line}"), MODERN);
        let run = copy(&from.url("a.txt"), &to.url("b.txt")).exits(code);
        one_sentence(run, &["127.0.0.2", words]);
    }
    unharmed(&to);
}

#[test]
fn h08_a_227_with_somebody_elses_address() {
    let lie = "PASV: listen ; 227 Entering Passive Mode (192,0,2,1,200,10)\nSIZE a.txt: 213 1000\nSIZE b.txt: 550 no";
    let (from, to) = (Peer::start("127.0.0.2", lie, MODERN), Peer::start("127.0.0.3", lie, MODERN));
    let run = copy(&from.url("a.txt"), &to.url("b.txt")).exits(6);
    for peer in [&from, &to] {
        assert!(peer.seen_of(&["PORT", "RETR", "STOR"]).is_empty(), "{:?}", peer.seen());
        peer.wait_for("QUIT");
    }
    one_sentence(run, &["192,0,2,1", "another host"]);
    // This host may come between, and believes them no more.
    let run = copies(&["--timeout", "3s", "--retries", "0"], [from.url("a.txt"), to.url("b.txt")])
        .run()
        .exits(6)
        .says("warning");
    assert!(from.seen_of(&["RETR"]).is_empty() && to.seen_of(&["STOR"]).is_empty(), "{run}");
    // One end tells the truth: the next rung takes the file there.
    let truth = "SIZE a.txt: 213 1000\nSIZE b.txt: 550 no";
    let (from, to) = (Peer::start("127.0.0.2", truth, MODERN), Peer::start("127.0.0.3", lie, MODERN));
    copies(&["--json", "--path", "direct", "--timeout", "3s"], [from.url("a.txt"), to.url("b.txt")])
        .run()
        .exits(0)
        .says("warning");
    assert!(from.seen_of(&["PORT"]).is_empty() && to.seen_of(&["PORT"]).len() == 1);
}

/// A server of ours that lets servers of today send to it.
fn open_target() -> Server {
    Site::new("target")
        .at("127.0.0.3")
        .args(["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"])
        .args(SESSIONS)
        .file("b.txt", OLD)
        .start()
}

/// A scripted source with this habit; the copy fails, and the destination is as it was.
fn source_with(script: &str, code: i32, words: &[&str]) {
    let from = Peer::start("127.0.0.2", &format!("{script}\nSIZE a.txt: 213 1000"), MODERN);
    let to = open_target();
    let run = copy(&from.url("a.txt"), &to.url("b.txt")).exits(code);
    one_sentence(run, words);
    from.wait_for_the_end_of_all();
    unharmed(&to);
}

#[test]
fn a_server_that_hangs_in_accept() {
    // It listens, and hears nothing until somebody comes. The destination has nobody to connect to.
    source_with("PORT: 500 Illegal PORT command.\nRETR: accept ; hang", 5, &["127.0.0.2"]);
    let from = source();
    let to = Peer::start("127.0.0.3", "SIZE b.txt: 550 no\nSTOR: 150 opening ; hang", MODERN);
    let run = copy(&from.url("a.txt"), &to.url("b.txt")).exits(5);
    one_sentence(run, &["stall"]);
    to.wait_for_the_end_of_all();
    assert!(to.seen_of(&["RNTO"]).is_empty());
    released(&from);
}

#[test]
fn what_a_source_does_in_mid_file() {
    for (script, code, words) in [
        // It falls silent, also to ABOR.
        ("RETR: 150 opening ; dial ; data 500 ; hang", 5, &["127.0.0.2"][..]),
        ("RETR: 150 opening ; dial ; data 500\nABOR: silent\nNOOP: silent\nQUIT: silent", 5, &["stall"]),
        ("RETR: 150 opening ; connection ; data 500 ; reset-data ; close", 5, &["127.0.0.2"]),
        (
            "RETR: 150 opening ; connection ; data 500 ; 421 going down ; close",
            5,
            &["127.0.0.2", "421 going down"],
        ),
        // It calls whole what it has cut short.
        ("RETR: 150 opening ; dial ; data 999 ; end ; 226 sent", 7, &["999", "1000"]),
    ] {
        source_with(script, code, words);
    }
}

#[test]
fn names_of_a_listing_that_lead_elsewhere() {
    let unix = "-rw-r--r-- 1 me us 1000 Apr 22 2024";
    let bad =
        ["../x", "..", "/etc/x", "a/../../x", "a\\rDELE b.txt", "b\u{1b}[2J", "c\u{7}", "d\\nDELE b.txt"];
    let lines: Vec<String> = bad.iter().chain(&["good"]).map(|name| format!("{unix} {name}")).collect();
    let from = Peer::start(
        "127.0.0.2",
        &format!(
            "SIZE t: 550 no plain file\nCWD *good: 550 no directory\nCWD: 250 there\nSIZE: 213 1000\n\
             LIST: 150 here ; connection ; text {}\\r\\n ; end ; 226 done",
            lines.join("\\r\\n")
        ),
        MODERN,
    );
    let to = open_target();
    let run =
        copies(&["-r", "--retries", "0", "--timeout", "3s", "--stall", "5s"], [from.url("t"), to.url("t")])
            .run()
            .says("../x");
    let retrieved = from.seen_of(&["RETR"]);
    assert!(retrieved.contains(&"RETR t/good".to_owned()), "{retrieved:?}\n{run}");
    assert!(retrieved.iter().all(|line| !line.contains("..") && !line.contains("etc")), "{retrieved:?}");
    assert!(from.seen_of(&["DELE"]).is_empty(), "{run}");
    // A terminal obeys no name.
    assert!(!run.said.contains(['\u{1b}', '\u{7}', '\r']), "{run}");
    assert_eq!(to.bytes("b.txt"), OLD);
    assert_eq!(to.names(), ["b.txt", "t/", "t/b\u{1b}[2J", "t/c\u{7}", "t/d", "t/good"], "{run}");
    assert_eq!(to.bytes("t/good"), sample(1000));
    released(&to);
    drop(run.exits(9));
}

#[test]
fn replies_of_a_mebibyte() {
    for rule in [
        "FEAT: 211-Features\\r\\n {mib}\\r\\n211 End",
        "greet 220 {mib}",
        "USER: 331 {mib}",
        "PORT: 200 {mib}",
    ] {
        let from = Peer::start("127.0.0.2", &format!("{rule}\nSIZE a.txt: 213 1000"), MODERN);
        let to = open_target();
        let run = copy(&from.url("a.txt"), &to.url("b.txt")).exits(1);
        from.wait_for_the_end_of_all();
        assert!(run.said.len() < 10_000, "{} bytes said", run.said.len());
        one_sentence(run, &["127.0.0.2", "does not speak FTP"]);
        unharmed(&to);
    }
}

#[test]
fn replies_in_segments_of_one_byte_and_with_bare_lf() {
    for style in ["bytes", "bare"] {
        let from = Peer::start("127.0.0.2", &format!("style {style}\nSIZE a.txt: 213 1000"), MODERN);
        let to = open_target();
        copy(&from.url("a.txt"), &to.url("b.txt")).exits(0);
        assert_eq!((to.bytes("b.txt"), to.names()), (sample(1000), vec!["b.txt".to_owned()]));
        released(&to);
    }
}
