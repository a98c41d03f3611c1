//! A large file over several data connections: ranges of one part are stored beside each other, and all rules of a copy hold.

use crate::accounts::user as account;
use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::disk::SmallDisk;
use integration_tests::liar::{Liar, Lie};
use integration_tests::or_skip;
use integration_tests::raw::Raw;
use integration_tests::relay::Relay;
use integration_tests::site::{Server, Site, names_below};
use integration_tests::socket::until;
use integration_tests::user::{Run, User, job};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use tempfile::TempDir;

const MIB: usize = 1 << 20;
/// Enough for three data connections.
const LARGE: usize = 48 * MIB + 3;

/// Bytes of which no two pieces are the same.
fn large() -> Vec<u8> {
    let mut bytes = integration_tests::site::sample(4099).repeat(LARGE / 4099 + 1);
    bytes.truncate(LARGE);
    bytes
}

/// Two servers, one of which has a large file, and the state of a user agent.
struct Scene {
    from: Server,
    to: Server,
    state: TempDir,
}

fn scene_with(from: Site, to: Site) -> Scene {
    let from = from.file("large", large()).start();
    Scene { from, to: to.start(), state: tempfile::tempdir().unwrap() }
}

fn scene() -> Scene {
    scene_with(Site::new("source"), Site::new("destination").at("127.0.0.3"))
}

impl Scene {
    fn user(&self) -> User {
        job(self.state.path())
    }

    /// Copies over three data connections, and returns the trace as well.
    fn copy(&self, words: &[&str], places: [&str; 2]) -> (Run, String) {
        let home = tempfile::tempdir().unwrap();
        self.copy_in(home.path(), words, places)
    }

    fn copy_in(&self, home: &Path, words: &[&str], places: [&str; 2]) -> (Run, String) {
        // So fast that a test is short, and not so fast that the first connection is done before the others begin.
        let defaults = [["--streams", "3"], ["--retries", "0"], ["--limit", "40MB"]];
        let defaults = defaults.iter().filter(|[option, _]| !words.contains(option)).flatten();
        let run = self.user().here(home).args(["--trace", "trace.txt", "copy"]).args(defaults);
        let run = run.args(words).args(places).run();
        (run, fs::read_to_string(home.join("trace.txt")).unwrap())
    }

    /// Copies it to the destination under its name.
    fn copied(&self, words: &[&str]) -> (Run, String) {
        self.copy(words, [&self.from.url("large"), &self.to.url("")])
    }

    fn parts(&self) -> Vec<PathBuf> {
        self.to.parts()
    }

    /// The destination has the file, and nothing else.
    fn is_whole(&self, run: &Run) {
        assert_eq!(self.to.names(), ["large"], "{run}");
        assert!(self.to.bytes("large") == self.from.bytes("large"), "{run}");
    }

    fn has_nothing(&self, run: &Run) {
        assert_eq!(self.to.names(), Vec::<String>::new(), "{run}");
    }

    /// Starts a copy that takes seconds to this place, and kills it when its part has holes. Returns how many bytes are there.
    fn killed(&self, dest: &str) -> u64 {
        let run = self.user().args(["copy", "--streams", "3", "--limit", "12MB"]);
        let run = run.args([&self.from.url("large"), dest]).start();
        let there =
            || -> u64 { self.parts().iter().map(|part| fs::metadata(part).unwrap().blocks() * 512).sum() };
        let length = || -> u64 { self.parts().iter().map(|part| fs::metadata(part).unwrap().len()).sum() };
        until("the part has holes", || length() > 20 << 20 && there() > 6 << 20);
        let run = run.kill();
        assert_eq!(self.parts().len(), 1, "{run}");
        let part = self.parts().remove(0);
        until("nobody writes the part", || {
            let file = OpenOptions::new().write(true).open(&part).unwrap();
            rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
        });
        assert!(there() < length(), "{run}");
        there()
    }
}

/// The event of the file.
fn file(run: &Run) -> serde_json::Value {
    run.events("file").remove(0)
}

