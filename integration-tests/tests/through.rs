//! Through the user agent: where two servers may not talk to each other the data passes this host, and
//! what goes wrong at one end is never taken for a whole file at the other.

use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, sample, target};
use integration_tests::socket;
use integration_tests::user::{Run, Started, copies, user};
use std::fs;
use std::path::Path;
use std::thread;

/// Two servers that never let a foreign host in.
fn never(file: &[u8]) -> (Server, Server) {
    let shy = ["--foreign", "never"];
    (
        Site::new("source").file("a.bin", file).args(shy).start(),
        Site::new("target").at("127.0.0.3").args(shy).start(),
    )
}

fn arrived(run: &Run, to: &Server, content: &[u8]) {
    assert!(to.bytes("b.bin") == content, "the bytes differ\n{run}");
    assert_eq!(to.names(), ["b.bin"], "{run}");
}

#[test]
fn i01_two_servers_that_may_not_talk_get_their_file_through_this_host() {
    let content = sample(5_000_003);
    let (from, to) = never(&content);
    let run = copies(&[], [from.url("a.bin"), to.url("b.bin")]).run().exits(0);
    arrived(&run, &to, &content);
    let run = run.says("warning: the data passes this host, because no direct path works");
    assert!(run.last().starts_with("copied 1 file, 4.77 MiB in "), "{run}");
    assert!(run.last().ends_with(", through this host, verified sha-256"), "{run}");
}

#[test]
fn path_user_goes_there_at_once() {
    let content = sample(100_000);
    let from = Site::new("source").file("a.bin", &content).start();
    let to = target();
    let run =
        copies(&["--json", "--path", "user", "--trace", "trace.txt"], [from.url("a.bin"), to.url("b.bin")])
            .run()
            .exits(0);
    arrived(&run, &to, &content);
    let summary = run.summary();
    assert_eq!((&summary["path"], &summary["rung"]), (&"user".into(), &"user".into()), "{run}");
    assert_eq!(summary["verified"], "sha-256", "{run}");
    assert_eq!(run.warnings().len(), 0, "{run}");
    let trace = run.text("trace.txt");
    assert!(!trace.contains("> SOCK") && !trace.contains("> LSTN"), "{trace}");
}

#[test]
fn path_direct_never_goes_through_this_host() {
    let (from, to) = never(b"hello");
    let run = copies(&["--path", "direct", "--retries", "0"], [from.url("a.bin"), to.url("b.bin")])
        .run()
        .exits(6)
        .says("--path auto");
    assert_eq!(to.names(), [""; 0], "{run}");
}

#[test]
fn i09_every_size_and_every_byte_passes_unchanged() {
    let lines = b"one\r\ntwo\nthree\rfour\0\xff\xf4".repeat(10_000);
    for content in [b"".as_slice(), b"x", &sample(65_537), &lines] {
        for dialects in [[Rfc959, Rfc354], [Rfc354, Rfc959]] {
            let (from, to) = never(content);
            let run = user()
                .args(["copy", "--no-race", "--path", "user"])
                .args([from.url_of(dialects[0], "a.bin"), to.url_of(dialects[1], "b.bin")])
                .run()
                .exits(0);
            arrived(&run, &to, content);
        }
    }
}

#[test]
fn i07_a_source_of_one_family_and_a_destination_of_the_other() {
    let content = sample(300_000);
    for (here, there) in [("127.0.0.2", "::1"), ("::1", "127.0.0.3")] {
        let from = Site::new("source").at(here).file("a.bin", &content).start();
        let to = Site::new("target").at(there).start();
        let run = copies(&["--json"], [from.url("a.bin"), to.url("b.bin")]);
        let run = run.run().exits(0);
        arrived(&run, &to, &content);
        assert_eq!(run.summary()["path"], "user", "{run}");
    }
}

#[test]
fn h18_a_tree_climbs_the_ladder_once() {
    let shy = ["--foreign", "never"];
    let from =
        (0..5).fold(Site::new("source").args(shy), |site, n| site.file(&format!("t/{n}.txt"), "hello"));
    let from = from.start();
    let to = Site::new("target").at("127.0.0.3").args(shy).start();
    let run =
        user().args(["copy", "--no-race", "--json", "-r"]).args([from.url("t"), to.url("t")]).run().exits(0);
    assert_eq!(run.summary()["files"], 5, "{run}");
    assert_eq!(run.warnings().len(), 1, "{run}");
    let rungs: Vec<_> = run.events("path").iter().map(|event| event["rung"].clone()).collect();
    let direct = rungs.iter().take_while(|rung| **rung != "user").count();
    // The first file finds the path, and the others share it.
    assert!(direct > 0 && rungs[direct..] == ["user"], "{rungs:?}");
    let files = run.events("file");
    assert!(files.len() == 5 && files.iter().all(|file| file["rung"] == "user"), "{run}");
}

