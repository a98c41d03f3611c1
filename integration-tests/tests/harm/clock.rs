//! Jumps of the clock of the calendar: an operator who sets it, or a host without one that asks for the time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::binary::Program;
use integration_tests::foreign::{Skipped, Tool};
use integration_tests::raw::Raw;
use integration_tests::site::{Site, names_below, sample};
use integration_tests::skip;
use integration_tests::socket::connect;
use integration_tests::tls_client::TlsClient;
use integration_tests::user::{Run, job};

use tempfile::TempDir;

use super::{Bob, site};
use crate::accounts::user;

/// A clock of the calendar that a file sets, for the programs that are started with it.
struct SetClock {
    library: PathBuf,
    directory: TempDir,
}

impl SetClock {
    fn new() -> Result<Self, Skipped> {
        let library = format!("lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
        let library = Tool::debian("libfaketime", &["libfaketime"], &library)?.program().to_owned();
        let clock = Self { library, directory: tempfile::tempdir().unwrap() };
        clock.set("+0");
        Ok(clock)
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("clock")
    }

    /// The clock jumps.
    fn set(&self, jump: &str) {
        let new = self.directory.path().join("new");
        fs::write(&new, jump).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// What a program needs in its environment. The times of files are those of the file system.
    fn environment(&self) -> [(&'static str, String); 5] {
        let [library, file] = [self.library.as_path(), &self.file()].map(|path| path.display().to_string());
        let [no_cache, real_waits, real_files] =
            ["FAKETIME_NO_CACHE", "DONT_FAKE_MONOTONIC", "NO_FAKE_STAT"].map(|name| (name, "1".to_owned()));
        let file = ("FAKETIME_TIMESTAMP_FILE", file);
        [("LD_PRELOAD", library), file, no_cache, real_waits, real_files]
    }

    /// A program that starts the server with this clock.
    fn server(&self) -> PathBuf {
        let script = self.directory.path().join("another-clock");
        let exports = self.environment().map(|(name, value)| format!("export {name}={value}\n")).concat();
        let server = Program::Server.path();
        fs::write(&script, format!("#!/bin/sh\n{exports}exec {} \"$@\"\n", server.display())).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        script
    }
}

/// Whether a listing shows the file of this test with the year, as it does with files that are far from now.
fn is_far(raw: &mut Raw) -> bool {
    let line = raw.ask("STAT made", "212|213").text();
    let line = line.lines().find(|line| line.ends_with(" made")).unwrap().to_owned();
    !line.split(' ').rev().nth(1).unwrap().contains(':')
}

#[test]
fn jumps_of_the_calendar_harm_nobody() {
    let clock = match SetClock::new() {
        Ok(clock) => clock,
        Err(Skipped(why)) => skip!(why),
    };
    let own = tempfile::tempdir().unwrap();
    let quota = format!("root = {:?}\nquota-bytes = 1000", own.path());
    let text =
        "[bans]\nafter = 3\n[limits]\nrefusal-delay = \"1ms\"\n".to_owned() + &user("eve", "x", &quota);
    let server = site("clock").program(clock.server()).tls().config(&text).file("made", "").start();
    let mut bob = Bob::login(&server);
    let mut thief = server.connect_from("127.0.0.13".parse().unwrap(), Rfc959);
    for _ in 0..3 {
        thief.ask("USER ann", "331");
        thief.ask("PASS wrong", "530");
    }
    let mut eve = server.login_as("eve", "x");
    for (jump, far) in [("+400d", true), ("-4000d", true), ("+4000d", true), ("+0", false)] {
        clock.set(jump);
        assert_eq!(is_far(&mut bob.0), far, "the server has another day: {jump}");
        bob.goes_on(&server);
        let banned = integration_tests::socket::drain(connect(
            "127.0.0.13:0".parse().unwrap(),
            server.address(Rfc959),
        ));
        assert!(banned.starts_with(b"421 "), "{jump}: a ban lasts as long as it was to last");
        for (name, size, code) in [("fits", 900, 226), ("more", 200, 552)] {
            let mut data = eve.open("EPSV");
            eve.ask(&format!("STOR {name}"), "150");
            drop(std::io::Write::write_all(&mut data, &vec![b'x'; size]));
            drop(data);
            assert_eq!(eve.reply().code, code, "{jump}: the quota holds");
        }
        eve.ask("DELE fits", "250");
        let mut private = server.connect(Rfc959);
        private.begin_tls(&TlsClient::new());
        private.login("bob", "bob");
    }
}

/// How many files a tree has.
const FILES: usize = 200;

#[test]
fn jumps_of_the_calendar_lose_no_file_of_a_move_and_of_a_sync() {
    let clock = match SetClock::new() {
        Ok(clock) => clock,
        Err(Skipped(why)) => skip!(why),
    };
    let name = |number: usize| format!("{}/{number}", number % 7);
    let tree = |site: Site, top: &str| {
        (0..FILES).fold(site, |site, number| site.file(&format!("{top}/{}", name(number)), sample(number)))
    };
    let from = tree(Site::new("source"), "t").program(clock.server()).start();
    let to = Site::new("target").at("127.0.0.3").program(clock.server()).start();
    let state = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| -> Run {
        let user = clock
            .environment()
            .into_iter()
            .fold(job(state.path()), |user, (name, value)| user.environment(name, &value));
        user.args(words).run()
    };
    let is_whole = |top: PathBuf, run: &Run| {
        for number in 0..FILES {
            let bytes = fs::read(top.join(name(number)));
            assert!(bytes.is_ok_and(|bytes| bytes == sample(number)), "{number}: {run}");
        }
        let files = names_below(&top).into_iter().filter(|name| !name.ends_with('/')).count();
        assert_eq!(files, FILES, "{run}");
    };
    let (end, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let clock = &clock;
        scope.spawn(move || {
            for jump in ["+400d", "-4000d", "+1h", "+4000d", "-1d", "+0"].into_iter().cycle() {
                clock.set(jump);
                if ended.recv_timeout(Duration::from_millis(7)) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        });
        // The clock stops jumping when `end` is dropped, also if the test fails.
        let end = end;
        for round in 0..3 {
            let (here, there) = if round % 2 == 0 { (&from, &to) } else { (&to, &from) };
            let moved = run(&["move", "-r", "--id", &format!("m{round}"), &here.url("t"), &there.url("t")]);
            let moved = moved.exits(0);
            is_whole(there.path("t"), &moved);
            assert_eq!(here.names(), [""; 0], "{moved}");
        }
        let synced = run(&["sync", "--delete", &to.url("t"), &from.url("t")]).exits(0);
        is_whole(from.path("t"), &synced);
        fs::write(from.path("t/3/more"), "more").unwrap();
        let synced = run(&["sync", "--delete", &to.url("t"), &from.url("t")]).exits(0);
        is_whole(from.path("t"), &synced);
        assert_eq!(
            (&synced.summary()["deleted"], &synced.summary()["skipped"]),
            (&1.into(), &FILES.into()),
            "{synced}"
        );
        drop(end);
    });
}
