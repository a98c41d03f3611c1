//! One control connection: a socket and its client machine.

use super::answer::Answer;
use super::ask::SentCommand;
use super::data::OpeningPort;
use super::listing::ListingConnection;
use super::port::{Connecting, ControlRelay, DataFailure, DataPort, OwnPort, check_place};
use super::secrets::Secrets;
use super::tls::SessionTls;
use crate::context::{Context, SessionPlace};
use crate::failure::{Failure, Kind, words};
use crate::ladder::Candidate;
use crate::named::named;
use crate::place::{Peer, Site};
use crate::world::{self, HostPort, anywhere};
use ftp_io::connection::Connection;
use ftp_io::control::Control;
use ftp_io::lock::Lock;
use ftp_io::tls::{Client, Data, Handshake, Refusal};
use ftp_proto::client::{self, CommandId, Event, Input};
pub use ftp_proto::deletion::SessionId;
use ftp_proto::manners::Manners;
use ftp_proto::reply::{Code, is_open};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{KnownPostures, Listener, Party, Posture, Side};
use ftp_proto::wire::{PathName, RendezvousSecret};
use std::collections::VecDeque;
use std::future::ready;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a session is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// It sends files.
    Source,
    /// It receives them.
    Destination,
    /// There is only this one.
    Server,
}

named!(Role { Source: "source", Destination: "destination", Server: "server" });

impl Role {
    /// The side whose column of the trace it uses. A server alone uses that of the source.
    pub(crate) const fn side(self) -> Side {
        match self {
            Self::Source | Self::Server => Side::Source,
            Self::Destination => Side::Destination,
        }
    }
}

/// A logged-in control connection.
#[derive(Debug)]
pub struct Session {
    /// Its number, unique in this process.
    pub id: SessionId,
    /// What it is for.
    pub role: Role,
    /// `host:port`, and the relay on the way there.
    pub title: String,
    /// Where it is, and who logs in there.
    pub(crate) site: Site,
    /// What is known of the server.
    pub manners: Manners,
    /// Why it lists nothing: it knows no command that lists.
    pub(crate) no_listings: Option<Failure>,
    /// What no reply may show.
    pub(crate) secrets: Secrets,
    /// The addresses of both ends.
    pub addresses: Addresses,
    /// The relay that carries this connection.
    pub relay: Option<ControlRelay>,
    pub(crate) context: Context,
    /// Its place, where the settings limit the number of sessions with its site.
    pub(crate) place: Option<SessionPlace>,
    /// In which posture no data connection comes about.
    pub(crate) closed: ClosedPosture,
    /// Whether the server is known not to answer ABOR. All sessions with one site share it.
    pub(crate) is_deaf: Arc<AtomicBool>,
    /// ABOR was sent, and the abort is not complete.
    pub(super) aborts: bool,
    /// TLS towards this server, where it is used, or may be.
    pub(crate) tls: Option<Client>,
    /// An MLST that was sent before its answer is needed.
    pub(crate) look: SentLook,
    /// The time of the file that was stored last.
    pub(crate) time: SentTime,
    /// Why there is no TLS.
    pub(crate) why_no_tls: Option<Failure>,
    /// Whether the TLS handshake is still to come.
    pub(crate) is_tls_due: bool,
    /// The machine and its connection.
    pub(crate) dialogue: Dialogue,
}

/// The two ends of a control connection.
#[derive(Debug)]
pub struct Addresses {
    /// The server's address, as this program or the relay reached it. It is unspecified if only a proxy knows it.
    pub peer: IpAddr,
    /// The server's name, if only a proxy knows its address.
    pub host: Option<String>,
    /// The address that the server sees: this program's on this connection, or the relay's.
    pub local: IpAddr,
    /// How long it took to connect: about one round trip.
    pub round_trip: Duration,
}

