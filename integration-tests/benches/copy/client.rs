//! A client that costs next to nothing, so that the server's work shows.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use integration_tests::socket::WATCHDOG;
use rustix::net::{RecvFlags, recv};

use crate::contender::Door;

/// A control connection in clear.
pub(crate) struct Client {
    control: TcpStream,
    /// What was heard and not taken yet.
    heard: Vec<u8>,
    host: IpAddr,
}

impl Client {
    /// Connects and reads the greeting.
    fn connect(to: SocketAddr) -> Self {
        let control = TcpStream::connect(to).unwrap();
        control.set_nodelay(true).unwrap();
        control.set_read_timeout(Some(WATCHDOG)).unwrap();
        let mut client = Self { control, heard: Vec::with_capacity(512), host: to.ip() };
        client.expect("220");
        client
    }

    /// The same, logged in, for files as they are.
    pub(crate) fn login(Door { at, user, password }: &Door) -> Self {
        let mut client = Self::connect(*at);
        client.ask(&format!("USER {user}"), "331");
        client.ask(&format!("PASS {password}"), "230");
        client.ask("TYPE I", "200");
        client
    }

    /// Sends a command and reads its reply, which must have this code. Returns the reply's last line.
    pub(crate) fn ask(&mut self, command: &str, code: &str) -> String {
        self.control.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        self.expect(code)
    }

    /// Sends commands without waiting for their replies, each of which must have this code.
    pub(crate) fn ask_all(&mut self, commands: impl ExactSizeIterator<Item = String>, code: &str) {
        let count = commands.len();
        let all: Vec<u8> = commands.flat_map(|command| format!("{command}\r\n").into_bytes()).collect();
        let mut control = self.control.try_clone().unwrap();
        let sent = std::thread::spawn(move || control.write_all(&all));
        for _ in 0..count {
            self.expect(code);
        }
        sent.join().unwrap().unwrap();
    }

    /// Reads a reply to its last line.
    pub(crate) fn expect(&mut self, code: &str) -> String {
        let mut piece = [0; 1024];
        loop {
            while let Some(end) = self.heard.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.heard.drain(..end + 2).collect();
                let is_last = line.get(3) == Some(&b' ') && line[..3].iter().all(u8::is_ascii_digit);
                if is_last {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    assert!(line.starts_with(code), "expected {code}, heard {line}");
                    return line;
                }
            }
            let read = self.control.read(&mut piece).unwrap();
            assert!(read > 0, "the server has closed the connection before {code}");
            self.heard.extend_from_slice(&piece[..read]);
        }
    }

    /// Connects to the port that the server announces.
    pub(crate) fn passive(&mut self) -> TcpStream {
        let reply = self.ask("PASV", "227");
        let numbers: Vec<u16> =
            reply.split(|c: char| !c.is_ascii_digit()).filter_map(|text| text.parse().ok()).collect();
        let [.., high, low] = numbers[..] else { panic!("{reply}") };
        let data = TcpStream::connect((self.host, high * 256 + low)).unwrap();
        data.set_read_timeout(Some(WATCHDOG)).unwrap();
        data
    }

    /// Has a file sent, and takes it by `take`, which returns how many bytes there were.
    pub(crate) fn retrieve(&mut self, name: &str, take: impl FnOnce(TcpStream) -> u64) -> u64 {
        let data = self.passive();
        self.ask(&format!("RETR {name}"), "1");
        let bytes = take(data);
        self.expect("226");
        bytes
    }
}

/// Takes everything from a connection without copying it into this process.
pub(crate) fn drop_all(data: &TcpStream) -> u64 {
    // The system writes nothing there: it drops what would have come.
    let mut room = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        match recv(data, room.as_mut_slice(), RecvFlags::TRUNC).unwrap() {
            (_, 0) => return bytes,
            (_, count) => bytes += count as u64,
        }
    }
}
