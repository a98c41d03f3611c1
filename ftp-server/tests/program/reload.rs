//! SIGHUP: what is read again, and what the log says of the rest.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::server::{Client, Server, command};

/// A server with a configuration file that can be changed, and a socket that tells when it has been read.
struct Place {
    directory: tempfile::TempDir,
    systemd: UnixDatagram,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let systemd = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { directory, systemd }
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("server.toml")
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
        fs::set_permissions(self.file(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn start(&self, text: &str) -> Server {
        self.write(text);
        let options = format!("--config {} --state {}", self.file().display(), self.state().display());
        let mut command = command(&options);
        command.env("NOTIFY_SOCKET", self.directory.path().join("notify")).stderr(Stdio::piped());
        let server = Server::with(&mut command, tempfile::tempdir().unwrap(), 1);
        self.heard("READY=1");
        server
    }

    fn reload(&self, server: &Server) {
        server.signal(Signal::HUP);
        self.heard("RELOADING=1");
        self.heard("READY=1");
    }

    fn heard(&self, expect: &str) {
        let mut message = [0; 256];
        let count = self.systemd.recv(&mut message).unwrap();
        let message = String::from_utf8_lossy(&message[..count]).into_owned();
        assert!(message.starts_with(expect), "{message}");
    }
}

/// The lines of a log that speak of a restart.
fn warnings(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("WARN") && line.contains("restart")).collect()
}

#[test]
fn sighup_names_what_needs_a_restart_and_keeps_it() {
    let place = Place::new();
    let before = "user = \"ann:secret\"\nlisten = \"127.0.0.2:0\"\ntls-self-signed = true\n";
    let server = place.start(before);
    place.reload(&server);
    let after = "user = [\"ann:secret\", \"bob:secret\"]\nlisten = [\"127.0.0.2:0\", \"127.0.0.3:0\"]\n\
         tls-self-signed = true\nrequire-tls = true\nforeign = \"never\"\npassive-ports = \"40000-40100\"\n\
         log-level = \"debug\"\nmetrics = \"127.0.0.2:0\"\npublic-address = \"192.0.2.1\"\n\
         [limits]\nmax-sessions = 5\nfile-commands-at-once = 4\n[bans]\nafter = 9\n\
         [timeouts]\nidle = \"1m\"\n[hooks]\nafter-upload = [\"/bin/true\"]\n[tls]\nsession-reuse = \"off\"\n";
    place.write(after);
    place.reload(&server);
    Client::login(&server).say("PASV", "227");
    let _bob = Client::connect(&server).tries("bob", "secret", "230");
    let (_, log) = server.stop(Signal::TERM);
    let warnings = warnings(&log);
    assert_eq!(warnings.len(), 1, "not of what stays: {log}");
    let keys = "keys=\"listen, require-tls, tls-session-reuse, foreign, passive-ports, public-address, \
                file-commands-at-once, idle, after-upload, metrics, log-level\"";
    assert!(warnings[0].contains(keys), "{}", warnings[0]);
    assert!(log.contains("users, limits and certificates were read again"), "{log}");
}

#[test]
fn after_a_certificate_that_cannot_be_used_the_users_stay_as_well() {
    let place = Place::new();
    let with = |users| format!("user = {users}\nlisten = \"127.0.0.2:0\"\ntls-self-signed = true\n");
    let server = place.start(&with("\"ann:secret\""));
    fs::write(place.state().join("self-signed.pem"), "no certificate").unwrap();
    place.write(&with("\"bob:secret\""));
    place.reload(&server);
    Client::login(&server).say("PWD", "257");
    let _bob = Client::connect(&server).tries("bob", "secret", "530");
    let (_, log) = server.stop(Signal::TERM);
    assert!(log.contains("users, limits and certificates stay as they were"), "{log}");
    assert!(log.contains("self-signed.pem: there is no certificate in it"), "{log}");
}

#[test]
fn a_file_of_the_configuration_that_cannot_be_used_is_a_mistake_of_the_command_line() {
    let place = Place::new();
    let broken = |options: String| -> Output { command(&options).output().unwrap() };
    let missing = place.directory.path().join("missing");
    let open = place.directory.path().join("open");
    fs::write(&open, "ann:secret\n").unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    place.write("unknown-key = 1\n");
    for options in [
        format!("--config {}", missing.display()),
        format!("--config {}", place.file().display()),
        format!("--root / --users {}", missing.display()),
        format!("--root / --users {}", open.display()),
    ] {
        let run = broken(options.clone());
        assert_eq!(run.status.code(), Some(2), "{options}");
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(!options.contains("server.toml") || said.contains(":1:1: unknown key"), "{said}");
    }
    let checked = broken(format!("check-config {}", place.file().display()));
    assert_eq!(checked.status.code(), Some(1));
}
