//! What `check` says of something that is no relay and no hub.

use std::fmt;
use std::time::Duration;

use ftp_io::link::Stranger;
use ftp_proto::reply::{Beginning, beginning};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::at_hub::HubAddress;

/// What is at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum There {
    Ftp,
    Web,
    Ssh,
    /// Something that answered the handshake like this.
    Other(Stranger),
}

/// One line: what is there, and what to do.
pub(super) async fn told(address: &HubAddress, how: Stranger) -> String {
    let there = match how {
        Stranger::NotTls | Stranger::Closed => listen_to(address).await.unwrap_or(There::Other(how)),
        Stranger::OtherTls | Stranger::Silent => There::Other(how),
    };
    format!("{address} is no relay and no hub: {there}; name the port of ftp-relay-agent run or hub")
}

impl fmt::Display for There {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ftp => f.write_str("it is an FTP server, which check --server tries"),
            Self::Web => f.write_str("it is a web server"),
            Self::Ssh => f.write_str("it is an SSH server"),
            Self::Other(how) => how.fmt(f),
        }
    }
}

/// Connects once more and looks at what comes, first without a word of this end.
async fn listen_to(address: &HubAddress) -> Option<There> {
    let mut stream = timeout(PATIENCE, address.connect()).await.ok()?.ok()?;
    if let Some(there) = hear(&mut stream).await {
        return Some(there);
    }
    stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").await.ok()?;
    hear(&mut stream).await
}

/// What the first bytes are, if they come in time.
async fn hear(stream: &mut TcpStream) -> Option<There> {
    let mut said = Vec::new();
    let heard = async {
        let mut room = [0; 512];
        loop {
            let count = stream.read(&mut room).await.ok()?;
            said.extend_from_slice(room.get(..count).unwrap_or_default());
            if let Some(there) = of(&said) {
                return Some(there);
            }
            if count == 0 || said.len() >= room.len() {
                return None;
            }
        }
    };
    timeout(PATIENCE, heard).await.ok().flatten()
}

/// What says this first, as soon as it shows.
fn of(said: &[u8]) -> Option<There> {
    if said.starts_with(b"HTTP/") {
        return Some(There::Web);
    }
    if said.starts_with(b"SSH-") {
        return Some(There::Ssh);
    }
    match beginning(said) {
        Beginning::Greets | Beginning::Refuses(_) => Some(There::Ftp),
        Beginning::NotFtp | Beginning::Incomplete => None,
    }
}

/// How long something may take to say its first word.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_known_by_their_first_words() {
        assert_eq!(of(b"220 welcome\r\n"), Some(There::Ftp));
        assert_eq!(of(b"SSH-2.0-x\r\n"), Some(There::Ssh));
        assert_eq!(of(b"HTTP/1.1 400 Bad Request\r\n"), Some(There::Web));
        assert_eq!(of(b"* OK IMAP4rev1\r\n"), None);
    }
}
