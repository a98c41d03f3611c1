//! One session with the hub, from the proof of the token to its end.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::control::{Control, ReadEvent};
use ftp_io::link::{self, Link, LinkFailure};
use ftp_io::socket;
use ftp_io::socket::Stream;
use ftp_proto::policy::may_be_seen_as;
use ftp_proto::relay::at_hub::{Failure, Input, Output, Session as Machine};
use ftp_proto::relay::hub::{FromHub, Role, SeenAddresses, ToHub};
use ftp_proto::relay::link::{Welcome, ticket_id};
use ftp_proto::relay::message::{Code, Id, Text};
use ftp_proto::relay::token::Secret32;
use ftp_proto::timer::Moment;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::{Called, Request, Spot, Spots, Uncalled};
use crate::operate::audit::{Audit, LinkOwner, Record};

/// A connection that has come from the hub. Its other end has proven nothing yet.
#[derive(Debug)]
pub struct Incoming {
    /// The connection, which carries what the other end sends.
    pub stream: Stream,
    /// The address of the hub.
    pub from: SocketAddr,
    /// The port from which it was made, for a direct connection with an agent.
    pub spot: Option<Spot>,
}

/// What a session shares with those before and after it.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) clock: Clock,
    pub(super) name: String,
    /// A random number of this process.
    pub(super) boot: u64,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) incoming: mpsc::Sender<Incoming>,
    /// Whether a session stands.
    pub(super) joined: watch::Sender<bool>,
    /// Where the hub sees this agent.
    pub(super) seen_as: watch::Sender<Option<IpAddr>>,
    /// Connections that are being made.
    pub(super) connecting: JoinSet<()>,
    /// The ports from which they are made.
    pub(super) spots: Spots,
    /// Takes records of what happens.
    pub(super) audit: Arc<Audit>,
}

impl Ends {
    /// Records what happens to the session with the hub.
    pub(super) fn record(&self, record: &Record<'_>) {
        self.audit.record(&LinkOwner::default(), record);
    }
}

/// A session that stands.
pub(super) struct Session<'a> {
    ends: &'a mut Ends,
    machine: Machine,
    control: Control,
    /// Where the hub is, for more connections.
    hub: SocketAddr,
    /// The tasks that wait for the answers to their calls.
    waiting: HashMap<Id, oneshot::Sender<Result<Called, Uncalled>>>,
    /// How long agents take to return, as the hub says.
    pub(super) spread: Option<Duration>,
}

impl<'a> Session<'a> {
    pub(super) fn new(ends: &'a mut Ends, link: Link, welcome: &Welcome) -> Result<Self, LinkFailure> {
        let hub = link.socket().peer_addr()?;
        let seen_as = welcome.seen_as.ip();
        ends.seen_as.send_replace(Some(seen_as).filter(|seen| may_be_seen_as(*seen, hub.ip())));
        let role = Role::Agent { name: Text::of(&ends.name), boot: ends.boot };
        let machine = Machine::new(ends.clock.now(), welcome, role, BUILD);
        let control = Control::new(link, MAX_UNSENT)?;
        Ok(Self { ends, machine, control, hub, waiting: HashMap::new(), spread: None })
    }

    /// Runs the session to its end. It may be dropped to end it.
    pub(super) async fn run(&mut self) -> Failure {
        let clock = self.ends.clock;
        let mut room = vec![0; ROOM];
        let failure = loop {
            let deadline = match self.drain() {
                Ok(deadline) => deadline,
                Err(failure) => break failure,
            };
            let behind = self.control.behind_since().map(|since| since + link::HANDSHAKE);
            tokio::select! {
                biased;
                read = self.control.read(&mut room) => match read {
                    ReadEvent::Bytes(count) => self.input(Input::Bytes(room.get(..count).unwrap_or_default())),
                    ReadEvent::Room => {}
                    // TLS has begun before the session.
                    ReadEvent::Closed | ReadEvent::Secured(_) | ReadEvent::Cleared | ReadEvent::NotSecured(_) => {
                        self.input(Input::Closed);
                    }
                },
                Some(request) = self.ends.requests.recv() => self.call(request),
                () = clock.sleep_until(behind), if behind.is_some() => self.input(Input::Closed),
                () = clock.sleep_until(deadline) => self.input(Input::Timeout),
            }
            while self.ends.connecting.try_join_next().is_some() {}
        };
        self.ends.joined.send_replace(false);
        failure
    }

