//! What a server finds after a power failure: of files that it was receiving, and of those that SITE SYNC has told of.

use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::delay::Delayed;
use integration_tests::disk::LoopDisk;
use integration_tests::or_skip;
use integration_tests::raw::Raw;
use integration_tests::site::{Server, Site, names_below, sample};
use integration_tests::skip::Skipped;
use integration_tests::socket::{connect, until};
use integration_tests::user::job;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A server with its root and its state directory on a disk that can lose its power.
struct Host {
    disk: LoopDisk,
    server: Server,
}

impl Host {
    fn start(more: &[&str]) -> Result<Self, Skipped> {
        let disk = LoopDisk::mount()?;
        let (root, state) = (disk.path().join("root"), disk.path().join("state"));
        fs::create_dir(&root).unwrap();
        let site = Site::new("powerless").args(more.iter().copied());
        let server = site.args(["--state", state.to_str().unwrap()]).start_in(root);
        // What was made so far is there after a failure.
        assert!(std::process::Command::new("sync").arg("-f").arg(disk.path()).status().unwrap().success());
        Ok(Self { disk, server })
    }

    /// Begins to store a file. It has these bytes so far.
    fn store(&self, name: &str, bytes: &[u8]) -> (Raw, TcpStream) {
        let mut raw = self.server.login(Rfc959);
        raw.ask("TYPE I", "200");
        let port = raw.ask("LSTN R", "255").port();
        raw.send(&format!("STOR {name}"));
        let mut data = connect("127.0.0.1:0".parse().unwrap(), SocketAddr::new(self.server.ip(), port));
        raw.expect("150|125");
        data.write_all(bytes).unwrap();
        (raw, data)
    }

    /// The names of files under way.
    fn under_way(&self) -> Vec<PathBuf> {
        let names = names_below(&self.server.path("")).into_iter();
        names.filter(|name| name.starts_with(".ftp-")).map(|name| self.server.path(&name)).collect()
    }

    fn loses_power(&mut self) {
        self.disk.loses_power(&mut self.server.running);
        self.server.start_again();
    }
}

#[test]
fn n8_with_sync_a_server_removes_every_name_under_way_after_a_power_failure() {
    let mut host = or_skip!(Host::start(&["--sync"]));
    let _open = host.store("a", &sample(100_000));
    until("bytes are stored", || {
        host.under_way().iter().any(|part| fs::metadata(part).unwrap().len() == 100_000)
    });
    // What is synced of this file takes the name of the other one to the disk.
    let (mut raw, data) = host.store("b", &sample(5_000));
    drop(data);
    raw.expect("226");
    assert_eq!(host.under_way().len(), 1);
    host.loses_power();
    assert_eq!(names_below(&host.server.path("")), ["b"]);
    assert!(host.server.bytes("b") == sample(5_000));
}

#[test]
fn n8_without_sync_a_name_under_way_that_a_power_failure_leaves_is_removed_when_it_is_a_day_old() {
    let mut host = or_skip!(Host::start(&[]));
    let _open = host.store("a", &sample(100_000));
    until("a name is under way", || host.under_way().len() == 1);
    let part = host.under_way().remove(0);
    File::open(&part).unwrap().sync_all().unwrap();
    host.loses_power();
    // The list may have lost it or not.
    if part.exists() {
        let old = SystemTime::now() - Duration::from_secs(2 * 24 * 60 * 60);
        File::options().write(true).open(&part).unwrap().set_modified(old).unwrap();
        host.server.die_and_return();
    }
    until("nothing is left", || names_below(&host.server.path("")).is_empty());
}

/// Stores a file whole.
fn stored(host: &Host, name: &str, bytes: &[u8]) -> Raw {
    let (mut raw, data) = host.store(name, bytes);
    drop(data);
    raw.expect("226");
    raw
}

#[test]
fn what_an_account_has_made_in_sessions_that_are_gone_outlives_a_power_failure_after_site_sync() {
    let mut host = or_skip!(Host::start(&[]));
    let mut raw = stored(&host, "a", &sample(300_000));
    raw.ask("MKD made", "257");
    raw.ask("RNFR a", "350");
    raw.ask("RNTO made/b", "250");
    raw.leave();
    for dialect in [Rfc959, Rfc354] {
        host.server.login(dialect).ask("SITE SYNC", "200");
    }
    // What comes later waits for the next one.
    stored(&host, "late", &sample(200_000)).leave();
    host.loses_power();
    assert!(host.server.bytes("made/b") == sample(300_000));
    assert!(!host.server.path("a").exists());
    assert!(!fs::read(host.server.path("late")).is_ok_and(|bytes| bytes == sample(200_000)));
}

/// Moves a tree of some directories, and the destination loses its power as soon as so many sources have gone.
fn moves_until(gone: usize) {
    let mut host = or_skip!(Host::start(&[]));
    let names: Vec<String> =
        (0..5).flat_map(|directory| (0..20).map(move |file| format!("d{directory}/{file:02}"))).collect();
    let bytes = |name: &str| [sample(3_000), name.as_bytes().to_vec()].concat();
    let site = names
        .iter()
        .fold(Site::new("source").at("127.0.0.3"), |site, name| site.file(&format!("t/{name}"), bytes(name)));
    let (from, state) = (site.start(), tempfile::tempdir().unwrap());
    let has = |top: PathBuf, name: &String| fs::read(top.join(name)).is_ok_and(|found| found == bytes(name));
    let left = || names.iter().filter(|&name| from.path("t").join(name).exists()).count();
    let url = Delayed::url(&host.server.url("new"), Duration::from_millis(5));
    let words = ["move", "-r", "--retries", "2", "--timeout", "10s", "--path", "direct"];
    let mut run = job(state.path()).args(words).args([from.url("t/"), url]).start();
    until("sources have gone", || names.len() - left() >= gone || run.has_ended());
    host.disk.loses_power(&mut host.server.running);
    let top = host.server.path("new");
    let lost = || -> Vec<&String> {
        let is_lost = |name: &&String| !has(top.clone(), name) && !has(from.path("t"), name);
        names.iter().filter(is_lost).collect()
    };
    let after_failure = lost();
    host.server.start_again();
    let mut run = run.end();
    assert!(after_failure.is_empty(), "{after_failure:?} are at neither end after the power failure: {run}");
    assert!(lost().is_empty(), "{:?} are at neither end when the run has ended: {run}", lost());
    // What the destination has lost is copied again.
    for verb in ["retry", "resume"] {
        if run.code() != Some(0) {
            run = job(state.path()).args([verb, "last"]).run();
        }
    }
    assert!(lost().is_empty(), "{:?} are at neither end: {run}", lost());
}

#[test]
fn a_power_failure_of_the_destination_right_after_a_portion_of_a_move_loses_no_file() {
    [1, 50, 100].into_iter().for_each(moves_until);
}

#[test]
fn site_sync_reaches_what_is_mounted_beneath_the_root() {
    let disk = or_skip!(LoopDisk::mount());
    let place = disk.path();
    let (above, name) = (place.parent().unwrap(), place.file_name().unwrap().to_str().unwrap());
    let mut host = Host { server: Site::new("above").start_in(above.to_owned()), disk };
    let file = format!("{name}/a");
    stored(&host, &file, &sample(300_000)).ask("SITE SYNC", "200");
    host.loses_power();
    assert!(host.server.bytes(&file) == sample(300_000));
}
