//! The programs around a relay, processes of the benchmark itself: who sends, who takes, and the
//! shortest relay that a Rust program can be.

use std::fs::File;
use std::io::{Read, Write, stdin, stdout};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use integration_tests::binary::Running;

const MARK: &str = "relay-part";

/// Sends so many bytes of a file to an address.
pub(super) fn source(to: SocketAddr, file: &Path, bytes: u64) -> Running {
    start("source", &[&to.to_string(), file.to_str().unwrap(), &bytes.to_string()])
}

/// Takes one connection at an address of its own choice there, which it says first; then what came.
pub(super) fn sink(at: IpAddr) -> (Running, SocketAddr) {
    listening("sink", &[&at.to_string()])
}

/// A relay of `tokio::io::copy_bidirectional`, as it is when nobody tunes anything.
pub(super) fn tokio_copy(at: IpAddr, to: SocketAddr) -> (Running, SocketAddr) {
    listening("tokio", &[&at.to_string(), &to.to_string()])
}

/// What a sink says at the end of its connection: bytes, and seconds since the first of them.
pub(super) fn taken(sink: &mut Running) -> (u64, f64) {
    let line = sink.line().unwrap();
    let (bytes, seconds) = line.split_once(' ').unwrap();
    (bytes.parse().unwrap(), seconds.parse().unwrap())
}

fn listening(part: &str, args: &[&str]) -> (Running, SocketAddr) {
    let mut running = start(part, args);
    let address = running.line().unwrap().parse().unwrap();
    (running, address)
}

fn start(part: &str, args: &[&str]) -> Running {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([MARK, part]).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::start(part, command)
}

/// Whether this process is one of them.
pub(crate) fn is_part(args: &[String]) -> bool {
    args.get(1).is_some_and(|arg| arg == MARK)
}

/// One of them.
pub(crate) fn part(args: &[String]) {
    let args: Vec<&str> = args.iter().skip(2).map(String::as_str).collect();
    match args[..] {
        ["source", to, file, bytes] => send(to.parse().unwrap(), file, bytes.parse().unwrap()),
        ["sink", at] => take(at.parse().unwrap()),
        ["tokio", at, to] => relay(at.parse().unwrap(), to.parse().unwrap()),
        _ => panic!("no such part: {args:?}"),
    }
}

fn send(to: SocketAddr, file: &str, bytes: u64) {
    let file = File::open(file).unwrap();
    let stream = TcpStream::connect(to).unwrap();
    let mut offset = 0;
    while offset < bytes {
        let left = usize::try_from(bytes - offset).unwrap();
        assert!(rustix::fs::sendfile(&stream, &file, Some(&mut offset), left).unwrap() > 0);
    }
    stream.shutdown(Shutdown::Write).unwrap();
    until_measured();
}

fn take(at: IpAddr) {
    let listener = announced(at);
    let (mut stream, _) = listener.accept().unwrap();
    let mut piece = vec![0; 1 << 18];
    let (mut bytes, mut first) = (0, None);
    while let read @ 1.. = stream.read(&mut piece).unwrap() {
        first.get_or_insert_with(Instant::now);
        bytes += read;
    }
    println!("{bytes} {}", first.map_or(0.0, |first| first.elapsed().as_secs_f64()));
    until_measured();
}

fn relay(at: IpAddr, to: SocketAddr) {
    let listener = announced(at);
    listener.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let (mut from, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(to).await.unwrap();
                // The sink says what has come.
                drop(tokio::io::copy_bidirectional(&mut from, &mut to).await);
            });
        }
    });
}

fn announced(at: IpAddr) -> TcpListener {
    let listener = TcpListener::bind((at, 0)).unwrap();
    println!("{}", listener.local_addr().unwrap());
    stdout().flush().unwrap();
    listener
}

/// Keeps the connection: what a relay has spent is read before it ends. The benchmark's own end is
/// the end of standard input.
fn until_measured() {
    stdout().flush().unwrap();
    drop(stdin().read(&mut [0]));
}
