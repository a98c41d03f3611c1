//! Listings that nobody reads. Each costs the server its buffers; none holds a thread.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::server::{Client, Server};

/// More than the server has threads for files.
const LISTINGS: usize = 1_100;
/// Together with the length of their names, more than the sockets of one connection hold.
const FILES: usize = 12_000;

#[test]
fn listings_that_nobody_reads_delay_nobody_else() {
    raise_descriptor_limit();
    let server = Server::start("--user ann:secret --listen 127.0.0.2:0 --log-level error");
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

    for command in [dialogue, list, retrieve] {
        let fastest = (0..3).map(|_| seconds(|| command(&server))).fold(f64::INFINITY, f64::min);
        assert!(fastest < 1.0, "others wait {fastest} s");
    }
    // Those that read a listing as far as the sockets took it end when they have rested for a while.
    let mut threads = status(&server, "Threads");
    for _ in 0..60 {
        if threads < 200 {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
        threads = status(&server, "Threads");
    }
    assert!(threads < 200, "{threads} threads");
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
    let mut client = Client::login(server);
    client.say("TYPE I", "200");
    assert_eq!(content(client.transfer(server, "RETR small/file")), "content");
    client.expect("226");
}

fn content(mut data: TcpStream) -> String {
    let mut text = String::new();
    data.read_to_string(&mut text).unwrap();
    text
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = SystemTime::now();
    work();
    start.elapsed().unwrap_or(Duration::ZERO).as_secs_f64()
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
