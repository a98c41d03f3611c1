//! The open sessions, so that the operator can see them and end one: over a socket in the state directory
//! `ftp-server who` and `ftp-server kick` talk to the server that runs. A request is one line, the answer some lines.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_io::socket::ACCEPT_RETRY_DELAY;
use ftp_proto::timer::Moment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

/// All open sessions.
#[derive(Debug, Default)]
pub struct Live(Mutex<BTreeMap<u64, Arc<LiveSession>>>);

/// What is known of one session.
#[derive(Debug)]
struct LiveSession {
    from: SocketAddr,
    since: Moment,
    doing: Mutex<Doing>,
    kicked: Notify,
}

#[derive(Debug, Default)]
struct Doing {
    user: Option<String>,
    /// The last command, with its secrets masked.
    command: String,
}

/// A session's entry among the open sessions. It ends when this is dropped.
#[derive(Debug)]
pub struct Presence {
    all: Arc<Live>,
    id: u64,
    session: Arc<LiveSession>,
}

impl Live {
    /// Enters a session of this number, from this client.
    pub fn enter(self: &Arc<Self>, id: u64, from: SocketAddr, since: Moment) -> Presence {
        let session = LiveSession { from, since, doing: Mutex::default(), kicked: Notify::new() };
        let session = Arc::new(session);
        self.0.locked().insert(id, Arc::clone(&session));
        Presence { all: Arc::clone(self), id, session }
    }

    /// A line for each session: number, client, user, seconds since the connection, last command.
    pub fn list(&self, clock: Clock) -> String {
        let now = clock.now();
        let mut text = String::new();
        for (id, session) in self.0.locked().iter() {
            let doing = session.doing.locked();
            let user = doing.user.as_deref().unwrap_or("-");
            let seconds = now.since(session.since).as_secs();
            let (from, command) = (session.from, doing.command.as_str());
            // Debug text escapes what could break a line or a terminal.
            let _ = writeln!(text, "{id} {from} {user:?} {seconds} {command:?}");
        }
        text
    }

    /// Ends a session. Returns whether there is one of this number.
    pub fn kick(&self, id: u64) -> bool {
        self.0.locked().get(&id).inspect(|session| session.kicked.notify_one()).is_some()
    }
}

impl Presence {
    /// This user has logged in.
    pub fn logged_in(&self, user: &[u8]) {
        self.session.doing.locked().user = Some(String::from_utf8_lossy(user).into_owned());
    }

    /// The user was logged out.
    pub fn logged_out(&self) {
        self.session.doing.locked().user = None;
    }

    /// The client has sent a command; its secrets are masked.
    pub fn commanded(&self, command: &str) {
        command.clone_into(&mut self.session.doing.locked().command);
    }

    /// The control connection has ended, and the transfer of this name goes on.
    pub fn detached(&self, id: &str) {
        let mut doing = self.session.doing.locked();
        doing.command = format!("{} (detached, #{id})", doing.command);
    }

    /// Returns when the operator ends the session.
    pub async fn kicked(&self) {
        self.session.kicked.notified().await;
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.all.0.locked().remove(&self.id);
    }
}

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
    match std::fs::symlink_metadata(&path) {
        Ok(old) if old.file_type().is_socket() => std::fs::remove_file(&path)?,
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
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

    #[tokio::test]
    async fn a_file_that_has_the_name_of_the_socket_stays() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(socket_path(state.path()), "mine").unwrap();
        listen(state.path()).unwrap_err();
        assert_eq!(std::fs::read(socket_path(state.path())).unwrap(), b"mine");
    }

    #[tokio::test]
    async fn open_sessions_are_listed_and_can_be_kicked() {
        let (live, clock) = (Arc::new(Live::default()), Clock::start());
        let enter = |id| live.enter(id, "192.0.2.7:5000".parse().unwrap(), clock.now());
        let (first, second) = (enter(1), enter(2));
        first.logged_in(b"ann\x1b");
        first.commanded("RETR a\nb");
        let list = live.list(clock);
        assert_eq!(list.lines().count(), 2, "{list}");
        assert!(list.starts_with("1 192.0.2.7:5000 \"ann\\u{1b}\" 0 \"RETR a\\nb\"\n"), "{list}");
        first.detached("0123");
        assert!(live.list(clock).contains("(detached, #0123)"));
        assert!(live.kick(2) && !live.kick(3));
        second.kicked().await;
        drop(first);
        assert!(!live.kick(1));
        assert_eq!(live.list(clock).lines().count(), 1);
    }

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
