//! What a broken attempt has stored is compared with the beginning of the source before a copy goes on there, and what is
//! right of it is kept.

use crate::accounts::user as account;
use crate::journal::{Scene, scene};
use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Site, names_below, sample, target};
use integration_tests::socket::until;
use integration_tests::user::{Run, user};
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The size of the file at the source.
const LARGE: usize = 2_500_000;
/// A byte that becomes wrong, and how much is right before its chunk.
const WRONG: (u64, u64) = (600_000, 2 * 256 * 1024);

/// A copy that was killed after its destination had stored more than 1 MB of it.
struct Killed {
    scene: Scene,
    home: TempDir,
    part: PathBuf,
    stored: u64,
}

/// The source is a server, or else this host.
fn killed(from_server: bool) -> Killed {
    let (scene, home) = (scene(), tempfile::tempdir().unwrap());
    fs::write(home.path().join("large.bin"), sample(LARGE)).unwrap();
    let source = if from_server { scene.from.url("t/large.bin") } else { "large.bin".to_owned() };
    let run = user().here(home.path()).args(["--state", scene.state.path().to_str().unwrap(), "copy"]);
    let run = run.args([source, scene.destination("large")]).start();
    let stored = || scene.parts().iter().map(|part| fs::metadata(part).unwrap().len()).sum::<u64>();
    until("more than 1 MB is stored", || stored() > 1_100_000);
    drop(run.kill());
    let part = scene.parts().remove(0);
    let stored = settled(&part);
    // A machine that stood still has let it store everything before the kill.
    if stored == LARGE as u64 { killed(from_server) } else { Killed { scene, home, part, stored } }
}

/// The size of a file to which nothing is added any more: nobody has it open.
fn settled(part: &PathBuf) -> u64 {
    let is_open = || {
        let descriptors = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| fs::read_dir(entry.ok()?.path().join("fd")).ok());
        let mut links = descriptors.flatten().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.any(|link| link == *part)
    };
    until("the server has closed the file", || !is_open());
    fs::metadata(part).unwrap().len()
}