#[test]
fn a_file_is_appended_to_another_through_this_host() {
    for path in ["auto", "user"] {
        let shy = ["--foreign", "never"];
        let from = Site::new("source").file("a.txt", "one").args(shy).start();
        let to = Site::new("target").at("127.0.0.3").file("b.txt", "two+").args(shy).start();
        let run = user()
            .args(["append", "--path", path])
            .args([from.url("a.txt"), to.url("b.txt")])
            .run()
            .exits(0)
            .says("through this host, verified size");
        assert_eq!(to.bytes("b.txt"), b"two+one", "{run}");
    }
}

#[test]
fn i01_half_a_gibibyte_passes_in_little_memory() {
    const SIZE: u64 = 512 << 20;
    let (small, large) = (peak_of_a_copy(1), peak_of_a_copy(SIZE));
    assert!((1..small + (8 << 10)).contains(&large), "{large} KiB; {small} KiB for one byte");
}

/// The most memory that a copy of `size` bytes through this host had resident, in KiB.
fn peak_of_a_copy(size: u64) -> u64 {
    let (from, to) = never(b"");
    fs::File::options().write(true).open(from.path("a.bin")).unwrap().set_len(size).unwrap();
    let run = copies(&["--json", "--path", "user", "--verify", "size"], [from.url("a.bin"), to.url("b.bin")])
        .start();
    let (run, peak) = end_with_peak_kib(run);
    let run = run.exits(0);
    assert_eq!(run.summary()["bytes"], size, "{run}");
    assert_eq!(fs::metadata(to.path("b.bin")).unwrap().len(), size);
    peak
}

/// Waits for the end of a run. Returns as well the most memory that it had resident.
pub(crate) fn end_with_peak_kib(run: Started) -> (Run, u64) {
    let status = format!("/proc/{}/status", run.running.id());
    let peak = thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = peak_kib(Path::new(&status)) {
            peak = now;
            thread::yield_now();
        }
        peak
    });
    (run.end(), peak.join().unwrap())
}

/// The most memory that a process had resident so far; `None` after its end.
pub(crate) fn peak_kib(status: &Path) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

// Scripted ends.

const SOURCE: &str = "SIZE a.txt: 213 1000\n";
const DESTINATION: &str = "SIZE b.txt: 550 no such file\n";
const PATIENCE: [&str; 6] = ["--retries", "0", "--timeout", "3s", "--stall", "1s"];

fn ends(source: &str, destination: &str) -> (Peer, Peer) {
    (
        Peer::start("127.0.0.2", &format!("{source}\n{SOURCE}"), MODERN),
        Peer::start("127.0.0.3", &format!("{destination}\n{DESTINATION}"), MODERN),
    )
}

fn through(args: &[&str], from: String, to: String) -> Run {
    user().args(["copy", "--no-race", "--path", "user"]).args(PATIENCE).args(args).args([from, to]).run()
}

fn copy(from: &Peer, to: &Peer) -> Run {
    through(&[], from.url("a.txt"), to.url("b.txt"))
}

/// The destination's data connection was reset, nothing has the final name, all have been released.
fn cut(from: &Peer, to: &Peer, run: &Run) {
    to.wait_for("> 226 it ended reset");
    assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
    from.wait_for_the_end_of_all();
    to.wait_for_the_end_of_all();
}

/// A destination that calls everything whole that it gets.
const CREDULOUS: &str = "STOR: 150 opening ; accept ; drain ; 226 it ended {ended}";

#[test]
fn i03_a_source_that_closes_early_never_looks_whole() {
    for (rule, words) in [
        // In order, and then it says what has happened.
        ("RETR: 150 opening ; accept ; data 500 ; end ; 426 the disk failed", "426 the disk failed"),
        ("RETR: 150 opening ; accept ; data 500 ; reset-data ; 426 the disk failed", "426 the disk failed"),
        ("RETR: 150 opening ; accept ; data 500 ; 451 the disk failed ; end", "451 the disk failed"),
        ("RETR: 150 opening ; accept ; data 500 ; reset-data ; 226 all is well", "connection reset"),
        ("RETR: 150 opening ; accept ; data 500 ; close", "closed the control connection"),
    ] {
        let (from, to) = ends(rule, CREDULOUS);
        let run = copy(&from, &to);
        cut(&from, &to, &run);
        drop(run.exits(5).says(words).says("127.0.0.2"));
    }
}