/// How the file has moved: over so many connections, by this route.
fn went(run: &Run, streams: u64, path: &str) {
    let file = file(run);
    assert_eq!((&file["streams"], &file["path"]), (&streams.into(), &path.into()), "{run}");
    assert_eq!((&file["verified"], &file["attempts"]), (&"sha-256".into(), &1.into()), "{run}");
}

#[test]
fn a_large_file_moves_over_as_many_connections_as_were_asked_for_and_is_verified_as_a_whole() {
    let scene = scene();
    let (run, trace) = scene.copied(&[]);
    let run = run.exits(0);
    scene.is_whole(&run);
    went(&run, 3, "direct");
    assert_eq!(run.warnings(), Vec::<String>::new(), "{run}");
    // Each range has a proof of its own, and the whole one digest at each end.
    let ranges = trace.matches("> RETR large").count();
    assert!((3..=6).contains(&ranges), "{trace}");
    assert_eq!(trace.matches("> RNDZ ***").count(), 2 * ranges, "{trace}");
    assert_eq!(trace.matches("> HASH ").count(), 2, "{trace}");
    assert_eq!(run.events("path").len(), 1, "it is told once: {run}");
    // Not so much that each could have 16 MiB.
    let (run, _) = scene.copied(&["--overwrite", "always", "--streams", "16"]);
    went(&run.exits(0), 3, "direct");
    let (run, trace) = scene.copied(&["--overwrite", "always", "--streams", "1"]);
    assert!(
        file(&run.exits(0))["streams"].is_null() && trace.matches("> RETR large").count() == 1,
        "{trace}"
    );
}

#[test]
fn the_connections_are_inside_tls_where_the_file_has_to_be() {
    let to = Site::new("destination").at("127.0.0.3").tls();
    let scene = scene_with(Site::new("source").tls(), to);
    let pins = [scene.from.pin(), scene.to.pin()];
    let (run, trace) = scene.copied(&["--pin", &pins[0], "--pin", &pins[1]]);
    let run = run.exits(0);
    scene.is_whole(&run);
    went(&run, 3, "direct");
    assert_eq!(run.summary()["protection"], "private", "{run}");
    assert!(trace.contains("> RANG 0 "), "{trace}");
}

#[test]
fn ranges_take_every_other_path_as_well() {
    let scene = scene();
    let home = tempfile::tempdir().unwrap();
    let again = ["--overwrite", "always"];
    let relay = Relay::new().at("127.0.0.4").server("127.0.0.2").server("127.0.0.3").start();
    let (address, token) = (relay.address.to_string(), relay.token_file.to_str().unwrap());
    let by_relay = ["--path", "relay", "--relay", &address, "--relay-token-file", token];
    let (run, _) = scene.copied(&by_relay);
    let run = run.exits(0);
    scene.is_whole(&run);
    went(&run, 3, "relay");
    let (run, _) = scene.copied(&[&again[..], &["--path", "user"]].concat());
    let run = run.exits(0);
    scene.is_whole(&run);
    went(&run, 3, "user");
    // This host is the destination, and then the source.
    let (run, trace) = scene.copy_in(home.path(), &[], [&scene.from.url("large"), "here"]);
    let run = run.exits(0);
    went(&run, 3, "local");
    assert!(trace.contains("> RANG ") && fs::read(home.path().join("here")).unwrap() == large(), "{run}");
    let (run, trace) = scene.copy_in(home.path(), &again, ["here", &scene.to.url("large")]);
    let run = run.exits(0);
    scene.is_whole(&run);
    went(&run, 3, "local");
    assert!(trace.contains("> RANG "), "{trace}");
    assert!(names_below(home.path()).iter().all(|name| !name.contains(".part")), "{run}");
}

#[test]
fn the_limit_holds_over_the_sum_of_the_connections() {
    let scene = scene();
    let (run, trace) = scene.copied(&["--limit", "40MB"]);
    let run = run.exits(0);
    scene.is_whole(&run);
    went(&run, 3, "direct");
    // One group of sessions has the rate.
    let groups: std::collections::HashSet<&str> =
        trace.lines().filter_map(|line| line.split("> RATE ").nth(1)).map(str::trim).collect();
    assert!(groups.len() == 1 && trace.contains("> RATE 40000000 "), "{groups:?}");
}

