//! Tries to replace a connection through the hub by a direct one to the same agent. Drives
//! [`ftp_proto::relay::punch`].

use std::collections::HashMap;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::link::{self, Acceptor, Link};
use ftp_io::lock::Lock;
use ftp_io::os_error::words;
use ftp_io::socket::Stream;
use ftp_io::socket::{self, Listener, Reserved};
use ftp_proto::address::embedded;
use ftp_proto::policy::{self, Asker, Rules};
use ftp_proto::relay::hub::SeenAddresses;
use ftp_proto::relay::link::{First, accept_data};
use ftp_proto::relay::punch::{self, ConnId, HubReason, Input, Memory, Outcome, Output, Punch, Role, Try};
use ftp_proto::relay::token::Secret32;
use ftp_proto::timer::Moment;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::shared::Shared;
use super::{Direct, Ends};
use crate::at_hub::Spot;

/// Tries to replace the connection through the hub, on which both agents have proven `secret`, by a direct one. If
/// that fails, the result is the one through the hub. With `acceptor` this agent is the one that was called.
///
/// # Errors
///
/// The two agents have lost each other.
pub async fn upgrade(
    shared: &Shared,
    acceptor: Option<&Acceptor>,
    link: Link,
    secret: &Secret32,
    spot: Option<Spot>,
) -> Result<(Link, Option<Direct>), &'static str> {
    if !link.is_between_agents() {
        return Ok((link, None));
    }
    let mut driver = Driver::new(shared.clock, &shared.direct, acceptor, punch::secret(secret), link);
    let seen = spot.map(|Spot { reserved, hub, seen }| {
        driver.stage = Stage::Waiting { reserved, hub };
        seen
    });
    driver.run(seen).await
}

struct Driver<'a> {
    clock: Clock,
    memory: &'a Mutex<Memory>,
    acceptor: Option<&'a Acceptor>,
    secret: Secret32,
    /// The connection through the hub.
    link: Link,
    machine: Punch,
    stage: Stage<'a>,
    last: u64,
    /// Open connections whose proof has not begun.
    held: HashMap<ConnId, Stream>,
    proven: HashMap<ConnId, (Link, Ends)>,
    work: JoinSet<TaskResult>,
}

/// How far the way to the other agent is. Without a port nothing is listened for, and without a try nothing is connected.
enum Stage<'a> {
    /// This agent has no port of its own, or the try may not be.
    Nowhere,
    /// The hub has not told where it sees the other agent.
    Waiting {
        reserved: Reserved,
        hub: SocketAddr,
    },
    Trying(Trying<'a>),
}

/// A try: this agent listens and connects from one port.
struct Trying<'a> {
    reserved: Reserved,
    /// `None` once it accepts no more connections.
    listener: Option<Listener>,
    begun: CountedTry<'a>,
}

/// What a task has done.
enum TaskResult {
    Connected(Option<Stream>),
    Proven(ConnId, Option<Box<(Link, Ends)>>),
}

/// Why the driver wakes up.
enum Wake {
    Seen(Option<SeenAddresses>),
    /// This many bytes were read from the link; 0 is its end.
    Read(usize),
    Arrived(Stream, SocketAddr),
    /// The listener accepts no more connections.
    Deaf,
    Done(TaskResult),
    Deadline,
}

/// Counts a try in the memory. Dropping it reports the result.
struct CountedTry<'a> {
    memory: &'a Mutex<Memory>,
    clock: Clock,
    with: IpAddr,
    result: Try,
}

impl Drop for CountedTry<'_> {
    fn drop(&mut self) {
        self.memory.locked().ended(self.clock.now(), self.with, self.result);
    }
}

impl<'a> Driver<'a> {
    fn new(
        clock: Clock,
        memory: &'a Mutex<Memory>,
        acceptor: Option<&'a Acceptor>,
        secret: Secret32,
        link: Link,
    ) -> Self {
        let role = if acceptor.is_some() { Role::Called } else { Role::Caller };
        let machine = Punch::new(clock.now(), role);
        let (held, proven, work) = (HashMap::new(), HashMap::new(), JoinSet::new());
        let stage = Stage::Nowhere;
        Self { clock, memory, acceptor, secret, link, machine, stage, last: 0, held, proven, work }
    }

