//! A server that systemd has started.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::server::{Client, Server, command};

/// The next message at the socket of systemd.
fn message(systemd: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let count = systemd.recv(&mut message).unwrap();
    String::from_utf8(message[..count].to_vec()).unwrap()
}

#[test]
fn systemd_is_told_of_every_change_of_state() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = command("--user ann:secret --listen 127.0.0.2:0");
    let root = tempfile::tempdir().unwrap();
    let server = Server::with(command.env("NOTIFY_SOCKET", &socket).stderr(Stdio::piped()), root, 1);
    assert_eq!(message(&systemd), "READY=1");
    server.signal(Signal::HUP);
    let reloading = message(&systemd);
    let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(time.parse::<u64>().unwrap() > 0);
    assert_eq!(message(&systemd), "READY=1");
    server.signal(Signal::TERM);
    assert_eq!(message(&systemd), "STOPPING=1");
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
}

/// A server that gets two listening sockets, as systemd passes them.
fn activated(names: &str, options: &str) -> (Server, [TcpListener; 2]) {
    let sockets = ["127.0.0.2:0", "[::]:0"].map(|at| TcpListener::bind(at).unwrap());
    let [first, second] = sockets.each_ref().map(|socket| OwnedFd::from(socket.try_clone().unwrap()));
    // A shell is what can put a descriptor where it is expected.
    let script = "exec 3<&0 4<&2 </dev/null 2>/dev/null; LISTEN_PID=$$ exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    let program = command(options);
    shell.arg("-c").arg(script).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", names);
    shell.stdin(first).stderr(second);
    let server = Server::with(&mut shell, tempfile::tempdir().unwrap(), 2);
    (server, sockets)
}

#[test]
fn sockets_of_systemd_are_used_by_their_names() {
    for (names, kinds) in [
        ("ftp:metrics", ["ftp", "metrics"]),
        ("ftp-server.socket:ftp-1973", ["ftp", "ftp-1973"]),
        ("unknown:ftp", ["ftp", "ftp"]),
    ] {
        let (mut server, sockets) = activated(names, "--user ann:secret");
        for (line, (socket, kind)) in sockets.iter().zip(kinds).enumerate() {
            let expect = format!("listening on {} ({kind})", socket.local_addr().unwrap());
            assert_eq!(server.ready[line], expect, "{names}");
        }
        Client::login(&server).say("EPSV", "229");
        server.signal(Signal::TERM);
        assert_eq!(server.child.wait().unwrap().code(), Some(0), "{names}");
    }
}

#[test]
fn an_ipv4_client_at_a_socket_of_both_families_is_an_ipv4_client() {
    let (server, sockets) = activated("ftp:ftp", "--user ann:secret");
    let port = sockets[1].local_addr().unwrap().port();
    let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut client = Client::on(stream).logged_in();
    assert!(client.say("PASV", "227").contains("(127,0,0,1,"));
    client.say("PORT 127,0,0,1,19,137", "200");
    drop(server);
}

#[test]
fn a_socket_that_cannot_be_what_its_unit_calls_it_ends_the_start() {
    for (name, says) in [("ftps", "certificate"), ("other", "FileDescriptorName=")] {
        let socket = OwnedFd::from(TcpListener::bind("127.0.0.2:0").unwrap());
        let mut shell = Command::new("sh");
        shell.arg("-c").arg("exec 3<&0 </dev/null; LISTEN_PID=$$ exec \"$0\" --root / --user ann:secret");
        shell.arg(env!("CARGO_BIN_EXE_ftp-server")).env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", name);
        let output = shell.stdin(socket).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says) && said.contains(name), "{said}");
    }
}
