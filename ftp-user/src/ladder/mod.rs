//! The ways between two servers, in the order in which they are tried. Pure: what to try next
//! follows from who is to blame for the last failure.
//!
//! ```text
//!  dest-listens:   LSTN/SOCK  EPSV/EPRT  PASV/PORT      the destination listens (RFC 438's own order)
//!  source-listens: LSTN/SOCK  EPSV/EPRT  PASV/PORT      the source listens
//!  relay-source:   EPSV, PASV, LSTN | EPRT, PORT, SOCK  a relay agent joins them
//!  relay-dest:     the same                             a relay agent near the destination
//!  user:           EPSV, PASV, LSTN at both             this host connects to both
//! ```

mod climb;
mod considered;
mod memory;

pub use climb::{Climb, Step};
pub use considered::{Considered, considered};
pub use memory::Memory;

use ftp_proto::address::{Family, Kind, kind};
use ftp_proto::third_party::relayed::{Posture, Postures};
use ftp_proto::third_party::{Opening, Party, Plan, Side, opening};

/// A way between two places, as reports name it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rung {
    /// Server to server, the destination listens.
    DestListens,
    /// Server to server, the source listens.
    SourceListens,
    /// Through a relay agent near the source, or near neither.
    RelaySource,
    /// Through a relay agent near the destination.
    RelayDest,
    /// Through this program: both servers listen.
    User,
    /// One end is this program.
    Local,
}

impl Rung {
    /// The value of `rung` in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DestListens => "dest-listens",
            Self::SourceListens => "source-listens",
            Self::RelaySource => "relay-source",
            Self::RelayDest => "relay-dest",
            Self::User => "user",
            Self::Local => "local",
        }
    }

    /// The value of `path` in events.
    pub const fn path(self) -> &'static str {
        match self {
            Self::DestListens | Self::SourceListens => "direct",
            Self::RelaySource | Self::RelayDest => "relay",
            Self::User => "user",
            Self::Local => "local",
        }
    }

    /// The same for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::DestListens => "direct (destination listens)",
            Self::SourceListens => "direct (source listens)",
            Self::RelaySource | Self::RelayDest => "through the relay",
            Self::User => "through this host",
            Self::Local => "local",
        }
    }
}

/// One way, ready to be tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Server to server, by this plan.
    Direct(Plan),
    /// Through a relay agent.
    Relay(Relaying),
    /// Through this program.
    Through,
}

/// A relay agent, and how the two data connections come about there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relaying {
    /// Its place among the relays that may be used.
    pub relay: usize,
    /// The end that it is near, as its owner says.
    pub near: Option<Side>,
    /// Who listens.
    pub postures: Postures,
}

impl Way {
    /// Its rung.
    pub const fn rung(&self) -> Rung {
        match self {
            Self::Direct(Plan { listener: Side::Destination, .. }) => Rung::DestListens,
            Self::Direct(Plan { listener: Side::Source, .. }) => Rung::SourceListens,
            Self::Relay(Relaying { near: Some(Side::Destination), .. }) => Rung::RelayDest,
            Self::Relay(Relaying { near: Some(Side::Source) | None, .. }) => Rung::RelaySource,
            Self::Through => Rung::User,
        }
    }

    /// Its relay.
    pub const fn relay(&self) -> Option<usize> {
        match self {
            Self::Relay(relaying) => Some(relaying.relay),
            Self::Direct(_) | Self::Through => None,
        }
    }

    /// What must be possible for it, for people.
    pub fn needs(&self) -> String {
        match self {
            Self::Direct(plan) => format!("both ends can do {}", commands(plan.opening)),
            Self::Relay(Relaying { postures, .. }) => {
                let does = |posture| match posture {
                    Posture::Passive => "listens for the relay",
                    Posture::Active => "connects to the relay",
                };
                format!(
                    "the source {}, and the destination {}",
                    does(postures.source),
                    does(postures.destination)
                )
            }
            Self::Through => "both ends listen, and the octets pass this host".to_owned(),
        }
    }

