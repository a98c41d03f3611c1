//! A transfer that breaks off in mid-file: its next try goes on there where a digest will prove the whole,
//! else from the first byte; nothing half stands under the final name.

use integration_tests::beside::each_beside;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::relay::Relay;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket;
use integration_tests::user::{Run, copies, job, user};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;

/// Rules of servers that go on in the middle of a file and compute digests: always the same one. A
/// file under way has 400 bytes.
const ABLE: &str = "\
FEAT: 211-Features\\r\\n SIZE\\r\\n MDTM\\r\\n REST STREAM\\r\\n HASH SHA-256*\\r\\n211 End
REST 400: 350 noted
SIZE a.txt: 213 1000
SIZE b.txt: 550 no such file
SIZE *.ftp-user.part: 213 400
MDTM: 213 20240102030405
HASH: 213 SHA-256 0-999 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad name
";
/// Another digest than theirs.
const OTHER: &str = "cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34";
/// A source that breaks off, after the other end has had the time to begin: a source that fails before that is asked again
/// within the same attempt.
const BREAKS: &str = "once RETR: 150 opening ; connection ; data 400 ; pause 300 ; reset-data ; 426 broken";
/// What the words of a try that goes on are.
const GOES_ON: &str = "stored so far: 400 bytes";
/// And of one that does not.
const STARTS_OVER: &str = "is copied from its first byte";

fn ends(source: &str, destination: &str) -> (Peer, Peer) {
    (
        Peer::start("127.0.0.2", &format!("{source}\n{ABLE}"), MODERN),
        Peer::start("127.0.0.3", &format!("{destination}\n{ABLE}"), MODERN),
    )
}

/// One copy with one retry.
fn copy(from: &Peer, to: &Peer, args: &[&str]) -> Run {
    copy_with("1", from, to, args)
}

fn copy_with(retries: &str, from: &Peer, to: &Peer, args: &[&str]) -> Run {
    copies(
        &["--json", "--retries", retries, "--timeout", "5s", "--stall", "2s"],
        [from.url("a.txt"), to.url("b.txt")],
    )
    .args(args)
    .run()
}

/// Each transfer command of this verb that was seen, with the command directly before it.
fn before_each(peer: &Peer, verb: &str) -> Vec<String> {
    let seen = peer.seen();
    let pairs = seen.windows(2).filter(|pair| pair[1].starts_with(verb));
    pairs.map(|pair| pair[0].split(' ').next().unwrap_or_default().to_owned()).collect()
}

/// The names that it was to store under.
fn stored(peer: &Peer) -> Vec<String> {
    peer.seen_of(&["STOR"])
}

/// The second try went on after 400 bytes at both ends, and nothing else was done to get there.
fn went_on(from: &Peer, to: &Peer, run: &Run) {
    assert_eq!((from.seen_of(&["REST"]), to.seen_of(&["REST"])), both("REST 400"), "{run}");
    assert_eq!(before_each(from, "RETR").last().map(String::as_str), Some("REST"), "{run}");
    assert_eq!(before_each(to, "STOR").last().map(String::as_str), Some("REST"), "{run}");
    let names = stored(to);
    assert!(names.len() == 2 && names[0] == names[1], "{names:?}\n{run}");
    assert_eq!((to.seen_of(&["DELE"]).len(), to.seen_of(&["RNTO"])), (0, vec!["RNTO b.txt".into()]), "{run}");
    let file = &run.events("file")[0];
    assert_eq!((&file["attempts"], &file["verified"]), (&2.into(), &"sha-256".into()), "{run}");
}

fn both(line: &str) -> (Vec<String>, Vec<String>) {
    (vec![line.to_owned()], vec![line.to_owned()])
}

/// The second try, or the third one, began with the first byte under another name, and the first
/// name is deleted.
fn started_over(to: &Peer, run: &Run) {
    let names = stored(to);
    assert!(names.len() > 1 && names.first() != names.last(), "{names:?}\n{run}");
    assert_ne!(before_each(to, "STOR").last().map(String::as_str), Some("REST"), "{run}");
    assert_eq!(to.seen_of(&["DELE"]), [names[0].replace("STOR", "DELE")], "{run}");
    assert_eq!(to.seen_of(&["RNTO"]), ["RNTO b.txt"], "{run}");
}

