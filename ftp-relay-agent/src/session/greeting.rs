//! The first words of a tunnel's server. Until they were judged nothing is sent to it, and nothing of what it says
//! is shown to the user agent.

use std::io;

use ftp_io::os_error::words;
use ftp_proto::relay::message::Code;
use ftp_proto::relay::opening::{Progress, client_hello, server_hello};
use ftp_proto::reply::{Beginning, beginning};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::own_sockets::Dialled;

/// The connection with the server of a tunnel.
#[derive(Debug)]
pub(super) struct Server {
    /// The connection itself.
    pub(super) stream: TcpStream,
    /// What was read from it, and belongs to the user agent.
    pub(super) said: Vec<u8>,
    /// The relay has made it, if it has not come to a listener.
    pub(super) dialled: Option<Dialled>,
}

/// Reads the first line of a server.
///
/// # Errors
///
/// Why the tunnel is refused, for the user agent: it is told the code of a refusal, and nothing else that
/// the server says.
pub(super) async fn first_line(mut server: Server) -> Result<Server, (Code, String)> {
    let mut room = [0; ROOM];
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
pub(super) async fn open(
    from_user: &mut (impl AsyncRead + Unpin),
    from_server: &mut (impl AsyncRead + Unpin),
    to_server: &mut (impl AsyncWrite + Unpin),
) -> Result<(Vec<u8>, Vec<u8>), Unopened> {
    let (mut hello, mut said) = (Vec::new(), Vec::new());
    let (mut room_of_user, mut room_of_server) = ([0; ROOM], [0; ROOM]);
    let mut sent = false;
    loop {
        tokio::select! {
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

/// Bytes that are read at once.
const ROOM: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    /// What came of a tunnel whose user agent says this. The server answers once it has as many bytes as a
    /// ClientHello, and closes. Also returns what the server has got.
    async fn opened(user: &[u8], answer: &[u8]) -> (Option<(Vec<u8>, Vec<u8>)>, Vec<u8>) {
        let (mut user_end, mut from_user) = duplex(8_192);
        let (mut server_end, relay_end) = duplex(8_192);
        user_end.write_all(user).await.unwrap();
        let relay = async {
            let (mut from_server, mut to_server) = tokio::io::split(relay_end);
            open(&mut from_user, &mut from_server, &mut to_server).await.ok()
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
