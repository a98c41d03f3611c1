//! The task of a session with a relay: it keeps the machine and the link going, whatever else this
//! program is doing.

use ftp_io::clock::Clock;
use ftp_io::link::{Link, PATIENCE};
use ftp_proto::relay::link::Welcome;
use ftp_proto::relay::message::FromAgent;
use ftp_proto::relay::user::{self, Input, Output};
use ftp_proto::timer::Moment;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, mpsc};

/// What the relay says.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message.
    Message(FromAgent),
    /// The session is over: why. Nothing comes after it.
    Over(String),
}

/// The machine of a session, and its task's bell. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Session(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    machine: Mutex<user::Session>,
    changed: Notify,
    leaving: AtomicBool,
}

/// What the machine wants done.
#[derive(Default)]
struct Due {
    send: Vec<u8>,
    heard: Vec<Heard>,
    deadline: Option<Moment>,
}

impl Session {
    /// Begins the task; what it hears comes out of the receiver, which must be read before much more
    /// has come than joins say.
    pub(super) fn begin(clock: Clock, link: Link, welcome: &Welcome) -> (Self, mpsc::Receiver<Heard>) {
        let machine = Mutex::new(user::Session::new(clock.now(), welcome, "ftp-user", BUILD));
        let shared = Shared { clock, machine, changed: Notify::new(), leaving: AtomicBool::new(false) };
        let session = Self(Arc::new(shared));
        let (tell, heard) = mpsc::channel(UNHEARD);
        tokio::spawn(session.clone().run(link, tell));
        (session, heard)
    }

    /// Says something.
    pub(super) fn with<T>(&self, say: impl FnOnce(&mut user::Session, Moment) -> T) -> T {
        let now = self.0.clock.now();
        let said = say(&mut self.0.machine.lock().unwrap_or_else(PoisonError::into_inner), now);
        self.0.changed.notify_one();
        said
    }

    /// Ends the task once everything that was said has left.
    pub(super) fn leave(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
        self.0.changed.notify_one();
    }

    async fn run(self, mut link: Link, tell: mpsc::Sender<Heard>) {
        let mut room = vec![0; ROOM];
        loop {
            let leaving = self.0.leaving.load(Ordering::Relaxed);
            let due = self.due();
            for heard in due.heard {
                let over = matches!(heard, Heard::Over(_));
                // Nobody listens any more, or the relay says more than joins give reason for.
                if tell.try_send(heard).is_err() || over {
                    return;
                }
            }
            if !due.send.is_empty() && !sent(&mut link, &due.send).await {
                self.with(|machine, now| machine.input(now, Input::Closed));
                continue;
            }
            if leaving {
                return link.close().await;
            }
            tokio::select! {
                () = self.0.changed.notified() => {}
                came = link.receive(&mut room) => self.with(|machine, now| match came {
                    Ok(count @ 1..) => {
                        machine.input(now, Input::Bytes(room.get(..count).unwrap_or_default()));
                    },
                    Ok(0) | Err(_) => machine.input(now, Input::Closed),
                }),
                () = self.0.clock.sleep_until(due.deadline) => self.with(|machine, now| machine.input(now, Input::Timeout)),
            }
        }
    }

    fn due(&self) -> Due {
        let mut machine = self.0.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Due::default();
        loop {
            match machine.poll() {
                Output::Send(octets) => due.send.extend(octets),
                // Only the machine waits for it.
                Output::Message(FromAgent::Pong { .. }) => {}
                Output::Message(message) => due.heard.push(Heard::Message(message)),
                Output::Ended(failure) => due.heard.push(Heard::Over(failure.to_string())),
                Output::Wait(deadline) => {
                    due.deadline = deadline;
                    return due;
                }
            }
        }
    }
}

/// A relay that takes nothing for so long is gone.
async fn sent(link: &mut Link, octets: &[u8]) -> bool {
    tokio::time::timeout(PATIENCE, link.send(octets)).await.is_ok_and(|sent| sent.is_ok())
}

const BUILD: &str = concat!("ftp-user ", env!("CARGO_PKG_VERSION"));
/// Messages that nobody has taken yet.
const UNHEARD: usize = 1_024;
const ROOM: usize = 4 * 1024;
