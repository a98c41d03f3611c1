//! The commands before the first file, and how the data connection comes about.
//!
//! ```text
//!  direct:  LSTN at one end ──its port──> SOCK at the other end
//!  joined:  EPSV at each passive end ──all their ports──> the host in the middle is ready ──its addresses──> PORT at each active end
//! ```

use super::files::{BatchOpening, BatchTerms};
use super::line::Task;
use crate::address::SockTarget;
use crate::command::{Command, Extension, Mode, Verb};
use crate::dialect::Dialect;
use crate::reply::{Class, Reply};
use crate::timer::Moment;
use crate::transfer::attempt::Output;
use crate::transfer::judge::{self, ClassifiedReply, Verdict, announced_port};
use crate::transfer::request::{DataTls, Junction, Opening, Party, PerSide, Posture, Side};
use crate::transfer::script::{self, Step};
use std::net::SocketAddr;

/// Whether a batch is possible between the two: both are servers of ours of today with this digest, and one can
/// be the TLS client if their data connection runs TLS.
pub(super) fn is_possible(source: &Party, destination: &Party, terms: &BatchTerms) -> bool {
    let party = |side| if side == Side::Source { source } else { destination };
    let can_protect = match terms.tls {
        DataTls::Clear => true,
        DataTls::Sscn(client) => {
            party(client).capabilities.sscn && Side::BOTH.into_iter().all(|side| party(side).leaf.is_some())
        }
        DataTls::Cpsv => false,
    };
    let are_ours = [source, destination].into_iter().all(|party| {
        let known = &party.capabilities;
        let is_ours = known.takes_ahead && known.pack && known.rndz && known.sock && known.lstn;
        // RSYM is about SOCK alone, which connects two servers.
        let is_symmetric = party.standing.symmetric && matches!(terms.opening, BatchOpening::Direct { .. });
        party.dialect == Dialect::Rfc959 && is_ours && known.dgst.contains(&terms.algorithm) && !is_symmetric
    });
    can_protect && are_ours
}

/// The first commands of `side`, which may all be sent at once. `listens`: it listens already, and has its secret.
pub(super) fn first(
    terms: &BatchTerms,
    side: Side,
    me: &Party,
    other: &Party,
    listens: bool,
) -> Vec<(Task, Command)> {
    let security = script::security_commands(terms.tls, side, me, other);
    let transfer = [
        script::IMAGE,
        Command::Mode(Mode::Block),
        Command::Extension(Extension::Dgst(Some(terms.algorithm))),
    ];
    // Without a secret it takes back that of an earlier transfer.
    let proof = Command::Rndz(terms.opening.secret().cloned());
    let settings = transfer.into_iter().chain(security).chain((!listens).then_some(proof));
    let settings = settings.map(|setting| (Task::Setting, setting));
    let (before, after) = match &terms.opening {
        BatchOpening::Kept => return Vec::new(),
        BatchOpening::Direct { passive, .. } if side == *passive => (None, listen_for(side, other, listens)),
        // A listener of an earlier transfer would take SOCK for its filter.
        BatchOpening::Direct { .. } => {
            (me.standing.listens.then_some((Task::Activate, Command::Actv)), Vec::new())
        }
        BatchOpening::Relayed { postures, .. } | BatchOpening::Through { postures } => {
            match postures.of(side) {
                Posture::Passive => (None, vec![(Task::Listen, script::open(Opening::Epsv, side, None))]),
                Posture::Active => (None, Vec::new()),
            }
        }
    };
    before.into_iter().chain(settings).chain(after).collect()
}

/// Has an end listen for the other one.
fn listen_for(side: Side, other: &Party, listens: bool) -> Vec<(Task, Command)> {
    let listen = (!listens).then_some((Task::Listen, Command::Lstn(side.direction())));
    // The proof tells who it is, so the filter names the host alone.
    let filter = Command::Sock(SockTarget { host: Some(other.address), port: 0 });
    listen.into_iter().chain([(Task::Connect, filter)]).collect()
}

/// How far the data connection has come about.
#[derive(Debug, Default)]
pub(super) struct Meeting {
    /// Where each end listens, as soon as it has said so.
    ports: PerSide<Option<SocketAddr>>,
    /// The ends for which the user agent is ready, and where it listens for them.
    ready: PerSide<Option<Option<SocketAddr>>>,
    /// Which data connections with the user agent are open.
    open: PerSide<bool>,
    state: State,
}

/// How far the ends know each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// An end has yet to say where it listens.
    #[default]
    Listening,
    /// The host in the middle was asked for the data connections.
    Joining,
    /// Every end that connects was told where.
    Arranged,
}

/// What follows as soon as an end listens, or the host in the middle is ready.
#[derive(Debug)]
pub(super) enum Next {
    /// An end, or the host in the middle, has yet to answer.
    Wait,
    /// The host in the middle is asked for the data connections.
    Join(Vec<Output>),
    /// These ends are told where to connect.
    Connect(Vec<(Side, Command)>),
    /// There is no data connection.
    Fail,
}

