//! What an attempt is asked to do: the file, what is known of the two ends, which of them listens by which command, how each
//! meets a host in the middle, and how long each wait may take.

use crate::address::Family;
use crate::client::{Standing, UnusedListener};
use crate::command::Direction;
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::feature::Capabilities;
use crate::rendezvous::RendezvousSecret;
use crate::timer::Moment;
use crate::wire::{ByteRange, Fingerprint, PathName};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// One of the two servers of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The server that sends the file (SITE1 of RFC 438).
    Source,
    /// The server that receives the file (SITE2 of RFC 438).
    Destination,
}

impl Side {
    /// Both sides, the source first.
    pub const BOTH: [Self; 2] = [Self::Source, Self::Destination];

    /// What belongs to it, of two values with that of the source first.
    pub fn of<T>(self, [source, destination]: [T; 2]) -> T {
        match self {
            Self::Source => source,
            Self::Destination => destination,
        }
    }

    /// The other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }

    /// What it does with the file.
    pub const fn direction(self) -> Direction {
        match self {
            Self::Source => Direction::Send,
            Self::Destination => Direction::Receive,
        }
    }
}

/// One thing for each end of a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct PerSide<T> {
    /// That of the source.
    pub source: T,
    /// That of the destination.
    pub destination: T,
}

impl<T> PerSide<T> {
    /// That of one end.
    pub const fn of(&self, side: Side) -> &T {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    /// That of one end, to be changed.
    pub const fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }

    /// Both, the source first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.source, &self.destination].into_iter()
    }
}

/// The command with which the destination stores the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Store {
    /// STOR: replaces what is there. After REST it continues at that offset.
    Replace,
    /// APPE: appends to what is there.
    Append,
}

/// One file to transfer, for one attempt.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The path at the source.
    pub source_path: PathName,
    /// The path at the destination.
    pub destination_path: PathName,
    /// Whether the destination replaces or appends.
    pub store: Store,
    /// Which part of the file moves, if not all of it: what follows some bytes (REST, H21), or so many bytes of it (RANG). The
    /// destination changes nothing else of what it has.
    ///
    /// Only use this if both ends list REST STREAM in FEAT, or RANG STREAM for a part that has a length. A 1973 server answers
    /// REST with 200 but takes its argument for a marker of MODE B.
    pub part: Option<ByteRange>,
    /// The secret for RNDZ. It is used if both ends know RNDZ, and must be new for each attempt. If the end that listens has an
    /// [unused listener](crate::client::UnusedListener), it must be the secret of that.
    pub secret: Option<RendezvousSecret>,
    /// Whether to obtain and prove a data connection only, and to move nothing (PROB). Both ends must know it.
    pub probes: bool,
    /// The digest that an end computes while the file moves, if it knows DGST with this algorithm. Its final reply
    /// carries it ([`crate::digest::parse_streamed`]).
    pub digest: Option<Algorithm>,
}

/// How long an attempt waits for each event before it fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// For each reply before the transfer commands, and for the relay's answer.
    pub reply: Duration,
    /// From the transfer commands to the first sign of data, or for a data connection.
    pub connect: Duration,
    /// For the preliminary reply of the end that gets its transfer command first. When the time is
    /// up, the other end gets its command as well.
    pub preliminary: Duration,
    /// From the source's final reply to that of the destination, which may have much to write.
    pub half_done: Duration,
    /// From the destination's final reply to that of the source. The file is stored, and nothing is left to do.
    pub stored: Duration,
    /// For the replies to ABOR. An end that does not answer in time is closed.
    pub abort: Duration,
}

impl Default for Timeouts {
    /// Values that suit servers on the Internet and files of moderate size.
    ///
    /// Increase [`Timeouts::half_done`] for large files: some servers sync the file to disk before their
    /// final reply.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            reply: seconds(60),
            connect: seconds(20),
            preliminary: seconds(5),
            half_done: seconds(60),
            stored: seconds(5),
            abort: seconds(10),
        }
    }
}

/// A wait of an attempt. Its length is in [`Timeouts`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Timer {
    /// For a reply to a command before the transfer commands.
    Reply,
    /// For the relay's answer to a request to join.
    Relay,
    /// For a data connection: until it stands, or until its first sign of data.
    Connect,
    /// For the preliminary reply of the end that got its transfer command first.
    Preliminary,
    /// For the second final reply, after the first one.
    HalfDone,
    /// For the replies to ABOR.
    Abort,
}

impl Timer {
    /// The name of the timer in messages for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Relay => "relay",
            Self::Connect => "connect",
            Self::Preliminary => "preliminary reply",
            Self::HalfDone => "other end's final reply",
            Self::Abort => "abort",
        }
    }
}

/// What is known of one end.
#[derive(Clone, Debug)]
pub struct Party {
    /// The dialect that the server speaks.
    pub dialect: Dialect,
    /// What the server can do, from FEAT and from experience.
    pub capabilities: Capabilities,
    /// The address of its control connection, as the user agent reached it. The other end is told to
    /// use this host.
    pub address: IpAddr,
    /// Whether a person has set this address for this peer: it is used whatever the server announces.
    pub given: bool,
    /// What earlier attempts may have left in the session ([`crate::client::Session::standing`]).
    pub standing: Standing,
    /// The certificate that its control connection has shown, if that runs TLS. The other end is told to expect
    /// it on the data connection, if it knows PINC.
    pub leaf: Option<Fingerprint>,
}

