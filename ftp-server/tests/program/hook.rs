//! The operator's program after an upload.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::Signal;

use crate::server::{Client, Server, command, until};

/// A configuration with this hook, and the directory where the hook may write.
fn server(script: &str, more: &str) -> (Server, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("hook");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let (hook, out) = (program.display(), place.path().display());
    let text = format!("[hooks]\nafter-upload = [\"{hook}\", \"{out}\", \"an argument $(x)\"]\n{more}\n");
    let config = place.path().join("server.toml");
    fs::write(&config, text).unwrap();
    let options =
        format!("--config {} --user ann:secret --listen 127.0.0.2:0 --metrics 127.0.0.2:0", config.display());
    let root = tempfile::tempdir().unwrap();
    (Server::with(command(&options).stderr(Stdio::piped()), root, 2), place)
}

fn store(client: &mut Client, server: &Server, name: &str) {
    let mut data = client.transfer(server, &format!("STOR {name}"));
    data.write_all(b"content").unwrap();
    drop(data);
    client.expect("226");
}

/// What the hook has written under this name, when it is complete.
fn written(place: &Path, name: &str) -> String {
    let path: PathBuf = place.join(name);
    until(name, || fs::read_to_string(&path).ok().filter(|text| text.ends_with("end\n")))
}

#[test]
fn the_hook_is_told_of_each_upload_and_of_the_new_name_of_the_last_one() {
    let script = "{ echo \"$2\"; env; echo end; } > \"$1/$FTP_COMMAND.part\"; mv \"$1/$FTP_COMMAND.part\" \"$1/$FTP_COMMAND\"";
    let (server, place) = server(script, "");
    let mut client = Client::login(&server);
    client.say("TYPE I", "200");
    client.say("MKD sub", "257");
    store(&mut client, &server, "sub/a b;$(x)");
    let told = written(place.path(), "STOR");
    let file = server.root.path().canonicalize().unwrap().join("sub/a b;$(x)");
    for line in [
        "an argument $(x)",
        "FTP_COMMAND=STOR",
        "FTP_PATH=/sub/a b;$(x)",
        &format!("FTP_FILE={}", file.display()),
        "FTP_USER=ann",
        "FTP_CLIENT=127.0.0.1",
        "FTP_BYTES=7",
    ] {
        assert!(told.lines().any(|found| found == line), "{line}:\n{told}");
    }
    assert!(!told.contains("secret") && !told.contains("FTP_PATH_BEFORE"), "{told}");
    client.say("RNFR sub/a b;$(x)", "350");
    client.say("RNTO final", "250");
    let told = written(place.path(), "RNTO");
    for line in ["FTP_PATH=/final", "FTP_PATH_BEFORE=/sub/a b;$(x)"] {
        assert!(told.lines().any(|found| found == line), "{line}:\n{told}");
    }
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
}

#[test]
fn a_failure_is_logged_and_the_server_waits_for_hooks_before_it_ends() {
    let (server, place) = server(
        "case $FTP_PATH in /bad) echo no space >&2; exit 4;; esac; sleep 1; echo end > \"$1/done\"",
        "",
    );
    let mut client = Client::login(&server);
    client.say("TYPE I", "200");
    store(&mut client, &server, "bad");
    store(&mut client, &server, "good");
    client.say("QUIT", "221");
    let (status, log) = server.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0));
    assert_eq!(fs::read_to_string(place.path().join("done")).unwrap(), "end\n", "{log}");
    let failed = log.lines().find(|line| line.contains("hook failed")).unwrap_or_default();
    assert!(
        failed.contains("no space") && failed.contains("exit status: 4") && failed.contains("/bad"),
        "{log}"
    );
}

/// No hook ends before the last upload has its final reply.
#[test]
fn uploads_do_not_wait_for_their_hooks() {
    let script = "until [ -e \"$1/go\" ]; do sleep 0.05; done; echo end > \"$1/done\"";
    let (server, place) = server(script, "time = \"10m\"\nat-once = 1");
    let mut client = Client::login(&server);
    client.say("TYPE I", "200");
    for name in ["a", "b", "c"] {
        store(&mut client, &server, name);
    }
    assert!(!place.path().join("done").exists());
    fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(written(place.path(), "done"), "end\n");
    client.say("QUIT", "221");
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
}

#[test]
fn a_hook_that_hangs_is_killed_and_surplus_hooks_are_left_out() {
    let (server, _place) = server("sleep 600", "time = \"1s\"\nat-once = 1\nwaiting = 2");
    let mut client = Client::login(&server);
    client.say("TYPE I", "200");
    for name in ["a", "b", "c", "d", "e"] {
        store(&mut client, &server, name);
    }
    client.say("QUIT", "221");
    let (status, log) = server.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0));
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(count("hook failed"), 5, "{log}");
    assert!(count("was ended after") >= 1 && count("hooks-waiting") >= 1, "{log}");
}

#[test]
fn a_hook_without_a_whole_path_is_a_mistake_of_the_configuration() {
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("server.toml");
    fs::write(&config, "root = \"/\"\nanonymous = true\n[hooks]\nafter-upload = [\"notify\"]\n").unwrap();
    let output = command(&format!("check-config {}", config.display())).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("after-upload") && said.contains("absolute"), "{said}");
}