#[test]
fn i03_a_short_file_that_both_call_whole_is_found_out() {
    let (from, to) = ends("RETR: 150 opening ; accept ; data 999 ; end ; 226 sent", CREDULOUS);
    let run = copy(&from, &to).exits(7);
    assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
    assert_eq!(to.seen_of(&["DELE"]).len(), 1, "{run}");
}

#[test]
fn i04_a_destination_that_fails_ends_the_reading_and_is_reported() {
    // It never pauses: a source that has to make its bytes first is the one that stands still.
    let endless = "RETR: 150 opening ; accept ; flood {kib} ; end ; 426 broken pipe";
    for (rule, words, code) in [
        ("STOR: 150 opening ; accept ; 452 no space left ; end", "452 no space left", 1),
        ("STOR: 150 opening ; accept ; end ; 452 no space left", "452 no space left", 1),
        ("STOR: 150 opening ; accept ; 552 quota exceeded ; end", "552 quota exceeded", 1),
        ("STOR: 553 not here", "553 not here", 4),
    ] {
        let (from, to) = ends(endless, rule);
        let run = copy(&from, &to);
        // It got rid of its bytes although nobody took them: its connection was reset.
        from.wait_for("> 426 broken pipe");
        assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
        from.wait_for_the_end_of_all();
        to.wait_for_the_end_of_all();
        drop(run.exits(code).says(words).says("127.0.0.3"));
    }
}

#[test]
fn i05_the_destination_is_closed_in_order_after_the_source_has_said_that_it_is_done() {
    let (from, to) = ends("RETR: 150 opening ; accept ; data 1000 ; end ; 226 sent", CREDULOUS);
    let run = copy(&from, &to).exits(0);
    assert!(from.moment("> 226 sent") < to.moment("> 226 it ended in order"), "{run}");
    assert_eq!(to.seen_of(&["RNTO"]).len(), 1, "{run}");
}

#[test]
fn i13_the_end_that_stands_still_is_named() {
    let half = "RETR: 150 opening ; accept ; data 500 ; hang";
    let (from, to) = ends(half, CREDULOUS);
    let run = copy(&from, &to);
    cut(&from, &to, &run);
    drop(run.exits(5).says("the source 127.0.0.2").says("sent nothing for 1 s (stall timer)"));
    // The source always has more. It may have to wait for a processor, so both ends have more time.
    let endless = "RETR: 150 opening ; accept ; flood {kib} ; end ; 426 broken pipe";
    let (from, to) = ends(endless, "STOR: 150 opening ; accept ; hang");
    let patience = ["--retries", "0", "--timeout", "9s", "--stall", "5s"];
    let run = user().args(["copy", "--no-race", "--path", "user"]).args(patience);
    let run = run.args([from.url("a.txt"), to.url("b.txt")]).run();
    from.wait_for("> 426 broken pipe");
    from.wait_for_the_end_of_all();
    to.wait_for_the_end_of_all();
    drop(run.exits(5).says("the destination 127.0.0.3").says("accepted nothing for 5 s (stall timer)"));
}

#[test]
fn i11_a_227_that_points_to_a_victim_is_refused() {
    let victim = socket::listen("127.0.0.9", 0);
    let port = victim.local_addr().unwrap().port();
    let lie = format!("PASV: 227 Entering Passive Mode (127,0,0,9,{},{})", port / 256, port % 256);
    for rules in [[lie.as_str(), ""], ["", lie.as_str()]] {
        let (from, to) = ends(rules[0], rules[1]);
        drop(copy(&from, &to).exits(6).says("another host"));
        assert_eq!(to.seen_of(&["STOR", "RNTO"]), [""; 0]);
    }
    victim.set_nonblocking(true).unwrap();
    assert!(victim.accept().is_err(), "the victim was called");
}

#[test]
fn i14_passing_bytes_are_hashed_if_only_the_destination_knows_a_digest() {
    let to = target();
    for args in [["--verify", "auto"], ["--verify", "hash"]] {
        let (from, _) = ends("", "");
        let args = [&args[..], &["--json", "--overwrite", "always"]].concat();
        let run = through(&args, from.url("a.txt"), to.url("b.txt")).exits(0);
        assert_eq!(run.summary()["verified"], "sha-256", "{run}");
        assert_eq!(to.bytes("b.txt"), sample(1000));
    }
    // A destination that has stored something else of the same length.
    let wrong = format!(
        "FEAT: 211-Features\\r\\n SIZE\\r\\n HASH SHA-256*\\r\\n211 End\nHASH: 213 SHA-256 0-999 {} b",
        "ab".repeat(32)
    );
    let (from, to) = ends("", &wrong);
    let run = copy(&from, &to).exits(7).says("the copy is not the same as what has passed this host");
    assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
}

