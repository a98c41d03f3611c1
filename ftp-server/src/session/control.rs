//! The octets of a control connection: read when they come, written when they can be, both bounded.

use std::io;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::socket;
use ftp_proto::timer::Moment;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// One control connection.
#[derive(Debug)]
pub(super) struct Control {
    stream: TcpStream,
    /// Replies that the connection has not taken yet.
    waiting: Vec<u8>,
    /// Since when some have been waiting: taking them octet by octet wins no time.
    behind: Option<Moment>,
}

/// What became of a read.
pub(super) enum Read {
    /// So many octets.
    Octets(usize),
    /// None now.
    Nothing,
    /// The connection has ended or broken.
    End,
}

impl Control {
    /// Takes over a connection: small replies at once, urgent data in line (A08).
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        socket::control(&stream)?;
        Ok(Self { stream, waiting: Vec::new(), behind: None })
    }

    /// Puts a reply in line.
    pub(super) fn send(&mut self, octets: &[u8], now: Moment) {
        self.waiting.extend_from_slice(octets);
        self.behind.get_or_insert(now);
        // Nearly always the connection takes it at once.
        self.write();
    }

    /// Whether the client must take replies before there may be more.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    /// Waits until there is something to read or room to write. A client that sends commands and
    /// does not read replies is not listened to.
    pub(super) async fn ready(&self) {
        let wanted = match (self.waiting.is_empty(), self.is_full()) {
            (true, _) => Interest::READABLE,
            (false, false) => Interest::READABLE | Interest::WRITABLE,
            (false, true) => Interest::WRITABLE,
        };
        // An error of the connection shows at the next read or write.
        let _ = self.stream.ready(wanted).await;
    }

    /// Reads what has come.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Read {
        if self.is_full() {
            return Read::Nothing;
        }
        match self.stream.try_read(buffer) {
            Ok(0) => Read::End,
            Ok(count) => Read::Octets(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Nothing,
            Err(_) => Read::End,
        }
    }

    /// Writes what the connection takes. A broken connection shows at the next read.
    pub(super) fn write(&mut self) {
        while !self.waiting.is_empty() {
            match self.stream.try_write(&self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.waiting.clear(),
            }
        }
        self.behind = None;
    }

    /// When a client that does not take all its replies has had enough time.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.behind.map(|since| since + MAX_BEHIND)
    }

    /// Whether that time is over.
    pub(super) fn is_late(&self, now: Moment) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Sends what waits and closes in order. What the client has still sent is read away, so that
    /// the system does not answer it with a reset which would overtake the last reply.
    pub(super) async fn finish(mut self, clock: &Clock) {
        let give_up = Some(clock.now() + LAST_WORDS);
        let last = async {
            while !self.waiting.is_empty() {
                if self.stream.writable().await.is_err() {
                    return;
                }
                self.write();
            }
            if tokio::io::AsyncWriteExt::shutdown(&mut self.stream).await.is_err() {
                return;
            }
            let mut away = [0; 512];
            for _ in 0..MAX_AWAY {
                if self.stream.readable().await.is_err() {
                    return;
                }
                if matches!(self.read(&mut away), Read::End) {
                    return;
                }
            }
        };
        tokio::select! {
            () = last => {}
            () = clock.sleep_until(give_up) => {}
        }
    }
}

/// Replies in line beyond which no command is read.
const MAX_WAITING: usize = 64 * 1024;
/// How long a client may be behind with its replies.
const MAX_BEHIND: Duration = Duration::from_secs(60);
/// How long the end of a session may take.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Pieces that are read away at the end.
const MAX_AWAY: usize = 128;
