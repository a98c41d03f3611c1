//! A relay of this host, at a Unix socket.

use super::{copy_with, never, went};
use integration_tests::binary::Program;
use integration_tests::foreign::own_address;
use integration_tests::relay::{Agent, Relay, wrong_token_file};
use integration_tests::site::{Server, sample};
use integration_tests::socket;
use rustix::process::{Signal, getuid};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A relay at an address, from which it connects to servers, and at a Unix socket.
fn relay_at(socket: &Path, hosts: &[&Server]) -> Agent {
    let relay = Relay::new().at(&own_address().to_string()).also(&format!("unix:{}", socket.display()));
    hosts.iter().fold(relay, |relay, host| relay.server(&host.ip().to_string())).start()
}

#[test]
fn r59_programs_of_this_host_use_a_relay_at_a_unix_socket_and_are_counted_by_their_user() {
    let content = sample(1_000_003);
    let (from, to) = (never().file("a.bin", &content).start(), never().start());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("relay.sock");
    let mut agent = relay_at(&path, &[&from, &to]);
    socket::until("the socket is there", || path.exists());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let address = format!("unix:{}", path.display());
    let copy = |name: &str, tokens: &Path| {
        let run = copy_with(&address, tokens).args(["--path", "relay"]);
        run.args([from.url("a.bin"), to.url(name)]).run()
    };
    let run = copy("b.bin", &agent.token_file).exits(0);
    went(&run, "relay", "relay-source");
    assert_eq!(run.summary()["relay"], address, "{run}");
    assert!(to.bytes("b.bin") == content, "{run}");
    agent.running.logs(&format!("user {}", getuid().as_raw()));

    let said = crate::relay::checks(&address, &agent.token_file, 0);
    assert!(
        said.contains(&format!("{address} can be reached")) && said.contains("is a relay, holds"),
        "{said}"
    );
    assert!(!said.contains("sees this host"), "{said}");

    // Who may connect still has to prove a token.
    copy("c.bin", wrong_token_file().path()).exits(11);

    // What a killed relay has left is replaced.
    agent.die_and_return();
    socket::until("the socket is there again", || UnixStream::connect(&path).is_ok());
    let run = copy("d.bin", &agent.token_file).exits(0);
    went(&run, "relay", "relay-source");
    agent.running.signal(Signal::TERM);
    agent.running.wait();
    assert!(!path.exists());
    let run = copy("e.bin", &agent.token_file).fails();
    assert!(run.to_string().contains("cannot connect to the relay unix:"), "{run}");
}

#[test]
fn r59_a_relay_listens_at_no_path_that_somebody_else_has() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("relay.sock");
    fs::write(&path, "a file").unwrap();
    let token_file = wrong_token_file();
    let listen = format!("unix:{}", path.display());
    let mut command = Program::RelayAgent.command();
    command.args(["run", "--listen", &listen, "--token-file"]).arg(token_file.path());
    let out = command.output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(
        said.contains("cannot listen on unix:") && said.contains("something else than a socket"),
        "{said}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"a file");
}