#[test]
fn one_connection_moves_a_file_where_more_are_not_possible_and_that_is_told() {
    let scene = scene();
    let older = Liar::before(scene.to.address(Rfc959), |command, reply| match command {
        "FEAT" => Lie::Says(reply.replace(" RANG STOR\r\n", "")),
        _ => Lie::None,
    });
    let (run, trace) = scene.copy(&[], [&scene.from.url("large"), &older.url("")]);
    let run = run.exits(0).says("one data connection moves").says("RANG STOR");
    scene.is_whole(&run);
    assert!(file(&run)["streams"].is_null() && !trace.contains("> RANG "), "{run}");
    let words = ["--overwrite", "always", "--verify", "size"];
    let (run, trace) = scene.copied(&words);
    let run = run.exits(0).says("no digest of the whole file verifies it");
    assert!(file(&run)["streams"].is_null() && !trace.contains("> RANG "), "{run}");
}

#[test]
fn a_server_that_takes_fewer_sessions_gets_fewer_connections() {
    for (most, streams) in [(1, None), (2, Some(2))] {
        let scene = scene();
        let logins = Arc::new(AtomicUsize::new(0));
        let full =
            Liar::before(scene.to.address(Rfc959), move |command, _| match command.starts_with("PASS ") {
                true if logins.fetch_add(1, Relaxed) >= most => Lie::Says("421 Too many sessions".into()),
                _ => Lie::None,
            });
        let (run, _) = scene.copy(&["-v"], [&scene.from.url("large"), &full.url("")]);
        let run = run.exits(0).says("one data connection fewer").says("Too many sessions");
        scene.is_whole(&run);
        assert_eq!(file(&run)["streams"].as_u64(), streams, "{run}");
    }
}

#[test]
fn a_server_that_takes_fewer_writers_gets_fewer_connections() {
    let scene = scene();
    let (stores, replies) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // The second one is refused.
    let hears = move |command: &str| {
        let is_second = command.starts_with("STOR ") && stores.fetch_add(1, Relaxed) == 1;
        is_second.then(|| "ABOR".to_owned())
    };
    let full = Liar::between(scene.to.address(Rfc959), hears, move |command, reply| {
        match command.starts_with("STOR ") && reply.starts_with("226 ") && replies.fetch_add(1, Relaxed) == 0
        {
            true => Lie::Says("450 Too many transfers write ranges of this file".into()),
            false => Lie::None,
        }
    });
    let (run, _) = scene.copy(&[], [&scene.from.url("large"), &full.url("")]);
    let run = run.exits(0).says("one data connection fewer");
    scene.is_whole(&run);
}

#[test]
fn a_pair_that_dies_costs_its_range_and_pairs_that_die_again_and_again_cost_an_attempt() {
    let scene = scene();
    let stores = AtomicUsize::new(0);
    // Of the first ten, three are left alone. Seven deaths cost at most five attempts: the first one is lost with its three pairs only.
    let dies = Liar::before(scene.to.address(Rfc959), move |command, reply| {
        if !command.starts_with("STOR ") || !reply.starts_with("150") {
            return Lie::None;
        }
        let number = stores.fetch_add(1, Relaxed);
        if number < 10 && !number.is_multiple_of(4) { Lie::Closes } else { Lie::None }
    });
    let words = ["--retries", "5"];
    let (run, _) = scene.copy(&words, [&scene.from.url("large"), &dies.url("")]);
    let run = run.exits(0);
    scene.is_whole(&run);
    assert_eq!(file(&run)["verified"], "sha-256", "{run}");
}

