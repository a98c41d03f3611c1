//! The log as an audit, in its forms.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ChildStderr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::Signal;

use crate::server::{Client, Server, until};

/// A session that stores, renames, lists, fails and leaves.
fn session(server: &Server) {
    let mut client = Client::login_for_files(server);
    client.store(server, "STOR part");
    client.say("RNFR part", "350");
    client.say("RNTO final name", "250");
    client.say("MKD sub", "257");
    client.say("MFMT 20200101000000 sub", "213");
    client.say("RMD nothing", "550");
    let mut listing = String::new();
    client.transfer(server, "MLSD").read_to_string(&mut listing).unwrap();
    client.expect("226");
    client.say("QUIT", "221");
    assert_eq!(client.line(), "");
}

const ANN: &str = "--user ann:secret --listen 127.0.0.2:0";

#[test]
fn every_change_is_told_with_its_names_and_what_failed_with_the_reason() {
    let server = Server::start(ANN);
    session(&server);
    let (_, log) = server.stop(Signal::TERM);
    let line = |words: &[&str]| {
        let found = log.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?} in no line:\n{log}");
    };
    line(&["started", "version=", "root=", "foreign=\"proven\"", "tls=false", "max_sessions=10000"]);
    line(&["started", "listeners=\"127.0.0.2:"]);
    line(&["stopping", "grace_seconds=30"]);
    line(&["INFO", "stopped"]);
    line(&["logged in", "user=\"ann\"", "session{id=1", "tls=false"]);
    line(&["received", "command=\"STOR\"", "path=\"/part\"", "bytes=7", "tls=false", "whole=true"]);
    line(&["changed", "command=\"RNTO\"", "path=\"/part\"", "to=\"/final name\""]);
    line(&["changed", "command=\"MKD\"", "path=\"/sub\""]);
    line(&["changed", "command=\"MFMT\"", "path=\"/sub\""]);
    line(&["WARN", "change failed", "command=\"RMD\"", "path=\"/nothing\"", "No such file"]);
    line(&["listed", "command=\"MLSD\"", "path=\"/\""]);
    line(&["session ended", "user=\"ann\"", "received=7", "why=\"the client has quit\""]);
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn json_has_the_same_records() {
    let server = Server::start(&format!("{ANN} --log-format json"));
    session(&server);
    let (_, log) = server.stop(Signal::TERM);
    assert!(log.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
    let renamed = log.lines().find(|line| line.contains("\"RNTO\"")).unwrap();
    assert!(renamed.contains("\"to\":\"/final name\""), "{renamed}");
    assert!(renamed.contains("\"message\":\"changed\"") && renamed.contains("\"client\":"), "{renamed}");
}

#[test]
fn no_flood_of_lines_displaces_those_about_files() {
    const CHANGES: usize = 60;
    for flood in ["USER ann\r\nPASS secret\r\n", "MFMT 20200101000000 own\r\n"] {
        let mut server = Server::start(ANN);
        let (bytes, is_slow) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
        let log = slowly(server.child.stderr.take().unwrap(), &bytes, &is_slow);
        let mut ann = Client::login(&server);
        ann.say("MKD own", "257");
        let mallory = TcpStream::connect(server.address(0)).unwrap();
        let (mut replies, mut commands) = (mallory.try_clone().unwrap(), mallory.try_clone().unwrap());
        let read = std::thread::spawn(move || std::io::copy(&mut replies, &mut std::io::sink()));
        let wrote = std::thread::spawn(move || {
            let login = "USER ann\r\nPASS secret\r\n".to_owned();
            let all = login + &flood.repeat(100);
            while commands.write_all(all.as_bytes()).is_ok() {}
        });
        until("more than the queue holds", || (bytes.load(Ordering::Relaxed) > 512 * 1024).then_some(()));
        for number in 0..CHANGES {
            ann.say(&format!("MKD d{number}"), "257");
        }
        ann.say("QUIT", "221");
        mallory.shutdown(Shutdown::Both).unwrap();
        let (_, _) = (read.join().unwrap(), wrote.join().unwrap());
        is_slow.store(false, Ordering::Relaxed);
        server.signal(Signal::TERM);
        server.child.wait().unwrap();
        let log = log.join().unwrap();
        let told = log.lines().filter(|line| line.contains("path=\"/d")).count();
        assert_eq!(told, CHANGES, "{flood:?}");
    }
}

/// Reads the log, at no more than half a megabyte in a second while it `is_slow`, and counts its bytes.
fn slowly(mut log: ChildStderr, bytes: &Arc<AtomicUsize>, is_slow: &Arc<AtomicBool>) -> JoinHandle<String> {
    let (bytes, is_slow) = (Arc::clone(bytes), Arc::clone(is_slow));
    std::thread::spawn(move || {
        let (mut text, mut piece) = (Vec::new(), [0; 4 * 1024]);
        while let Ok(count @ 1..) = log.read(&mut piece) {
            text.extend_from_slice(&piece[..count]);
            bytes.fetch_add(count, Ordering::Relaxed);
            if is_slow.load(Ordering::Relaxed) {
                std::thread::park_timeout(Duration::from_millis(8));
            }
        }
        String::from_utf8(text).unwrap()
    })
}

#[test]
fn the_xferlog_has_a_line_for_each_file_and_goes_on_when_it_was_rotated() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("xferlog");
    let server = Server::start(&format!("{ANN} --xferlog {}", path.display()));
    let has_one_line = |name: &str| {
        let text = || std::fs::read_to_string(&path).unwrap_or_default();
        until("a line", || text().ends_with('\n').then_some(()));
        let text = text();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.ends_with(&format!(" 127.0.0.1 7 /{name} b _ i r ann ftp 0 * c\n")), "{text}");
    };
    session(&server);
    has_one_line("part");
    std::fs::rename(&path, place.path().join("old")).unwrap();
    server.signal(Signal::HUP);
    until("it is there again", || path.exists().then_some(()));
    Client::login_for_files(&server).store(&server, "STOR after");
    has_one_line("after");
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
}

