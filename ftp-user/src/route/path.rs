//! The path of a transfer: its control sessions, what each path needs besides them, and what is seen of the data connections.

use super::attempt::new_secret;
use super::progress::Progress;
use super::relay::RelayPath;
use super::through::{DataEvent, Through};
use crate::context::Context;
use crate::endpoint::Server;
use crate::failure::Result;
use crate::ladder::Candidate;
use crate::outcome::{PathFacts, Protection, TransferFacts};
use crate::place::Peer;
use crate::relay::JoinEvent;
use crate::session::{BlockMode, KEPT_FOR, KeptConnection, Session};
use ftp_proto::client::{CommandId, Event};
use ftp_proto::command::Command;
use ftp_proto::reply::{Reply, facts_of_peer};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{Outcome, Party, Side};
use ftp_proto::wire::RendezvousSecret;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The control sessions with both servers.
#[derive(Debug)]
pub(super) struct Sessions<'a> {
    pub(super) source: &'a mut Session,
    pub(super) destination: &'a mut Session,
}

impl<'a> Sessions<'a> {
    /// Those of both servers, opened if they are not yet.
    pub(super) async fn of_both(context: &Context, from: &'a mut Server, to: &'a mut Server) -> Result<Self> {
        let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
        Ok(Self { source, destination })
    }

    /// The session with one side.
    pub(super) fn of(&mut self, side: Side) -> &mut Session {
        side.of([&mut *self.source, &mut *self.destination])
    }

    /// What is known of both servers, as each of them is reached by the other end of its data connections.
    pub(super) fn parties(&self, candidate: &Candidate) -> (Party, Party) {
        let Self { source, destination } = self;
        match candidate {
            Candidate::Direct(_) => source.parties_with(destination),
            // It reaches both as the tunnels through it do.
            Candidate::Relay(_) => (source.party(), destination.party()),
            Candidate::Through => (source.party_for(Peer::ThisHost), destination.party_for(Peer::ThisHost)),
        }
    }

    /// A secret for a data connection for which that side listens: a new one, unless it listens already and has one.
    pub(super) fn secret(&self, passive: Side) -> Result<RendezvousSecret> {
        let session = passive.of([&*self.source, &*self.destination]);
        session.listener_secret().map_or_else(new_secret, Ok)
    }

    /// Removes from both what an interrupted transfer has left.
    pub(super) async fn forget_restart(&mut self) -> Result<()> {
        tokio::try_join!(self.source.forget_restart(), self.destination.forget_restart()).map(drop)
    }

    /// Has a server keep to the rate of `--limit`, if there is one and a server can.
    pub(super) async fn keep_to_limit(&mut self, context: &Context) -> Result<()> {
        let Some(limit) = &context.settings.limit else { return Ok(()) };
        for (line, rate) in [("RATE GROUP", limit.shared), ("RATE", limit.per_session)] {
            let mut sides = Side::BOTH.into_iter();
            if let Some(side) = sides.find(|side| self.of(*side).manners.capabilities.has_line(line)) {
                return self.of(side).keep_to(rate).await;
            }
        }
        Ok(())
    }

    /// Switches both servers to MODE B.
    pub(super) fn use_blocks(&mut self) {
        self.source.use_blocks();
        self.destination.use_blocks();
    }

    /// Whether both servers still keep the data connection of that candidate, over which files have moved together last.
    pub(super) fn keep_connection(&self, candidate: Candidate, now: Moment) -> bool {
        let [source, destination] = [self.source.dialogue.blocks, self.destination.dialogue.blocks];
        source.kept().is_some_and(|kept| {
            let is_same = source == destination && kept.source == self.source.id;
            is_same && kept.candidate == candidate && now.since(kept.since) < KEPT_FOR
        })
    }

    /// The longer one of the round trips to both servers.
    pub(super) fn round_trip(&self) -> Duration {
        self.source.addresses.round_trip.max(self.destination.addresses.round_trip)
    }

    /// Whether TLS protects both.
    pub(super) const fn run_tls(&self) -> bool {
        self.source.runs_tls() && self.destination.runs_tls()
    }

