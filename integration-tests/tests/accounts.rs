//! Users of a configuration file and of `--users`, with the real server.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::binary::{Program, Running};
use integration_tests::site::Site;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use tempfile::TempDir;

/// A directory with files that only their owner may read.
struct Secrets(TempDir);

impl Secrets {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

/// What `ftp-server hash-password` prints for a password on its standard input.
fn hash(password: &str) -> String {
    let mut command = Program::Server.command();
    command.arg("hash-password").stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn user(name: &str, password: &str, more: &str) -> String {
    format!("[[users]]\nname = \"{name}\"\npassword-hash = '{}'\n{more}\n", hash(password))
}

/// Runs `ftp-server check-config` and returns its exit code and what it said.
fn check_config(file: &PathBuf) -> (Option<i32>, String) {
    let mut command = Program::Server.command();
    command.arg("check-config").arg(file);
    let mut run = Running::start("check-config", command);
    (run.wait().code(), run.said())
}

#[test]
fn a_user_of_a_configuration_file_logs_in_with_the_password_of_the_hash() {
    let secrets = Secrets::new();
    let config = secrets.file("server.toml", &user("eve", "a b:c", ""));
    let server = Site::new("config").args(["--config", config.to_str().unwrap()]).start();
    let mut session = server.connect(Rfc959);
    session.login("eve", "a b:c");
    session.ask("MKD made", "257");
    let mut session = server.connect(Rfc959);
    session.ask("USER eve", "331");
    let wrong = session.ask("PASS a b:d", "530").text();
    session.ask("USER nobody", "331");
    assert_eq!(session.ask("PASS a b:c", "530").text(), wrong, "the same words for every cause");
}

#[test]
fn the_rights_of_a_user_hold() {
    let secrets = Secrets::new();
    let config =
        user("drop", "x", "rights = \"list,write\"") + &user("eye", "x", "rights = [\"list\", \"read\"]");
    let config = secrets.file("server.toml", &config);
    let server = Site::new("rights").file("a", "a").args(["--config", config.to_str().unwrap()]).start();
    let mut drop = server.connect(Rfc959);
    drop.login("drop", "x");
    for command in ["RETR a", "DELE a", "RNFR a", "MKD b", "APPE a", "HASH a"] {
        assert!(drop.ask(command, "550").text().contains("may not"), "{command}");
    }
    let mut eye = server.connect(Rfc959);
    eye.login("eye", "x");
    for command in ["STOR b", "DELE a", "RNFR a", "MKD b", "APPE a"] {
        assert!(eye.ask(command, "550").text().contains("only read"), "{command}");
    }
    assert_eq!(server.names(), ["a"]);
}

#[test]
fn the_file_of_users_holds_passwords_and_hashes() {
    let secrets = Secrets::new();
    let users = format!("# ours\neve:{}:ro\nbob:b:c\n", hash("secret"));
    let users = secrets.file("users", &users);
    let server = Site::new("users").args(["--users", users.to_str().unwrap()]).start();
    let mut session = server.connect(Rfc959);
    session.login("eve", "secret");
    session.ask("MKD made", "550");
    server.connect(Rfc959).login("bob", "b:c");
}

#[test]
fn check_config_says_every_mistake_with_its_place_and_no_secret() {
    let secrets = Secrets::new();
    let text = "root = 1.5\nforegn = \"never\"\nuser = \"hidden\"\n[[users]]\nname = \"ann\"\npassword-hash = \"$6$hidden\"\n";
    let file = secrets.file("server.toml", text);
    let (code, said) = check_config(&file);
    assert_eq!(code, Some(1), "{said}");
    for expect in [
        ":1:8: expected text",
        ":2:1: unknown key \"foregn\"; did you mean foreign?",
        ":6:17: this hash is damaged",
    ] {
        assert!(said.contains(expect), "{expect}: {said}");
    }
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(!said.contains("hidden"), "{said}");

    let file = secrets.file(
        "server.toml",
        "root = \"/\"\nanonymous = true\nforeign = \"never\"\nforeign-networks = \"192.0.2.0/24\"\n",
    );
    let (code, said) = check_config(&file);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(":4:20: --foreign-networks has no effect"), "{said}");

    let file = secrets.file("server.toml", "root = \"/\"\nanonymous = true\n");
    assert_eq!(check_config(&file), (Some(0), String::new()));
    let (code, said) = check_config(&secrets.0.path().join("missing"));
    assert_eq!(code, Some(1));
    assert!(said.contains("cannot read it: no such file"), "{said}");
}

#[test]
fn a_server_does_not_start_with_a_mistake_in_its_configuration() {
    let secrets = Secrets::new();
    let file = secrets.file("server.toml", "max-sessions = \"many\"");
    let mut command = Program::Server.command();
    command.args(["--root", "/", "--listen", "127.0.0.2:0", "--config"]).arg(&file);
    let mut run = Running::start("mistake", command);
    assert_eq!(run.wait().code(), Some(2));
    assert!(run.said().contains(":1:16: expected a whole number"), "{}", run.said());
}