/// A value of a line in text form is a number, true or false, a word without blanks, or stands in quotes.
fn can_be_split(line: &str) -> bool {
    let mut quoted = false;
    let mut escaped = false;
    let mut outside = String::new();
    for letter in line.chars() {
        match letter {
            '"' if !escaped => quoted = !quoted,
            _ if !quoted => outside.push(letter),
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
    }
    let values = outside.split_once('=').map_or("", |(_, rest)| rest);
    !quoted && values.split_whitespace().skip(1).all(|word| word.contains('='))
}

#[test]
fn a_login_that_fails_has_its_cause_and_no_text_breaks_a_line() {
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("server.toml");
    let text = "[bans]\nafter = 2\ntime = \"1h\"\n[limits]\nrefusal-delay = \"1ms\"\n";
    std::fs::write(&config, text).unwrap();
    let server = Server::start(&format!("{ANN} --config {}", config.display()));
    let mut client = Client::connect(&server);
    client.expect("220");
    for (name, password) in [("ann", "wrong"), ("a b=c\"", "")] {
        client.say(&format!("USER {name}"), "331");
        client.say(&format!("PASS {password}"), "530");
    }
    let (_, log) = server.stop(Signal::TERM);
    let line = |words: &[&str]| {
        let found = log.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?} in no line:\n{log}");
    };
    line(&["WARN", "login failed", "user=\"ann\"", "why=\"the password is wrong\"", "session{id=1"]);
    line(&["login failed", "why=\"no account has this name\""]);
    line(&["banned", "host=\"127.0.0.1\"", "seconds=3600"]);
    assert!(!log.contains("too many logins have failed"), "two are not too many:\n{log}");
    let ended = log.lines().filter(|line| line.contains("session ended") || line.contains("login failed"));
    for line in ended {
        let fields = line.split_once("}: ").unwrap().1;
        assert!(can_be_split(fields), "{line}");
    }
}