    /// Closes both control connections.
    pub(super) fn close(&mut self) {
        self.source.close();
        self.destination.close();
    }

    /// What protects the connections with both servers. `agreed` is what protects the data connection between them; `None` if each
    /// of them has one with this host.
    pub(super) fn path_facts(&self, agreed: Option<Protection>) -> PathFacts {
        let both = [&*self.source, &*self.destination];
        let data = |session: &Session| match agreed {
            Some(protection) => session.agreed_protection(protection == Protection::Private),
            None => session.data_protection(),
        };
        let control = both.map(|session| Some(session.control_protection()));
        PathFacts { control, data: both.map(|session| Some(data(session))), why: None }
    }
}

/// Notes that what has moved in MODE B over these sessions, the source's first, has ended. With the candidate, both servers keep
/// its data connection.
pub(super) fn note_kept(sessions: [Option<&mut Session>; 2], kept: Option<Candidate>, since: Moment) {
    let source = sessions[0].as_ref().map(|source| source.id);
    let kept = source.zip(kept).map(|(source, candidate)| KeptConnection { source, candidate, since });
    for session in sessions.into_iter().flatten() {
        session.close_listing();
        session.dialogue.blocks = BlockMode::AfterUse(kept);
    }
}

/// What the path of a transfer needs besides the control sessions.
#[derive(Debug)]
pub(super) enum Path<'a> {
    Direct(Direct),
    Relay(RelayPath<'a>),
    Through(Box<Through>),
}

/// Something that happened on the path.
pub(super) enum PathEvent {
    Relay(JoinEvent),
    Done(DataEvent),
}

impl Path<'_> {
    /// What happens next. May be dropped without losing anything.
    pub(super) async fn next(&mut self) -> PathEvent {
        match self {
            Self::Direct(_) => std::future::pending().await,
            Self::Relay(relay) => PathEvent::Relay(relay.next().await),
            Self::Through(through) => PathEvent::Done(through.next().await),
        }
    }

    /// The host in the middle, for people; `None` if the two servers exchange data with each other.
    pub(super) fn intermediary(&self) -> Option<String> {
        match self {
            Self::Direct(_) => None,
            Self::Relay(relay) => Some(format!("the relay {}", relay.name)),
            Self::Through(_) => Some("this host".to_owned()),
        }
    }

    /// What was agreed for the data connection between the servers; `None` if each has one with this host.
    pub(super) fn agreed(&self, protection: Protection) -> Option<Protection> {
        (!matches!(self, Self::Through(_))).then_some(protection)
    }

    /// A command goes to that server. Where both share a data connection, it may name the address of the other one.
    pub(super) fn sends(&self, side: Side, command: &Command, observed: &mut TransferFacts) {
        if matches!(self, Self::Direct(_)) {
            observed.sent(side, command);
        }
    }

    /// Notes what was seen of the data connections of an attempt that has ended.
    pub(super) fn saw(&self, outcome: &Outcome, observed: &mut TransferFacts) {
        if let (Self::Direct(_), Outcome::Moved { source, destination }) = (self, outcome) {
            observed.heard(Side::Source, source);
            observed.heard(Side::Destination, destination);
        }
        self.saw_in_the_middle(observed);
    }

    /// Notes what the host in the middle has seen of the data connections.
    pub(super) fn saw_in_the_middle(&self, observed: &mut TransferFacts) {
        for side in Side::BOTH {
            let (at, strangers) = match self {
                Self::Direct(_) => (None, None),
                Self::Relay(relay) => relay.seen(side),
                Self::Through(through) => (through.peer(side), None),
            };
            if let Some(at) = at {
                observed.is_at(side, at);
            }
            let known = side.of(observed.strangers.each_mut());
            *known = strangers.or(*known);
        }
    }

    /// Resets the data connections of the path.
    pub(super) fn cut(&mut self) {
        match self {
            Self::Direct(_) => {}
            Self::Relay(relay) => relay.cut(),
            Self::Through(through) => through.cut(),
        }
    }
}

