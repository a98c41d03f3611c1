//! The socket in the state directory over which `ftp-server who` and `ftp-server kick` talk to the server
//! that runs: one line as a request, some lines as the answer.

use std::io;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::socket::ACCEPT_RETRY_DELAY;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::live::Live;

/// What an operator asks a running server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Which sessions there are.
    Who,
    /// End the session of this number.
    Kick(u64),
}

/// Opens the socket. The state directory must be held, so that no other server uses it.
///
/// # Errors
/// The system refuses the socket, for example because the path is too long.
pub fn listen(state: &Path) -> io::Result<UnixListener> {
    let path = socket_path(state);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers requests. Never returns.
pub async fn serve(listener: UnixListener, live: Arc<Live>, clock: Clock) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            continue;
        };
        // Beyond that many clients, the next one is closed.
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let live = Arc::clone(&live);
            tokio::spawn(async move {
                let _ = timeout(REQUEST_TIMEOUT, answer(stream, &live, clock)).await;
                drop(place);
            });
        }
    }
}

async fn answer(mut stream: UnixStream, live: &Live, clock: Clock) -> io::Result<()> {
    let mut line = Vec::new();
    (&mut stream).take(MAX_REQUEST).read_to_end(&mut line).await?;
    let text = match Request::parse(&line) {
        Some(Request::Who) => live.list(clock),
        Some(Request::Kick(id)) if live.kick(id) => String::new(),
        Some(Request::Kick(id)) => format!("{REFUSED_PREFIX}there is no session {id}\n"),
        None => format!("{REFUSED_PREFIX}the request is none of who, kick ID\n"),
    };
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// Asks the server that holds the directory `state`. The error of the answer is a text for people.
///
/// # Errors
/// No server answers there.
pub fn ask(state: &Path, request: Request) -> io::Result<Result<String, String>> {
    use io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(socket_path(state))?;
    stream.set_read_timeout(Some(2 * REQUEST_TIMEOUT))?;
    stream.write_all(request.line().as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(match text.strip_prefix(REFUSED_PREFIX) {
        Some(why) => Err(why.trim_end().to_owned()),
        None => Ok(text),
    })
}

impl Request {
    fn line(self) -> String {
        match self {
            Self::Who => "who\n".to_owned(),
            Self::Kick(id) => format!("kick {id}\n"),
        }
    }

    fn parse(line: &[u8]) -> Option<Self> {
        match std::str::from_utf8(line).ok()?.trim_end().split_once(' ') {
            Some(("kick", id)) => id.parse().ok().map(Self::Kick),
            Some(_) => None,
            None => (line.trim_ascii_end() == b"who").then_some(Self::Who),
        }
    }
}

fn socket_path(state: &Path) -> PathBuf {
    state.join("control")
}

/// What an answer begins with that is a refusal.
const REFUSED_PREFIX: &str = "no: ";
/// How many clients are answered at the same time.
const MAX_CLIENTS: usize = 8;
/// Bytes of a request that are read.
const MAX_REQUEST: u64 = 64;
/// How long a client may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_of_two_kinds() {
        for request in [Request::Who, Request::Kick(0), Request::Kick(u64::MAX)] {
            assert_eq!(Request::parse(request.line().as_bytes()), Some(request));
        }
        for other in ["", "who 1", "kick", "kick ", "kick -1", "kick 1 2", "\u{fffd}"] {
            assert_eq!(Request::parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(Request::parse(&[0xff]), None);
    }

    #[tokio::test]
    async fn only_the_owner_may_use_the_socket_and_it_replaces_one_that_was_left() {
        let state = tempfile::tempdir().unwrap();
        drop(listen(state.path()).unwrap());
        let _listener = listen(state.path()).unwrap();
        let mode = std::fs::metadata(socket_path(state.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