/// The machine of a session and its connection, and what is under way between them.
#[derive(Debug)]
pub(crate) struct Dialogue {
    /// The machine that decides what is sent.
    pub(crate) machine: client::Session,
    /// `None` once closed.
    pub(super) control: Option<Control>,
    /// Why it has ended.
    pub(crate) over: Option<client::Failure>,
    /// When the server has last said something.
    pub(super) heard_at: Option<Moment>,
    /// The last transfer commands.
    transfers: VecDeque<CommandId>,
    /// Whether the last preliminary reply belongs to no command that is known yet.
    orphan: bool,
    /// Whether commands are queued until the session next waits.
    pub(super) gathers: bool,
    /// Whether MODE B is in force, and what for.
    pub(crate) blocks: BlockMode,
    /// What is known of listings in MODE B.
    pub(crate) listing: ListingConnection,
    /// Whether a command was sent that changes files.
    pub(super) changes_files: bool,
    /// The secret of a listener that nothing has used.
    pub(super) secret: Option<RendezvousSecret>,
}

impl Dialogue {
    /// A connection on which nothing was said yet.
    pub(super) const fn new(machine: client::Session, control: Control) -> Self {
        Self {
            machine,
            control: Some(control),
            over: None,
            heard_at: None,
            transfers: VecDeque::new(),
            orphan: false,
            gathers: false,
            blocks: BlockMode::Stream,
            listing: ListingConnection::NothingListed,
            changes_files: false,
            secret: None,
        }
    }

    /// Notes a transfer command that was sent.
    pub(super) fn note_transfer(&mut self, id: CommandId) {
        if self.transfers.len() >= MOST_TRANSFERS {
            self.transfers.pop_front();
        }
        self.transfers.push_back(id);
    }

    /// Notes a reply before the machine says to which command it belongs. `begins`: it says that a transfer begins.
    pub(super) const fn note_reply(&mut self, begins: bool, now: Moment) {
        self.heard_at = Some(now);
        self.orphan = begins;
    }

    /// Takes note of a preliminary reply to this command. Returns whether it is a transfer command.
    pub(super) fn has_begun(&mut self, id: CommandId) -> bool {
        let is_transfer = self.transfers.contains(&id);
        self.orphan &= !is_transfer;
        is_transfer
    }

    /// Whether a transfer that is over has said that it begins.
    pub(super) fn is_out_of_step(&self) -> bool {
        self.orphan && !self.transfers.is_empty()
    }

    /// Sends what the machine says, at once or when the session waits.
    pub(super) fn send(&mut self, bytes: &[u8], now: Moment) {
        match &mut self.control {
            Some(control) if self.gathers => control.queue(bytes, now),
            Some(control) => control.send(bytes, now),
            None => {}
        }
    }

    /// Sends what is queued. Returns whether the connection has taken all of it.
    pub(super) fn has_sent_all(&mut self) -> bool {
        self.control.as_mut().is_some_and(|control| {
            control.flush();
            control.unsent() == 0
        })
    }

    /// Closes the connection without a word.
    pub(super) fn close(&mut self, now: Moment) {
        self.machine.input(now, Input::Closed);
        self.control = None;
        self.orphan = false;
        self.over.get_or_insert(client::Failure::Closed);
    }
}

impl Session {
    /// The moment from which the session counts as long idle. Servers end idle sessions, some of them after a minute.
    pub fn long_idle_at(&self) -> Option<Moment> {
        Some(self.dialogue.heard_at? + LONG_IDLE)
    }

    /// What the third-party machine ([`transfer::Attempt`](ftp_proto::transfer::Attempt)) has to know of
    /// it.
    pub fn party(&self) -> Party {
        Party {
            dialect: self.manners.dialect,
            capabilities: self.manners.capabilities.clone(),
            address: self.addresses.peer,
            given: false,
            standing: self.dialogue.machine.standing(),
            leaf: self.tls.as_ref().and_then(Client::certificate),
        }
    }