/// The questions about the progress of a direct transfer, to a server that tells how far it is.
#[derive(Debug, Default)]
pub(super) struct Direct {
    /// The STAT that awaits its reply.
    pub(super) status: Option<CommandId>,
}

impl Direct {
    /// Asks the server on that side with STAT, unless it has yet to answer the last one.
    pub(super) fn ask(&mut self, sessions: &mut Sessions<'_>, side: Side) {
        if self.status.is_none() {
            self.status = Some(sessions.of(side).send(Command::Stat(None), None));
        }
    }

    /// Handles the reply if it answers STAT. Returns whether it did.
    pub(super) fn take(&mut self, now: Moment, event: &Event, progress: &mut Progress) -> bool {
        let Event::Reply { to, reply, class } = event else { return false };
        if self.status != Some(*to) {
            return false;
        }
        progress.status(now, reply);
        if class.is_final() {
            self.status = None;
        }
        true
    }
}

/// What is seen of the data connections, as the servers and the relay tell it.
impl TransferFacts {
    /// A command was sent to a server that has its data connection with the other one: it may name the address of that one.
    pub(super) fn sent(&mut self, side: Side, command: &Command) {
        let named = |host: Option<IpAddr>, port| host.map(|host| SocketAddr::new(host, port));
        #[allow(clippy::wildcard_enum_match_arm, reason = "other commands name no address")]
        let at = match command {
            Command::Port(at) => Some(SocketAddr::V4(*at)),
            Command::Eprt(at) => Some(*at),
            Command::Sock(target) => named(target.host, target.port),
            _ => None,
        };
        if let Some(at) = at.filter(|at| at.port() != 0) {
            self.is_at(side.other(), at);
        }
    }

    /// A server has said how its transfer has ended: it may tell who the other end was, and how many strangers came.
    pub(super) fn heard(&mut self, side: Side, reply: &Reply) {
        let facts = facts_of_peer(&reply.lines);
        if let Some(peer) = facts.peer {
            self.is_at(side.other(), peer);
        }
        if let Some(count) = facts.strangers {
            let strangers = side.of(self.strangers.each_mut());
            *strangers = Some(strangers.unwrap_or(0).saturating_add(count));
        }
    }

    /// That server has this address at its data connection.
    pub(super) fn is_at(&mut self, side: Side, at: SocketAddr) {
        *side.of(self.addresses.each_mut()) = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::address::SockTarget;
    use ftp_proto::reply::Code;

    #[test]
    fn n12_the_addresses_are_those_that_commands_name_unless_a_server_knows_better() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let SocketAddr::V4(port) = at("192.0.2.2:7000") else { panic!("not of IPv4") };
        let mut observed = TransferFacts::default();
        observed.sent(Side::Source, &Command::Port(port));
        assert_eq!(observed.addresses, [None, Some(at("192.0.2.2:7000"))]);
        observed.sent(Side::Source, &Command::Eprt(at("[2001:db8::2]:1")));
        assert_eq!(observed.addresses, [None, Some(at("[2001:db8::2]:1"))]);
        // A filter that names no port tells nothing.
        let filter = |port| Command::Sock(SockTarget { host: Some([192, 0, 2, 1].into()), port });
        observed.sent(Side::Destination, &filter(0));
        assert_eq!(observed.addresses[0], None);
        observed.sent(Side::Destination, &filter(20));
        assert_eq!(observed.addresses[0], Some(at("192.0.2.1:20")));
        let reply = |lines: &[&str]| Reply {
            code: Code(226),
            lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect(),
        };
        observed.heard(
            Side::Destination,
            &reply(&["Peer 198.51.100.1:40000 proven-by=rndz", "Strangers-refused 2", "Done."]),
        );
        observed.heard(Side::Destination, &reply(&["Strangers-refused 1", "Done."]));
        observed.heard(Side::Source, &reply(&["Done."]));

        assert_eq!(observed.addresses, [Some(at("198.51.100.1:40000")), Some(at("[2001:db8::2]:1"))]);
        assert_eq!(observed.strangers, [None, Some(3)]);
    }
}
