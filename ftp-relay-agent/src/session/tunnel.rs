//! A tunnel: carries a control connection between the link of a user agent and a server. Until the first words of the
//! server were judged nothing is sent to it, and nothing of what it says is shown to the user agent.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};

use ftp_io::connection::Connection;
use ftp_io::copy::{Allowance, Meter};
use ftp_io::link::Link;
use ftp_io::os_error::words;
use ftp_io::socket::Stream;
use ftp_io::socket::{end_by_reset, end_in_order};
use ftp_proto::relay::agent::{Answer, Flow, JoinEnd, Opening};
use ftp_proto::relay::message::{Code, LegId};
use ftp_proto::relay::opening::{Progress, client_hello, server_hello};
use ftp_proto::reply::{Beginning, beginning};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, split};
use tokio::sync::Notify;

use super::shared::DialledConnection;

/// A running tunnel: how much it has carried, and how to end it.
#[derive(Debug)]
pub(super) struct Tunnel {
    up: AtomicU64,
    down: AtomicU64,
    /// What may still pass.
    allowance: Allowance,
    /// How fast it may pass.
    meter: Meter,
    stop: Notify,
}

impl Tunnel {
    pub(super) fn new(allowance: Allowance, meter: Meter) -> Self {
        Self { up: AtomicU64::new(0), down: AtomicU64::new(0), allowance, meter, stop: Notify::new() }
    }