    /// The same as that peer reaches it.
    pub fn party_for(&self, peer: Peer<'_>) -> Party {
        let party = self.party();
        match self.address_for(peer) {
            Some(address) => Party { address, given: true, ..party },
            None => party,
        }
    }

    /// What is known of this server and another one, as each of them reaches the other.
    pub fn parties_with(&self, other: &Self) -> (Party, Party) {
        (self.party_for(Peer::Site(other.site.name())), other.party_for(Peer::Site(self.site.name())))
    }

    /// The address at which the settings say that peer reaches it. What a relay carries goes where the relay finds it.
    pub fn address_for(&self, peer: Peer<'_>) -> Option<IpAddr> {
        let named = self.site.named.as_ref().filter(|_| self.relay.is_none())?;
        named.addresses.towards(peer)
    }

    /// The address at which this host finds its data ports.
    pub fn data_peer(&self) -> IpAddr {
        self.address_for(Peer::ThisHost).unwrap_or(self.addresses.peer)
    }

    /// The server, for people: `the source 127.0.0.2:2121`.
    pub fn who(&self) -> String {
        format!("the {} {}", self.role.name(), self.title)
    }

    /// Whether TLS protects it.
    pub const fn runs_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether the other end of a data connection with this host is the server itself, and no proxy or relay.
    pub const fn sees_its_peer(&self) -> bool {
        self.relay.is_none() && self.context.settings.proxy.is_none()
    }

    /// The data connection showed another certificate than the control connection.
    pub fn impostor(&self) -> Option<Failure> {
        let fingerprint = self.tls.as_ref().and_then(Client::impostor)?;
        Some(SessionTls::of(self).refused(&Refusal::Another(fingerprint)))
    }

    /// How many of its data connections can still resume its TLS session, if that is limited: those of a new one can.
    pub fn tickets_left(&self) -> Option<usize> {
        self.tls.as_ref()?.tickets_left()
    }

    /// What protects the control connection: `clear`, or the version and the suite of TLS.
    pub fn control_protection(&self) -> String {
        in_words(self.tls.as_ref().and_then(Client::control))
    }

    /// The same of its last data connection with this host.
    pub fn data_protection(&self) -> String {
        in_words(self.tls.as_ref().and_then(Client::data))
    }

    /// What was agreed with this server for its data connections with another one.
    pub fn agreed_protection(&self, private: bool) -> String {
        match (&self.tls, private) {
            (None, _) => CLEAR,
            (Some(_), false) => "PROT C",
            (Some(_), true) => "PROT P",
        }
        .to_owned()
    }

    /// A data connection with this server, as private as the control connection.
    pub fn data(&self, connection: impl Into<Connection>) -> Data {
        let connection = connection.into();
        if let Some(congestion) = &self.context.settings.congestion {
            congestion.apply(connection.socket());
        }
        match &self.tls {
            Some(client) => Data::private(connection, client),
            None => connection.into(),
        }
    }

    /// What is known of data connections between this server and this host.
    pub fn known_postures(&self) -> KnownPostures {
        let listener = match &self.relay {
            Some(relay) if relay.data.is_some() => Listener::Relay,
            None if self.context.settings.proxy.is_none() => Listener::Here,
            Some(_) | None => Listener::Nobody,
        };
        KnownPostures { listener, closed: *self.closed.locked() }
    }

    /// Remembers what was learnt about that, for all sessions with this server.
    pub fn learn(&self, known: KnownPostures) {
        *self.closed.locked() = known.closed;
    }

    /// The failure if two connections came from the address of the server: one of them is not the server's, and nobody
    /// can tell which. Closes the session.
    pub(super) fn intruded(&mut self) -> Failure {
        self.close();
        self.intruded_words()
    }

    /// The failure if two connections came from the address of the server, and only one of them can be its own.
    pub fn intruded_words(&self) -> Failure {
        let who = self.who();
        let what =
            format!("two connections came from {who} for one transfer: somebody else is at its address");
        Failure::new(Kind::Unverified, what)
            .hint("use ftpes://, which proves who connects, or have the server listen (passive mode)")
    }

