//! What users give to the programs and files of the operator: hooks, the xferlog, `who` and `kick`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::socket::until;
use rustix::process::Signal;

use super::{Bob, site};
use crate::accounts::Secrets;
use std::io::Write;

/// Names that a shell, a program or a log would take for something else.
const NAMES: [&str; 6] =
    ["$(touch owned)", "a;touch owned", "-rf", "`touch owned`", "a b  c", "\u{202e}txt.exe"];

#[test]
fn a_hook_gets_each_name_as_it_is_and_no_shell_reads_it() {
    let secrets = Secrets::new();
    let seen = secrets.file("seen", "");
    let hook =
        secrets.file("hook", &format!("#!/bin/sh\nprintf '%s\\n' \"$#:$FTP_PATH\" >>{}\n", seen.display()));
    fs::set_permissions(&hook, Permissions::from_mode(0o700)).unwrap();
    let server = site("hook").config(&format!("[hooks]\nafter-upload = [{hook:?}]\n")).start();
    let mut ann = server.login_binary(Rfc959);
    for name in NAMES {
        ann.store("EPSV", &format!("STOR {name}"), b"content");
    }
    let expected = |name: &&&str| format!("0:/{name}");
    until("each upload has its hook", || {
        let seen = fs::read_to_string(&seen).unwrap();
        NAMES.iter().all(|name| seen.lines().any(|line| line == expected(&name)))
    });
    assert_eq!(fs::read_to_string(&seen).unwrap().lines().count(), NAMES.len());
    assert!(!server.names().contains(&"owned".to_owned()));
}

#[test]
fn no_name_makes_a_second_line_of_the_xferlog_and_a_rotated_one_goes_on() {
    let secrets = Secrets::new();
    let log = secrets.file("xferlog", "");
    let server = site("xferlog").args(["--xferlog", log.to_str().unwrap()]).start();
    let mut ann = server.login_binary(Rfc959);
    for name in NAMES {
        ann.store("EPSV", &format!("STOR {name}"), b"content");
    }
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    until("each upload has its line", || lines().lines().count() == NAMES.len());
    // A line has 18 fields, whatever the name has.
    for line in lines().lines() {
        assert_eq!(line.split(' ').filter(|field| !field.is_empty()).count(), 18, "{line}");
        assert!(!line.contains('\u{202e}'), "{line}");
    }
    let moved = log.with_extension("1");
    fs::rename(&log, &moved).unwrap();
    server.running.signal(Signal::HUP);
    until("it is there again", || log.exists());
    ann.store("EPSV", "STOR after", b"content");
    until("the new file has the line", || lines().lines().count() == 1);
    assert_eq!(fs::read_to_string(moved).unwrap().lines().count(), NAMES.len());
}

#[test]
fn who_and_kick_are_for_the_user_of_the_server_alone_and_names_of_users_change_no_line() {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    let state = tempfile::tempdir().unwrap();
    let server = site("who").args(["--state", state.path().to_str().unwrap()]).start();
    let mut bob = Bob::login(&server);
    let sockets: Vec<_> = fs::read_dir(state.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| std::os::unix::fs::FileTypeExt::is_socket(&entry.file_type().unwrap()))
        .collect();
    assert_eq!(sockets.len(), 1);
    for path in [state.path().to_path_buf(), sockets[0].path()] {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
    // A name that nobody has, and that would end a line or move the cursor.
    let mut raw = server.connect(Rfc959);
    raw.send_bytes(b"USER x\x1b[2J\xe2\x80\xae\r\n");
    raw.reply();
    let ask = |request: &[u8]| {
        let mut stream = UnixStream::connect(sockets[0].path()).unwrap();
        drop(stream.write_all(request));
        // A request without an end is given up.
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut said = Vec::new();
        // One that is too long is closed before it is read to its end: that may be a reset.
        drop(stream.read_to_end(&mut said));
        String::from_utf8(said).unwrap()
    };
    let who = ask(b"who\n");
    assert!(who.lines().count() >= 2 && !who.contains(['\u{1b}', '\u{202e}']), "{who}");
    for noise in
        [b"kick -1\n".as_slice(), b"kick 99999999999999999999\n", b"who", &[b'x'; 100_000], b"\n", b""]
    {
        ask(noise);
    }
    // Clients that say nothing keep no operator waiting.
    let silent: Vec<_> = (0..64).map(|_| UnixStream::connect(sockets[0].path()).unwrap()).collect();
    until("who answers again", || ask(b"who\n").lines().count() >= 2);
    drop(silent);
    bob.goes_on(&server);
}