#[test]
fn h17_what_two_servers_of_today_refuse_each_other_goes_through_this_host() {
    for (source, destination) in [
        ("PORT: 500 Illegal PORT command.", "PORT: 500 Illegal PORT command."),
        ("PORT: 500 I won't open a connection to 127.0.0.3 (only to 127.0.0.1)", "PORT: 501 no"),
        ("once RETR: 425 Security: Bad IP connecting.", "PORT: 500 Illegal PORT command."),
    ] {
        let (from, to) = ends(source, destination);
        let run = copies(&["--json"], [from.url("a.txt"), to.url("b.txt")]).args(PATIENCE);
        let run = run.run().exits(0);
        assert_eq!(run.summary()["path"], "user", "{run}");
        assert_eq!(to.seen_of(&["RNTO"]).len(), 1, "{run}");
    }
}

#[test]
fn sessions_are_in_step_after_a_cut_and_the_next_attempt_succeeds() {
    let content = sample(20_000_000);
    let again = ["--json", "--path", "user", "--retries", "1"];
    let source = "once RETR: 150 opening ; accept ; data 500 ; end ; 426 the disk failed";
    let (from, to) = (ends(source, "").0, target());
    let run = user().args(["copy"]).args(again).args([from.url("a.txt"), to.url("b.txt")]).run().exits(0);
    // If the source fails before the destination was told to store, it is asked again in the same attempt.
    assert!(matches!(run.events("file")[0]["attempts"].as_u64(), Some(1 | 2)), "{run}");
    assert_eq!(from.seen_of(&["RETR"]).len(), 2, "{run}");
    assert_eq!((to.bytes("b.txt"), to.names()), (sample(1000), vec!["b.txt".to_owned()]), "{run}");
    assert_eq!(from.seen_of(&["USER"]).len(), 1, "{run}");

    let target = "once STOR: 150 opening ; accept ; 451 try later ; end";
    let (from, to) = (Site::new("source").file("a.bin", &content).start(), ends("", target).1);
    let run = user().args(["copy"]).args(again).args([from.url("a.bin"), to.url("b.txt")]).run().exits(0);
    assert_eq!(run.events("file")[0]["attempts"], 2, "{run}");
    assert_eq!((to.seen_of(&["USER"]).len(), to.seen_of(&["RNTO"]).len()), (1, 1), "{run}");
    assert!(to.moment("> 226 stored") > to.moment("> 451 try later"), "{run}");
}

#[test]
fn an_append_that_has_changed_nothing_goes_on_through_this_host() {
    // A deaf destination is closed before a second session, after 3 s, would ask for the size too.
    let patience = ["--retries", "0", "--timeout", "2s", "--stall", "1s"];
    let source = "PORT: 500 Illegal PORT command.\nonce RETR: 425 Security: Bad IP connecting.";
    let target = "once SIZE b.txt: 213 4\nonce SIZE b.txt: 213 4\nSIZE b.txt: 213 1004";
    let (from, to) = ends(source, target);
    let run = user().args(["append", "--json"]).args(patience).args([from.url("a.txt"), to.url("b.txt")]);
    let run = run.run().exits(0);
    assert_eq!(
        (&run.summary()["path"], &run.summary()["verified"]),
        (&"user".into(), &"size".into()),
        "{run}"
    );
    assert_eq!(to.seen_of(&["APPE"]).len(), 2, "{run}");
    // What may have grown is not appended to again.
    let (from, to) = ends(source, "once SIZE b.txt: 213 4\nSIZE b.txt: 213 5");
    let run = user().args(["append", "--json"]).args(patience).args([from.url("a.txt"), to.url("b.txt")]);
    let run = run.run().fails().says("had 4 bytes before and has 5 bytes now");
    assert_eq!(to.seen_of(&["APPE"]).len(), 1, "{run}");
}

#[test]
fn a_source_without_the_file_touches_nothing() {
    let (from, to) = ends("RETR: 550 No such file", "");
    let run = copy(&from, &to).exits(3).says("550 No such file");
    assert_eq!(to.seen_of(&["STOR", "DELE", "RNTO"]), [""; 0], "{run}");
}

#[test]
fn i06_ctrl_c_ends_both_and_leaves_nothing() {
    let (from, to) = ends("RETR: 150 opening ; accept ; data 500 ; hang", CREDULOUS);
    let args = ["copy", "--no-race", "--path", "user", "--stall", "60s"];
    let run = user().args(args).args([from.url("a.txt"), to.url("b.txt")]).start();
    to.wait_for("> 150 opening");
    run.interrupt();
    let run = run.end();
    cut(&from, &to, &run);
    drop(run.exits(10));
}