    /// Connects to a data port of this server: from here, or from the relay if only that reaches it. If only the proxy
    /// knows its address, the host is named to the proxy.
    ///
    /// # Errors
    ///
    /// Nobody answers there, or the proxy or the relay does not connect.
    pub fn connect_to_data_port(&self, at: SocketAddr) -> Connecting {
        if let Some(links) = self.relay.as_ref().and_then(|relay| relay.data.as_ref()) {
            return links.connect(&self.context, at);
        }
        let to = match &self.addresses.host {
            Some(host) => HostPort::Name(host.clone(), at.port()),
            None => HostPort::Address(at),
        };
        // A relay that carries the control connection has another address.
        let from = if self.relay.is_some() { anywhere(self.addresses.peer) } else { self.addresses.local };
        let proxy = self.context.settings.proxy.as_ref();
        let connecting = world::connect(proxy, from, to);
        let failed = |error| DataFailure::path(words(&error));
        Box::pin(async move { connecting.await.map(Connection::from).map_err(failed) })
    }

    /// Opens a port to which this server connects for its next transfer: at this host, or at the relay if only that reaches
    /// the server.
    ///
    /// # Errors
    ///
    /// No port is free, or the relay does not listen.
    pub fn data_port(&self) -> OpeningPort {
        let Some(relay) = &self.relay else {
            let port = world::listen(self.addresses.local);
            let opened = port.map(|port| DataPort::Own(OwnPort { port, peer: self.data_peer() }));
            let failed = |error| DataFailure::path(format!("this host cannot listen: {}", words(&error)));
            return Box::pin(ready(opened.map_err(failed)));
        };
        let (name, seen) = (relay.name.clone(), self.addresses.local);
        let opening = relay.data.as_ref().map(|links| links.listen(&self.context, self.addresses.peer));
        Box::pin(async move {
            let refused = |why| DataFailure::path(format!("the relay {name} is not used: {why}"));
            let Some(opening) = opening else {
                return Err(refused("it listens for no server here".to_owned()));
            };
            let port = opening.await?;
            match check_place(port.at(), seen) {
                Ok(()) => Ok(DataPort::Relay(port)),
                Err(why) => Err(refused(why.to_string())),
            }
        })
    }

    /// Who listens for this server, in messages.
    pub(super) fn listener(&self) -> String {
        self.relay
            .as_ref()
            .map_or_else(|| "this host".to_owned(), |relay| format!("the relay {}", relay.name))
    }

    /// Warns once if the announced address is replaced (H08).
    pub fn say_repair(&mut self, announced: SocketAddr, used: SocketAddr) {
        if announced != used && !self.manners.has_repaired_address {
            self.manners.has_repaired_address = true;
            self.context.run.events.warn(format!(
                "{} announced {} for its data connections, which cannot be meant: {} is used",
                self.who(),
                announced.ip(),
                used.ip()
            ));
        }
    }

    /// Whether it has ended.
    pub const fn is_over(&self) -> bool {
        self.dialogue.over.is_some()
    }

    /// Whether it is one of our own servers: it says what it has moved.
    pub const fn is_ours(&self) -> bool {
        self.manners.is_ours()
    }

    /// Whether this preliminary reply to a transfer command shows that the data connection stands.
    pub const fn has_data_connection(&self, code: Code) -> bool {
        self.is_ours() || self.manners.capabilities.starts_late || is_open(self.manners.dialect, code)
    }

    /// Takes over an idle session for another use.
    pub fn adopt(&mut self, context: &Context, role: Role) {
        self.context = context.at(&self.site);
        self.role = role;
        self.forget_look();
    }
}

