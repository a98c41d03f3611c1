//! Foreign servers that permit few sessions: a tree is copied by fewer, and a login that is refused for that is told as such.

use integration_tests::foreign::{Foreign, ForeignServer, Hosts, Kind, Skipped};
use integration_tests::or_skip;
use integration_tests::site::{Site, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, user};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

const FILES: usize = 40;

/// A server of other people, how it is told how many sessions it permits, and what it says to one more.
struct Limited {
    kind: Kind,
    option: &'static str,
    code: u16,
    words: &'static str,
}

const SERVERS: [Limited; 2] = [
    Limited {
        kind: Kind::Vsftpd,
        option: "max_per_ip=",
        code: 421,
        words: "There are too many connections from your internet address.",
    },
    Limited {
        kind: Kind::Proftpd,
        option: "MaxClientsPerUser ",
        code: 530,
        words: "Sorry, the maximum number of clients",
    },
];

impl Limited {
    fn permitting(&self, sessions: usize) -> Foreign {
        Foreign::new(self.kind).foreign(Hosts::Allowed).extra(&format!("{}{sessions}", self.option))
    }
}

fn copied(words: &[&str], from: &str, to: &str) -> Run {
    user()
        .args(["copy", "-r", "--json", "--retries", "1", "--timeout", "20s"])
        .args(words)
        .args([from, to])
        .run()
}

/// The tree is there, and the program has said why fewer files moved at the same time.
fn is_done(run: Run, limited: &Limited, server: &ForeignServer) {
    let said = server.said();
    let run = run.never_says("check the user and the password");
    assert_eq!((run.code(), run.summary()["files"].as_u64()), (Some(0), Some(FILES as u64)), "{run}\n{said}");
    let jobs = run.events("jobs");
    let [found] = jobs.as_slice() else { panic!("{run}\n{said}") };
    let (number, why) = (found["number"].as_u64().unwrap(), found["why"].as_str().unwrap());
    assert!((1..=3).contains(&number) && found["reason"] == "refused", "{run}");
    assert!(why.contains(limited.words) && why.contains("fewer sessions help"), "{run}");
}

#[test]
fn a_job_goes_on_with_as_many_sessions_as_a_server_permits() {
    for limited in &SERVERS {
        let tree =
            (0..FILES).fold(Site::new("source"), |site, n| site.file(&format!("t/{n}"), sample(1000 + n)));
        let from = tree.start();
        let to = or_skip!(limited.permitting(3).at("127.0.0.3").start());
        let run = copied(&["-j", "8"], &from.url("t"), &to.url("new/"));
        is_done(run, limited, &to);
        for number in 0..FILES {
            assert!(to.bytes(&format!("new/t/{number}")) == sample(1000 + number), "{number}");
        }
        // The same server as the source, where the walk has a session as well.
        let back = Site::new("target").at("127.0.0.4").start();
        is_done(copied(&["-j", "8"], &to.url("new/t"), &back.url("back/")), limited, &to);
    }
}

/// A listing for which one more session would be needed.
fn refused(limited: &Limited) -> Result<Run, Skipped> {
    let server = limited.permitting(1).at("127.0.0.3").file("a.bin", sample(10)).start()?;
    let held = held(&server);
    let run = user().args(["ls", "--retries", "0", "--timeout", "10s"]).args([server.url("")]).run();
    drop(held);
    Ok(run)
}

/// The one session. The connection that has shown that the server is there may end only now.
fn held(server: &ForeignServer) -> BufReader<TcpStream> {
    let mut held = None;
    until("a session", || {
        let mut lines = BufReader::new(TcpStream::connect(server.address()).unwrap());
        let mut line = String::new();
        let is_greeted = lines.read_line(&mut line).is_ok() && line.starts_with("220");
        held = is_greeted.then_some(lines);
        held.is_some()
    });
    let (mut held, (user, password)) = (held.unwrap(), server.user());
    for (command, expect) in [(format!("USER {user}\r\n"), "331"), (format!("PASS {password}\r\n"), "230")] {
        held.get_mut().write_all(command.as_bytes()).unwrap();
        let mut line = String::new();
        held.read_line(&mut line).unwrap();
        assert!(line.starts_with(expect), "{line}");
    }
    held
}

#[test]
fn a_session_too_many_is_told_as_such_and_is_temporary() {
    for limited in &SERVERS {
        let run = or_skip!(refused(limited)).exits(5).never_says("check the user");
        run.says(&format!("said \"{} {}", limited.code, limited.words)).says("fewer sessions help: --jobs 1");
    }
}
