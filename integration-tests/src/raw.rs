//! A control connection as a person with a terminal has it: lines and bytes out, replies in.

use crate::socket::WATCHDOG;
use crate::tls_client::{Private, TlsClient};
use ftp_proto::dialect::Dialect;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

/// A reply as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The code of its last line.
    pub code: u16,
    /// Its lines without codes; the text of a multi-line reply keeps its inner lines whole.
    pub lines: Vec<String>,
}

impl Reply {
    /// All lines in one text.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The data port that it announces: `SOCK n`, six numbers, or `|||n|`.
    pub fn port(&self) -> u16 {
        let text = self.text();
        let numbers: Vec<u32> =
            text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
        let port = match numbers[..] {
            [.., _, _, _, _, high, low] => high * 256 + low,
            [.., port] => port,
            [] => panic!("no port in {text:?}"),
        };
        u16::try_from(port).unwrap()
    }
}

/// Whether `code` is one that `expect` names: alternatives with `|`, the two dialects with `/`
/// (`454/425`, `252|257/226|250`); without `/` both dialects say the same.
pub fn names(expect: &str, dialect: Dialect, code: u16) -> bool {
    let (old, new) = expect.split_once('/').unwrap_or((expect, expect));
    let alternatives = match dialect {
        Dialect::Rfc354 => old,
        Dialect::Rfc959 => new,
    };
    alternatives.split('|').any(|alternative| alternative == code.to_string())
}

/// A control connection.
#[derive(Debug)]
pub struct Raw {
    dialect: Dialect,
    lines: BufReader<Wire>,
    held: Option<Reply>,
    dialogue: Vec<String>,
}

/// What carries it.
#[derive(Debug)]
enum Wire {
    Clear(TcpStream),
    Tls(Box<Private>),
}

impl Wire {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(stream) => stream,
            Self::Tls(tls) => &tls.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(room),
            Self::Tls(tls) => tls.read(room),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

impl Raw {
    /// Connects and reads the greeting (A10).
    pub fn connect(dialect: Dialect, to: SocketAddr) -> Self {
        let any = if to.is_ipv4() { "127.0.0.1" } else { "::1" };
        Self::connect_from(dialect, any.parse().unwrap(), to)
    }

    /// Connects from a chosen address of this machine and reads the greeting.
    pub fn connect_from(dialect: Dialect, from: IpAddr, to: SocketAddr) -> Self {
        let stream = crate::socket::connect(SocketAddr::new(from, 0), to);
        stream.set_nodelay(true).unwrap();
        let mut raw =
            Self { dialect, lines: BufReader::new(Wire::Clear(stream)), held: None, dialogue: Vec::new() };
        raw.expect("300/220");
        raw
    }

    /// Connects to a listener for implicit TLS and reads the greeting.
    pub fn connect_tls(to: SocketAddr, client: &TlsClient) -> Self {
        Self::connect_tls_after(b"", to, client)
    }

    /// The same, with bytes before the handshake: the header of a proxy.
    pub fn connect_tls_after(header: &[u8], to: SocketAddr, client: &TlsClient) -> Self {
        let mut stream = crate::socket::connect(SocketAddr::new("127.0.0.1".parse().unwrap(), 0), to);
        stream.set_nodelay(true).unwrap();
        stream.write_all(header).unwrap();
        let lines = BufReader::new(Wire::Tls(Box::new(client.begin(stream))));
        let mut raw = Self { dialect: Dialect::Rfc959, lines, held: None, dialogue: Vec::new() };
        raw.expect("220");
        raw
    }

    /// Begins TLS by AUTH.
    pub fn begin_tls(&mut self, client: &TlsClient) {
        self.ask("AUTH TLS", "234");
        self.begin_tls_now(client);
    }

    /// Begins TLS without a word.
    pub fn begin_tls_now(&mut self, client: &TlsClient) {
        assert!(self.lines.buffer().is_empty(), "something was said in clear after AUTH");
        let stream = self.lines.get_ref().socket().try_clone().unwrap();
        self.lines = BufReader::new(Wire::Tls(Box::new(client.begin(stream))));
        self.dialogue.push("= TLS".to_owned());
    }

    /// Ends TLS after the server has ended it. Its close_notify and the next command may come together.
    pub fn end_tls(&mut self) {
        let Wire::Tls(tls) = self.lines.get_mut() else { self.fail("there is no TLS to end") };
        assert!(matches!(tls.read(&mut [0; 1]), Ok(0)), "the server has not ended TLS");
        tls.conn.send_close_notify();
        while tls.conn.wants_write() {
            tls.conn.write_tls(&mut tls.sock).unwrap();
        }
        let stream = tls.sock.try_clone().unwrap();
        self.lines = BufReader::new(Wire::Clear(stream));
        self.dialogue.push("= in clear".to_owned());
    }

    /// Ends the control connection in order, which inside TLS is close_notify and FIN.
    pub fn leave(mut self) {
        if let Wire::Tls(tls) = self.lines.get_mut() {
            tls.conn.send_close_notify();
            while tls.conn.wants_write() {
                tls.conn.write_tls(&mut tls.sock).unwrap();
            }
        }
    }

    /// Logs in with USER and PASS.
    pub fn login(&mut self, user: &str, password: &str) {
        self.ask(&format!("USER {user}"), "330/331");
        self.ask(&format!("PASS {password}"), "230");
    }

