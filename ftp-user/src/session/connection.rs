//! One control connection: a socket and its client machine.

use super::answer::Answer;
use super::ask::SentCommand;
use super::port::ControlRelay;
use super::secrets::Secrets;
use crate::context::{Context, SessionPlace};
use crate::failure::Failure;
use crate::place::{Peer, Site};
use ftp_io::control::Control;
use ftp_io::lock::Lock;
use ftp_io::tls::Client;
use ftp_proto::client::{self, CommandId, Event, Input};
pub use ftp_proto::deletion::SessionId;
use ftp_proto::manners::Manners;
use ftp_proto::reply::{Code, is_open};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{Party, Posture, Side};
use ftp_proto::wire::PathName;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
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

impl Role {
    /// What people call that end.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Server => "server",
        }
    }

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
    /// TLS towards this server, where it is used, or may be.
    pub(crate) tls: Option<Client>,
    /// What MLST has said of a path together with the login. It holds until something else is sent.
    pub(crate) first: Option<(PathName, Answer)>,
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
    /// Whether the server has answered since the last QUIT was sent.
    pub(super) is_answered: bool,
    /// The last transfer commands.
    transfers: VecDeque<CommandId>,
    /// Whether the last preliminary reply belongs to no command that is known yet.
    orphan: bool,
    /// Whether commands are queued until the session next waits.
    pub(super) gathers: bool,
    /// A command whose reply does not matter.
    pub(crate) unawaited: Option<CommandId>,
}

impl Dialogue {
    /// A connection on which nothing was said yet.
    pub(super) const fn new(machine: client::Session, control: Control) -> Self {
        Self {
            machine,
            control: Some(control),
            over: None,
            is_answered: false,
            transfers: VecDeque::new(),
            orphan: false,
            gathers: false,
            unawaited: None,
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
    pub(super) const fn note_reply(&mut self, begins: bool) {
        self.is_answered = true;
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

    /// Closes the connection without a word.
    pub(super) fn close(&mut self, now: Moment) {
        self.machine.input(now, Input::Closed);
        self.control = None;
        self.orphan = false;
        self.over.get_or_insert(client::Failure::Closed);
    }
}

impl Session {
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
    }
}

/// How long a server may take to answer ABOR before its control connection is closed.
pub const ABORT_TIMEOUT: Duration = Duration::from_secs(4);

/// The time of a file that was sent to a server.
#[derive(Debug, Default)]
pub(crate) struct SentTime {
    /// The command whose reply has not come. The session takes that reply itself, so no other wait can lose it.
    pub(crate) unanswered: Option<SentCommand>,
    /// Why the server has not taken it.
    pub(crate) untaken: Option<Untaken>,
}

/// Why a server has not taken the time of a file.
#[derive(Debug)]
pub(crate) enum Untaken {
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
                self.untaken = Some(Untaken::Refused(answer));
            }
        }
        true
    }
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

/// The posture of a server in which no data connection with this host came about. Clones share it, so that the second
/// file does not try again what was in vain for the first one.
#[derive(Clone, Debug, Default)]
pub struct ClosedPosture(Arc<Mutex<Option<Posture>>>);

impl ClosedPosture {
    /// The posture, if one is known to be closed.
    pub(super) fn get(&self) -> Option<Posture> {
        *self.0.locked()
    }

    /// Remembers what is known now.
    pub(super) fn set(&self, posture: Option<Posture>) {
        *self.0.locked() = posture;
    }
}
/// How many transfer commands may be sent ahead of their replies.
const MOST_TRANSFERS: usize = 64;