#[test]
fn h35_whatever_breaks_in_mid_file_the_next_try_goes_on_there() {
    for (source, destination) in [
        (BREAKS, ""),
        ("once RETR: 150 opening ; connection ; data 400 ; 421 shutting down ; close", ""),
        ("once RETR: 150 opening ; connection ; data 400 ; close", ""),
        ("once RETR: 150 opening ; connection ; data 400 ; hang", ""),
        ("", "once STOR: 150 opening ; connection ; 421 shutting down ; close"),
        ("", "once STOR: 150 opening ; connection ; close"),
        ("", "once STOR: 150 opening ; connection ; end ; 426 broken"),
    ] {
        let (from, to) = ends(source, destination);
        let run = copy(&from, &to, &["--path", "direct"]).exits(0).says(GOES_ON).never_says(STARTS_OVER);
        went_on(&from, &to, &run);
        to.wait_for_the_end_of_all();
    }
}

#[test]
fn h35_an_end_that_needs_longer_to_come_back_loses_nothing() {
    let later = "once USER: 331 password\nonce USER: 421 not yet ; close";
    for (source, destination) in [
        (format!("once RETR: 150 opening ; connection ; data 400 ; close\n{later}"), String::new()),
        (String::new(), format!("once STOR: 150 opening ; connection ; close\n{later}")),
    ] {
        let (from, to) = ends(&source, &destination);
        let run = copy_with("2", &from, &to, &["--path", "direct"]).exits(0).never_says("may still be there");
        went_on(&from, &to, &run);
    }
}

#[test]
fn h35_the_end_that_did_not_break_is_aborted_before_anything_else() {
    let (from, to) = ends(
        "once RETR: 150 opening ; connection ; data 400 ; 421 shutting down ; close",
        "STOR: 150 opening",
    );
    let run = copy_with("0", &from, &to, &["--path", "direct"]).exits(5);
    // No try is left that could go on: what the other listener may do is tried, and then all is deleted.
    let deleted = stored(&to)[0].replace("STOR", "DELE");
    assert_eq!(to.seen_of(&["ABOR", "DELE"]), ["ABOR", "ABOR", deleted.as_str()], "{run}");
    drop(run.never_says(GOES_ON));
}

#[test]
fn i12_through_this_host_both_ends_go_on_as_well() {
    let rest = format!("{BREAKS}\nRETR: 150 opening ; connection ; data 400..1000 ; end ; 226 sent");
    let (from, to) = ends(&rest, "STOR: 150 opening ; connection ; drain ; 226 stored {stored}");
    let run = copy(&from, &to, &["--path", "user"]).exits(0).says(GOES_ON);
    went_on(&from, &to, &run);
    assert!(to.moment("REST 400") < to.moment("> 226 stored 600"), "{run}");
}

#[test]
fn h35_through_a_relay_both_ends_go_on_as_well() {
    let relay = Relay::new().allow("127.0.0.0/8:1024-65535").start();
    let rest = format!("{BREAKS}\nRETR: 150 opening ; connection ; data 400..1000 ; end ; 226 sent");
    let (from, to) = ends(&rest, "STOR: 150 opening ; connection ; drain ; 226 stored {stored}");
    let run = user()
        .args(["copy", "--no-race", "--json", "--retries", "1", "--timeout", "5s", "--path", "relay"])
        .relay(relay.address, &relay.token_file)
        .args([from.url("a.txt"), to.url("b.txt")])
        .run()
        .exits(0)
        .says(GOES_ON);
    went_on(&from, &to, &run);
    assert!(to.moment("REST 400") < to.moment("> 226 stored 600"), "{run}");
}

#[test]
fn h21_a_source_that_has_changed_is_copied_from_its_first_byte() {
    for changes in [
        "once SIZE a.txt: 213 1000\nSIZE a.txt: 213 1001",
        "once MDTM: 213 20240102030405\nMDTM: 213 20240102030406",
    ] {
        let (from, to) = ends(&format!("{BREAKS}\n{changes}"), "");
        let run = copy(&from, &to, &["--path", "direct"]).exits(0).says("the source has changed");
        started_over(&to, &run);
        assert_eq!((from.seen_of(&["REST"]).len(), to.seen_of(&["REST"]).len()), (0, 0), "{run}");
        drop(run.says(STARTS_OVER));
    }
}

#[test]
fn where_nothing_was_stored_nothing_goes_on() {
    for stored in ["213 0", "550 no such file"] {
        let (from, to) = ends(
            "once RETR: 150 opening ; connection ; 421 shutting down ; close",
            &format!("SIZE *.ftp-user.part: {stored}"),
        );
        let run = copy(&from, &to, &["--path", "user"]).exits(0).never_says(STARTS_OVER);
        started_over(&to, &run);
        assert_eq!((from.seen_of(&["REST"]).len(), to.seen_of(&["REST"]).len()), (0, 0), "{run}");
    }
}

