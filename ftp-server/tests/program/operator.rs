//! What the operator sees of a running server and does to it.

use std::process::Output;

use rustix::process::Signal;

use crate::server::{Client, Server, command};

fn run(words: &str) -> Output {
    command(words).output().unwrap()
}

#[test]
fn the_operator_lists_sessions_and_ends_one() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().display();
    let server = Server::start(&format!("--user ann:secret --listen 127.0.0.2:0 --state {state}"));
    let (mut first, mut second) = (Client::login(&server), Client::login(&server));
    first.say("NOOP", "200");
    let listed = run(&format!("who --state {state}"));
    assert!(listed.status.success(), "{listed:?}");
    let text = String::from_utf8(listed.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("1 127.0.0.1:") && lines[0].ends_with("\"NOOP\""), "{text}");
    assert!(lines[1].starts_with("2 127.0.0.1:") && lines[1].contains(" \"ann\" "), "{text}");
    assert!(!text.contains("secret"), "{text}");

    assert!(run(&format!("kick 2 --state {state}")).status.success());
    assert!(second.expect("421").contains("operator"));
    assert_eq!(second.line(), "");
    first.say("NOOP", "200");
    let again = run(&format!("kick 99 --state {state}"));
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stderr).unwrap().contains("there is no session 99"));

    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
    let nobody = run(&format!("who --state {state}"));
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8(nobody.stderr).unwrap().contains("no server answers"));
}

#[test]
fn a_server_that_stops_still_answers_its_operator() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().display();
    let server = Server::start(&format!("--user ann:secret --listen 127.0.0.2:0 --state {state}"));
    let (mut idle, mut busy) = (Client::login(&server), Client::login(&server));
    busy.say("TYPE I", "200");
    let data = busy.transfer(&server, "STOR file");
    server.signal(Signal::TERM);
    idle.expect("421");
    let listed = run(&format!("who --state {state}"));
    let text = String::from_utf8(listed.stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("2 ") && line.contains("STOR file")), "{text}");
    assert!(run(&format!("kick 2 --state {state}")).status.success());
    drop(data);
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
}

#[test]
fn a_state_directory_that_another_server_holds_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let options = format!("--anonymous --listen 127.0.0.2:0 --state {}", state.path().display());
    let server = Server::start(&options);
    let refused = run(&format!("--root {} {options}", server.root.path().display()));
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("another server uses it"), "{said}");
}