#[test]
fn a_source_that_changes_while_ranges_move_is_never_mixed_with_what_it_was() {
    let scene = scene();
    let run = scene.user().args(["copy", "--streams", "3", "--limit", "12MB"]);
    let run = run.args([scene.from.url("large"), scene.to.url("")]).start();
    scene.to.until_part(20 << 20);
    let source = OpenOptions::new().write(true).open(scene.from.path("large")).unwrap();
    source.write_all_at(b"new", 5).unwrap();
    source.write_all_at(b"new", LARGE as u64 - 9).unwrap();
    let new = scene.from.bytes("large");
    until("the run has ended, or what has the name is the new file", || {
        let names = scene.to.names();
        assert!(
            !names.contains(&"large".to_owned()) || scene.to.bytes("large") == new,
            "a mixture has the name"
        );
        names == ["large"]
    });
    let run = run.end().exits(0);
    scene.is_whole(&run);
}

#[test]
fn a_quota_and_a_full_disk_in_the_middle_end_the_copy_and_leave_nothing() {
    let to =
        Site::new("destination").at("127.0.0.3").config(&account("eve", "s3cret", "quota-bytes = \"40MiB\""));
    let scene = scene_with(Site::new("source"), to);
    let dest = scene.to.url("").replace("ann:open%3Asesame", "eve:s3cret");
    let (run, _) = scene.copy(&[], [&scene.from.url("large"), &dest]);
    let run = run.exits(1).says("Quota of bytes reached");
    scene.has_nothing(&run);
    let disk = or_skip!(SmallDisk::mount());
    let full = Site::new("small").at("127.0.0.4").start_in(disk.path().to_owned());
    let (run, _) = scene.copy(&[], [&scene.from.url("large"), &full.url("")]);
    let run = run.exits(1).says("No space left");
    assert_eq!(names_below(disk.path()), Vec::<String>::new(), "{run}");
}

#[test]
fn a_run_that_is_killed_goes_on_with_the_ranges_that_are_missing() {
    let scene = scene();
    let there = scene.killed(&scene.to.url(""));
    let resumed = scene.user().args(["resume"]).run().exits(0);
    scene.is_whole(&resumed);
    let before = file(&resumed)["before"].as_u64().unwrap();
    // Pieces of 1 MiB are compared, and each of three ranges may end within one.
    assert!(before <= there && before + (6 << 20) > there, "{before} of {there}: {resumed}");
    assert_eq!(file(&resumed)["verified"], "sha-256", "{resumed}");
}

#[test]
fn ranges_that_are_right_stay_also_where_the_beginning_is_wrong() {
    let scene = scene();
    scene.killed(&scene.to.url(""));
    let part = OpenOptions::new().write(true).open(scene.parts().remove(0)).unwrap();
    part.write_all_at(b"wrong", 3).unwrap();
    let resumed = scene.user().args(["resume"]).run().exits(0);
    scene.is_whole(&resumed);
    let before = file(&resumed)["before"].as_u64().unwrap();
    assert!(before > 2 << 20, "{before}: {resumed}");
    assert_eq!(resumed.warnings(), Vec::<String>::new(), "a hole is no difference: {resumed}");
}

#[test]
fn one_connection_and_an_older_version_never_take_a_part_with_holes_for_a_beginning() {
    let scene = scene();
    // To this run the server is an older one, as every server is to an older user agent.
    let is_older = Arc::new(AtomicBool::new(false));
    let older = Arc::clone(&is_older);
    let to = Liar::before(scene.to.address(Rfc959), move |command, reply| match command {
        "FEAT" if older.load(Relaxed) => Lie::Says(reply.replace(" RANG STOR\r\n", "")),
        _ => Lie::None,
    });
    let there = scene.killed(&to.url(""));
    is_older.store(true, Relaxed);
    let home = tempfile::tempdir().unwrap();
    let resumed = scene.user().here(home.path()).args(["--trace", "trace.txt", "resume"]).run().exits(0);
    let trace = fs::read_to_string(home.path().join("trace.txt")).unwrap();
    scene.is_whole(&resumed);
    let before = file(&resumed)["before"].as_u64().unwrap();
    assert!(before < there, "only what stands before the first hole is kept: {before} of {there}: {resumed}");
    assert!(trace.contains(&format!("> REST {before}")), "{trace}");
    assert_eq!(file(&resumed)["verified"], "sha-256", "{resumed}");
}