fn spoil(part: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(part).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

impl Killed {
    fn spoil(&self, at: u64) {
        spoil(&self.part, at);
    }

    /// Goes on, and returns the trace as well.
    fn resume(&self) -> (Run, String) {
        let run =
            self.scene.user().here(self.home.path()).args(["--trace", "trace.txt", "resume"]).run().exits(0);
        let trace = fs::read_to_string(self.home.path().join("trace.txt")).unwrap();
        assert!(self.scene.to.bytes("large") == sample(LARGE), "{run}\n{trace}");
        assert!(self.scene.parts().is_empty(), "{run}");
        assert_eq!(run.events("file")[0]["verified"], "sha-256", "{run}");
        (run, trace)
    }
}

#[test]
fn h21_n7_what_stands_before_the_chunk_of_the_first_wrong_byte_is_kept() {
    for (from_server, ends) in [(true, 2), (false, 1)] {
        let killed = killed(from_server);
        killed.spoil(WRONG.0);
        let (run, trace) = killed.resume();
        let run = run.says(&format!("the first {} bytes are right and kept", WRONG.1));
        assert_eq!(trace.matches(&format!("> REST {}", WRONG.1)).count(), ends, "{run}\n{trace}");
        assert_eq!(trace.matches("> REST ").count(), ends, "{run}\n{trace}");
        let name = killed.part.file_name().unwrap().to_str().unwrap();
        assert!(trace.contains(&format!("> STOR {name}")), "{run}\n{trace}");
        assert_eq!(trace.matches("> STOR ").count(), 1, "{run}\n{trace}");
        assert!(trace.matches("> RANG ").count() < 20, "{run}\n{trace}");
        // All that was sent, as the final replies of both servers tell.
        let sent = format!("Bytes {}", LARGE as u64 - WRONG.1);
        assert!(!from_server || trace.contains(&sent), "{run}\n{trace}");
        drop(run.never_says("first byte"));
    }
}

/// A source that sends 1 MB in a second, and a copy of its file on this host that was killed.
#[test]
fn h21_what_stands_on_this_host_before_the_chunk_of_the_first_wrong_byte_is_kept() {
    let from = Site::new("source").at("127.0.0.3").config(&account("eve", "s3cret", "rate-down = \"1MB\""));
    let from = from.file("large.bin", sample(LARGE)).start();
    let (state, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let with_state = || user().here(home.path()).args(["--state", state.path().to_str().unwrap(), "--json"]);
    let url = format!("ftp://eve:s3cret@{}/large.bin", from.address(Rfc959));
    let run = with_state().args(["copy", &url, "large"]).start();
    let parts = || -> Vec<PathBuf> {
        let names = names_below(home.path()).into_iter();
        names.filter(|name| name.contains(".ftp-user.")).map(|name| home.path().join(name)).collect()
    };
    until("more than 1 MB is stored", || {
        parts().iter().any(|part| fs::metadata(part).is_ok_and(|facts| facts.len() > 1_100_000))
    });
    drop(run.kill());
    spoil(&parts()[0], WRONG.0);
    let netrc = "machine 127.0.0.3 login eve password s3cret\n";
    let run =
        with_state().private_file(".netrc", netrc).args(["--trace", "trace.txt", "resume"]).run().exits(0);
    let trace = fs::read_to_string(home.path().join("trace.txt")).unwrap();
    assert!(fs::read(home.path().join("large")).unwrap() == sample(LARGE), "{run}\n{trace}");
    assert!(parts().is_empty(), "{run}");
    assert_eq!(run.events("file")[0]["verified"], "sha-256", "{run}");
    assert_eq!(trace.matches("> REST ").count(), 1, "{run}\n{trace}");
    assert_eq!(trace.matches(&format!("> REST {}", WRONG.1)).count(), 1, "{run}\n{trace}");
    drop(run.says(&format!("the first {} bytes are right and kept", WRONG.1)));
}

#[test]
fn h21_what_is_right_is_kept_whole_and_what_is_wrong_from_its_begin_is_not() {
    let right = killed(true);
    let (run, trace) = right.resume();
    assert_eq!(trace.matches(&format!("> REST {}", right.stored)).count(), 2, "{run}\n{trace}");
    drop(run.never_says("differs"));
    let wrong = killed(true);
    wrong.spoil(5);
    let (run, trace) = wrong.resume();
    assert_eq!(trace.matches("> REST ").count(), 0, "{run}\n{trace}");
    drop(run.says(&format!("what is stored ({} bytes) differs from the source", wrong.stored)));
}

/// A server that goes on in the middle of a file, and knows RANG. A file under way has 400 bytes.
const ABLE: &str = "\
FEAT: 211-Features\\r\\n SIZE\\r\\n MDTM\\r\\n REST STREAM\\r\\n RANG STREAM\\r\\n HASH SHA-256*\\r\\n211 End
REST: 350 noted
SIZE a.txt: 213 1000
SIZE b.txt: 550 no such file
SIZE *.ftp-user.part: 213 400
MDTM: 213 20240102030405
HASH: 213 SHA-256 0-999 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad name
";
/// A digest of the part that RANG names: not that of all that the destination has stored.
const PART: &str = "213 SHA-256 0-399 cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34 name";

/// A copy whose source breaks off after 400 bytes. Two scripts, and more arguments.
fn copy(source: &str, destination: &str, args: &[&str]) -> (Peer, Peer, Run) {
    let breaks = "once RETR: 150 opening ; connection ; data 400 ; end ; 426 broken";
    let from = Peer::start("127.0.0.2", &format!("{breaks}\n{source}\n{ABLE}"), MODERN);
    let to = Peer::start("127.0.0.3", &format!("{destination}\n{ABLE}"), MODERN);
    let run = user().args(["copy", "--no-race", "--path", "direct", "--retries", "2", "--timeout", "5s"]);
    let run = run.args(args).args([from.url("a.txt"), to.url("b.txt")]).run().exits(0);
    (from, to, run)
}

#[test]
fn h21_a_server_whose_hash_ignores_rang_compares_the_whole_copy() {
    // The digests of the part would differ, but the source has told one of the whole file.
    let (from, to, run) = copy("RANG: 350 noted", &format!("once HASH: {PART}"), &[]);
    assert_eq!(from.seen_of(&["RANG"]), ["RANG 0 399", "RANG 1 0"], "{run}");
    assert_eq!(from.seen_of(&["REST"]), ["REST 400"], "{run}");
    assert_eq!(to.seen_of(&["REST"]), ["REST 400"], "{run}");
    assert_eq!(from.seen_of(&["HASH"]).len(), 2, "of the part, and of the whole: {run}");
    drop(run.never_says("first byte"));
}

#[test]
fn h21_n7_a_wrong_begin_is_found_out_before_anything_goes_on() {
    let (from, to, run) = copy(&format!("RANG: 350 noted\nonce HASH: {PART}"), "", &[]);
    assert_eq!(from.seen_of(&["RANG"]), ["RANG 0 399"], "{run}");
    assert_eq!((from.seen_of(&["REST"]).len(), to.seen_of(&["REST"]).len()), (0, 0), "{run}");
    assert!(to.moment("DELE") < to.moment("RNTO"), "{run}");
    drop(run.says("what is stored (400 bytes) differs from the source"));
    // With the same digest at both ends it goes on, and sizes verify the rest.
    let (same, sizes) = (format!("once HASH: {PART}"), "SIZE *.ftp-user.part: 213 {stored}");
    let (from, _to, run) =
        copy(&format!("RANG: 350 noted\n{same}"), &format!("{same}\n{sizes}"), &["--verify", "size"]);
    assert_eq!(from.seen_of(&["REST"]), ["REST 400"], "{run}");
    assert_eq!(from.seen_of(&["HASH"]).len(), 1, "{run}");
}

#[test]
fn h21_a_part_that_cannot_be_read_is_removed_and_the_file_is_copied_from_its_first_byte() {
    let (from, to, run) = copy("RANG: 350 noted", "once HASH: 550 no such file", &[]);
    for peer in [&from, &to] {
        assert!(!peer.seen_of(&["REST"]).contains(&"REST 400".to_owned()), "{run}");
    }
    assert!(to.moment("DELE") < to.moment("RNTO"), "{run}");
    drop(run.says("is copied from its first byte"));
}

#[test]
fn h21_n7_no_part_that_rang_has_named_is_left_to_a_transfer() {
    // No digest of the part, and a size says nothing about it: all is copied again.
    let sizes = "SIZE *.ftp-user.part: 213 {stored}";
    let (from, _to, run) = copy("RANG 1 0: 501 bad numbers\nRANG: 350 noted", sizes, &["--verify", "size"]);
    assert_eq!(from.seen_of(&["RANG"]), ["RANG 0 399", "RANG 1 0"], "{run}");
    assert_eq!(from.seen_of(&["REST"]), ["REST 0"], "{run}");
    assert!(from.moment("REST 0") > from.moment("RANG 1 0"), "{run}");
    drop(run.says("no digest can show"));
}

#[test]
fn of_a_file_that_only_grows_the_first_bytes_are_copied_with_a_warning() {
    let old = vec![b'x'; 300_000];
    let from = Site::new("source").file("log", &old).start();
    let to = target();
    let args = |verb: &str, copy: &str| {
        let own =
            [verb, "--json", "--retries", "0", "--limit", "100KB", "--path", "direct"].map(str::to_owned);
        user().args(own).args([from.url("log"), to.url(copy)]).start()
    };
    let grow = || {
        until("the copy has begun", || to.names().iter().any(|name| name.contains(".part")));
        let mut log = fs::OpenOptions::new().append(true).open(from.path("log")).unwrap();
        std::io::Write::write_all(&mut log, b"more").unwrap();
    };
    let run = args("copy", "a");
    grow();
    let run = run.end().exits(0);
    let copied = to.bytes("a");
    assert!(copied.len() >= old.len() && from.bytes("log").starts_with(&copied), "{run}");
    assert!(run.warnings().iter().any(|text| text.contains("grows: it had 300000 bytes")), "{run}");
    assert_eq!(run.summary()["bytes"], copied.len(), "{run}");
    // What is deleted must have been copied.
    let run = args("move", "b");
    grow();
    run.end().exits(7).says("has changed while it was copied");
    assert!(from.path("log").exists());
}
