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

/// What the hook has written under this name, when it is complete.
fn written(place: &Path, name: &str) -> String {
    let path: PathBuf = place.join(name);
    until(name, || fs::read_to_string(&path).ok().filter(|text| text.ends_with("end\n")))
}

#[test]
fn the_hook_is_told_of_each_upload_and_of_each_new_name_of_a_file() {
    let script = "{ echo \"$2\"; env; echo end; } > \"$1/$FTP_COMMAND.part\"; mv \"$1/$FTP_COMMAND.part\" \"$1/$FTP_COMMAND\"";
    let (server, place) = server(script, "");
    let mut client = Client::login_for_files(&server);
    client.store(&server, "STOR -rf a  b;$(touch x)`touch x`");
    let told = written(place.path(), "STOR");
    let file = server.root.path().canonicalize().unwrap().join("-rf a  b;$(touch x)`touch x`");
    for line in [
        "an argument $(x)",
        "FTP_COMMAND=STOR",
        "FTP_PATH=/-rf a  b;$(touch x)`touch x`",
        &format!("FTP_FILE={}", file.display()),
        "FTP_USER=ann",
        "FTP_CLIENT=127.0.0.1",
        "FTP_BYTES=7",
        "FTP_WHOLE=yes",
    ] {
        assert!(told.lines().any(|found| found == line), "{line}:\n{told}");
    }
    assert!(!told.contains("secret") && !told.contains("FTP_PATH_BEFORE"), "{told}");
    client.say("RNFR -rf a  b;$(touch x)`touch x`", "350");
    client.say("RNTO final", "250");
    let told = written(place.path(), "RNTO");
    for line in ["FTP_PATH=/final", "FTP_PATH_BEFORE=/-rf a  b;$(touch x)`touch x`"] {
        assert!(told.lines().any(|found| found == line), "{line}:\n{told}");
    }
    assert!(!server.root.path().join("x").exists() && !place.path().join("x").exists());
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
}

/// A client that wants no hook to see a file: it ends the upload before its end, or renames a file that is not the last
/// one, from another session.
#[test]
fn the_hook_is_told_of_what_an_upload_leaves_that_is_not_whole_and_of_what_others_rename() {
    let script = "echo \"$FTP_COMMAND $FTP_PATH $FTP_WHOLE$FTP_DIRECTORY.\" >> \"$1/seen\"";
    let (server, place) = server(script, "");
    let mut client = Client::login_for_files(&server);
    let mut data = client.transfer(&server, "STOR part");
    data.write_all(b"content").unwrap();
    until("the bytes have come", || {
        client.send("STAT");
        let lines: Vec<String> = std::iter::repeat_with(|| client.line())
            .take_while(|line| !line.starts_with("213 ") && !line.starts_with("211 "))
            .collect();
        lines.iter().any(|line| line.contains("Bytes 7")).then_some(())
    });
    client.say("ABOR", "426");
    client.expect("226");
    client.store(&server, "STOR first");
    client.say("MKD directory", "257");
    client.store(&server, "STOR directory/inside");
    client.store(&server, "STOR second");
    let mut other = Client::login(&server);
    for (from, to) in [("first", "third"), ("directory", "elsewhere")] {
        other.say(&format!("RNFR {from}"), "350");
        other.say(&format!("RNTO {to}"), "250");
    }
    client.say("QUIT", "221");
    other.say("QUIT", "221");
    let (_, log) = server.stop(Signal::TERM);
    let seen = fs::read_to_string(place.path().join("seen")).unwrap();
    let mut seen: Vec<&str> = seen.lines().collect();
    seen.sort_unstable();
    // What is below a directory that got another name is not told file by file.
    let expect = [
        "RNTO /elsewhere yes.",
        "RNTO /third .",
        "STOR /directory/inside yes.",
        "STOR /first yes.",
        "STOR /part no.",
        "STOR /second yes.",
    ];
    assert_eq!(seen, expect, "{log}");
}