impl Party {
    /// Where a server of ours listens for a transfer in this direction, if it has told so a moment ago and nothing has used that
    /// port. It has its secret already.
    pub(super) fn listens_at(&self, direction: Direction, now: Moment) -> Option<SocketAddr> {
        let is_usable = |listener: &UnusedListener| {
            listener.direction == direction && now.since(listener.since) <= UNUSED
        };
        let listener = self.standing.unused.filter(|_| self.capabilities.takes_ahead).filter(is_usable)?;
        Some(SocketAddr::new(self.address, listener.port))
    }
}

/// How long a listener may be unused. An `ftp-server` closes it after five minutes, unless its settings say otherwise.
const UNUSED: Duration = Duration::from_secs(5);

/// The command with which an end opens a data port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opening {
    /// LSTN, answered with 255 (RFC 438).
    Lstn,
    /// PASV, answered with 227 or 255 (RFC 478, 959).
    Pasv,
    /// EPSV, answered with 229 (RFC 2428).
    Epsv,
    /// RSYM and GSOC at both ends: each end listens on the port from which it connects to the other one.
    Symmetric,
}

/// Which end of a direct transfer listens, and by which commands the two ends meet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Roles {
    /// The passive end: it listens, and the other end connects.
    pub passive: Side,
    /// How the passive end opens its data port.
    pub opening: Opening,
    /// Whether to tell the passive end its peer with SOCK, if it knows SOCK (RFC 478 note 3).
    pub filter: bool,
    /// The end that gets its transfer command first. With `None` that is the active end, and the passive
    /// end follows after the preliminary reply. If both ends prove themselves with RNDZ, it is the
    /// source, and the destination follows at once.
    pub first: Option<Side>,
    /// What protects the data connection.
    pub tls: DataTls,
}

/// What protects the data connection between two ends, and which end is its TLS client.
///
/// On a data connection every server is TLS server, whoever connects (RFC 4217 section 7). So between two servers
/// one must be told to be the client. Except for [`Self::Clear`], PROT P must be in force at both ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DataTls {
    /// Nothing: the bytes travel in clear.
    #[default]
    Clear,
    /// TLS. SSCN ON makes this end the client.
    Sscn(Side),
    /// TLS. The passive end listens with CPSV in place of PASV, which makes it the client of this connection. Through
    /// a relay both ends may be passive: see [`super::RelayRoles::cpsv`].
    Cpsv,
}

impl DataTls {
    /// Whether the data connection runs TLS.
    pub const fn runs_tls(self) -> bool {
        match self {
            Self::Clear => false,
            Self::Sscn(_) | Self::Cpsv => true,
        }
    }
}

impl Party {
    /// Whether it knows SOCK. Every 1973 server does (RFC 385 requires it), others list it in FEAT.
    pub fn knows_sock(&self) -> bool {
        self.capabilities.sock || self.dialect == Dialect::Rfc354
    }

    /// Whether it knows EPSV and EPRT (RFC 2428), or is expected to. Many servers do not list them in FEAT. PASV and PORT
    /// cannot name an address of IPv6, so a server of today that is reached by IPv6 is asked, and may refuse.
    pub fn knows_epsv(&self) -> bool {
        let needs_it = self.dialect == Dialect::Rfc959 && Family::of(self.address) == Family::V6;
        self.capabilities.epsv || needs_it
    }
}

/// Finds the best command for `passive` to listen with, such that `active` can connect. Returns `None` if the
/// two have nothing in common.
///
/// The order of preference is LSTN if `active` knows SOCK; EPSV if `active` knows EPRT or SOCK; PASV
/// otherwise. PASV needs IPv4 at both ends, unless `passive` is a 1973 server: its 255 has no address.
pub fn opening(passive: &Party, active: &Party) -> Option<Opening> {
    let both_v4 = Family::of(passive.address) == Family::V4 && Family::of(active.address) == Family::V4;
    let any_family = active.knows_epsv() || active.capabilities.sock;
    if passive.capabilities.lstn && active.knows_sock() {
        Some(Opening::Lstn)
    } else if passive.knows_epsv() && any_family {
        Some(Opening::Epsv)
    } else if both_v4 || (passive.dialect == Dialect::Rfc354 && any_family) {
        Some(Opening::Pasv)
    } else {
        None
    }
}

/// Who opens the data connection between a server and a host in the middle: the user agent, or a relay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Posture {
    /// The server listens (EPSV, PASV, LSTN), and the host in the middle connects.
    Passive,
    /// The host in the middle listens, and the server connects (PORT, EPRT, SOCK).
    Active,
}

/// The posture of each end.
pub type Postures = PerSide<Posture>;

/// The roles of the two ends of a transfer through a relay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RelayRoles {
    /// Who opens each data connection.
    pub postures: Postures,
    /// What protects the data from end to end. The relay carries what it cannot read.
    pub tls: DataTls,
}

impl RelayRoles {
    /// The end that listens with CPSV, if one does: the passive end, or the destination if both are passive.
    pub fn cpsv(self) -> Option<Side> {
        let is_passive = |side: &Side| *self.postures.of(*side) == Posture::Passive;
        [Side::Destination, Side::Source].into_iter().find(is_passive).filter(|_| self.tls == DataTls::Cpsv)
    }

    /// The end that is TLS client, if the data connections run TLS.
    pub fn tls_client(self) -> Option<Side> {
        match self.tls {
            DataTls::Clear => None,
            DataTls::Sscn(client) => Some(client),
            DataTls::Cpsv => self.cpsv(),
        }
    }
}

impl From<Postures> for RelayRoles {
    /// These postures, in clear.
    fn from(postures: Postures) -> Self {
        Self { postures, tls: DataTls::Clear }
    }
}

/// What the relay does for one end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Junction {
    /// Connect to this address, where the end listens.
    Dial(SocketAddr),
    /// Listen for the end, and accept no other host.
    Listen,
}
