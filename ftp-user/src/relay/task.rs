//! How an agent or a hub is connected to, and the task of a session with it: the task drives the machine and the link,
//! whatever else this program does.

use super::failure::{self, SessionEnd};
use crate::config::RelayAddress;
use crate::context::Context;
use crate::failure::Result;
use crate::session::{Dialed, connect, within};
use crate::world::{self, HostPort, Stream, connect_unix, keepalive, unbound};
use ftp_io::clock::Clock;
use ftp_io::control::{Control, ReadEvent};
use ftp_io::link::{HANDSHAKE, Link};
use ftp_io::lock::Lock;
use ftp_proto::relay::conversation::{Conversation, Input, Output, Received, Sent};
use ftp_proto::timer::Moment;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, mpsc};

/// Where a relay or a hub has been found.
#[derive(Clone, Debug)]
pub(super) enum RelayPlace {
    /// In a network.
    Network(HostPort),
    /// At a Unix socket of this host.
    Unix(PathBuf),
}

/// The first connection to a relay or a hub, and where it was found.
pub(super) async fn found(
    context: &Context,
    address: &RelayAddress,
    display_name: &str,
) -> Result<(Stream, RelayPlace)> {
    match address {
        RelayAddress::Network(at) => {
            let title = format!("the relay {display_name}");
            let Dialed { stream, to, .. } = connect(context, &at.host, at.port, &title, "a relay").await?;
            let kept = keepalive(&stream);
            kept.map_err(|error| failure::no_link(display_name, &error.into()))?;
            Ok((stream, RelayPlace::Network(to)))
        }
        RelayAddress::Unix(path) => {
            let at = RelayPlace::Unix(path.clone());
            match within(context, context.settings.patience.reply, stream(context, &at)).await {
                Some(Ok(stream)) => Ok((stream, at)),
                Some(Err(error)) => Err(failure::no_socket(display_name, &error)),
                None => Err(failure::late(context, display_name, "a connection")),
            }
        }
    }
}

/// One more connection to a relay or a hub. A Unix socket is of this host, so no proxy is asked.
pub(super) async fn stream(context: &Context, at: &RelayPlace) -> io::Result<Stream> {
    match at {
        RelayPlace::Network(at) => {
            let proxy = context.settings.proxy.as_ref();
            let stream = world::connect(proxy, unbound(at), at.clone()).await?;
            keepalive(&stream)?;
            Ok(stream)
        }
        RelayPlace::Unix(path) => connect_unix(path).await,
    }
}

/// An event of a session.
#[derive(Debug)]
pub(super) enum SessionEvent<M> {
    /// A message of the other end.
    Message(M),
    /// The session has ended, for this reason. Nothing comes after it.
    Ended(SessionEnd),
}

/// A handle to the session's machine and its task: `S` is what this end sends, `R` what it receives. Clones share both.
#[derive(Debug)]
pub(super) struct Handle<S, R>(Arc<Shared<S, R>>);

#[derive(Debug)]
struct Shared<S, R> {
    clock: Clock,
    machine: Mutex<Conversation<S, R>>,
    changed: Notify,
    closing: AtomicBool,
}

/// Outputs of the machine that are to be performed.
struct Due<R> {
    send: Vec<u8>,
    events: Vec<SessionEvent<R>>,
    deadline: Option<Moment>,
}

impl<S: Sent + 'static, R: Received + Send + 'static> Handle<S, R> {
    /// Starts the task of this machine, and returns the receiver of its events. The task ends if the receiver holds
    /// `MAX_UNREAD_EVENTS` events.
    pub(super) fn start(
        clock: Clock,
        link: Link,
        machine: Conversation<S, R>,
    ) -> (Self, mpsc::Receiver<SessionEvent<R>>) {
        let (changed, closing) = (Notify::new(), AtomicBool::new(false));
        let shared = Shared { clock, machine: Mutex::new(machine), changed, closing };
        let handle = Self(Arc::new(shared));
        let (sender, events) = mpsc::channel(MAX_UNREAD_EVENTS);
        tokio::spawn(Self(Arc::clone(&handle.0)).run(link, sender));
        (handle, events)
    }

    /// Calls `act` with the machine and the time, and wakes the task.
    pub(super) fn with_machine<T>(&self, act: impl FnOnce(&mut Conversation<S, R>, Moment) -> T) -> T {
        let now = self.0.clock.now();
        let result = act(&mut self.0.machine.locked(), now);
        self.0.changed.notify_one();
        result
    }

    /// Ends the task after it has sent everything.
    pub(super) fn close(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
        self.0.changed.notify_one();
    }

    async fn run(self, link: Link, sender: mpsc::Sender<SessionEvent<R>>) {
        let clock = self.0.clock;
        let Ok(mut control) = Control::new(link, MAX_UNSENT) else {
            return drop(
                sender.try_send(SessionEvent::Ended(SessionEnd::because("the connection is closed"))),
            );
        };
        let mut buffer = vec![0; READ_SIZE];
        loop {
            let closing = self.0.closing.load(Ordering::Relaxed);
            let due = self.due();
            for event in due.events {
                let ended = matches!(event, SessionEvent::Ended(_));
                // The receiver is gone or full. It is full if the relay sends messages without reason.
                if sender.try_send(event).is_err() || ended {
                    return;
                }
            }
            if !due.send.is_empty() {
                control.send(&due.send, clock.now());
            }
            if closing {
                return control.close(&clock, HANDSHAKE).await;
            }
            // A relay that reads nothing for that long is gone.
            let dead = control.behind_since().map(|since| since + HANDSHAKE);
            tokio::select! {
                biased;
                () = self.0.changed.notified() => {}
                read = control.read(&mut buffer) => match read {
                    ReadEvent::Bytes(count) => self.input(Input::Bytes(buffer.get(..count).unwrap_or_default())),
                    ReadEvent::Room => {}
                    // TLS of a server begins nowhere here.
                    ReadEvent::Closed | ReadEvent::Secured(_) | ReadEvent::Cleared | ReadEvent::NotSecured(_) => self.input(Input::Closed),
                },
                () = clock.sleep_until(dead), if dead.is_some() => self.input(Input::Closed),
                () = clock.sleep_until(due.deadline) => self.input(Input::Timeout),
            }
        }
    }

    fn input(&self, input: Input<'_>) {
        self.with_machine(|machine, now| machine.input(now, input));
    }

    fn due(&self) -> Due<R> {
        let mut machine = self.0.machine.locked();
        let mut due = Due { send: Vec::new(), events: Vec::new(), deadline: None };
        loop {
            match machine.poll() {
                Output::Send(bytes) => due.send.extend(bytes),
                Output::Message(message) if message.is_pong() => {}
                Output::Message(message) => due.events.push(SessionEvent::Message(message)),
                Output::Ended(failure) => due.events.push(SessionEvent::Ended(failure.into())),
                Output::Wait(deadline) => {
                    due.deadline = deadline;
                    return due;
                }
            }
        }
    }
}

/// How this program calls itself.
pub(super) const NAME: &str = "ftp-user";
/// The same with its version.
pub(super) const BUILD: &str = concat!("ftp-user ", env!("CARGO_PKG_VERSION"));
/// Maximum number of events that the receiver has not read.
const MAX_UNREAD_EVENTS: usize = 1_024;
/// Maximum number of bytes that the relay has not read.
const MAX_UNSENT: usize = 256 * 1024;
const READ_SIZE: usize = 4 * 1024;