/// The client of each session is gone before the server has answered its command.
#[test]
fn a24_what_a_session_has_begun_when_it_is_reset_has_its_line_and_its_hook() {
    const EACH: usize = 7;
    let (server, place) = server("echo \"$FTP_PATH\" >> \"$1/seen\"", "");
    let root = server.root.path().to_owned();
    for number in 0..EACH {
        fs::create_dir(root.join(format!("old{number}"))).unwrap();
        fs::write(root.join(format!("from{number}")), "").unwrap();
        for command in ["RMD old", "MKD new", "RNTO to"] {
            let mut client = Client::login(&server);
            if command.starts_with("RNTO") {
                client.say(&format!("RNFR from{number}"), "350");
            }
            client.send(&format!("{command}{number}"));
            client.reset();
        }
        let mut client = Client::login_for_files(&server);
        let mut data = client.transfer(&server, &format!("STOR stored{number}"));
        data.write_all(b"content").unwrap();
        drop(data);
        client.reset();
    }
    let (status, log) = server.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
    let seen = fs::read_to_string(place.path().join("seen")).unwrap_or_default();
    for number in 0..EACH {
        let name = |what: &str| format!("{what}{number}");
        let exists = |what: &str| root.join(name(what)).exists();
        let has_line = |what: &str| {
            log.lines().any(|line| line.contains("changed") && line.contains(&format!("/{}\"", name(what))))
        };
        let has_hook = |what: &str| seen.lines().any(|line| line == format!("/{}", name(what)));
        assert!(exists("old") || has_line("old"), "RMD {number}:\n{log}");
        assert!(!exists("new") || has_line("new"), "MKD {number}:\n{log}");
        assert!(!exists("to") || has_line("to") && has_hook("to"), "RNTO {number}:\n{log}");
        let bytes = fs::metadata(root.join(name("stored"))).map_or(0, |found| found.len());
        assert!(bytes == 0 || has_hook("stored"), "STOR {number}:\n{log}");
    }
}

#[test]
fn a_failure_is_logged_and_the_server_waits_for_hooks_before_it_ends() {
    let (server, place) = server(
        "case $FTP_PATH in /bad) echo no space >&2; exit 4;; esac; sleep 1; echo end > \"$1/done\"",
        "",
    );
    let mut client = Client::login_for_files(&server);
    client.store(&server, "STOR bad");
    client.store(&server, "STOR good");
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
    let mut client = Client::login_for_files(&server);
    for name in ["a", "b", "c"] {
        client.store(&server, &format!("STOR {name}"));
    }
    assert!(!place.path().join("done").exists());
    fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(written(place.path(), "done"), "end\n");
    client.say("QUIT", "221");
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
}

/// The third upload waits for the second one's hook to begin.
#[test]
fn a_hook_that_hangs_is_killed_and_uploads_wait_for_room() {
    let (server, _place) = server("sleep 600", "time = \"1s\"\nat-once = 1\nwaiting = 2");
    let mut client = Client::login_for_files(&server);
    for name in ["a", "b", "c"] {
        client.store(&server, &format!("STOR {name}"));
    }
    client.say("QUIT", "221");
    let (status, log) = server.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0));
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!((count("hook failed"), count("was ended after")), (3, 3), "{log}");
}

/// Each group has more files than hooks may wait.
#[test]
fn no_file_of_a_group_is_left_out_however_many_there_are() {
    let script = "echo \"$FTP_PATH\" >> \"$1/seen\"; case $FTP_PATH in /1-7|/1-9) exit 3;; esac";
    let (server, place) = server(script, "at-once = 2\nwaiting = 8");
    let mut client = Client::login_for_files(&server);
    client.say("DGST SHA-256", "200");
    for group in 0..3 {
        let files: Vec<String> = (0..20).map(|file| format!("1,-,{group}-{file}")).collect();
        let mut data = client.transfer(&server, &format!("PACK STORE {group} ///{}", files.join("/")));
        for _ in 0..20 {
            data.write_all(&[1, 0, 0, 0, 0, 0, 0, 0, 1, b'x']).unwrap();
        }
        drop(data);
        while client.line().starts_with("226-") {}
        client.say(&format!("PACK KEEP {group} 1-20"), "250");
    }
    client.say("QUIT", "221");
    let (status, log) = server.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0));
    let seen = fs::read_to_string(place.path().join("seen")).unwrap();
    let mut seen: Vec<&str> = seen.lines().collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 60, "{log}");
    let failed: Vec<&str> = log.lines().filter(|line| line.contains("hook failed")).collect();
    assert!(
        matches!(failed[..], [line] if line.contains("count=2") && line.contains("1-7") && line.contains("1-9")),
        "{log}"
    );
}
