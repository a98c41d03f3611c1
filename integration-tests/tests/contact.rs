//! The first contact with something that is no FTP server, does not answer, or has no address: one line says what is there and
//! what to do, and nothing is tried again.

use integration_tests::binary::Program;
use integration_tests::or_skip;
use integration_tests::relay::{Greeter, wrong_token_file};
use integration_tests::silent_names::{NAME, SilentNames, UNKNOWN};
use integration_tests::site::Site;
use integration_tests::user::{Run, user, user_at};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

/// A web server without TLS. It waits for a question.
pub(crate) fn web() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                // Whoever has asked may have gone.
                drop(stream.read(&mut [0; 4096]));
                drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
            });
        }
    });
    address
}

#[test]
fn a_resolver_that_is_silent_ends_with_the_timeout_and_is_named() {
    let names = or_skip!(SilentNames::new("127.0.0.2", "options timeout:3 attempts:1"));
    let site = Site::new("known").file("a", "a").start();
    let run = |words: &[&str]| {
        let words = words.iter().map(|word| format!(" '{word}'")).collect::<String>();
        let line = format!("{} {}{words}", names.launcher(), Program::User.path().display());
        user_at(Path::new("/bin/sh")).args(["-c", &line]).run()
    };
    let at = |host: &str| site.url("a").replace("127.0.0.2", host);
    // The program gives up, or the C library.
    for patience in ["300ms", "20s"] {
        let silent = run(&["--timeout", patience, "copy", &at(NAME), &at("silent.test")]);
        at_once(silent.exits(5))
            .says("the resolver does not answer about the host silent.test")
            .says("check the resolver of this host");
    }
    let unknown = run(&["--timeout", "20s", "copy", &at(NAME), &at(UNKNOWN)]);
    at_once(unknown.exits(1))
        .says("cannot find the host unknown.test: no such name is known")
        .never_says("address information");
    run(&["--timeout", "20s", "copy", &at(NAME), "b"]).exits(0);
}

/// Nothing was tried a second time.
fn at_once(run: Run) -> Run {
    run.never_says("trying again")
}

#[test]
fn what_greets_in_another_protocol_is_named_by_every_verb() {
    for (greeting, words) in [
        (&b"SSH-2.0-OpenSSH_9.9\r\n"[..], "is an SSH server, not an FTP server: it said \"SSH-2.0"),
        (b"220 mx.example ESMTP Postfix\r\n", "is a mail server (SMTP), not an FTP server"),
        (b"* OK IMAP4rev1 ready\r\n", "is a mail server (IMAP), not an FTP server"),
    ] {
        let at = Greeter::saying("127.0.0.1", greeting).address();
        let run = at_once(user().args(["ls", &format!("ftp://{at}/")]).run().exits(1)).says(words);
        assert_eq!(run.said.lines().count(), 1, "{run}");
        run.says("check host and port");
    }
    let ours = Site::new("other").file("a", b"a").start();
    let ssh = Greeter::saying("127.0.0.1", b"SSH-2.0-x\r\n").address();
    let there = format!("ftp://{ssh}/a");
    let here = ours.url("a");
    for words in [
        vec!["stat", &there],
        vec!["cat", &there],
        vec!["tree", &there],
        vec!["mkdir", &there],
        vec!["rm", &there],
        vec!["mv", &there, &there],
        vec!["hash", &there],
        vec!["copy", &there, "b"],
        vec!["copy", &here, &there],
        vec!["append", &here, &there],
        vec!["move", &there, "b"],
        vec!["probe", &here, &there],
    ] {
        at_once(user().args(&words).run().exits(1)).says("is an SSH server, not an FTP server");
    }
}

#[test]
fn what_says_nothing_is_looked_at() {
    let tls = Site::new("tls").tls().start();
    let started = [
        (format!("ftp://{}/", web()), "is a web server, not an FTP server"),
        (
            tls.implicit_url("").replace("ftps://", "ftp://"),
            "speaks TLS on this port from the first byte on; use ftps://",
        ),
    ];
    let started = started.map(|(place, words)| (user().args(["ls", &place]).start(), words));
    for (run, words) in started {
        at_once(run.end().exits(1)).says(words);
    }
}

#[test]
fn a_port_where_nobody_listens_costs_one_try() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    at_once(user().args(["ls", &format!("ftp://{nobody}/")]).run().exits(5))
        .says("connection refused; check that a server listens there");
    let (plain, nowhere) = (Site::new("plain").start(), format!("ftp://{nobody}/"));
    let refused =
        |end: &str| format!("cannot connect to the {end} {nobody}: connection refused; trying again");
    let copy = |from: &str, to: &str| user().args(["copy", "--retries", "1", from, to]).run().exits(5);
    copy(&nowhere, &plain.url("")).says(&refused("source"));
    copy(&plain.url("a"), &nowhere).says(&refused("destination"));
    at_once(user().args(["ls", &plain.url("").replace("ftp://", "ftps://")]).run().exits(1))
        .says("does not speak TLS on this port; use ftpes://");
}

#[test]
fn a_relay_that_does_not_help_is_told_behind_the_failure_of_the_server() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let token = wrong_token_file();
    let run =
        user().args(["ls"]).relay(nobody, token.path()).args([format!("ftp://{nobody}/")]).run().exits(5);
    let said = run.says("no relay reaches it either: ").to_string();
    let server = said.find(&format!("cannot connect to {nobody}"));
    assert!(server < said.find(&format!("the relay {nobody}")) && server.is_some(), "{said}");
}