#[test]
fn h21_what_cannot_be_the_begin_of_the_source_is_thrown_away() {
    let (from, to) = ends(BREAKS, "SIZE *.ftp-user.part: 213 1001");
    let run =
        copy(&from, &to, &["--path", "direct"]).exits(0).says("1001 bytes stored, more than the source has");
    started_over(&to, &run);
    assert_eq!((from.seen_of(&["REST"]).len(), to.seen_of(&["REST"]).len()), (0, 0), "{run}");
}

#[test]
fn h21_an_end_that_refuses_to_continue_gets_the_file_from_its_first_byte_at_once() {
    let cases = [
        ("REST: 502 not here", ""),
        ("REST: 450 not now", ""),
        ("", "REST: 501 bad number"),
        (
            "",
            "once STOR: 150 opening ; connection ; drain ; 226 stored\nonce STOR: 451 restart not permitted",
        ),
        (
            "",
            "once STOR: 150 opening ; connection ; drain ; 226 stored\nonce STOR: 550 restart not permitted",
        ),
    ];
    each_beside(cases, |(source, destination)| {
        for path in ["direct", "user"] {
            let (from, to) = ends(&format!("{BREAKS}\n{source}"), destination);
            // The one retry is the one that could not go on.
            let run = copy(&from, &to, &["--path", path]).exits(0).says(GOES_ON).says(STARTS_OVER);
            started_over(&to, &run);
        }
    });
}

#[test]
fn h21_a_wrong_begin_is_found_out_in_the_end_and_the_file_is_copied_again() {
    let (from, to) = ends(BREAKS, &format!("once HASH: 213 SHA-256 0-999 {OTHER} name"));
    let run = copy(&from, &to, &["--path", "direct"]).exits(0).says("is not the same").says(STARTS_OVER);
    started_over(&to, &run);
    // A server may keep what REST said.
    assert_eq!(to.seen_of(&["REST"]), ["REST 400", "REST 0"], "{run}");
    assert_eq!(from.seen_of(&["REST"]), ["REST 400", "REST 0"], "{run}");
    assert!(to.moment("DELE") < to.moment("RNTO"), "{run}");
    assert_eq!(run.events("file")[0]["attempts"], 3, "{run}");
    // Twice is once too often.
    let (from, to) = ends(BREAKS, &format!("HASH: 213 SHA-256 0-999 {OTHER} name"));
    let run = copy(&from, &to, &["--path", "direct"]).exits(7);
    assert_eq!((stored(&to).len(), to.seen_of(&["RNTO"]).len()), (3, 0), "{run}");
}

#[test]
fn h21_a_digest_that_is_refused_in_the_end_leaves_no_size_that_would_do() {
    let (from, to) = ends(BREAKS, "HASH: 550 no digest of this one\nSIZE *.ftp-user.part: 213 {stored}");
    let run = copy(&from, &to, &["--path", "direct"]).exits(0).says(STARTS_OVER);
    started_over(&to, &run);
}

#[test]
fn h21_n7_nothing_goes_on_that_no_digest_could_prove_or_that_nobody_wants() {
    let feat = |features: &str| format!("FEAT: 211-Features\\r\\n SIZE\\r\\n{features}211 End");
    let sizes = "SIZE *.ftp-user.part: 213 {stored}";
    let cases = [
        (String::new(), feat(" REST STREAM\\r\\n"), &[][..]),
        (feat(" HASH SHA-256*\\r\\n"), String::new(), &[]),
        (String::new(), feat(" HASH SHA-256*\\r\\n"), &[]),
        (String::new(), String::new(), &["--verify", "size"]),
        (String::new(), String::new(), &["--no-resume"]),
        (String::new(), String::new(), &["--resume", "--no-resume"]),
    ];
    each_beside(cases, |(source, destination, args)| {
        for path in ["direct", "user"] {
            let (from, to) = ends(&format!("{BREAKS}\n{source}"), &format!("{destination}\n{sizes}"));
            let args = [&["--path", path], args].concat();
            let run = copy_with("2", &from, &to, &args).exits(0).never_says("stored so far");
            assert_eq!((from.seen_of(&["REST"]).len(), to.seen_of(&["REST"]).len()), (0, 0), "{run}");
            assert_eq!(to.seen_of(&["RNTO"]), ["RNTO b.txt"], "{run}");
        }
    });
}

#[test]
fn an_append_never_goes_on() {
    let (from, to) = ends(BREAKS, "SIZE b.txt: 213 4");
    let run = user().args(["append", "--resume", "--retries", "1", "--path", "direct", "--verify", "none"]);
    let run = run.args([from.url("a.txt"), to.url("b.txt")]).run().exits(0);
    assert_eq!((from.seen_of(&["REST"]).len(), to.seen_of(&["REST"]).len()), (0, 0), "{run}");
    assert_eq!(to.seen_of(&["APPE"]).len(), 2, "{run}");
}