    pub(super) fn flow(&self) -> Flow {
        let (up, down) = (self.up.load(Ordering::Relaxed), self.down.load(Ordering::Relaxed));
        Flow { taken_a: up, given_b: up, taken_b: down, given_a: down }
    }

    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }

    /// Carries bytes until both ends have closed in order. Otherwise the server's connection is reset. Calls
    /// `opened` when a server that begins with TLS has greeted.
    pub(super) async fn run<F>(
        &self,
        link: Link,
        mut server: Server,
        opening: Opening,
        opened: impl FnOnce() -> F,
    ) -> Answer
    where
        F: Future<Output = ()>,
    {
        end_by_reset(&server.stream);
        let how = tokio::select! {
            biased;
            () = self.stop.notified() => JoinEnd::Stopped,
            how = self.carry(link, &mut server, opening, opened) => how,
        };
        if how == JoinEnd::Whole {
            end_in_order(&server.stream);
        }
        let (a_to_b, b_to_a) = (self.up.load(Ordering::Relaxed), self.down.load(Ordering::Relaxed));
        Answer::Ended { a_to_b, b_to_a, how }
    }

    async fn carry<F: Future<Output = ()>>(
        &self,
        link: Link,
        server: &mut Server,
        opening: Opening,
        opened: impl FnOnce() -> F,
    ) -> JoinEnd {
        let (mut from_user, mut to_user) = split(Connection::from(link));
        let (mut from_server, mut to_server) = split(&mut server.stream);
        let (mut said, mut ahead) = (std::mem::take(&mut server.said), Vec::new());
        if opening == Opening::Tls {
            // Its buffers are not kept for as long as the tunnel.
            match Box::pin(open_tls(&mut from_user, &mut from_server, &mut to_server)).await {
                Ok(read) => (said, ahead) = read,
                Err(Unopened::User) => return JoinEnd::Leg(LegId::A),
                Err(Unopened::Server) => return JoinEnd::Leg(LegId::B),
                Err(Unopened::NoGreeting) => return JoinEnd::NoGreeting,
            }
            opened().await;
        }
        let up = async {
            self.pass(&ahead, &mut to_server, LegId::B, &self.up).await?;
            self.copy((from_user, LegId::A), &mut to_server, &self.up).await?;
            to_server.shutdown().await.map_err(|_| JoinEnd::Leg(LegId::B))
        };
        let down = async {
            self.pass(&said, &mut to_user, LegId::A, &self.down).await?;
            self.copy((from_server, LegId::B), &mut to_user, &self.down).await?;
            to_user.shutdown().await.map_err(|_| JoinEnd::Leg(LegId::A))
        };
        match tokio::try_join!(up, down) {
            Ok(((), ())) => JoinEnd::Whole,
            Err(broke) => broke,
        }
    }

    async fn copy(
        &self,
        (mut from, leg): (impl AsyncRead + Unpin, LegId),
        to: &mut (impl AsyncWrite + Unpin),
        moved: &AtomicU64,
    ) -> Result<(), JoinEnd> {
        loop {
            // The meter is never stopped: the whole tunnel is dropped.
            let most = self.meter.turn().await.ok_or(JoinEnd::Stopped)?;
            let bytes = read_some(&mut from, most).await.map_err(|_| JoinEnd::Leg(leg))?;
            if bytes.is_empty() {
                return Ok(());
            }
            self.pass(&bytes, to, leg.other(), moved).await?;
        }
    }

    /// Passes bytes on to a leg, within the limit.
    async fn pass(
        &self,
        bytes: &[u8],
        to: &mut (impl AsyncWrite + Unpin),
        leg: LegId,
        moved: &AtomicU64,
    ) -> Result<(), JoinEnd> {
        if !self.allowance.take(bytes.len()) {
            return Err(JoinEnd::Limit);
        }
        self.meter.add(bytes.len());
        let sent = async {
            to.write_all(bytes).await?;
            to.flush().await
        };
        sent.await.map_err(|_: io::Error| JoinEnd::Leg(leg))?;
        moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// Reads what there is, at most `most` bytes; none at the end. It holds no memory while nothing comes, because most
/// tunnels are silent for most of their time.
async fn read_some(from: &mut (impl AsyncRead + Unpin), most: usize) -> io::Result<Vec<u8>> {
    poll_fn(|context| {
        let mut room = [0; ROOM];
        let mut read = ReadBuf::new(room.get_mut(..most.min(ROOM)).unwrap_or_default());
        ready!(Pin::new(&mut *from).poll_read(context, &mut read))?;
        Poll::Ready(Ok(read.filled().to_vec()))
    })
    .await
}

/// Bytes that are read at once; a control connection carries little at a time.
const ROOM: usize = 4 * 1024;

/// The connection with the server of a tunnel.
#[derive(Debug)]
pub(super) struct Server {
    /// The connection itself.
    pub(super) stream: Stream,
    /// What was read from it, and belongs to the user agent.
    pub(super) said: Vec<u8>,
    /// The relay has made it, if it has not come to a listener.
    pub(super) dialled: Option<DialledConnection>,
}

/// Reads the first line of a server.
///
/// # Errors
///
/// Why the tunnel is refused, for the user agent: it is told the code of a refusal, and nothing else that
/// the server says.
pub(super) async fn first_line(mut server: Server) -> Result<Server, (Code, String)> {
    let mut room = [0; GREETING_ROOM];
    loop {
        match server.stream.read(&mut room).await {
            Ok(0) => return Err((Code::NoGreeting, "it closed the connection".to_owned())),
            Ok(count) => server.said.extend_from_slice(room.get(..count).unwrap_or_default()),
            Err(error) => return Err((Code::NoGreeting, words(&error))),
        }
        match beginning(&server.said) {
            Beginning::Incomplete => {}
            Beginning::Greets => return Ok(server),
            Beginning::Refuses(code) => return Err((Code::Unwelcome, format!("it said {}", code.0))),
            Beginning::NotFtp => return Err((Code::NoGreeting, "it says something else".to_owned())),
        }
    }
}

/// Why a tunnel that begins with TLS does not open.
pub(super) enum Unopened {
    /// The user agent's link failed.
    User,
    /// The server's connection failed.
    Server,
    /// One of them says what does not belong here.
    NoGreeting,
}

/// Lets one ClientHello of the user agent through, and waits for the server's answer. Returns the bytes that
/// were read and not passed on: those of the server, then those of the user agent.
pub(super) async fn open_tls(
    from_user: &mut (impl AsyncRead + Unpin),
    from_server: &mut (impl AsyncRead + Unpin),
    to_server: &mut (impl AsyncWrite + Unpin),
) -> Result<(Vec<u8>, Vec<u8>), Unopened> {
    let (mut hello, mut said) = (Vec::new(), Vec::new());
    let (mut room_of_user, mut room_of_server) = ([0; GREETING_ROOM], [0; GREETING_ROOM]);
    let mut sent = false;
    loop {
        tokio::select! {
            biased;
            read = from_user.read(&mut room_of_user), if !sent => {
                take(&mut hello, &room_of_user, read).ok_or(Unopened::User)?;
                match client_hello(&hello) {
                    Progress::Incomplete => {}
                    Progress::Wrong => return Err(Unopened::NoGreeting),
                    Progress::Complete => {
                        to_server.write_all(&hello).await.map_err(|_| Unopened::Server)?;
                        hello.clear();
                        sent = true;
                    }
                }
            }
            read = from_server.read(&mut room_of_server) => {
                take(&mut said, &room_of_server, read).ok_or(Unopened::Server)?;
                match server_hello(&said) {
                    Progress::Incomplete => {}
                    Progress::Wrong => return Err(Unopened::NoGreeting),
                    Progress::Complete => return Ok((said, hello)),
                }
            }
        }
    }
}

/// Adds what was read; `None` if nothing comes any more.
fn take(all: &mut Vec<u8>, room: &[u8], read: io::Result<usize>) -> Option<()> {
    let count = read.ok().filter(|count| *count > 0)?;
    all.extend_from_slice(room.get(..count)?);
    Some(())
}

/// Bytes of a greeting that are read at once.
const GREETING_ROOM: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// What came of a tunnel whose user agent says this. The server answers once it has as many bytes as a
    /// ClientHello, and closes. Also returns what the server has got.
    async fn opened(user: &[u8], answer: &[u8]) -> (Option<(Vec<u8>, Vec<u8>)>, Vec<u8>) {
        let (mut user_end, mut from_user) = duplex(8_192);
        let (mut server_end, relay_end) = duplex(8_192);
        user_end.write_all(user).await.unwrap();
        let relay = async {
            let (mut from_server, mut to_server) = split(relay_end);
            open_tls(&mut from_user, &mut from_server, &mut to_server).await.ok()
        };
        let server = async {
            let mut got = vec![0; hello(1).len()];
            let mut count = 0;
            while count < got.len() {
                match server_end.read(&mut got[count..]).await.unwrap() {
                    0 => break,
                    read => count += read,
                }
            }
            got.truncate(count);
            // The relay may have given up.
            drop(server_end.write_all(answer).await);
            drop(server_end);
            got
        };
        tokio::join!(relay, server)
    }

    fn hello(kind: u8) -> Vec<u8> {
        let mut bytes = vec![22, 3, 1, 0, 104, kind, 0, 0, 100];
        bytes.resize(109, 0);
        bytes
    }

    #[tokio::test]
    async fn r23_no_byte_but_one_client_hello_goes_before_the_answer() {
        for said in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"USER ann\r\n", &[hello(1), b"x".to_vec()].concat()] {
            let (opened, got) = opened(said, b"").await;
            assert!(opened.is_none() && got.is_empty(), "{said:?}: {got:?}");
        }
        let (opened_early, got) = opened(&hello(1), b"").await;
        assert!(opened_early.is_none(), "it closed without an answer");
        assert_eq!(got, hello(1));
        let (answered, _) = opened(&hello(1), b"HTTP/1.1 400 Bad Request\r\n").await;
        assert!(answered.is_none());
    }

    #[tokio::test]
    async fn what_was_read_ahead_is_kept() {
        let answer = [hello(2), b"more".to_vec()].concat();
        let (opened, _) = opened(&hello(1), &answer).await;
        assert_eq!(opened.unwrap().0, answer);
    }
}