#[test]
fn a_status_that_comes_behind_the_end_of_its_transfer_is_no_reply_to_the_next_one() {
    let file = |name: &str, site: Site| site.file(name, integration_tests::site::sample(1_500_000));
    let from = file("t/b", file("t/a", Site::new("source"))).start();
    let to = Site::new("destination").at("127.0.0.3").start();
    let late = Liar::before(to.address(Rfc959), |command, _| match command {
        "STAT" => Lie::Later,
        _ => Lie::None,
    });
    let state = tempfile::tempdir().unwrap();
    let run = job(state.path()).args(["copy", "-r", "--jobs", "1", "--retries", "0", "--limit", "1MB"]);
    let run = run.args([from.url("t"), late.url("")]).run().exits(0);
    assert_eq!((to.bytes("t/a"), to.bytes("t/b")), (from.bytes("t/a"), from.bytes("t/b")), "{run}");
    assert!(run.events("file").iter().all(|file| file["attempts"] == 1), "{run}");
}

/// Begins to store these bytes of a file. Returns the data connection.
fn begin(raw: &mut Raw, name: &str, first: u64, last: u64) -> TcpStream {
    raw.ask("TYPE I", "200");
    raw.ask(&format!("RANG {first} {last}"), "350");
    let data = TcpStream::connect((raw.peer_address().ip(), raw.ask("EPSV", "229").port())).unwrap();
    raw.ask(&format!("STOR {name}"), "150");
    data
}

fn end(raw: &mut Raw, mut data: TcpStream, bytes: &[u8]) {
    data.write_all(bytes).unwrap();
    drop(data);
    raw.expect("226");
}

#[test]
fn several_sessions_store_ranges_of_one_part_and_of_no_other_file() {
    let server = Site::new("server").file("a", "0123456789").user("bob:x").start();
    let [mut one, mut two] = [server.login(Rfc959), server.login(Rfc959)];
    let part = ".7.ftp-user.part";
    let late = begin(&mut one, part, 8, 11);
    let early = begin(&mut two, part, 0, 3);
    let mut other = Raw::connect(Rfc959, server.address(Rfc959));
    other.login("bob", "x");
    other.ask(&format!("HASH {part}"), "450");
    other.ask("TYPE I", "200");
    other.ask("RANG 4 7", "350");
    let data = TcpStream::connect((server.ip(), other.ask("EPSV", "229").port())).unwrap();
    other.ask(&format!("STOR {part}"), "450");
    drop(data);
    end(&mut one, late, b"89ab");
    end(&mut two, early, b"0123");
    assert_eq!(server.bytes(part), b"0123\0\0\0\089ab");
    one.ask(&format!("HASH {part}"), "213");
    // Every other name is as before.
    one.ask("RANG 11 12", "350");
    one.ask("EPSV", "229");
    one.ask("STOR a", "554");
    let features = |raw: &mut Raw, command: &str| {
        raw.send(command);
        raw.reply().text()
    };
    assert!(features(&mut one, "FEAT").contains("RANG STOR"));
    assert!(!features(&mut server.login(Rfc354), "HELP").contains("RANG STOR"));
}

#[test]
fn a_range_writes_the_bytes_that_it_has_named_and_no_others() {
    let server = Site::new("server").start();
    let [mut one, mut two] = [server.login(Rfc959), server.login(Rfc959)];
    let part = ".7.ftp-user.part";
    // Ranges that overlap: whoever writes a byte last has written it.
    let [first, second] = [begin(&mut one, part, 2, 7), begin(&mut two, part, 4, 9)];
    end(&mut one, first, b"aaaaaa");
    end(&mut two, second, b"bbbbbb");
    assert_eq!(server.bytes(part), b"\0\0aabbbbbb");
    // More bytes than were named: none behind them is written, and it is no success. The server may close the connection before
    // it has all of them.
    let mut data = begin(&mut one, part, 0, 1);
    let _ = data.write_all(&[b'c'; 100_000]);
    drop(data);
    one.expect("552");
    assert_eq!(server.bytes(part)[2..], *b"aabbbbbb");
    // Numbers that no file has.
    for range in ["0", "0 1 2", "2 0", "-1 3", "0 -1", "0 18446744073709551616", "0x1 0x2", "+1 +2"] {
        one.ask(&format!("RANG {range}"), "501");
    }
    one.ask("TYPE I", "200");
    for first in [u64::MAX - 1, 1 << 63, (1 << 63) - 1] {
        one.ask(&format!("RANG {first} {first}"), "350");
        let port = one.ask("EPSV", "229").port();
        let mut data = TcpStream::connect((server.ip(), port)).unwrap();
        let _ = data.write_all(b"x");
        drop(data);
        one.send(&format!("STOR {part}"));
        let mut replies = std::iter::from_fn(|| one.next_reply()).map(|reply| reply.code);
        let last = replies.find(|code| *code != 150).unwrap();
        assert!(last >= 400, "{first}: {last}");
    }
    assert_eq!(server.bytes(part)[2..], *b"aabbbbbb");
    assert_eq!(server.names(), [part]);
}

