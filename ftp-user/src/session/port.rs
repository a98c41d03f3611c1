//! A data port for one server, which connects to it: a port of this host, or of the relay that carries the control
//! connection.

use super::arrived::Arrived;
use super::data_failure::DataFailure;
use super::relay_port::RelayPort;
use crate::failure::{Failure, Kind, words};
use crate::world::{OpenPort, TcpStream, reset};
use ftp_proto::address::unmapped;
use std::io;
use std::iter;
use std::net::{IpAddr, SocketAddr};

/// A port to which one server connects. Dropping it closes the port.
#[derive(Debug)]
pub enum DataPort {
    /// This host listens.
    Own(OwnPort),
    /// The relay listens, because only that reaches the server.
    Relay(RelayPort),
}

impl DataPort {
    /// Where the server is to connect.
    pub fn at(&self) -> SocketAddr {
        match self {
            Self::Own(own) => own.port.at(),
            Self::Relay(port) => port.at(),
        }
    }

    /// Takes nobody of those who have come so far: the server connects once, and after its transfer command. This host resets
    /// them and waits on; the port of a relay, which takes one connection only, is given up. Returns whether somebody has come
    /// from the server's address.
    pub fn turn_away(&self) -> bool {
        match self {
            Self::Own(port) => port.turn_away(),
            Self::Relay(port) => port.turn_away(),
        }
    }

    /// Waits for one more connection of the server's address, and resets it. Never returns if the system cannot
    /// accept connections, or if a relay listens: it resets such connections itself.
    pub async fn another(&self) {
        match self {
            Self::Own(port) => port.another().await,
            Self::Relay(_) => std::future::pending().await,
        }
    }

    /// Waits for a connection of the server. A connection of another host is reset, and the wait goes on (I11); how
    /// long is up to the caller.
    ///
    /// # Errors
    ///
    /// The system cannot accept connections, or the relay has none of the server.
    pub async fn accept(&self) -> Result<Arrived, DataFailure> {
        match self {
            Self::Own(port) => match port.accept().await {
                Ok((stream, from)) => Ok(Arrived { connection: stream.into(), from }),
                Err(error) => Err(DataFailure::Path(Failure::new(Kind::NoPath, words(&error)))),
            },
            Self::Relay(port) => port.accept().await,
        }
    }
}

/// A port on which this program listens for one server. Dropping it closes the port.
#[derive(Debug)]
pub struct OwnPort {
    pub(super) port: OpenPort,
    pub(super) peer: IpAddr,
}

impl OwnPort {
    /// Resets what has connected so far, and returns whether any of that came from the server's address. At most
    /// `MOST_WAITING` connections are looked at.
    fn turn_away(&self) -> bool {
        let waiting = iter::from_fn(|| self.port.reset_waiting()).take(MOST_WAITING);
        waiting.fold(false, |found, from| found | (unmapped(from.ip()) == self.peer))
    }

    /// Waits for one more connection of the server's address, and resets it. Never returns if the system cannot
    /// accept connections.
    async fn another(&self) {
        match self.accept().await {
            Ok((stream, _)) => reset(stream),
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits for a connection of the server. A connection of another host is reset, and the wait goes on (I11).
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            let (stream, from) = self.port.accept().await?;
            if unmapped(from.ip()) == self.peer {
                return Ok((stream, from));
            }
            reset(stream);
        }
    }
}

/// No listener of this program keeps more connections waiting.
const MOST_WAITING: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Network;
    use ftp_io::socket;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn i11_only_the_server_gets_in_and_no_stranger_ends_the_wait() {
        let open = Network::Real.listen("127.0.0.1".parse().unwrap()).unwrap();
        let at = open.at();
        let port = OwnPort { port: open, peer: "127.0.0.2".parse().unwrap() };
        let accepted = tokio::spawn(async move { port.accept().await });
        for _ in 0..5 {
            let mut stranger = socket::connect("127.0.0.3".parse().unwrap(), at).await.unwrap();
            assert!(!matches!(stranger.read(&mut [0]).await, Ok(1..)), "it is reset and gets nothing");
        }
        let mut server = socket::connect("127.0.0.2".parse().unwrap(), at).await.unwrap();
        server.write_all(b"x").await.unwrap();
        let (mut stream, _) = accepted.await.unwrap().unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, *b"x");
    }
}