    /// Says goodbye, so that the hub calls this agent no more.
    pub(super) async fn close(mut self) {
        let now = self.ends.clock.now();
        self.machine.send(now, ToHub::Bye);
        // There is nothing to wait for.
        drop(self.drain());
        let clock = self.ends.clock;
        self.control.close(&clock, LAST_FRAMES).await;
    }

    /// How many calls wait for an answer.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn input(&mut self, input: Input<'_>) {
        self.machine.input(self.ends.clock.now(), input);
    }

    fn drain(&mut self) -> Result<Option<Moment>, Failure> {
        loop {
            match self.machine.poll() {
                Output::Send(bytes) => self.control.send(&bytes, self.ends.clock.now()),
                Output::Message(message) => self.heard(message),
                Output::Ended(failure) => return Err(failure),
                Output::Wait(deadline) => return Ok(deadline),
            }
        }
    }

    fn call(&mut self, Request { agent, answer }: Request) {
        // It may have waited for a session for longer than anybody waits for it.
        if answer.is_closed() {
            return;
        }
        // A hub that answers no call keeps nothing of those that were given up.
        self.waiting.retain(|_, answer| !answer.is_closed());
        let id = self.machine.call(self.ends.clock.now(), &agent);
        self.waiting.insert(id, answer);
    }

    fn heard(&mut self, message: FromHub) {
        match message {
            FromHub::Joined { replaced } => {
                let seen_as = self.ends.seen_as.borrow().map(tracing::field::display);
                tracing::info!(hub = %self.hub, name = self.ends.name, seen_as, replaced, "joined");
                self.ends.joined.send_replace(true);
                self.ends.record(&Record::HubJoined);
            }
            FromHub::Called { ticket } => {
                let (hub, incoming, spots) = (self.hub, self.ends.incoming.clone(), self.ends.spots.clone());
                if self.ends.connecting.len() >= MAX_CONNECTING {
                    return tracing::warn!("a call was not answered: too many connections are being made");
                }
                self.ends.connecting.spawn(async move {
                    match attach(&spots, hub, &ticket).await {
                        // If this agent stops, nobody takes it.
                        Ok(Called { stream, spot }) => {
                            drop(incoming.send(Incoming { stream, from: hub, spot }).await);
                        }
                        Err(error) => tracing::info!(%error, "a call was not answered"),
                    }
                });
            }
            FromHub::Ready { id, ticket } => {
                // The call was given up meanwhile, or was never made.
                let Some(answer) = self.waiting.remove(&id).filter(|answer| !answer.is_closed()) else {
                    return;
                };
                let (hub, spots) = (self.hub, self.ends.spots.clone());
                self.ends.connecting.spawn(async move {
                    let called = attach(&spots, hub, &ticket)
                        .await
                        .map_err(|error| Uncalled { code: Code::Unreachable, text: error.to_string() });
                    // Whoever has called may have given up.
                    drop(answer.send(called));
                });
            }
            FromHub::Refused { id, code, text } => {
                if let Some(answer) = self.waiting.remove(&id) {
                    drop(answer.send(Err(Uncalled { code, text: text.into() })));
                }
            }
            FromHub::Pong { spread_ms, .. } => {
                self.spread = Some(Duration::from_millis(spread_ms.into()));
            }
            FromHub::Ext { name, body } => {
                if let Some(seen) = SeenAddresses::read(&name, &body) {
                    self.ends.spots.told(seen);
                }
            }
            // The machine ends the session with this.
            FromHub::Bye { .. } | FromHub::Agents(_) => {}
        }
    }
}

async fn attach(spots: &Spots, hub: SocketAddr, ticket: &Secret32) -> Result<Called, LinkFailure> {
    let (stream, spot) = spots.connect(hub, ticket_id(ticket)).await?;
    socket::keepalive(&stream)?;
    Ok(Called { stream: link::call(stream, ticket).await?, spot })
}

const BUILD: &str = concat!("ftp-relay-agent ", env!("CARGO_PKG_VERSION"));
/// Bytes of frames that the hub has not taken yet.
const MAX_UNSENT: usize = 256 * 1024;
/// Bytes that are read at once.
const ROOM: usize = 4 * 1024;
/// Connections that are being made at the same time.
const MAX_CONNECTING: usize = 256;
/// How long the last frames of a session may take.
const LAST_FRAMES: Duration = Duration::from_secs(2);
