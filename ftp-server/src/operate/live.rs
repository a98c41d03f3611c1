//! The open sessions, so that the operator can see them and end one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_proto::timer::Moment;
use tokio::sync::Notify;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
