//! Jumps of the clock of the calendar: an operator who sets it, or a host without one that asks for the time.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::binary::Program;
use integration_tests::foreign::{Skipped, Tool};
use integration_tests::raw::Raw;
use integration_tests::skip;
use integration_tests::socket::connect;
use integration_tests::tls_client::TlsClient;

use super::{Bob, passive, site};
use crate::accounts::{Secrets, user};

/// A program that starts the server with a clock of the calendar that `file` sets.
fn with_clock_of(library: &Path, file: &Path, directory: &Path) -> PathBuf {
    let script = directory.join("another-clock");
    let server = Program::Server.path();
    let text = format!(
        "#!/bin/sh\nexport LD_PRELOAD={} FAKETIME_TIMESTAMP_FILE={} FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1\n\
         exec {} \"$@\"\n",
        library.display(),
        file.display(),
        server.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// Whether a listing shows the file of this test with the year, as it does with files that are far from now.
fn is_far(raw: &mut Raw) -> bool {
    let line = raw.ask("STAT made", "212|213").text();
    let line = line.lines().find(|line| line.ends_with(" made")).unwrap().to_owned();
    !line.split(' ').rev().nth(1).unwrap().contains(':')
}

#[test]
fn jumps_of_the_calendar_harm_nobody() {
    let library = format!("lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
    let library = match Tool::debian("libfaketime", &["libfaketime"], &library) {
        Ok(library) => library,
        Err(Skipped(why)) => skip!(why),
    };
    let (secrets, own) = (Secrets::new(), tempfile::tempdir().unwrap());
    let quota = format!("root = {:?}\nquota-bytes = 1000", own.path());
    let text =
        "[bans]\nafter = 3\n[limits]\nrefusal-delay = \"1ms\"\n".to_owned() + &user("eve", "x", &quota);
    let config = secrets.file("server.toml", &text);
    let directory = tempfile::tempdir().unwrap();
    let clock = directory.path().join("clock");
    std::fs::write(&clock, "+0").unwrap();
    let server = site("clock")
        .program(with_clock_of(library.program(), &clock, directory.path()))
        .tls()
        .args(["--config", config.to_str().unwrap()])
        .file("made", "")
        .start();
    let mut bob = Bob::login(&server);
    let mut thief = server.connect_from("127.0.0.13".parse().unwrap(), Rfc959);
    for _ in 0..3 {
        thief.ask("USER ann", "331");
        thief.ask("PASS wrong", "530");
    }
    let mut eve = server.connect(Rfc959);
    eve.login("eve", "x");
    eve.ask("TYPE I", "200");
    for (jump, far) in [("+400d", true), ("-4000d", true), ("+4000d", true), ("+0", false)] {
        std::fs::write(&clock, jump).unwrap();
        assert_eq!(is_far(&mut bob.0), far, "the server has another day: {jump}");
        bob.goes_on(&server);
        let banned = integration_tests::socket::drain(connect(
            "127.0.0.13:0".parse().unwrap(),
            server.address(Rfc959),
        ));
        assert!(banned.starts_with(b"421 "), "{jump}: a ban lasts as long as it was to last");
        for (name, size, code) in [("fits", 900, 226), ("more", 200, 552)] {
            let mut data = passive(&mut eve, &server);
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