/// A handshake in a receipt: the version and the suite of TLS; `None` if there was none.
fn in_words(handshake: Option<Handshake>) -> String {
    handshake.map_or_else(
        || CLEAR.to_owned(),
        |Handshake { version, suite, .. }| {
            suite.map_or_else(|| version.to_owned(), |suite| format!("{version} {suite}"))
        },
    )
}

/// What a receipt says of a connection without TLS.
const CLEAR: &str = "clear";
/// How long a server may take to answer ABOR before its control connection is closed.
pub const ABORT_TIMEOUT: Duration = Duration::from_secs(4);

/// The time of a file that was sent to a server.
#[derive(Debug, Default)]
pub(crate) struct SentTime {
    /// The command whose reply has not come. The session takes that reply itself, so no other wait can lose it.
    pub(crate) unanswered: Option<SentCommand>,
    /// Why the server has not taken it.
    pub(crate) untaken: Option<TimeRefusal>,
}

/// Why a server has not taken the time of a file.
#[derive(Debug)]
pub(crate) enum TimeRefusal {
    /// It knows no command for that.
    Unknown(Failure),
    /// This is its final reply.
    Refused(Answer),
}

impl SentTime {
    /// Takes a reply to the time that was sent last, whatever else is waited for. Returns whether it was one.
    pub(crate) fn takes(&mut self, event: &Event) -> bool {
        let Event::Reply { to, reply, class } = event else { return false };
        let Some(SentCommand { verb, .. }) = self.unanswered.filter(|sent| sent.id == *to) else {
            return false;
        };
        if class.is_final() {
            self.unanswered = None;
            let answer = Answer { reply: reply.clone(), class: *class, verb };
            if !answer.is_done() {
                self.untaken = Some(TimeRefusal::Refused(answer));
            }
        }
        true
    }
}

/// The transfer mode of a server (RFC 959 section 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum BlockMode {
    /// MODE S is in force.
    #[default]
    Stream,
    /// MODE B is in force, and files move, or are about to.
    InUse,
    /// MODE B is in force, and nothing moves. The server may keep the data connection of what has moved.
    AfterUse(Option<KeptConnection>),
}

impl BlockMode {
    /// The data connection that is kept.
    pub(crate) const fn kept(self) -> Option<KeptConnection> {
        if let Self::AfterUse(kept) = self { kept } else { None }
    }
}

/// A data connection between two servers that both keep after the last file (MODE B).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KeptConnection {
    /// The session with the source.
    pub(crate) source: SessionId,
    /// Who listens and who connects, and what protects it.
    pub(crate) candidate: Candidate,
    /// When the last file had moved.
    pub(crate) since: Moment,
}

/// How long a data connection that is kept is used again. They may close it when nothing moves for long.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(5);

/// An MLST that was sent before somebody needs its answer.
#[derive(Debug, Default)]
pub(crate) enum SentLook {
    /// There is none.
    #[default]
    None,
    /// This command has no final reply yet. The session takes that reply itself. The path is `None` if something else was sent since:
    /// the reply is dropped.
    Sent(SentCommand, Option<PathName>),
    /// What was said of a path. It holds until something else is sent.
    Answered(PathName, Answer),
}

/// The number of the last session.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A number that no other session of this process has. A session that is opened later has a larger one.
pub(super) fn new_session_id() -> SessionId {
    SessionId::new(LAST.fetch_add(1, Ordering::SeqCst) + 1)
}

/// The number of the session that was opened last; smaller than all others if none was.
pub fn newest_session() -> SessionId {
    SessionId::new(LAST.load(Ordering::SeqCst))
}

/// The posture of a server in which no data connection with this host came about, if one is known. Clones share it, so that
/// the second file does not try again what was in vain for the first one.
pub type ClosedPosture = Arc<Mutex<Option<Posture>>>;

/// A session that nobody uses counts as long idle when its server has been silent for so long.
pub const LONG_IDLE: Duration = Duration::from_secs(30);
/// How many transfer commands may be sent ahead of their replies.
pub(super) const MOST_TRANSFERS: usize = 64;
