//! What it says when it is ready, when it is not, and what others see of it.

use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use rustix::process::Signal;

use crate::server::{Server, command};

/// Exit status and the one line on standard error.
fn refused(options: &str) -> (Option<i32>, String) {
    let output = command(options).output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    let says = String::from_utf8(output.stderr).unwrap();
    assert_eq!(says.lines().count(), 1, "{says}");
    assert!(!says.contains("os error"), "words, not numbers: {says}");
    (output.status.code(), says)
}

#[test]
fn the_ready_notice_has_a_line_with_the_real_port_for_each_listener() {
    let server =
        Server::start("--user ann:secret --listen 127.0.0.2:0 --listen [::1]:0 --listen-1973 127.0.0.2:0");
    let kinds: Vec<_> = server.ready.iter().map(|line| line.split(' ').nth(3).unwrap()).collect();
    assert_eq!(kinds, ["(ftp)", "(ftp)", "(ftp-1973)"]);
    for line in 0..3 {
        assert!(server.ready[line].starts_with("listening on "));
        assert_ne!(server.address(line).port(), 0);
        TcpStream::connect(server.address(line)).unwrap();
    }
}

#[test]
fn a_password_of_the_command_line_is_in_no_process_listing() {
    let server = Server::start("--user ann:s3cret --user=bob:s3cret:ro --listen 127.0.0.2:0");
    let listed = std::fs::read(format!("/proc/{}/cmdline", server.child.id())).unwrap();
    let listed = String::from_utf8(listed).unwrap().replace('\0', " ");
    assert!(listed.contains("--listen 127.0.0.2:0") && listed.contains("--root"), "{listed}");
    assert!(!listed.contains("s3cret") && !listed.contains("--user"), "{listed}");
    let environment = std::fs::read(format!("/proc/{}/environ", server.child.id())).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("s3cret"));
    let (_, log) = server.stop(Signal::TERM);
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn sigterm_and_sigint_end_it_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start("--anonymous --listen 127.0.0.2:0");
        let _idle = TcpStream::connect(server.address(0)).unwrap();
        assert_eq!(server.stop(signal).0.code(), Some(0), "{signal:?}");
    }
}

#[test]
fn options_that_cannot_be_are_usage_errors_in_one_line() {
    let check = |options: &str, says: &str| {
        let (status, said) = refused(options);
        assert_eq!(status, Some(2), "{options}: {said}");
        assert!(said.contains(says), "{options}: {said}");
    };
    check("--root /", "nobody can log in");
    check("--user ann:secret", "--root is missing");
    check("--root / --user secret", "there is no ':'");
    check("--root / --anonymous --listen here", "write IP:PORT or [IPv6]:PORT");
    check("--root / --anonymous --listne [::1]:0", "a similar argument exists: '--listen'");
    check("--root / --anonymous --listen-idle 5w", "the unit must be");
    check("--root / --anonymous --foreign maybe", "never, proven, authenticated");
    check("--root / --anonymous --congestion ../bbr", "write a name as the kernel has it");
    let clear = "--listen-1973 127.0.0.2:0";
    check(&format!("--root / --anonymous --tls-self-signed --require-tls {clear}"), "--listen-1973");
}

#[test]
fn a_world_that_refuses_is_told_in_one_line_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.2:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (status, said) = refused(&format!("--root / --anonymous --listen {address}"));
    assert_eq!(status, Some(1));
    assert!(said.contains(&address.to_string()) && said.contains("choose another port"), "{said}");

    let file = tempfile::NamedTempFile::new().unwrap();
    let root = file.path().display();
    let (status, said) = refused(&format!("--anonymous --listen 127.0.0.2:0 --root {root}"));
    assert_eq!(status, Some(1));
    assert!(said.contains(&root.to_string()) && said.contains("must be a directory"), "{said}");
}

#[test]
fn the_congestion_control_is_tried_at_the_start_and_the_log_names_it() {
    let options = |name: &str| format!("--anonymous --listen 127.0.0.2:0 --congestion {name}");
    let (status, said) = refused(&format!("--root / {}", options("no-such-one")));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("no congestion control no-such-one: load it as root"), "{said}");
    // Every Linux has Reno, and lets every user use it.
    let mut command = command(&options("reno"));
    let server = Server::with(command.stderr(Stdio::piped()), tempfile::tempdir().unwrap(), 1);
    let (_, log) = server.stop(Signal::TERM);
    assert!(log.contains("congestion=\"reno\""), "{log}");
}

#[test]
fn the_root_of_a_server_stays_as_it_is_when_nobody_comes() {
    let server = Server::start("--anonymous --listen 127.0.0.2:0");
    assert_eq!(std::fs::read_dir(server.root.path()).unwrap().count(), 0);
}
