//! Files that options, settings and the environment name, if the name is that of something else: no program waits without
//! a word, and none reads without an end.

use integration_tests::binary::{Program, Running};
use integration_tests::site::{Site, sample};
use integration_tests::user::{User, user};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::path::Path;
use std::process::{Command, Stdio};

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// A run with a pipe `pipe` that nobody writes.
fn with_pipe() -> User {
    let user = user();
    fifo(&user.home().join("pipe"));
    user
}

/// Settings with a relay whose token is in a pipe.
const RELAY: &str = "[[relays]]\nname = \"r\"\naddress = \"127.0.0.9:2\"\ntoken-file = \"pipe\"\n";

#[test]
fn n15_a_pipe_or_a_device_in_the_place_of_a_file_is_refused_at_once() {
    let place = "ftp://ann@127.0.0.9:1/x";
    let not_regular = "not a regular file";
    for (args, words) in [
        (vec!["--config", "pipe", "ls", place], not_regular),
        (vec!["--config", "/dev/zero", "ls", place], not_regular),
        (vec!["--config", "/", "ls", place], "is a directory"),
        (vec!["--ca", "pipe", "ls", place], not_regular),
        (vec!["--ca", "/dev/zero", "ls", place], not_regular),
        (vec!["--trace", "pipe", "ls", place], "nobody reads this pipe"),
        (vec!["--password-file", "pipe", "ls", place], "nobody has written into this pipe"),
        (vec!["copy", "--from-file", "pipe"], "nobody has written into this pipe"),
        (vec!["copy", "--from-file", "/dev/zero"], not_regular),
    ] {
        let run = with_pipe().args(&args).run().fails().says(words);
        assert_ne!(run.code(), Some(5), "{args:?}: no server was asked: {run}");
    }
    let user = user();
    fifo(&user.home().join(".netrc"));
    drop(user.args(["ls", place]).run().fails().says(".netrc").says(not_regular));
    let run = with_pipe().file("settings", RELAY).args(["--config", "settings", "probe"]);
    drop(run.args([place, "ftp://ann@127.0.0.9:1/y"]).run().fails().says(not_regular));
}

#[test]
fn a_password_and_a_list_may_come_through_a_pipe() {
    let from = Site::new("piped").file("a", sample(100)).start();
    let home = tempfile::tempdir().unwrap();
    let url = from.url("a");
    let (start, rest) = url.split_once("://").unwrap();
    let (login, host) = rest.rsplit_once('@').unwrap();
    let (name, password) = login.split_once(':').unwrap();
    let password = password.replace("%3A", ":");
    for (index, script) in [
        "\"$PROGRAM\" copy --password-file <(printf %s \"$PASSWORD\") \"$PLACE\" copied",
        "\"$PROGRAM\" copy --from-file <(printf '%s\\tcopied\\n' \"$URL\")",
    ]
    .iter()
    .enumerate()
    {
        let there = home.path().join(index.to_string());
        std::fs::create_dir(&there).unwrap();
        let mut command = Command::new("bash");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["-c", script]).current_dir(&there).env("HOME", &there);
        command.env("PROGRAM", Program::User.path()).env("PASSWORD", &password);
        command.env("PLACE", format!("{start}://{name}@{host}")).env("URL", &url);
        let mut run = Running::start("piped", command);
        assert!(run.wait().success(), "{script}: {}", run.said());
        assert_eq!(std::fs::read(there.join("copied")).unwrap(), sample(100), "{script}");
    }
}

#[test]
fn servers_and_relays_refuse_a_pipe_as_well() {
    let home = tempfile::tempdir().unwrap();
    fifo(&home.path().join("pipe"));
    let server: &[&str] = &["--listen", "127.0.0.2:0", "--root", "."];
    let relay: &[&str] = &["run", "--listen", "127.0.0.2:0"];
    for (program, args, more) in [
        (Program::Server, server, &["--config", "pipe"][..]),
        (Program::Server, server, &["--users", "pipe"]),
        (Program::Server, server, &["--users", "/dev/zero"]),
        (Program::Server, server, &["--user", "ann:x", "--tls-cert", "pipe", "--tls-key", "pipe"]),
        (Program::RelayAgent, relay, &["--token-file", "pipe"]),
    ] {
        let mut command = program.command();
        command.args(args).args(more).current_dir(home.path());
        let mut run = Running::start("pipe", command);
        assert!(!run.wait().success(), "{program:?} {more:?}: {}", run.said());
        assert!(run.said().contains("not a regular file"), "{program:?} {more:?}: {}", run.said());
    }
}
