//! Listings that their clients do not read. Each costs the server its buffers; none holds a thread.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::server::{Client, Server, until};

/// More than the server has threads for files.
const LISTINGS: usize = 1_100;
/// Together with the length of their names, more than the sockets of one connection hold.
const FILES: usize = 12_000;

#[test]
fn unread_listings_hold_no_thread() {
    raise_descriptor_limit();
    let server = Server::start(
        "--user ann:secret --listen 127.0.0.2:0 --log-level error --max-sessions-per-account 2000",
    );
    std::fs::create_dir(server.root.path().join("small")).unwrap();
    std::fs::create_dir(server.root.path().join("big")).unwrap();
    for number in 0..FILES {
        std::fs::File::create(server.root.path().join(format!("big/{number:0>200}"))).unwrap();
    }
    std::fs::write(server.root.path().join("small/file"), "content").unwrap();
    let before = memory(&server);

    let mut unread: Vec<(Client, TcpStream)> = Vec::new();
    for number in 0..LISTINGS {
        let mut client = Client::login(&server);
        let data = connect_with_little_room(client.passive(&server));
        client.say(["LIST big", "NLST big", "MLSD big"][number % 3], "150");
        unread.push((client, data));
    }

    // If each of them held a thread, there would be none for these: their replies would never come.
    for command in [dialogue, list, retrieve] {
        command(&server);
    }
    // Threads that filled the sockets of a listing end when they have rested for a while.
    until("a server of few threads", || (status(&server, "Threads") < 200).then_some(()));
    let kibibytes = memory(&server).saturating_sub(before) / LISTINGS;
    assert!(kibibytes < 200, "{kibibytes} KiB for each listing");

    // They are all still complete, whoever reads them in the end.
    for (mut client, mut data) in unread.drain(..6) {
        let mut text = Vec::new();
        data.read_to_end(&mut text).unwrap();
        let names = text.split(|&byte| byte == b'\n').filter(|line| line.ends_with(b"0\r")).count();
        assert_eq!(names, FILES / 10);
        client.expect("226");
    }
}

fn dialogue(server: &Server) {
    let mut client = Client::login(server);
    client.say("CWD small", "250");
    client.say("TYPE I", "200");
    client.say("SIZE file", "213");
    client.say("MKD new", "257");
    client.say("RMD new", "250");
}

fn list(server: &Server) {
    let mut client = Client::login(server);
    assert_eq!(content(client.transfer(server, "NLST small")), "small/file\r\n");
    client.expect("226");
}

fn retrieve(server: &Server) {
    let mut client = Client::login_for_files(server);
    assert_eq!(content(client.transfer(server, "RETR small/file")), "content");
    client.expect("226");
}

fn content(mut data: TcpStream) -> String {
    let mut text = String::new();
    data.read_to_string(&mut text).unwrap();
    text
}

/// A connection that takes little before somebody reads it.
fn connect_with_little_room(to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

/// Resident memory in KiB.
fn memory(server: &Server) -> usize {
    status(server, "VmRSS")
}

fn status(server: &Server, key: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}
