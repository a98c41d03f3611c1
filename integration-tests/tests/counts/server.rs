//! Operations of `ftp-server`, by a client that sends the next command when the server sleeps.

use super::quiet::{settle, settle_for_long};
use super::table::Count;
use super::valgrind::{Counted, Valgrind};
use ftp_proto::dialect::Dialect;
use integration_tests::binary::Program;
use integration_tests::raw::Raw;
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use integration_tests::socket::{connect, drain, end};
use integration_tests::tls_client::{Private, TlsClient};
use rustix::process::Signal;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

/// A server under Valgrind.
struct Measured {
    server: Server,
    counted: Counted,
}

impl Measured {
    fn start(valgrind: &Valgrind, site: Site) -> Self {
        let (script, counted) = valgrind.script(Program::Server);
        let server = site.program(script).start();
        settle(server.running.id());
        Self { server, counted }
    }

    fn settle(&self) {
        settle(self.server.running.id());
    }

    fn settle_for_long(&self) {
        settle_for_long(self.server.running.id());
    }

    /// A command with its only reply.
    fn ask(&self, raw: &mut Raw, line: &str, code: &str) {
        raw.send(line);
        self.settle();
        raw.expect(code);
    }

    fn login(&self) -> Raw {
        let mut raw = self.server.connect(Dialect::Rfc959);
        self.settle();
        self.enter(&mut raw);
        raw
    }

    fn enter(&self, raw: &mut Raw) {
        self.ask(raw, &format!("USER {USER}"), "331");
        self.ask(raw, &format!("PASS {PASSWORD}"), "230");
    }

    /// The same inside TLS, with data connections inside TLS.
    fn login_private(&self, client: &TlsClient) -> Raw {
        let mut raw = self.server.connect(Dialect::Rfc959);
        raw.begin_tls(client);
        self.enter(&mut raw);
        for line in ["PBSZ 0", "PROT P", "TYPE I"] {
            self.ask(&mut raw, line, "200");
        }
        raw
    }

    fn data(&self, raw: &mut Raw) -> TcpStream {
        raw.send("EPSV");
        self.settle();
        let to = SocketAddr::new(self.server.ip(), raw.expect("229").port());
        let data = connect(SocketAddr::new(raw.local().ip(), 0), to);
        self.settle();
        data
    }

    /// Ends a session, and waits for its end.
    fn leave(&self, mut raw: Raw) {
        self.ask(&mut raw, "QUIT", "221");
        raw.closed();
        self.settle();
    }

    /// Ends a transfer inside TLS, its session and the server.
    fn end_of_private(self, mut raw: Raw, mut data: Private) -> Count {
        close(&mut data);
        self.settle();
        raw.expect("150");
        raw.expect("226");
        self.leave(raw);
        self.count()
    }

    /// Ends the server.
    fn count(mut self) -> Count {
        self.server.running.signal(Signal::TERM);
        assert!(self.server.running.wait().success());
        self.counted.count()
    }
}

/// Gives all files the same time: the cost of a time in a listing depends on its digits.
pub(crate) fn set_times(server: &Server) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_791_627_010); // 2026-10-10 10:10:10
    for name in server.names() {
        let file = File::open(server.path(&name)).unwrap();
        file.set_modified(time).unwrap();
    }
}

/// Logins: USER, PASS, QUIT.
pub(crate) fn login(valgrind: &Valgrind, times: usize) -> Count {
    let measured = Measured::start(valgrind, Site::new("counts"));
    for _ in 0..times {
        let raw = measured.login();
        measured.leave(raw);
    }
    measured.count()
}

/// Files of 1 KiB that the server sends: EPSV, RETR.
pub(crate) fn send(valgrind: &Valgrind, times: usize) -> Count {
    let measured = Measured::start(valgrind, Site::new("counts").file("small", sample(1 << 10)));
    let mut raw = measured.login();
    measured.ask(&mut raw, "TYPE I", "200");
    for _ in 0..times {
        retrieve(&measured, &mut raw, "RETR small", 1 << 10);
    }
    measured.leave(raw);
    measured.count()
}