#[test]
fn h33_an_interrupt_between_two_tries_keeps_what_the_first_one_left_for_resume() {
    // On a slow machine the interrupt may come to the second try: that one never ends by itself.
    let (from, to) = ends(&format!("{BREAKS}\nRETR: 150 opening ; connection ; hang"), "");
    let run = user()
        .args(["copy", "--no-race", "--retries", "9", "--path", "direct", "--timeout", "60s"])
        .args(["--stall", "60s"])
        .args([from.url("a.txt"), to.url("b.txt")])
        .start();
    run.wait_for("trying again in");
    run.interrupt();
    let run = run.end().exits(10).says("interrupted after 400 bytes").says(" resume ");
    assert_eq!(to.seen_of(&["DELE"]), [""; 0], "{run}");
}

/// A reply to HASH.
fn hash(content: &[u8]) -> String {
    let digest: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("213 SHA-256 0-{} {digest} name", content.len() - 1)
}

/// A file of this host that goes up; the server breaks off after 400 bytes.
fn upload(rules: &str) -> (Peer, Run) {
    let to = Peer::start(
        "127.0.0.3",
        &format!("once STOR: 150 opening ; connection ; end ; 426 broken\n{rules}\n{ABLE}"),
        MODERN,
    );
    let run =
        user().file("a.txt", sample(1000)).args(["copy", "--no-race", "--retries", "1", "--timeout", "5s"]);
    let run = run.args(["a.txt".to_owned(), to.url("b.txt")]).run().exits(0);
    (to, run)
}

#[test]
fn h21_an_upload_goes_on_after_its_begin_was_compared() {
    let (begin, whole) = (hash(&sample(1000)[..400]), hash(&sample(1000)));
    let stored = "STOR: 150 opening ; connection ; drain ; 226 stored {stored}";
    let (to, run) = upload(&format!("once HASH: {begin}\nHASH: {whole}\n{stored}"));
    assert_eq!(before_each(&to, "STOR").last().map(String::as_str), Some("REST"), "{run}");
    assert!(to.moment("HASH") < to.moment("REST 400"), "{run}");
    assert!(to.moment("REST 400") < to.moment("> 226 stored 600"), "{run}");
    // Another begin: nothing goes on there.
    let (to, run) = upload(&format!("once HASH: 213 SHA-256 0-399 {OTHER} name\nHASH: {whole}\n{stored}"));
    started_over(&to, &run);
    assert!(to.moment("DELE") < to.moment("> 226 stored 1000"), "{run}");
    drop(run.says("what is stored (400 bytes) differs from the source"));
    // No digest of the begin, but one of the whole.
    let (to, run) = upload(&format!("once HASH: 550 no\nHASH: {whole}\n{stored}"));
    assert!(to.moment("REST 400") < to.moment("> 226 stored 600"), "{run}");
}

/// A file that comes down to this host, which breaks off after 400 bytes, and then as these rules say.
fn download(rules: &str) -> (Peer, Run) {
    let whole = hash(&sample(1000));
    let from = Peer::start(
        "127.0.0.2",
        &format!(
            "once RETR: 150 opening ; connection ; data 400 ; until GO ; close\n{rules}\nHASH: {whole}\n{ABLE}"
        ),
        MODERN,
    );
    let run = user()
        .args(["copy", "--no-race", "--retries", "1", "--timeout", "5s"])
        .args([&from.url("a.txt"), "b.txt"]);
    let run = run.start();
    from.wait_for("RETR");
    let name = || fs::read_dir(run.home()).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let size = |path: std::path::PathBuf| fs::metadata(path).map_or(0, |found| found.len());
    socket::until("400 bytes", || name().any(|path| size(path) == 400));
    say_go(&from);
    let run = run.end().exits(0);
    assert!(run.bytes("b.txt") == sample(1000), "{run}");
    (from, run)
}

#[test]
fn h21_a_download_goes_on_and_is_verified_as_a_whole() {
    let (from, run) = download("RETR: 150 opening ; connection ; data 400..1000 ; end ; 226 sent");
    assert_eq!(before_each(&from, "RETR").last().map(String::as_str), Some("REST"), "{run}");
    drop(run.says(GOES_ON).never_says(STARTS_OVER));
    // A server that takes REST for a joke, and one that goes on at the wrong place.
    for wrong in ["data 1000", "data 300..900"] {
        let (from, run) =
            download(&format!("once RETR: 150 opening ; connection ; {wrong} ; end ; 226 sent"));
        assert_eq!(from.seen_of(&["REST"]), ["REST 400", "REST 0"], "{run}");
        assert_eq!(from.seen_of(&["RETR"]).len(), 3, "{run}");
        drop(run.says("is not the same").says(STARTS_OVER));
    }
}