    async fn run(
        mut self,
        mut seen: Option<oneshot::Receiver<SeenAddresses>>,
    ) -> Result<(Link, Option<Direct>), &'static str> {
        if let Err(why) = self.wait_for_hub(seen.as_ref()) {
            seen = None;
            self.input(Input::Never(why));
        }
        let mut room = [0; ROOM];
        loop {
            let deadline = match self.drain().await {
                Ok(deadline) => deadline,
                Err(outcome) => return self.finish(outcome),
            };
            match self.wake(deadline, &mut seen, &mut room).await {
                Wake::Seen(told) => {
                    seen = None;
                    let input = match told {
                        Some(seen) => self.seen(seen).map(|local| Input::Seen { seen, local }),
                        None => Err(HubReason::NotTold),
                    };
                    self.input(input.unwrap_or_else(Input::Never));
                }
                Wake::Read(0) => self.input(Input::Closed),
                Wake::Read(count) => self.input(Input::Bytes(room.get(..count).unwrap_or_default())),
                Wake::Arrived(stream, from) => {
                    let conn = self.hold(stream);
                    self.input(Input::Arrived { conn, from });
                }
                Wake::Deaf => {
                    if let Stage::Trying(trying) = &mut self.stage {
                        trying.listener = None;
                    }
                }
                Wake::Done(TaskResult::Connected(stream)) => {
                    let conn = stream.map(|stream| self.hold(stream));
                    self.input(Input::Connected(conn));
                }
                Wake::Done(TaskResult::Proven(conn, met)) => {
                    let exporter = met.as_ref().map(|met| *met.0.exporter());
                    self.proven.extend(met.map(|met| (conn, *met)));
                    self.input(Input::Proven(conn, exporter));
                }
                Wake::Deadline => self.input(Input::Timeout),
            }
        }
    }

    async fn wake(
        &mut self,
        deadline: Option<Moment>,
        seen: &mut Option<oneshot::Receiver<SeenAddresses>>,
        room: &mut [u8],
    ) -> Wake {
        let listener = match &self.stage {
            Stage::Trying(trying) => trying.listener.as_ref(),
            Stage::Nowhere | Stage::Waiting { .. } => None,
        };
        let (link, work) = (&mut self.link, &mut self.work);
        let missing = self.machine.missing().min(room.len());
        tokio::select! {
            biased;
            told = async { match seen { Some(seen) => seen.await.ok(), None => pending().await } } => Wake::Seen(told),
            // The machine sees every failure as the end.
            read = link.receive(room.get_mut(..missing).unwrap_or_default()), if missing > 0 => Wake::Read(read.unwrap_or(0)),
            accepted = async { match listener { Some(listener) => listener.accept().await, None => pending().await } } => {
                match accepted {
                    Ok((stream, from)) => Wake::Arrived(stream, from),
                    Err(error) => {
                        tracing::debug!(error = words(&error), "cannot accept another agent");
                        Wake::Deaf
                    }
                }
            }
            Some(Ok(done)) = work.join_next(), if !work.is_empty() => Wake::Done(done),
            () = self.clock.sleep_until(deadline) => Wake::Deadline,
        }
    }

    /// Whether the hub is waited for: it has told already, or the last time.
    fn wait_for_hub(&self, seen: Option<&oneshot::Receiver<SeenAddresses>>) -> Result<(), HubReason> {
        let has_told = !seen.ok_or(HubReason::NoPort)?.is_empty();
        if has_told {
            Ok(())
        } else {
            self.memory.locked().wait_for_hub(self.clock.now()).map_err(HubReason::Busy)
        }
    }

    /// Judges where the hub sees the other agent, begins a try with it, and listens for it. Returns where.
    fn seen(&mut self, seen: SeenAddresses) -> Result<SocketAddr, HubReason> {
        self.memory.locked().hub_told();
        let (reserved, hub) = match std::mem::replace(&mut self.stage, Stage::Nowhere) {
            Stage::Waiting { reserved, hub } => (reserved, hub),
            stage @ (Stage::Nowhere | Stage::Trying(_)) => {
                self.stage = stage;
                return Err(HubReason::NoPort);
            }
        };
        let (to, local) = (seen.other, reserved.local());
        let ask = policy::Ask::RelayAgent { to, own: socket::is_own(embedded(to.ip())), hub: hub.ip() };
        let asker = Asker { peer: hub.ip(), scope: 0, local: local.ip(), proxied: false, anonymous: false };
        policy::decide(&Rules::default(), &asker, &ask).map_err(HubReason::NotAllowed)?;
        let (memory, clock) = (self.memory, self.clock);
        memory.locked().begin(clock.now(), to.ip()).map_err(HubReason::Busy)?;
        let begun = CountedTry { memory, clock, with: to.ip(), result: Try::Skipped };
        let opened = reserved.listen_and_connect().map_err(|error| {
            tracing::info!(error = words(&error), %local, "cannot listen for the other agent");
            HubReason::NoPort
        })?;
        self.stage = Stage::Trying(Trying { reserved, listener: Some(opened), begun });
        Ok(local)
    }

    /// Performs what the machine asks for, until it waits or is done.
    async fn drain(&mut self) -> Result<Option<Moment>, Outcome> {
        loop {
            match self.machine.poll() {
                Output::Send(bytes) => {
                    if self.link.send(&bytes).await.is_err() {
                        self.input(Input::Closed);
                    }
                }
                Output::Connect(to) => self.connect(to),
                Output::Prove(conn) => self.prove(conn),
                Output::Reset(conn) => self.held.remove(&conn).into_iter().for_each(socket::reset),
                Output::Done(outcome) => return Err(outcome),
                Output::Wait(deadline) => return Ok(deadline),
            }
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.machine.input(self.clock.now(), input);
    }

    fn hold(&mut self, stream: Stream) -> ConnId {
        socket::end_by_reset(&stream);
        self.last += 1;
        let conn = ConnId(self.last);
        self.held.insert(conn, stream);
        conn
    }

    fn connect(&mut self, to: SocketAddr) {
        let connecting = match &mut self.stage {
            Stage::Trying(trying) => {
                trying.begun.result = Try::Failed;
                Some(trying.reserved.connecting(to))
            }
            Stage::Nowhere | Stage::Waiting { .. } => None,
        };
        self.work.spawn(async move {
            let connected = match connecting {
                Some(connecting) => connecting.await.ok(),
                None => None,
            };
            TaskResult::Connected(connected)
        });
    }

    fn prove(&mut self, conn: ConnId) {
        let stream = self.held.remove(&conn);
        let (acceptor, secret) = (self.acceptor.cloned(), self.secret.clone());
        self.work.spawn(async move {
            let Some(stream) = stream else { return TaskResult::Proven(conn, None) };
            let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else {
                return TaskResult::Proven(conn, None);
            };
            let link = match acceptor {
                None => link::attach(stream, &secret).await.ok(),
                Some(acceptor) => accepted(&acceptor, stream, &secret).await,
            };
            TaskResult::Proven(conn, link.map(|link| Box::new((link, Ends { local, peer }))))
        });
    }

    fn finish(mut self, outcome: Outcome) -> Result<(Link, Option<Direct>), &'static str> {
        match outcome {
            Outcome::Direct(conn) => {
                let (link, ends) = self.proven.remove(&conn).ok_or("the direct connection is gone")?;
                if let Stage::Trying(trying) = &mut self.stage {
                    trying.begun.result = Try::Connected;
                }
                let Ends { local, peer } = ends;
                tracing::info!(%local, %peer, "connected directly with the other agent");
                Ok((link, Some(Direct { ends, left: Box::new(self.link) })))
            }
            Outcome::Hub(why) => {
                if why == HubReason::NotTold {
                    self.memory.locked().hub_was_silent(self.clock.now());
                }
                tracing::info!("through the hub: {why}");
                Ok((self.link, None))
            }
            Outcome::Broken(what) => Err(what),
        }
    }
}