impl Meeting {
    /// Nothing was asked yet.
    pub(super) fn new(terms: &BatchTerms, parties: &PerSide<Party>, now: Moment) -> Self {
        let (mut meeting, tls) = (Self::default(), terms.tls);
        match &terms.opening {
            BatchOpening::Kept => meeting.state = State::Arranged,
            BatchOpening::Direct { passive, .. } => {
                let (me, other) = (parties.of(*passive), parties.of(passive.other()));
                // Who connects may come before the settings that are still to be sent.
                let is_sure = script::security_commands(tls, *passive, me, other).next().is_none();
                *meeting.ports.of_mut(*passive) = me.listens_at(passive.direction(), now).filter(|_| is_sure);
            }
            BatchOpening::Relayed { .. } | BatchOpening::Through { .. } => {}
        }
        meeting
    }

    /// Whether that end listens.
    pub(super) fn has_listener(&self, side: Side) -> bool {
        self.ports.of(side).is_some()
    }

    /// Whether files may be asked for.
    pub(super) fn is_arranged(&self) -> bool {
        self.state == State::Arranged
    }

    /// Whether the host in the middle has yet to answer.
    pub(super) fn awaits_middle(&self) -> bool {
        self.state == State::Joining
    }

    /// An end has answered that it listens.
    pub(super) fn listens(
        &mut self,
        opening: &BatchOpening,
        (side, party): (Side, &Party),
        reply: &Reply,
        class: Class,
    ) -> Next {
        let at = match opening {
            BatchOpening::Direct { .. } => {
                announced_port(party, reply).map(|port| SocketAddr::new(party.address, port))
            }
            // Nobody was told to listen.
            BatchOpening::Kept => None,
            BatchOpening::Relayed { .. } | BatchOpening::Through { .. } => {
                let answer = ClassifiedReply { reply: reply.clone(), class };
                let verdict = judge::setup(Step::Listen, Verb::Epsv, party, answer);
                if let Verdict::Listens(at, _) = verdict { Some(at) } else { None }
            }
        };
        *self.ports.of_mut(side) = at;
        if at.is_none() { Next::Fail } else { self.next(opening) }
    }

    /// What follows from what is known. If nobody listens, the host in the middle has to.
    pub(super) fn next(&mut self, opening: &BatchOpening) -> Next {
        if self.state != State::Listening {
            return Next::Wait;
        }
        let PerSide { source, destination } = self.ports;
        let Some(postures) = opening.postures() else {
            let (BatchOpening::Direct { passive, .. }, Some(at)) = (opening, source.or(destination)) else {
                return Next::Wait;
            };
            self.state = State::Arranged;
            let to = SockTarget { host: Some(at.ip()), port: at.port() };
            return Next::Connect(vec![(passive.other(), Command::Sock(to))]);
        };
        let junction = |posture, port: Option<SocketAddr>| match posture {
            Posture::Passive => port.map(Junction::Dial),
            Posture::Active => Some(Junction::Listen),
        };
        let source = junction(postures.source, source);
        let destination = junction(postures.destination, destination);
        let (Some(source), Some(destination)) = (source, destination) else { return Next::Wait };
        self.state = State::Joining;
        if matches!(opening, BatchOpening::Relayed { .. }) {
            return Next::Join(vec![Output::JoinAtRelay { source, destination }]);
        }
        let both = [(Side::Source, source), (Side::Destination, destination)];
        let asked = both.map(|(side, junction)| match junction {
            Junction::Dial(at) => Output::Connect(side, at),
            Junction::Listen => Output::Listen(side),
        });
        Next::Join(asked.into())
    }

    /// The data connection of that end with the user agent is open. Returns whether both are.
    pub(super) fn opens(&mut self, side: Side) -> bool {
        *self.open.of_mut(side) = true;
        self.open.source && self.open.destination
    }

    /// The user agent is ready for that end: it has connected to it, or listens for it at this address.
    pub(super) fn ready(
        &mut self,
        opening: &BatchOpening,
        parties: &PerSide<Party>,
        side: Side,
        at: Option<SocketAddr>,
    ) -> Next {
        self.ready.of_mut(side).get_or_insert(at);
        match self.ready {
            PerSide { source: Some(source), destination: Some(destination) } => {
                self.joined(opening, parties, PerSide { source, destination })
            }
            PerSide { .. } => Next::Wait,
        }
    }

    /// The host in the middle is ready, and listens at these addresses for the ends that connect.
    pub(super) fn joined(
        &mut self,
        opening: &BatchOpening,
        parties: &PerSide<Party>,
        at: PerSide<Option<SocketAddr>>,
    ) -> Next {
        let Some(postures) = opening.postures().filter(|_| self.state == State::Joining) else {
            return Next::Wait;
        };
        self.state = State::Arranged;
        let mut commands = Vec::new();
        for side in Side::BOTH {
            match (postures.of(side), at.of(side)) {
                (Posture::Passive, _) => {}
                (Posture::Active, Some(at)) => {
                    commands.push((side, script::connect_to_relay(parties.of(side), *at)));
                }
                (Posture::Active, None) => return Next::Fail,
            }
        }
        Next::Connect(commands)
    }
}
