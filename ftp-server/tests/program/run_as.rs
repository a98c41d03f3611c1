//! A server that root has started and that goes on as somebody else.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Stdio;

use ftp_io::socket::TcpSettings;
use rustix::process::{Signal, geteuid};

use crate::server::{Client, Server, command, say_skipped};

/// A user that every system has.
const USER: &str = "nobody";

/// The numbers of that user and of its group.
fn ids() -> (u32, u32) {
    let all = fs::read_to_string("/etc/passwd").unwrap();
    let line = all.lines().find(|line| line.starts_with("nobody:")).unwrap();
    let fields: Vec<_> = line.split(':').collect();
    (fields[2].parse().unwrap(), fields[3].parse().unwrap())
}

fn is_root() -> bool {
    if !geteuid().is_root() {
        say_skipped("only root can go on as somebody else");
    }
    geteuid().is_root()
}

#[test]
fn no_thread_of_it_is_root_any_more_after_a_port_of_root_was_opened() {
    if !is_root() {
        return;
    }
    let (user, group) = ids();
    let root = tempfile::tempdir().unwrap();
    chown(root.path(), Some(user), Some(group)).unwrap();
    let mut command = command(&format!("--user ann:secret --listen 127.0.77.1:21 --run-as {USER}"));
    let server = Server::with(command.stderr(Stdio::piped()), root, 1);
    let mut client = Client::login_for_files(&server);
    client.store(&server, "STOR file");
    let tasks: Vec<_> = fs::read_dir(format!("/proc/{}/task", server.child.id())).unwrap().collect();
    assert!(tasks.len() > 1);
    for task in tasks {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let numbers = |name: &str| -> Vec<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().map(|number| number.parse().unwrap()).collect()
        };
        assert_eq!(numbers("Uid:"), [user; 4], "{status}");
        assert_eq!(numbers("Gid:"), [group; 4], "{status}");
        assert_eq!(numbers("Groups:"), [group], "{status}");
    }
    assert_eq!(fs::metadata(server.root.path().join("file")).unwrap().uid(), user);
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
}

#[test]
fn what_is_read_again_must_be_readable_for_that_user() {
    if !is_root() {
        return;
    }
    let (user, group) = ids();
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let users = place.path().join("users");
    fs::write(&users, "ann:secret\n").unwrap();
    fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).unwrap();
    let options = format!("--users {} --listen 127.0.0.2:0 --run-as {USER}", users.display());
    let root = tempfile::tempdir().unwrap();
    chown(root.path(), Some(user), Some(group)).unwrap();
    let output = command(&options).arg("--root").arg(root.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("as the user \"nobody\" of run-as") && said.contains("users"), "{said}");
    chown(&users, Some(user), Some(group)).unwrap();
    let mut server = Server::with(command(&options).stderr(Stdio::piped()), root, 1);
    server.signal(Signal::HUP);
    server.logs("users, limits and certificates were read again");
    Client::login(&server).say("NOOP", "200");
}

#[test]
fn a_user_that_is_not_there_is_an_error() {
    let output = command("--root / --anonymous --listen 127.0.0.2:0 --run-as no-such-user").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no-such-user") && said.contains("no such user"), "{said}");
}

#[test]
fn a_congestion_control_that_is_listed_and_refused_is_an_error_that_says_what_to_do() {
    if !is_root() {
        return;
    }
    let TcpSettings { available, allowed, .. } = TcpSettings::of_host();
    let Some(name) = available.iter().find(|name| !allowed.contains(name)) else {
        return say_skipped("every user may use every congestion control here");
    };
    let root = tempfile::tempdir().unwrap();
    let options = format!("--anonymous --listen 127.0.0.2:0 --congestion {name} --run-as {USER}");
    let output = command(&options).arg("--root").arg(root.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains(&format!("may not use the congestion control {name}")), "{said}");
    assert!(said.contains("sysctl net.ipv4.tcp_allowed_congestion_control"), "{said}");
}