    /// A data connection from the address of this end to the port that the server opens at this command.
    pub fn open(&mut self, command: &str) -> TcpStream {
        let port = self.ask(command, "255/227|229|255").port();
        let server = SocketAddr::new(self.peer_address().ip(), port);
        crate::socket::connect(SocketAddr::new(self.local().ip(), 0), server)
    }

    /// What comes over a data connection that the server opens at `opening`, after `command`.
    pub fn fetch(&mut self, opening: &str, command: &str) -> Vec<u8> {
        let data = self.open(opening);
        self.ask(command, "250/150|125");
        let bytes = crate::socket::drain(data);
        self.expect("252|257/226|250");
        bytes
    }

    /// Sends a file over a data connection that the server opens at `opening`, after `command`.
    pub fn store(&mut self, opening: &str, command: &str, bytes: &[u8]) {
        let mut data = self.open(opening);
        self.ask(command, "250/150|125");
        data.write_all(bytes).unwrap();
        drop(data);
        self.expect("252|257/226|250");
    }

    /// The dialect of the listener.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// This end's port.
    pub fn local(&self) -> SocketAddr {
        self.lines.get_ref().socket().local_addr().unwrap()
    }

    /// The server's address.
    pub fn peer_address(&self) -> SocketAddr {
        self.lines.get_ref().socket().peer_addr().unwrap()
    }

    /// Everything said so far, both ways.
    pub fn dialogue(&self) -> String {
        self.dialogue.join("\n")
    }

    /// Sends a command line.
    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\r\n").as_bytes());
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.dialogue.push(format!("C: {}", bytes.escape_ascii()));
        self.lines.get_mut().write_all(bytes).unwrap_or_else(|error| self.fail(&error.to_string()));
    }

    /// Sends one byte as TCP urgent data (the INS of a Synch).
    pub fn send_urgent(&mut self, byte: u8) {
        self.dialogue.push(format!("C: urgent {byte:#x}"));
        socket2::SockRef::from(self.lines.get_ref().socket()).send_out_of_band(&[byte]).unwrap();
    }

    /// The next reply; `None` when the server has closed the connection.
    pub fn next_reply(&mut self) -> Option<Reply> {
        if let Some(reply) = self.held.take() {
            return Some(reply);
        }
        let mut lines = Vec::new();
        let mut first: Option<String> = None;
        loop {
            let line = self.line()?;
            let code = line.get(..3).unwrap_or_default().to_owned();
            let rest = line.get(3..).unwrap_or_default();
            match &first {
                None if rest.starts_with('-') => {
                    lines.push(rest[1..].to_owned());
                    first = Some(code.clone());
                }
                Some(open) if *open == code && !rest.starts_with('-') => first = None,
                Some(_) => lines.push(line.clone()),
                None => {}
            }
            if first.is_none() {
                lines.push(rest.strip_prefix(' ').unwrap_or(rest).to_owned());
                let code = code.parse().unwrap_or_else(|_| self.fail(&format!("{line:?} is no reply")));
                return Some(Reply { code, lines });
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        match self.lines.read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(_) => {
                self.dialogue.push(format!("S: {}", bytes.trim_ascii_end().escape_ascii()));
                let line = bytes.strip_suffix(b"\r\n");
                let line = line.unwrap_or_else(|| self.fail("a line that does not end with CR LF"));
                Some(String::from_utf8_lossy(line).into_owned())
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => None,
            Err(error) => self.fail(&format!("no reply within {} s: {error}", WATCHDOG.as_secs())),
        }
    }

    /// The next reply.
    pub fn reply(&mut self) -> Reply {
        self.next_reply().unwrap_or_else(|| self.fail("the server has closed the connection"))
    }

    /// Whether nothing has been said that was not read.
    pub fn is_quiet(&self) -> bool {
        let stream = self.lines.get_ref().socket();
        stream.set_nonblocking(true).unwrap();
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).unwrap();
        let nothing = matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        self.held.is_none() && self.lines.buffer().is_empty() && nothing
    }

    /// Puts a reply back: the next call sees it again.
    pub fn hold(&mut self, reply: Reply) {
        assert!(self.held.replace(reply).is_none(), "two replies held");
    }

    /// The next reply, which must have a code of `expect` (see [`names`]).
    pub fn expect(&mut self, expect: &str) -> Reply {
        let reply = self.reply();
        if !names(expect, self.dialect, reply.code) {
            self.fail(&format!("expected {expect}, heard {} {}", reply.code, reply.text()));
        }
        reply
    }

    /// Sends a command line and checks the code of its reply.
    pub fn ask(&mut self, line: &str, expect: &str) -> Reply {
        self.send(line);
        self.expect(expect)
    }

    /// Waits until the server closes the connection; nothing may be said before.
    pub fn closed(&mut self) {
        if let Some(reply) = self.next_reply() {
            self.fail(&format!("expected the end, heard {} {}", reply.code, reply.text()));
        }
    }

    /// Bytes of Telnet or of a sloppy server, read as they are.
    pub fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.lines.read_exact(&mut bytes).unwrap_or_else(|error| self.fail(&error.to_string()));
        self.dialogue.push(format!("S: {}", bytes.escape_ascii()));
        bytes
    }

    /// Fails the test with the whole dialogue.
    pub fn fail(&self, why: &str) -> ! {
        panic!("{why}\n---- the dialogue ----\n{}", self.dialogue())
    }
}
