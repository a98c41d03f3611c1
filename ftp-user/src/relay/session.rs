//! The task of a session with a relay: it keeps the machine and the link going, whatever else this
//! program is doing.

use ftp_io::clock::Clock;
use ftp_io::control::{Control, Read};
use ftp_io::link::{HANDSHAKE, Link};
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
    /// A message of the agent.
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

    /// Passes the machine and the time to `say`.
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

    async fn run(self, link: Link, tell: mpsc::Sender<Heard>) {
        let clock = self.0.clock;
        let Ok(mut control) = Control::new(link, UNSENT) else {
            return drop(tell.try_send(Heard::Over("the connection is closed".to_owned())));
        };
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
            if !due.send.is_empty() {
                control.send(&due.send, clock.now());
            }
            if leaving {
                return control.close(&clock, HANDSHAKE).await;
            }
            // A relay that does not take what it is told for so long is gone.
            let gone = control.behind_since().map(|since| since + HANDSHAKE);
            tokio::select! {
                () = self.0.changed.notified() => {}
                read = control.read(&mut room) => match read {
                    Read::Bytes(count) => self.input(Input::Bytes(room.get(..count).unwrap_or_default())),
                    Read::Room => {}
                    Read::Closed => self.input(Input::Closed),
                },
                () = clock.sleep_until(gone), if gone.is_some() => self.input(Input::Closed),
                () = clock.sleep_until(due.deadline) => self.input(Input::Timeout),
            }
        }
    }

    fn input(&self, input: Input<'_>) {
        self.with(|machine, now| machine.input(now, input));
    }

    fn due(&self) -> Due {
        let mut machine = self.0.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Due::default();
        loop {
            match machine.poll() {
                Output::Send(bytes) => due.send.extend(bytes),
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

const BUILD: &str = concat!("ftp-user ", env!("CARGO_PKG_VERSION"));
/// Messages that nobody has taken yet.
const UNHEARD: usize = 1_024;
/// Bytes that the relay has not taken yet.
const UNSENT: usize = 256 * 1024;
const ROOM: usize = 4 * 1024;
