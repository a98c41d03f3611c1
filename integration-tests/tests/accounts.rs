//! Users of a configuration file and of `--users`, with the real server.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::binary::{Program, Running};
use integration_tests::raw::Raw;
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use integration_tests::socket::{self, answered};
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use tempfile::TempDir;

/// A directory with files that only their owner may read.
pub(crate) struct Secrets(TempDir);

impl Secrets {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

/// What `ftp-server hash-password` prints for a password on its standard input.
pub(crate) fn hash(password: &str) -> String {
    let mut command = Program::Server.command();
    command.arg("hash-password").stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// One user of a configuration file.
pub(crate) fn user(name: &str, password: &str, more: &str) -> String {
    format!("[[users]]\nname = \"{name}\"\npassword-hash = '{}'\n{more}\n", hash(password))
}

/// Runs `ftp-server check-config`, against an older file if there is one, and returns its exit code and what it said.
pub(crate) fn check_config(file: &PathBuf, against: Option<&PathBuf>) -> (Option<i32>, String) {
    let mut command = Program::Server.command();
    command.arg("check-config").arg(file);
    if let Some(old) = against {
        command.arg("--against").arg(old);
    }
    let mut run = Running::start("check-config", command);
    (run.wait().code(), run.said())
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
    let (code, said) = check_config(&file, None);
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
    let (code, said) = check_config(&file, None);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(":4:20: --foreign-networks has no effect"), "{said}");

    let file = secrets.file("server.toml", "root = \"/\"\nanonymous = true\n");
    assert_eq!(check_config(&file, None), (Some(0), format!("{}: ok\n", file.display())));
    let file =
        secrets.file("server.toml", "foreign = \"never\"\nforeign = \"proven\"\nx = 1\nlisten = [\n1\"");
    let (code, said) = check_config(&file, None);
    assert!(said.contains(":2:1: duplicate key") && said.contains(":3:1: unknown key"), "{code:?} {said}");
    // What this host has is looked at beside what is wrong, as a start would.
    let state = secrets.0.path().join("state");
    for (state, why) in [("/proc/state", "cannot make it"), (state.to_str().unwrap(), "is below the root")] {
        let root = secrets.0.path().display();
        let text = format!("root = \"{root}\"\nanonymous = true\nstate = \"{state}\"\nforeign = \"never\"\n");
        let (code, said) = check_config(&secrets.file("server.toml", &text), None);
        assert!(code == Some(1) && said.contains(":3:") && said.contains(why), "{said}");
        let wrong = format!("{text}foreign-networks = \"192.0.2.0/24\"\n");
        let (_, said) = check_config(&secrets.file("server.toml", &wrong), None);
        assert!(said.contains("has no effect") && said.contains(why), "{said}");
    }
    assert!(!state.exists());
    // What is right by itself does not fit together.
    let (code, said) = check_config(&secrets.file("server.toml", "require-tls = true\n"), None);
    assert_eq!((code, said.lines().count()), (Some(1), 3), "{said}");
    let (code, said) = check_config(&secrets.0.path().join("missing"), None);
    assert_eq!(code, Some(1));
    assert!(said.contains("cannot read it: no such file"), "{said}");
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

#[test]
fn a_thousand_wrong_logins_of_one_address_do_not_delay_a_right_one_of_another() {
    let server = Site::new("flood").config(&user("eve", "right", "")).start();
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
fn an_account_has_no_more_sessions_than_it_may() {
    let server = Site::new("sessions").config(&user("eve", "x", "max-sessions = 1")).start();
    let mut first = server.connect(Rfc959);
    first.login("eve", "x");
    let mut second = server.connect(Rfc959);
    second.ask("USER eve", "331");
    assert!(second.ask("PASS x", "421").text().contains("(users.max-sessions)"));
    first.ask("QUIT", "221");
    let mut third = server.connect(Rfc959);
    third.ask("USER eve", "331");
    while third.ask("PASS x", "230|421").code == 421 {
        // The first session may not have ended yet.
        third = server.connect(Rfc959);
        third.ask("USER eve", "331");
    }
}

#[test]
fn a23_after_rein_and_user_the_session_counts_no_more_for_the_old_account() {
    let server = Site::new("rein").config(&user("eve", "x", "max-sessions = 1")).start();
    let (mut first, mut second) = (server.connect(Rfc959), server.connect(Rfc959));
    for command in ["REIN", "USER nobody"] {
        first.login("eve", "x");
        first.ask(command, "220|331");
        second.login("eve", "x");
        second.ask("REIN", "220");
    }
}

/// Stores a file over a passive data connection; returns the code of the last reply.
fn store(session: &mut Raw, command: &str, bytes: &[u8]) -> u16 {
    let mut data = session.open("EPSV");
    session.send(command);
    let reply = session.reply();
    if reply.code != 150 {
        return reply.code;
    }
    // The server may refuse the rest.
    let _ = data.write_all(bytes);
    drop(data);
    session.reply().code
}

#[test]
fn a_user_has_a_root_and_mounts_of_her_own() {
    let (own, incoming) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(own.path().join("mine"), "mine").unwrap();
    let more = format!(
        "root = {:?}\nrights = \"list,read\"\n[[users.mounts]]\nat = \"/in\"\ndir = {:?}\nrights = \"list,write\"",
        own.path(),
        incoming.path()
    );
    let server = Site::new("mounts").file("a", "a").config(&user("eve", "x", &more)).start();
    let mut session = server.login_as("eve", "x");
    let mut names: Vec<String> =
        String::from_utf8(session.fetch("EPSV", "NLST")).unwrap().lines().map(str::to_owned).collect();
    names.sort();
    assert_eq!(names, ["in", "mine"]);
    assert_eq!(session.fetch("EPSV", "RETR mine"), b"mine");
    session.ask("RETR a", "550");
    assert_eq!(store(&mut session, "STOR new", b"x"), 550);
    assert_eq!(store(&mut session, "STOR in/new", b"content"), 226);
    assert_eq!(fs::read(incoming.path().join("new")).unwrap(), b"content");
    session.ask("RETR in/new", "550");
    session.ask("CWD in", "250");
    session.ask("RMD /in", "550");
}

#[test]
fn rules_of_exchange_name_the_hosts_the_direction_the_path_and_tls() {
    let more = "[[users.exchanges]]\npeers = \"127.0.0.8\"\ndirection = \"send\"\npath = \"/out\"\n\
                [[users.exchanges]]\npeers = \"127.0.0.8\"\ndirection = \"receive\"\nrequire-tls = true";
    let site = Site::new("exchanges").file("out/a", sample(1_000)).file("b", "b");
    let site = site.args(["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"]);
    let server = site.config(&user("eve", "x", more)).start();
    let partner = socket::listen("127.0.0.8", 0);
    let at = partner.local_addr().unwrap().port();
    let port = |host: u8| format!("EPRT |1|127.0.0.{host}|{at}|");
    let mut session = server.login_as("eve", "x");
    let refused = session.ask(&port(9), "504").text();
    assert!(refused.contains("exchanges nothing with that host"), "{refused}");
    session.ask(&port(8), "200");
    session.ask("RETR out/a", "150");
    let (data, _) = socket::accept(&partner);
    assert_eq!(socket::drain(data), sample(1_000));
    session.expect("226");
    for (command, why) in [("RETR b", "does not exchange that file"), ("STOR c", "only inside TLS")] {
        session.ask(&port(8), "200");
        let refused = session.ask(command, "425").text();
        assert!(refused.contains(why), "{refused}");
    }
    assert_eq!(server.names(), ["b", "out/", "out/a"]);
    // As the passive end: the rules judge whoever comes, and what the transfer command says.
    let come = |session: &mut Raw, host: &str| {
        let to = SocketAddr::new(server.ip(), session.ask("EPSV", "229").port());
        let from = SocketAddr::new(host.parse().unwrap(), 0);
        (from, to)
    };
    let (from, to) = come(&mut session, "127.0.0.9");
    assert!(socket::is_turned_away(from, to), "no rule names that host");
    let (from, to) = come(&mut session, "127.0.0.8");
    let data = socket::connect(from, to);
    session.ask("RETR out/a", "150");
    assert_eq!(socket::drain(data), sample(1_000));
    session.expect("226");
    for refused in ["RETR b", "STOR c"] {
        let (from, to) = come(&mut session, "127.0.0.8");
        session.send(refused);
        assert!(socket::is_turned_away(from, to), "{refused}");
        session.ask("ABOR", "425|426");
        session.expect("226");
    }
    assert_eq!(server.names(), ["b", "out/", "out/a"]);
    let mut own = server.login_as("eve", "x");
    assert_eq!(own.fetch("EPSV", "RETR b"), b"b", "the own host needs no rule");
}

#[test]
fn stat_shows_every_limit_to_an_admin_and_none_to_others() {
    let config = user("eve", "x", "rights = \"admin\"");
    let server = Site::new("admin").config(&config).start();
    let mut eve = server.connect(Rfc959);
    eve.login("eve", "x");
    let said = eve.ask("STAT", "211").text();
    for limit in ["max-sessions 1/10000 gives-way", "descriptors ", "passive-ports ", "digests-at-once 0/"] {
        assert!(said.contains(&format!("Limit {limit}")), "{limit}: {said}");
    }
    eve.ask("MKD x", "550");
    let mut ann = server.login(Rfc959);
    assert!(!ann.ask("STAT", "211").text().contains("Limit"));
}

#[test]
fn d11_clients_are_told_the_public_address_of_their_network() {
    let text = "[[public-address]]\naddress = \"192.0.2.8\"\nnetworks = \"127.0.0.8\"\n\
                [[public-address]]\naddress = \"localhost\"\nnetworks = \"127.0.0.9/32\"\n";
    let server = Site::new("public").config(text).args(["--public-address", "192.0.2.1"]).start();
    for (from, told) in
        [("127.0.0.8", "192,0,2,8,"), ("127.0.0.9", "127,0,0,1,"), ("127.0.0.7", "192,0,2,1,")]
    {
        let mut session = server.connect_from(from.parse().unwrap(), Rfc959);
        session.login(USER, PASSWORD);
        let said = session.ask("PASV", "227").text();
        assert!(said.contains(&format!("({told}")), "{from}: {said}");
        // What is announced is not where it listens: EPSV leaves the address to the client.
        session.ask("EPSV", "229");
    }
}

#[test]
fn a_quota_is_told_as_552_and_never_exceeded() {
    let own = tempfile::tempdir().unwrap();
    let more = format!("root = {:?}\nquota-bytes = 100000\nquota-files = 3", own.path());
    let server = Site::new("quota").config(&user("eve", "x", &more)).start();
    let mut session = server.login_as("eve", "x");
    assert_eq!(store(&mut session, "STOR first", &sample(60_000)), 226);
    assert_eq!(store(&mut session, "STOR second", &sample(3_000_000)), 552);
    assert_eq!(store(&mut session, "STOR second", &sample(40_000)), 226);
    assert_eq!(store(&mut session, "APPE second", &sample(1)), 552);
    session.ask("DELE first", "250");
    assert_eq!(store(&mut session, "STOR third", &sample(60_000)), 226);
    session.ask("MKD dir", "257");
    session.ask("MKD more", "552");
    let stored: u64 = fs::read_dir(own.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap())
        .filter(fs::Metadata::is_file)
        .map(|facts| facts.len())
        .sum();
    assert_eq!(stored, 100_000);
}

/// With a rate of one kilobyte a second, this file would take a quarter of an hour.
#[test]
fn each_rate_of_a_user_holds_back_its_own_direction_only() {
    const SIZE: usize = 1 << 20;
    let config = user("up", "x", "rate-up = \"1KB\"") + &user("down", "x", "rate-down = \"1KB\"");
    let content = sample(SIZE);
    let server = Site::new("rates").file("big", &content).config(&config).start();
    for name in ["up", "down"] {
        let mut session = server.login_as(name, "x");
        let mut data = session.open("EPSV");
        session.ask(if name == "up" { "STOR held" } else { "RETR big" }, "150");
        let held = content.clone();
        let other_end = thread::spawn(move || match name {
            // Both end with a reset, when ABOR comes.
            "up" => drop(data.write_all(&held).and_then(|()| data.read(&mut [0]))),
            _ => drop(data.read_to_end(&mut Vec::new())),
        });
        for _ in 0..20 {
            let said = session.ask("STAT", "211").text();
            let moved = said.split("Bytes ").nth(1).unwrap().split_whitespace().next().unwrap();
            assert!(moved.parse::<usize>().unwrap() < SIZE, "{said}");
        }
        session.ask("ABOR", "426");
        session.expect("226");
        other_end.join().unwrap();
        if name == "up" {
            assert!(session.fetch("EPSV", "RETR big") == content);
        } else {
            assert_eq!(store(&mut session, "STOR free", &content), 226);
        }
    }
}

#[test]
fn whoever_comes_from_elsewhere_or_too_late_hears_what_a_wrong_password_hears() {
    let config = user("near", "x", "networks = \"127.0.0.8\"")
        + &user("late", "x", "expires = 2020-01-01")
        + &user("private", "x", "require-tls = true");
    let server = Site::new("terms").config(&config).start();
    server.connect_from("127.0.0.8".parse().unwrap(), Rfc959).login("near", "x");
    let refused = |name: &str, password: &str| {
        let mut session = server.connect(Rfc959);
        session.ask(&format!("USER {name}"), "331");
        session.ask(&format!("PASS {password}"), "530").text()
    };
    let wrong = refused("near", "y");
    for name in ["near", "late", "private", "nobody"] {
        assert_eq!(refused(name, "x"), wrong, "{name}");
    }
    server.running.logs("the account has expired");
}

#[test]
fn an_address_that_guesses_too_often_is_banned_and_others_are_not() {
    let server = Site::new("bans").config("[bans]\nafter = 3\n[limits]\nrefusal-delay = \"1ms\"\n").start();
    let from: IpAddr = "127.0.0.9".parse().unwrap();
    let mut session = server.connect_from(from, Rfc959);
    for _ in 0..3 {
        session.ask(&format!("USER {USER}"), "331");
        session.ask("PASS wrong", "530");
    }
    let mut banned = socket::connect(SocketAddr::new(from, 0), server.address(Rfc959));
    let mut said = String::new();
    banned.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("421 Too many wrong logins from your address; try again in 15 min"), "{said}");
    server.login(Rfc959);
}

#[test]
fn a_ban_outlives_the_server_and_a_broken_file_is_set_aside() {
    let state = tempfile::tempdir().unwrap();
    let start = || {
        let site = Site::new("kept").config("[bans]\nafter = 1\n[limits]\nrefusal-delay = \"1ms\"\n");
        site.args(["--state", state.path().to_str().unwrap()]).start()
    };
    let from: IpAddr = "127.0.0.9".parse().unwrap();
    let greeting = |server: &Server| {
        let mut stream = socket::connect(SocketAddr::new(from, 0), server.address(Rfc959));
        let mut first = [0; 3];
        stream.read_exact(&mut first).unwrap();
        String::from_utf8(first.to_vec()).unwrap()
    };
    let server = start();
    let mut session = server.connect_from(from, Rfc959);
    session.ask(&format!("USER {USER}"), "331");
    session.ask("PASS wrong", "530");
    assert_eq!(greeting(&server), "421");
    server.login(Rfc959);
    socket::until("the ban is kept", || state.path().join("bans").exists());
    drop(server);
    let server = start();
    assert_eq!(greeting(&server), "421", "the next server knows it");
    server.login(Rfc959);
    drop(server);
    fs::write(state.path().join("bans"), "127.0.0.9 soon\n").unwrap();
    let server = start();
    assert_eq!(greeting(&server), "220");
    socket::until("the log tells of the broken file", || {
        server.running.said().contains("bans cannot be used: line 1 is not an address and a time")
    });
    assert!(state.path().join("bans.broken").exists());
}