/// Ours, which lets the scripted peers take part.
fn open_site(ip: &str) -> Site {
    Site::new("ours").at(ip).args(["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"])
}

/// Lets the peer go on that waits for it.
fn say_go(peer: &Peer) {
    writeln!(socket::connect(([127, 0, 0, 1], 0).into(), peer.address()), "GO").unwrap();
}

#[test]
fn h35_our_server_that_was_killed_in_mid_file_is_sent_the_rest_when_it_is_back() {
    const HALF: usize = 300_000;
    let content = sample(1_000_000);
    for path in ["direct", "user"] {
        let mut to = open_site("127.0.0.3").start();
        let from = Peer::start(
            "127.0.0.2",
            &format!(
                "once RETR: 150 opening ; connection ; data {HALF} ; until GO ; close\n\
                 RETR: 150 opening ; connection ; data {HALF}..1000000 ; end ; 226 sent\n\
                 SIZE a.txt: 213 1000000\nREST {HALF}: 350 noted\nHASH: {}\n{ABLE}",
                hash(&content)
            ),
            MODERN,
        );
        let run = user().args(["copy", "--no-race", "--path", path, "--retries", "5", "--timeout", "20s"]);
        let run = run.args([from.url("a.txt"), to.url("b.txt")]).start();
        let size = |server: &Server| {
            let found =
                server.names().into_iter().next().and_then(|name| fs::metadata(server.path(&name)).ok());
            found.map_or(0, |found| found.len())
        };
        socket::until("half of it", || size(&to) == HALF as u64);
        to.die_and_return();
        say_go(&from);
        let run = run.end().exits(0).never_says(STARTS_OVER);
        assert_eq!(before_each(&from, "RETR").last().map(String::as_str), Some("REST"), "{run}");
        assert!(to.bytes("b.txt") == content, "{run}");
        assert_eq!(to.names(), ["b.txt"], "{run}");
    }
}

#[test]
fn h35_our_server_that_was_killed_in_mid_file_sends_the_rest_when_it_is_back() {
    let content = sample(20_000_000); // more than all buffers on the way
    for path in ["direct", "user"] {
        let mut from = open_site("127.0.0.2").file("a.bin", &content).start();
        let to = Peer::start(
            "127.0.0.3",
            &format!(
                "once STOR: 150 opening ; connection ; until GO ; close\n\
                 STOR: 150 opening ; connection ; drain ; 226 stored {{stored}}\n\
                 once HASH: {}\nHASH: {}\n{ABLE}",
                hash(&content[..400]),
                hash(&content)
            ),
            MODERN,
        );
        let run = user().args(["copy", "--no-race", "--path", path, "--retries", "5", "--timeout", "20s"]);
        let run = run.args([from.url("a.bin"), to.url("b.txt")]).start();
        to.wait_for("> 150 opening");
        from.die_and_return();
        say_go(&to);
        let run = run.end().exits(0).never_says(STARTS_OVER);
        assert!(to.moment("REST 400") < to.moment("> 226 stored 19999600"), "{run}");
        assert_eq!(before_each(&to, "STOR").last().map(String::as_str), Some("REST"), "{run}");
    }
}

#[test]
fn n8_what_an_earlier_run_has_moved_and_is_at_neither_end_is_named_by_each_run() {
    let from = Site::new("source").file("t/a", sample(700)).file("t/b", sample(800)).start();
    // A directory has the name of the second file.
    let to = Site::new("target").at("127.0.0.3").directory("t/b").start();
    let state = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| job(state.path()).args(words).run();
    run(&["move", "-r", "--retries", "0", &from.url("t"), &to.url("")]).exits(9);
    assert_eq!((from.names(), to.bytes("t/a")), (vec!["t/".to_owned(), "t/b".to_owned()], sample(700)));
    fs::remove_file(to.path("t/a")).unwrap();
    fs::remove_dir(to.path("t/b")).unwrap();
    // The first one also copies the other file.
    for exit in [9, 7] {
        let again = run(&["retry", "last"]).exits(exit).says("t/a");
        let again = again.says("an earlier run has stored it, and it is not there any more");
        assert_eq!(to.bytes("t/b"), sample(800), "{again}");
    }
    fs::write(to.path("t/a"), sample(700)).unwrap();
    run(&["retry", "last"]).exits(0);
}