/// Files of 1 KiB that the server receives: EPSV, STOR. All bytes are there before the command.
pub(crate) fn receive(valgrind: &Valgrind, times: usize) -> Count {
    let measured = Measured::start(valgrind, Site::new("counts"));
    let mut raw = measured.login();
    measured.ask(&mut raw, "TYPE I", "200");
    for number in 0..times {
        let mut data = measured.data(&mut raw);
        data.write_all(&sample(1 << 10)).unwrap();
        end(&data);
        raw.send(&format!("STOR {number:04}"));
        measured.settle();
        assert!(drain(data).is_empty());
        measured.settle();
        raw.expect("150");
        raw.expect("226");
    }
    measured.leave(raw);
    measured.count()
}

/// Listings of 1,000 names: EPSV, MLSD.
pub(crate) fn list(valgrind: &Valgrind, times: usize) -> Count {
    let site = (0..1000).fold(Site::new("counts"), |site, number| site.file(&format!("{number:04}"), ""));
    let measured = Measured::start(valgrind, site);
    set_times(&measured.server);
    let mut raw = measured.login();
    // The other facts have the number of the file and its device, which may be short or long.
    measured.ask(&mut raw, "OPTS MLST type;size;modify;perm;", "200");
    for _ in 0..times {
        retrieve(&measured, &mut raw, "MLSD", 50_000);
    }
    measured.leave(raw);
    measured.count()
}

fn retrieve(measured: &Measured, raw: &mut Raw, line: &str, at_least: usize) {
    let data = measured.data(raw);
    raw.send(line);
    measured.settle();
    assert!(drain(data).len() >= at_least);
    measured.settle();
    raw.expect("150");
    raw.expect("226");
}

/// Megabytes that the server sends inside TLS, of one file. The client takes all that is there whenever the server sleeps.
pub(crate) fn send_private(valgrind: &Valgrind, times: usize) -> Count {
    let site = Site::new("counts").tls().file("large", sample(times << 20));
    let measured = Measured::start(valgrind, site);
    let client = TlsClient::new();
    let mut raw = measured.login_private(&client);
    let mut data = client.begin(measured.data(&mut raw));
    raw.send("RETR large");
    shake_hands(&mut data);
    measured.settle_for_long();
    let mut taken = 0;
    while let Some(count) = take(&mut data.sock) {
        taken += count;
        measured.settle_for_long();
    }
    assert!(taken > times << 20);
    measured.end_of_private(raw, data)
}

/// Megabytes that the server receives inside TLS, of one file. The client sends the next piece whenever the server sleeps.
pub(crate) fn receive_private(valgrind: &Valgrind, times: usize) -> Count {
    /// With its records less than one segment of loopback: it comes as a whole.
    const PIECE: usize = 60 << 10;
    let measured = Measured::start(valgrind, Site::new("counts").tls());
    let client = TlsClient::new();
    let mut raw = measured.login_private(&client);
    let mut data = client.begin(measured.data(&mut raw));
    data.conn.set_buffer_limit(None);
    raw.send("STOR large");
    shake_hands(&mut data);
    measured.settle_for_long();
    for piece in sample(times << 20).chunks(PIECE) {
        data.conn.writer().write_all(piece).unwrap();
        flush(&mut data);
        measured.settle_for_long();
    }
    measured.end_of_private(raw, data)
}

fn shake_hands(data: &mut Private) {
    while data.conn.is_handshaking() {
        data.conn.complete_io(&mut data.sock).unwrap();
    }
}

/// Sends what is encrypted in one piece.
fn flush(data: &mut Private) {
    let mut bytes = Vec::new();
    while data.conn.wants_write() {
        data.conn.write_tls(&mut bytes).unwrap();
    }
    data.sock.write_all(&bytes).unwrap();
}

fn close(data: &mut Private) {
    data.conn.send_close_notify();
    flush(data);
    data.sock.shutdown(Shutdown::Write).unwrap();
}

/// Reads all that is there, as it is; `None` at the end.
fn take(socket: &mut TcpStream) -> Option<usize> {
    let mut room = vec![0; 1 << 16];
    let mut taken = 0;
    socket.set_nonblocking(true).unwrap();
    let is_open = loop {
        match socket.read(&mut room) {
            Ok(0) => break false,
            Ok(count) => taken += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break true,
            Err(error) => panic!("{error}"),
        }
    };
    socket.set_nonblocking(false).unwrap();
    (is_open || taken > 0).then_some(taken)
}
