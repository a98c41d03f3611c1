//! Users of a configuration file and of `--users`, with the real server.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::binary::{Program, Running};
use integration_tests::site::{PASSWORD, Server, Site, USER};
use integration_tests::socket;
use std::fs;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpStream};
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

/// Connections from one address that have sent a wrong login and read nothing yet.
fn guesses(server: &Server, from: &str, name: &str, count: usize) -> Vec<TcpStream> {
    let from: IpAddr = from.parse().unwrap();
    let to = server.address(Rfc959);
    let mut all = Vec::new();
    for _ in 0..count {
        let mut stream = socket::connect(SocketAddr::new(from, 0), to);
        // The server may have turned the connection away already.
        let _ = stream.write_all(format!("USER {name}\r\nPASS wrong\r\n").as_bytes());
        all.push(stream);
    }
    all
}

/// How many of these connections have got a reply with this code by now.
fn answered(streams: &[TcpStream], code: &str) -> usize {
    let has_code = |stream: &&TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let mut said = vec![0; 4096];
        let count = stream.peek(&mut said).unwrap_or(0);
        String::from_utf8_lossy(&said[..count]).lines().any(|line| line.starts_with(code))
    };
    streams.iter().filter(has_code).count()
}

#[test]
fn a_thousand_wrong_logins_of_one_address_do_not_delay_a_right_one_of_another() {
    let secrets = Secrets::new();
    let config = secrets.file("server.toml", &user("eve", "right", ""));
    let server = Site::new("flood").args(["--config", config.to_str().unwrap()]).start();
    let flood = guesses(&server, "127.0.0.9", "eve", 1_000);
    let mut session = server.connect_from("127.0.0.8".parse().unwrap(), Rfc959);
    session.login("eve", "right");
    // Seven in a second are checked, so a thousand answers would take minutes.
    let refused = answered(&flood, "530");
    assert!(refused < 500, "{refused} guesses were answered before the right password");
    let turned_away = answered(&flood, "421");
    assert!(turned_away >= 900, "{turned_away} connections were turned away");
}

#[test]
fn guesses_at_a_name_from_many_addresses_do_not_lock_it() {
    let secrets = Secrets::new();
    let config = secrets.file("server.toml", &user("eve", "right", ""));
    let server = Site::new("names").args(["--config", config.to_str().unwrap()]).start();
    let floods: Vec<_> = (20..60).map(|n| guesses(&server, &format!("127.0.0.{n}"), "eve", 10)).collect();
    let mut session = server.connect_from("127.0.0.8".parse().unwrap(), Rfc959);
    session.login("eve", "right");
    let refused: usize = floods.iter().map(|flood| answered(flood, "530")).sum();
    assert!(refused < 400, "all guesses were answered before the right password");
}

#[test]
fn a_full_door_makes_room_for_those_whose_address_holds_least() {
    let site = Site::new("door").args(["--max-unauthenticated", "20"]);
    let server = site.start();
    let flood = guesses(&server, "127.0.0.9", "eve", 20);
    server.connect_from("127.0.0.8".parse().unwrap(), Rfc959).login(USER, PASSWORD);
    let mut gave_way = 0;
    while gave_way == 0 {
        gave_way = answered(&flood, "421");
    }
    assert_eq!(gave_way, 1);
}

#[test]
fn an_account_has_no_more_sessions_than_it_may() {
    let secrets = Secrets::new();
    let config = secrets.file("server.toml", &user("eve", "x", "max-sessions = 1"));
    let server = Site::new("sessions").args(["--config", config.to_str().unwrap()]).start();
    let mut first = server.connect(Rfc959);
    first.login("eve", "x");
    let mut second = server.connect(Rfc959);
    second.ask("USER eve", "331");
    assert!(second.ask("PASS x", "421").text().contains("Too many sessions of this account"));
    first.ask("QUIT", "221");
    let mut third = server.connect(Rfc959);
    third.ask("USER eve", "331");
    while third.ask("PASS x", "230|421").code == 421 {
        // The first session may not have ended yet.
        third = server.connect(Rfc959);
        third.ask("USER eve", "331");
    }
}
