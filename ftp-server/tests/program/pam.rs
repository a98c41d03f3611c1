//! Users whose passwords PAM checks, with a real service of PAM: a module runs a script. The service is seen by the
//! server of a test only, in a mount namespace of its own.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use socket2::{Domain, Socket, Type};

use crate::server::{Client, Server, say_skipped};

/// What the module runs: `ann` has the password `secret`, and `slow` takes longer than anybody waits.
const SCRIPT: &str = r#"#!/bin/sh
password=$(tr -d '\000')
case "$PAM_USER:$password" in
    ann:secret) exit 0 ;;
    slow:*) exec sleep 60 ;;
    *) exit 1 ;;
esac
"#;

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A server whose PAM has one service. The reason if there can be none here.
fn start() -> Result<(Server, tempfile::TempDir), String> {
    let probe = Command::new("unshare").args(["--mount", "true"]).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        return Err("a mount namespace needs rights that this process has not".to_owned());
    }
    let (root, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (services, script) = (place.path().join("pam.d"), place.path().join("check"));
    fs::create_dir(&services).unwrap();
    write(&script, SCRIPT, 0o755);
    let service = format!(
        "auth required pam_exec.so quiet expose_authtok {}\naccount required pam_permit.so\n",
        script.display()
    );
    write(&services.join("ftp-server"), &service, 0o644);
    let users = ["ann", "slow", "gone"].map(|name| format!("[[users]]\nname = \"{name}\"\npam = true\n"));
    let config = place.path().join("server.toml");
    write(&config, &format!("[limits]\nrefusal-delay = \"1ms\"\n{}", users.concat()), 0o600);
    let bound = "mount --make-rprivate / && mount --bind \"$1\" /etc/pam.d && shift && exec \"$@\"";
    let mut child = Command::new("unshare")
        .args(["--mount", "sh", "-c", bound, "sh"])
        .arg(&services)
        .args([env!("CARGO_BIN_EXE_ftp-server"), "--listen", "127.0.0.3:0", "--config"])
        .arg(&config)
        .arg("--root")
        .arg(root.path())
        .env_remove("HOME")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = vec![lines.next().expect("a ready line").unwrap()];
    Ok((Server { child, ready, root }, place))
}

macro_rules! or_skip {
    ($started:expr) => {
        match $started {
            Ok(started) => started,
            Err(why) => {
                say_skipped(&why);
                return;
            }
        }
    };
}

#[test]
fn pam_checks_passwords_and_refuses_in_the_same_words() {
    let (server, _place) = or_skip!(start());
    let mut client = Client::login(&server);
    client.say("USER ann", "331");
    let wrong = client.say("PASS Secret", "530");
    for name in ["gone", "nobody"] {
        client.say(&format!("USER {name}"), "331");
        assert_eq!(client.say("PASS secret", "530"), wrong, "{name}");
    }
    client.say("PWD", "530");
}

/// Names and passwords that a shell, a log or a module would take for something else are wrong, and nothing more.
#[test]
fn hostile_names_and_passwords_are_refused_in_the_same_words_and_a_right_login_goes_on() {
    let (server, place) = or_skip!(start());
    // Each comes from an address of its own, so that none waits for the guesses of another.
    let mut last = 20;
    let mut attempt = |user: &str, password: &str, code: &str| {
        last += 1;
        let mut client = from(&format!("127.0.0.{last}"), server.address(0));
        client.expect("220");
        client.say(&format!("USER {user}"), "331");
        client.say(&format!("PASS {password}"), code)
    };
    let wrong = attempt("ann", "wrong", "530");
    let long = "x".repeat(4_000);
    let owned = place.path().join("owned").display().to_string();
    let command = format!("$(touch {owned})");
    for hostile in [command.as_str(), "ann;id", "-rf", "../ann", "ann\u{1b}[2J", "\u{202e}nna", "ann ", &long]
    {
        for (user, password) in [(hostile, "secret"), ("ann", hostile), (hostile, hostile)] {
            assert_eq!(attempt(user, password, "530"), wrong, "{user:?} {password:?}");
        }
    }
    // Those that hang up while they are checked hold nothing.
    for _ in 0..20 {
        let mut client = Client::connect(&server);
        client.send("USER ann\r\nPASS wrong");
        client.reset();
    }
    attempt("ann", "secret", "230");
    assert!(!Path::new(&owned).exists(), "a shell has read it");
}

/// The modules of one address hang; a right login of another address does not wait for them.
#[test]
fn modules_that_hang_keep_nobody_else_waiting() {
    let (server, _place) = or_skip!(start());
    let mut hanging: Vec<Client> = (0..7).map(|_| Client::connect(&server)).collect();
    for client in &mut hanging {
        client.expect("220");
        client.say("USER slow", "331");
        client.send("PASS any");
    }
    let _ann = from("127.0.0.9", server.address(0)).logged_in();
    assert!(hanging.iter_mut().all(|client| client.is_quiet()), "nothing is known of them yet");
}

fn from(from: &str, to: SocketAddr) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from.parse().unwrap(), 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    Client::on(socket.into())
}