#[test]
fn a_thousand_ranges_of_one_byte_are_one_file() {
    let server = Site::new("server").start();
    let mut raw = server.login(Rfc959);
    let bytes = integration_tests::site::sample(1000);
    for (at, byte) in bytes.iter().enumerate().rev() {
        let data = begin(&mut raw, ".7.ftp-user.part", at as u64, at as u64);
        end(&mut raw, data, &[*byte]);
    }
    assert_eq!(server.bytes(".7.ftp-user.part"), bytes);
}

#[test]
fn a_range_of_what_has_lost_its_name_is_no_success() {
    let server = Site::new("server").file("new", "new").start();
    let [mut one, mut two] = [server.login(Rfc959), server.login(Rfc959)];
    let part = ".7.ftp-user.part";
    let mut check = |commands: &[(&str, &str)], names: &[&str]| {
        let mut data = begin(&mut one, part, 2, 3);
        for (command, code) in commands {
            two.ask(command, code);
        }
        data.write_all(b"23").unwrap();
        drop(data);
        one.expect("451");
        assert_eq!(server.names(), names, "{commands:?}");
    };
    check(&[("RNFR .7.ftp-user.part", "350"), ("RNTO other", "250")], &["new", "other"]);
    check(&[("DELE .7.ftp-user.part", "250")], &["new", "other"]);
    check(&[("RNFR new", "350"), ("RNTO .7.ftp-user.part", "250")], &[part, "other"]);
    assert_eq!(server.bytes(part), b"new");
}

/// The numbers of a RANG.
fn rang(command: &str) -> Option<(u64, u64)> {
    let (first, last) = command.strip_prefix("RANG ")?.split_once(' ')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[test]
fn a_source_that_sends_another_range_than_it_was_asked_for_gives_no_file_other_bytes() {
    for (shift, more) in [(1, 0), (0, 4096), (0, -4096), (MIB as u64, 4096)] {
        for path in ["direct", "user", "local"] {
            let scene = scene();
            let asked = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&asked);
            let hears = move |command: &str| {
                let (first, last) = rang(command).filter(|_| count.fetch_add(1, Relaxed) == 1)?;
                Some(format!("RANG {} {}", first + shift, (last + shift).saturating_add_signed(more)))
            };
            let evil = Liar::between(scene.from.address(Rfc959), hears, |_, _| Lie::None);
            let home = tempfile::tempdir().unwrap();
            let url = evil.url("large");
            let (run, _) = match path {
                "local" => scene.copy_in(home.path(), &[], [&url, "large"]),
                path => scene.copy(&["--path", path], [&url, &scene.to.url("")]),
            };
            assert!(asked.load(Relaxed) > 1, "{run}");
            let name = match path {
                "local" => home.path().join("large"),
                _ => scene.to.path("large"),
            };
            // The range may have been asked for once more.
            let is_done = run.code() == Some(0);
            assert_eq!(name.exists(), is_done, "{path} {shift} {more}: {run}");
            assert!(!is_done || fs::read(name).unwrap() == large(), "{path} {shift} {more}: {run}");
            // Other bytes were noticed, and sent once more.
            assert!(!is_done || shift == 0 || file(&run)["attempts"] == 2, "{path} {shift} {more}: {run}");
        }
    }
}