/// The end of the one that was called: a connection on which the other agent proves the secret.
pub(super) async fn accepted(
    acceptor: &Acceptor,
    stream: impl Into<Stream>,
    secret: &Secret32,
) -> Option<Link> {
    let (mut link, first) = acceptor.accept(stream).await.ok()?;
    let First::Data(hello) = first else { return None };
    let accepted = accept_data(secret, &hello, link.exporter())?;
    link.send(&accepted.data()).await.ok()?;
    Some(link)
}

/// Ends the connection through the hub in order: it is not needed any more. What this agent has said last must reach
/// the other one, so it waits for the other's end.
pub(super) async fn leave(mut link: Link) {
    let left = async {
        link.close().await;
        let mut room = [0; 64];
        while let Ok(1..) = link.receive(&mut room).await {}
    };
    if timeout(GOODBYE, left).await.is_err() {
        tracing::debug!("the other agent has not ended its connection through the hub");
    }
}

/// Size of the read buffer in bytes.
const ROOM: usize = 256;
/// How long the end of the connection through the hub may take.
const GOODBYE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::Ipv4Addr;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((HERE, 0)).await.unwrap();
        let here = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (here, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn connections_that_stand_or_prove_themselves_when_it_is_decided_are_reset() {
        let (memory, secret) = (Mutex::new(Memory::default()), Secret32::new([7; 32]));
        let (acceptor, clock) = (Acceptor::new().unwrap(), Clock::start());
        let (here, there) = pair().await;
        let (link, hubs) = tokio::join!(link::attach(here, &secret), accepted(&acceptor, there, &secret));
        let mut driver = Driver::new(clock, &memory, None, secret, link.unwrap());
        let (stands, mut first) = pair().await;
        driver.hold(stands.into());
        let (proves, mut second) = pair().await;
        let conn = driver.hold(proves.into());
        driver.prove(conn);
        // Its proof has begun.
        assert!(second.read(&mut [0]).await.is_ok());
        let (_link, direct) = driver.finish(Outcome::Hub(HubReason::Decided)).unwrap();
        assert!(direct.is_none() && hubs.is_some());
        for there in [&mut first, &mut second] {
            let mut rest = Vec::new();
            assert_eq!(there.read_to_end(&mut rest).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
    }
}