    /// Whether what is wrong with `self` at `side` is wrong with `other`, too: the same end listens; the
    /// same relay, with that end in the same posture.
    fn shares(&self, other: &Self, side: Side) -> bool {
        match (self, other) {
            (Self::Direct(one), Self::Direct(two)) => one.listener == two.listener,
            (Self::Relay(one), Self::Relay(two)) => {
                one.relay == two.relay && one.postures.of(side) == two.postures.of(side)
            }
            (Self::Through, Self::Through) => true,
            (Self::Direct(_) | Self::Relay(_) | Self::Through, _) => false,
        }
    }
}

/// The commands of the two ends, the listening one's first.
const fn commands(opening: Opening) -> &'static str {
    match opening {
        Opening::Lstn => "LSTN and SOCK",
        Opening::Pasv => "PASV and PORT",
        Opening::Epsv => "EPSV and EPRT",
    }
}

/// Which ways may be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Allowed {
    /// All of them.
    #[default]
    Auto,
    /// Only from server to server.
    Direct,
    /// Only through a relay agent.
    Relay,
    /// Only through this program.
    User,
}

impl Allowed {
    /// The value of `--path`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::User => "user",
        }
    }
}

/// What the octets are to be between the two servers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Data {
    /// In clear, as both control connections are.
    #[default]
    Clear,
    /// Never in clear: a control connection runs TLS. Two servers cannot resume its session with each
    /// other (RFC 4217 7 leaves them out), so that only this program can be their peer.
    Private,
    /// In clear from server to server, which somebody permits, else private.
    Permitted,
}

impl Data {
    /// Why ways that are allowed are left out all the same; `None` where none is.
    pub const fn hindrance(self, allowed: Allowed) -> Option<&'static str> {
        match (self, allowed) {
            (Self::Private, _) => Some(IN_CLEAR),
            (Self::Permitted, Allowed::Relay) => Some(NO_TLS),
            (Self::Clear, _) | (Self::Permitted, Allowed::Auto | Allowed::Direct | Allowed::User) => None,
        }
    }
}

const NO_TLS: &str = "there is no TLS through a relay yet";
const IN_CLEAR: &str = "the data would be in clear: a control connection runs TLS, and two servers cannot \
                        protect data between each other yet (SSCN, CPSV); --allow-clear-data permits it";

/// A relay that may be used, as far as the choice of ways depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nearby {
    /// What reports call it.
    pub name: String,
    /// The end that it is near, as its owner says.
    pub near: Option<Side>,
}

/// Every allowed way that the two ends could go by what they said they can, best first.
pub fn ways(
    source: &Party,
    destination: &Party,
    allowed: Allowed,
    relays: &[Nearby],
    data: Data,
) -> Vec<Way> {
    match allowed {
        Allowed::Auto if data == Data::Permitted => {
            direct(source, destination).chain([Way::Through]).collect()
        }
        Allowed::Relay if data == Data::Permitted => Vec::new(),
        Allowed::Auto | Allowed::User if data == Data::Private => vec![Way::Through],
        Allowed::Direct | Allowed::Relay if data == Data::Private => Vec::new(),
        Allowed::Auto => direct(source, destination).chain(relayed(relays)).chain([Way::Through]).collect(),
        Allowed::Direct => direct(source, destination).collect(),
        Allowed::Relay => relayed(relays).collect(),
        Allowed::User => vec![Way::Through],
    }
}

/// A relay near an end comes before one that is near neither. Servers listen for their users behind
/// most firewalls, so that comes first: a relay that cannot be reached at other ports than its own is
/// of use, too.
fn relayed(relays: &[Nearby]) -> impl Iterator<Item = Way> {
    use Posture::{Active, Passive};
    let mut near: Vec<(usize, Option<Side>)> = relays.iter().map(|relay| relay.near).enumerate().collect();
    near.sort_by_key(|(_, near)| match near {
        Some(Side::Source) => 0,
        Some(Side::Destination) => 1,
        None => 2,
    });
    let all = [(Passive, Passive), (Passive, Active), (Active, Passive), (Active, Active)];
    near.into_iter().flat_map(move |(relay, near)| {
        all.map(|(source, destination)| {
            Way::Relay(Relaying { relay, near, postures: Postures { source, destination } })
        })
    })
}

