//! The fastest way that this machine has from a file through a connection to another file, without
//! any protocol: two processes, sendfile at one end, splice or read and write at the other.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};
use socket2::SockRef;

use crate::client::drop_all;
use crate::process::{Cost, own_cpu_seconds};

/// How the receiving end writes its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sink {
    Splice,
    ReadWrite,
}

impl Sink {
    const ALL: [Self; 2] = [Self::Splice, Self::ReadWrite];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Splice => "splice",
            Self::ReadWrite => "read and write",
        }
    }
}

/// The faster of the two here and today; three tries each.
pub(crate) fn best_sink(source: &Path, destination: &Path) -> Sink {
    let tries = Sink::ALL.into_iter().cycle().take(3 * Sink::ALL.len());
    let timed = tries.map(|sink| (run(source, destination, sink).0, sink));
    timed.min_by(|(one, _), (other, _)| one.total_cmp(other)).unwrap().1
}

/// Copies once: seconds, and what the two processes spent.
pub(crate) fn run(source: &Path, destination: &Path, sink: Sink) -> (f64, [Cost; 2]) {
    let start = Instant::now();
    let (mut receiver, mut heard) = start_part("sink", sink.name(), destination);
    let port = line(&mut heard);
    let (mut sender, mut said) = start_part("source", &port, source);
    let costs = [Cost::parse(&line(&mut said)), Cost::parse(&line(&mut heard))];
    assert!(sender.wait().unwrap().success() && receiver.wait().unwrap().success());
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(std::fs::metadata(destination).unwrap().len(), std::fs::metadata(source).unwrap().len());
    std::fs::remove_file(destination).unwrap();
    (seconds, costs)
}

/// Sends a file to this process, which drops it: seconds, and what the sending process spent.
pub(crate) fn drained(source: &Path) -> (f64, Cost) {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (mut sender, mut said) = start_part("source", &port, source);
    let (stream, _) = listener.accept().unwrap();
    let start = Instant::now();
    assert_eq!(drop_all(&stream), std::fs::metadata(source).unwrap().len());
    let seconds = start.elapsed().as_secs_f64();
    let cost = Cost::parse(&line(&mut said));
    assert!(sender.wait().unwrap().success());
    (seconds, cost)
}

const MARK: &str = "limit-part";

fn start_part(part: &str, how: &str, path: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([MARK, part, how]).arg(path).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    (child, said)
}

fn line(said: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Whether this process is one of the two.
pub(crate) fn is_part(args: &[String]) -> bool {
    args.get(1).is_some_and(|arg| arg == MARK)
}

/// One of the two processes.
pub(crate) fn part(args: &[String]) {
    match args.get(2..) {
        Some([part, port, path]) if part == "source" => send(port.parse().unwrap(), path),
        Some([part, how, path]) if part == "sink" => receive(how, path),
        other => panic!("no such part: {other:?}"),
    }
    println!("{}", own_cpu_seconds());
}

fn send(port: u16, path: &str) {
    let file = File::open(path).unwrap();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    // As our servers have it within one host: nothing paces the bytes, little is under way.
    rustix::net::sockopt::set_tcp_congestion(&stream, "reno").unwrap();
    SockRef::from(&stream).set_send_buffer_size(512 * 1024).unwrap();
    let (mut offset, all) = (0, file.metadata().unwrap().len());
    while offset < all {
        assert!(rustix::fs::sendfile(&stream, &file, Some(&mut offset), 1 << 30).unwrap() > 0);
    }
    stream.shutdown(Shutdown::Write).unwrap();
}

fn receive(how: &str, path: &str) {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let mut file = File::create_new(path).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    if how == Sink::Splice.name() {
        let (from, into) = pipe().unwrap();
        let size = fcntl_setpipe_size(&into, 1 << 20).unwrap();
        while let filled @ 1.. = splice(&stream, None, &into, None, size, SpliceFlags::MOVE).unwrap() {
            let mut left = filled;
            while left > 0 {
                left -= splice(&from, None, &file, None, left, SpliceFlags::MOVE).unwrap();
            }
        }
    } else {
        let mut piece = vec![0; 1 << 18];
        while let read @ 1.. = stream.read(&mut piece).unwrap() {
            file.write_all(&piece[..read]).unwrap();
        }
    }
}