fn direct(source: &Party, destination: &Party) -> impl Iterator<Item = Way> {
    let mut ways = Vec::new();
    for listener in [Side::Destination, Side::Source] {
        let (passive, active) = match listener {
            Side::Destination => (destination, source),
            Side::Source => (source, destination),
        };
        for opening in openings(passive, active) {
            let filter =
                passive.capabilities.sock && active.capabilities.sock && is_seen_alike(passive, active);
            ways.push(Way::Direct(Plan { listener, opening, filter, first: None }));
        }
    }
    ways.into_iter()
}

/// Whether the listening end will see its peer at the address that this host sees (RFC 478 note 3: a
/// listener that knows SOCK is told its peer). A host with a private address may be behind NAT and
/// come from another one. The proof needs no address, so there the filter is left out.
fn is_seen_alike(passive: &Party, active: &Party) -> bool {
    let proven = passive.capabilities.rndz && active.capabilities.rndz;
    let (ours, its) = (kind(passive.address), kind(active.address));
    !proven || (ours == its && its != Kind::Private)
}

/// The best opening first, then what is left when a server does not know the better one after all.
fn openings(passive: &Party, active: &Party) -> Vec<Opening> {
    let best = opening(passive, active);
    let both_v4 = [passive, active].iter().all(|party| Family::of(party.address) == Family::V4);
    let both_epsv = passive.capabilities.epsv && active.capabilities.epsv;
    let after = [(Opening::Epsv, both_epsv), (Opening::Pasv, both_v4)];
    let after = after.into_iter().filter(|(opening, fits)| *fits && Some(*opening) != best).map(|(o, _)| o);
    match best {
        // A server that knows EPSV and the family knows PASV too; the older form is behind it.
        Some(best) => std::iter::once(best).chain(after.filter(|other| rank(*other) > rank(best))).collect(),
        None => Vec::new(),
    }
}

const fn rank(opening: Opening) -> u8 {
    match opening {
        Opening::Lstn => 0,
        Opening::Epsv => 1,
        Opening::Pasv => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::dialect::Dialect;
    use ftp_proto::feature::Capabilities;

    fn party(address: &str, capabilities: Capabilities) -> Party {
        let standing = ftp_proto::client::Standing::default();
        Party { dialect: Dialect::Rfc959, capabilities, address: address.parse().unwrap(), standing }
    }

    fn nearby(near: Option<Side>) -> Nearby {
        Nearby { name: "edge".to_owned(), near }
    }

    fn ours() -> Capabilities {
        Capabilities { sock: true, lstn: true, epsv: true, ..Capabilities::default() }
    }

    fn modern() -> Capabilities {
        Capabilities { epsv: true, ..Capabilities::default() }
    }

    fn check(source: Party, destination: Party, expect: &[(Rung, Opening, bool)]) {
        let opened = |way: &Way| match way {
            Way::Direct(plan) => (way.rung(), plan.opening, plan.filter),
            Way::Relay(_) | Way::Through => panic!("it is not direct"),
        };
        let found: Vec<_> = ways(&source, &destination, Allowed::Direct, &[nearby(None)], Data::Clear)
            .iter()
            .map(opened)
            .collect();
        assert_eq!(found, expect);
        let all = ways(&source, &destination, Allowed::Auto, &[], Data::Clear);
        assert_eq!((all.len(), all.last()), (expect.len() + 1, Some(&Way::Through)));
        assert_eq!(ways(&source, &destination, Allowed::User, &[nearby(None)], Data::Clear), [Way::Through]);
    }

    #[test]
    fn the_destination_listens_first_and_by_the_best_commands_that_both_know() {
        use Opening::{Epsv, Lstn, Pasv};
        use Rung::{DestListens, SourceListens};
        check(
            party("192.0.2.1", ours()),
            party("192.0.2.2", ours()),
            &[
                (DestListens, Lstn, true),
                (DestListens, Epsv, true),
                (DestListens, Pasv, true),
                (SourceListens, Lstn, true),
                (SourceListens, Epsv, true),
                (SourceListens, Pasv, true),
            ],
        );
        check(
            party("192.0.2.1", Capabilities::default()),
            party("192.0.2.2", modern()),
            &[(DestListens, Pasv, false), (SourceListens, Pasv, false)],
        );
        check(
            party("2001:db8::1", modern()),
            party("2001:db8::2", modern()),
            &[(DestListens, Epsv, false), (SourceListens, Epsv, false)],
        );
    }

    #[test]
    fn an_end_that_may_be_behind_nat_is_pinned_by_its_proof_and_not_by_its_address() {
        let pinned = |source: &str, destination: &str, capabilities: &Capabilities| {
            let ends = [source, destination].map(|address| party(address, capabilities.clone()));
            match ways(&ends[0], &ends[1], Allowed::Direct, &[], Data::Clear).first() {
                Some(Way::Direct(plan)) => plan.filter,
                Some(Way::Relay(_) | Way::Through) | None => panic!("no direct way"),
            }
        };
        let proving = Capabilities { rndz: true, ..ours() };
        for (source, destination, expect) in [
            ("192.0.2.1", "192.0.2.2", true),
            ("127.0.0.2", "127.0.0.3", true),
            ("10.1.0.2", "192.0.2.2", false),
            ("192.0.2.1", "10.1.0.2", false),
            ("10.1.0.2", "10.2.0.2", false),
        ] {
            assert_eq!(pinned(source, destination, &proving), expect, "{source} {destination}");
            assert!(pinned(source, destination, &ours()), "without a proof: {source} {destination}");
        }
    }

    #[test]
    fn two_ends_without_a_common_family_have_no_direct_way() {
        check(
            party("2001:db8::1", Capabilities::default()),
            party("192.0.2.2", Capabilities::default()),
            &[],
        );
    }

    #[test]
    fn relays_come_between_the_direct_ways_and_this_host_and_the_near_ones_first() {
        let ends = ["192.0.2.1", "192.0.2.2"].map(|address| party(address, modern()));
        let near = [None, Some(Side::Destination), Some(Side::Source)].map(nearby);
        let all = ways(&ends[0], &ends[1], Allowed::Auto, &near, Data::Clear);
        let rungs: Vec<(Rung, Option<usize>)> = all.iter().map(|way| (way.rung(), way.relay())).collect();
        let direct = rungs.iter().position(|(_, relay)| relay.is_some()).unwrap();
        assert_eq!(rungs[direct - 1].0, Rung::SourceListens);
        let expect = [(Rung::RelaySource, 2), (Rung::RelayDest, 1), (Rung::RelaySource, 0)];
        let expect = expect.iter().flat_map(|(rung, relay)| [(*rung, Some(*relay)); 4]);
        assert_eq!(rungs[direct..], expect.chain([(Rung::User, None)]).collect::<Vec<_>>());
        let only = ways(&ends[0], &ends[1], Allowed::Relay, &near, Data::Clear);
        assert_eq!(only, all[direct..all.len() - 1]);
        let first = Postures { source: Posture::Passive, destination: Posture::Passive };
        assert!(matches!(only[0], Way::Relay(Relaying { postures, .. }) if postures == first));
        assert_eq!(ways(&ends[0], &ends[1], Allowed::Relay, &[], Data::Clear), []);
    }

    #[test]
    fn i02_where_a_control_connection_runs_tls_only_this_host_keeps_the_data_private() {
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|address| party(address, ours()));
        let near = [nearby(None)];
        for (allowed, expect) in [
            (Allowed::Auto, &[Way::Through][..]),
            (Allowed::User, &[Way::Through]),
            (Allowed::Direct, &[]),
            (Allowed::Relay, &[]),
        ] {
            assert_eq!(ways(&one, &two, allowed, &near, Data::Private), expect, "{allowed:?}");
        }
        let permitted = |allowed| ways(&one, &two, allowed, &near, Data::Permitted);
        let direct = ways(&one, &two, Allowed::Direct, &near, Data::Clear);
        assert_eq!(permitted(Allowed::Direct), direct);
        assert_eq!(permitted(Allowed::Auto), [&direct[..], &[Way::Through]].concat());
        assert_eq!(permitted(Allowed::Relay), []);
    }
}
