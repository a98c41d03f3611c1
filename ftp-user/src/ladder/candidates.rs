//! Which candidates there are between two servers, in the order of the ladder: what the user allows, what both ends can do, and
//! what must protect the data. Pure.

use super::candidate::{Candidate, Rung, ThroughRelay};
use super::security::{both_run_tls, protections, relayed_protections};
use crate::named::named;
use clap::ValueEnum;
use ftp_proto::address::{Family, Kind, kind};
use ftp_proto::transfer::{DataTls, Opening, Party, Posture, Postures, RelayRoles, Roles, Side, opening};
use serde::{Deserialize, Serialize};

/// Which paths may be used: the value of `--path`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Allowed {
    /// The most direct one that works: from server to server, through a relay agent, through this host
    #[default]
    Auto,
    /// From server to server only
    Direct,
    /// Through a relay agent only
    Relay,
    /// Through this host only
    User,
    /// From server to server only, where both listen and connect at the same time (between two of ours)
    Symmetric,
}

named!(Allowed { Auto: "auto", Direct: "direct", Symmetric: "symmetric", Relay: "relay", User: "user" });

impl Allowed {
    /// Whether the candidate that works is the best one of its kind, so that later runs may begin with it. One that the user
    /// has forced says nothing of the others.
    pub const fn shows_the_best(self) -> bool {
        matches!(self, Self::Auto | Self::Direct)
    }
}

/// How the data connections between two servers must be protected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DataProtection {
    /// In clear, as both control connections are.
    #[default]
    Clear,
    /// Never in clear, because a control connection runs TLS. If both do, two servers can protect the data between
    /// each other; otherwise only this program can be their peer.
    Private,
    /// Inside TLS if the two servers can, else in clear, as `--allow-clear-data` permits.
    Permitted,
}

impl DataProtection {
    /// Why the paths from server to server between these two cannot be used, if so.
    pub fn limitation(self, source: &Party, destination: &Party) -> Option<&'static str> {
        let private = Side::BOTH.iter().any(|side| !protections(*side, source, destination).is_empty());
        match self {
            Self::Clear | Self::Permitted => None,
            Self::Private if private => None,
            Self::Private if both_run_tls(source, destination) => Some(NO_CLIENT),
            Self::Private => Some(IN_CLEAR),
        }
    }
}

const IN_CLEAR: &str = "the data would be in clear between the servers: only one of the two control connections runs TLS; --allow-clear-data permits it";
const NO_CLIENT: &str = "the data would be in clear between the servers: neither can be TLS client for data (SSCN, CPSV); \
                         --allow-clear-data permits it";

/// A relay that may be used: what the choice of candidates needs to know of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nearby {
    /// What reports call it.
    pub name: String,
    /// The end that it is near, as the settings say.
    pub near: Option<Side>,
}

/// All allowed candidates that both ends say they can do, best first.
pub fn candidates(
    source: &Party,
    destination: &Party,
    allowed: Allowed,
    relays: &[Nearby],
    data: DataProtection,
) -> Vec<Candidate> {
    let direct = || match data {
        DataProtection::Clear => in_clear(source, destination),
        DataProtection::Private => in_private(source, destination),
        DataProtection::Permitted => {
            [in_private(source, destination), in_clear(source, destination)].concat()
        }
    };
    let in_clear = |_| vec![DataTls::Clear];
    let in_private = |postures| relayed_protections(postures, source, destination);
    let relayed = || match data {
        DataProtection::Clear => relayed(relays, in_clear),
        DataProtection::Private => relayed(relays, in_private),
        DataProtection::Permitted => [relayed(relays, in_private), relayed(relays, in_clear)].concat(),
    };
    match allowed {
        Allowed::Auto => [direct(), relayed(), vec![Candidate::Through]].concat(),
        Allowed::Direct => direct(),
        Allowed::Symmetric => {
            direct().into_iter().filter(|candidate| candidate.rung() == Rung::Symmetric).collect()
        }
        Allowed::Relay => relayed(),
        Allowed::User => vec![Candidate::Through],
    }
}

/// A relay near an end comes before one that is near neither. Passive servers come first: most firewalls let
/// users connect to a server, and a relay that can be reached at one port only can still connect to them. Two
/// servers that nobody can connect to come next: both connect to the relay.
fn relayed(relays: &[Nearby], protections: impl Fn(Postures) -> Vec<DataTls>) -> Vec<Candidate> {
    use Posture::{Active, Passive};
    let mut near: Vec<(usize, Option<Side>)> = relays.iter().map(|relay| relay.near).enumerate().collect();
    near.sort_by_key(|(_, near)| match near {
        Some(Side::Source) => 0,
        Some(Side::Destination) => 1,
        None => 2,
    });
    let all = [(Passive, Passive), (Active, Active), (Passive, Active), (Active, Passive)];
    let roles: Vec<RelayRoles> = all
        .into_iter()
        .map(|(source, destination)| Postures { source, destination })
        .flat_map(|postures| protections(postures).into_iter().map(move |tls| RelayRoles { postures, tls }))
        .collect();
    near.into_iter()
        .flat_map(|(relay, near)| {
            roles.iter().map(move |roles| Candidate::Relay(ThroughRelay { relay, near, roles: *roles }))
        })
        .collect()
}

/// The direct candidates whose bytes travel in clear.
fn in_clear(source: &Party, destination: &Party) -> Vec<Candidate> {
    direct(source, destination, |_| vec![DataTls::Clear])
}

/// The direct candidates inside TLS.
fn in_private(source: &Party, destination: &Party) -> Vec<Candidate> {
    direct(source, destination, |passive| protections(passive, source, destination))
}

/// The direct candidates with each of these protections.
fn direct(source: &Party, destination: &Party, protections: impl Fn(Side) -> Vec<DataTls>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for side in [Side::Destination, Side::Source] {
        let (passive, active) = (side.of([source, destination]), side.other().of([source, destination]));
        let filter = passive.capabilities.sock && active.capabilities.sock && is_seen_alike(passive, active);
        for tls in protections(side) {
            let openings = if tls == DataTls::Cpsv { vec![Opening::Pasv] } else { openings(passive, active) };
            let roles = |opening| Roles { passive: side, opening, filter, first: None, tls };
            candidates.extend(openings.into_iter().map(|opening| Candidate::Direct(roles(opening))));
        }
    }
    if is_symmetric(source, destination) {
        let (passive, opening) = (Side::Destination, Opening::Symmetric);
        let tls = protections(passive).into_iter().find(|tls| *tls != DataTls::Cpsv);
        let roles = |tls| Roles { passive, opening, filter: false, first: None, tls };
        candidates.extend(tls.map(|tls| Candidate::Direct(roles(tls))));
    }
    candidates
}

/// Whether both ends can listen and connect at the same time, and prove themselves: nothing else says which
/// connection is the right one.
pub(super) fn is_symmetric(source: &Party, destination: &Party) -> bool {
    let able = |party: &Party| {
        let can = &party.capabilities;
        can.rsym && can.gsoc && can.sock && can.rndz
    };
    able(source) && able(destination) && Family::of(source.address) == Family::of(destination.address)
}

/// Whether the passive end will see its peer at the address that this host sees, so that SOCK can name it
/// (RFC 478 note 3). A host with a private address may be behind NAT and come from another address. If the
/// two ends prove themselves to each other (RNDZ), the filter is not needed and is left out there.
fn is_seen_alike(passive: &Party, active: &Party) -> bool {
    let proven = passive.capabilities.rndz && active.capabilities.rndz;
    let (ours, its) = (kind(passive.address), kind(active.address));
    !proven || (ours == its && its != Kind::Private)
}

/// The best opening first, then the ones to fall back on if a server does not know the best one after all.
fn openings(passive: &Party, active: &Party) -> Vec<Opening> {
    let best = opening(passive, active);
    let both_v4 = [passive, active].iter().all(|party| Family::of(party.address) == Family::V4);
    let both_epsv = passive.knows_epsv() && active.knows_epsv();
    let after = [(Opening::Epsv, both_epsv), (Opening::Pasv, both_v4)];
    let after = after.into_iter().filter(|(_, fits)| *fits).map(|(opening, _)| opening);
    match best {
        // A server that knows EPSV also knows PASV: the older form is the fallback.
        Some(best) => std::iter::once(best).chain(after.filter(|other| rank(*other) > rank(best))).collect(),
        None => Vec::new(),
    }
}

const fn rank(opening: Opening) -> u8 {
    match opening {
        Opening::Lstn => 0,
        Opening::Epsv => 1,
        Opening::Pasv => 2,
        Opening::Symmetric => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::party;
    use super::*;
    use ftp_proto::feature::Capabilities;
    use ftp_proto::wire::Fingerprint;

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
        let opened = |candidate: &Candidate| match candidate {
            Candidate::Direct(roles) => (candidate.rung(), roles.opening, roles.filter),
            Candidate::Relay(_) | Candidate::Through => panic!("it is not direct"),
        };
        let found: Vec<_> =
            candidates(&source, &destination, Allowed::Direct, &[nearby(None)], DataProtection::Clear)
                .iter()
                .map(opened)
                .collect();
        assert_eq!(found, expect);
        let all = candidates(&source, &destination, Allowed::Auto, &[], DataProtection::Clear);
        assert_eq!((all.len(), all.last()), (expect.len() + 1, Some(&Candidate::Through)));
        assert_eq!(
            candidates(&source, &destination, Allowed::User, &[nearby(None)], DataProtection::Clear),
            [Candidate::Through]
        );
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
            party("192.0.2.1", ours()),
            party("192.0.2.2", Capabilities { epsv: false, ..ours() }),
            &[
                (DestListens, Lstn, true),
                (DestListens, Pasv, true),
                (SourceListens, Lstn, true),
                (SourceListens, Pasv, true),
            ],
        );
        check(
            party("2001:db8::1", modern()),
            party("2001:db8::2", modern()),
            &[(DestListens, Epsv, false), (SourceListens, Epsv, false)],
        );
    }

    #[test]
    fn an_end_that_may_be_behind_nat_is_pinned_by_its_proof_and_not_by_its_address() {
        let pinned_by = |source: &str, destination: &str, capabilities: [&Capabilities; 2]| {
            let [one, two] = capabilities.map(Clone::clone);
            let ends = [party(source, one), party(destination, two)];
            match candidates(&ends[0], &ends[1], Allowed::Direct, &[], DataProtection::Clear).first() {
                Some(Candidate::Direct(roles)) => roles.filter,
                Some(Candidate::Relay(_) | Candidate::Through) | None => panic!("no direct way"),
            }
        };
        let pinned = |source: &str, destination: &str, both: &Capabilities| {
            pinned_by(source, destination, [both, both])
        };
        let proving = Capabilities { rndz: true, ..ours() };
        for one_proves in [[&proving, &ours()], [&ours(), &proving]] {
            assert!(pinned_by("10.1.0.2", "192.0.2.2", one_proves), "one end alone proves nothing");
        }
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
    fn two_ends_without_a_common_family_have_no_direct_candidate() {
        check(
            party("2001:db8::1", Capabilities::default()),
            party("192.0.2.2", Capabilities::default()),
            &[],
        );
    }

    #[test]
    fn relays_come_after_the_direct_candidates_and_the_near_ones_come_first() {
        let ends = ["192.0.2.1", "192.0.2.2"].map(|address| party(address, modern()));
        let near = [None, Some(Side::Destination), Some(Side::Source)].map(nearby);
        let all = candidates(&ends[0], &ends[1], Allowed::Auto, &near, DataProtection::Clear);
        let rungs: Vec<(Rung, Option<usize>)> =
            all.iter().map(|candidate| (candidate.rung(), candidate.relay())).collect();
        let direct = rungs.iter().position(|(_, relay)| relay.is_some()).unwrap();
        assert_eq!(rungs[direct - 1].0, Rung::SourceListens);
        let expect = [(Rung::RelaySource, 2), (Rung::RelayDest, 1), (Rung::RelaySource, 0)];
        let expect = expect.iter().flat_map(|(rung, relay)| [(*rung, Some(*relay)); 4]);
        assert_eq!(rungs[direct..], expect.chain([(Rung::User, None)]).collect::<Vec<_>>());
        let only = candidates(&ends[0], &ends[1], Allowed::Relay, &near, DataProtection::Clear);
        assert_eq!(only, all[direct..all.len() - 1]);
        let first = Postures { source: Posture::Passive, destination: Posture::Passive };
        assert!(matches!(only[0], Candidate::Relay(ThroughRelay { roles, .. }) if roles == first.into()));
        assert_eq!(candidates(&ends[0], &ends[1], Allowed::Relay, &[], DataProtection::Clear), []);
    }

    /// The same server inside TLS.
    fn inside_tls(party: Party, sscn: bool) -> Party {
        let capabilities = Capabilities { sscn, ..party.capabilities };
        Party { capabilities, leaf: Some(Fingerprint::of(b"leaf")), ..party }
    }

    #[test]
    fn i02_where_one_control_connection_runs_tls_only_this_host_keeps_the_data_private() {
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|address| party(address, ours()));
        let near = [nearby(None)];
        let (secured, plain) = (inside_tls(one.clone(), true), inside_tls(two.clone(), false));
        for (one, two) in [(&secured, &two), (&inside_tls(one, false), &plain)] {
            let all = |allowed| candidates(one, two, allowed, &near, DataProtection::Private);
            assert_eq!(all(Allowed::Auto), [Candidate::Through]);
            assert_eq!(all(Allowed::User), [Candidate::Through]);
            assert_eq!((all(Allowed::Direct), all(Allowed::Relay)), (vec![], vec![]));
            let permitted = |allowed| candidates(one, two, allowed, &near, DataProtection::Permitted);
            let direct = candidates(one, two, Allowed::Direct, &near, DataProtection::Clear);
            assert_eq!(permitted(Allowed::Direct), direct);
            let relayed = candidates(one, two, Allowed::Relay, &near, DataProtection::Clear);
            assert_eq!(permitted(Allowed::Auto), [&direct[..], &relayed, &[Candidate::Through]].concat());
            assert_eq!(permitted(Allowed::Relay), relayed);
        }
    }

    #[test]
    fn i02_where_a_server_can_be_tls_client_every_direct_candidate_is_private() {
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|address| party(address, ours()));
        let (source, destination) = (inside_tls(one, true), inside_tls(two, false));
        let all = |allowed, data| candidates(&source, &destination, allowed, &[], data);
        let clear = all(Allowed::Direct, DataProtection::Clear);
        let private = all(Allowed::Direct, DataProtection::Private);
        assert_eq!(private.len(), clear.len());
        assert!(private.iter().all(|candidate| candidate.tls_client() == Some(Side::Source)));
        assert_eq!(
            all(Allowed::Auto, DataProtection::Private),
            [&private[..], &[Candidate::Through]].concat()
        );
        assert_eq!(all(Allowed::Direct, DataProtection::Permitted), [private, clear].concat());
    }

    #[test]
    fn i02_a_relay_carries_tls_from_server_to_server() {
        use Posture::{Active, Passive};
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|address| party(address, ours()));
        let (source, mut destination) = (inside_tls(one, true), inside_tls(two, true));
        destination.capabilities.cpsv = true;
        let near = [nearby(None)];
        let all = |allowed, data| candidates(&source, &destination, allowed, &near, data);
        let roles: Vec<(Posture, Posture, DataTls)> = all(Allowed::Relay, DataProtection::Private)
            .iter()
            .map(|candidate| match candidate {
                Candidate::Relay(ThroughRelay { roles: RelayRoles { postures, tls }, .. }) => {
                    (postures.source, postures.destination, *tls)
                }
                Candidate::Direct(_) | Candidate::Through => panic!("it is not relayed"),
            })
            .collect();
        let sscn = [DataTls::Sscn(Side::Destination), DataTls::Sscn(Side::Source)];
        let with = |source, destination, tls: &[DataTls]| {
            tls.iter().map(|tls| (source, destination, *tls)).collect::<Vec<_>>()
        };
        let three = [&sscn[..], &[DataTls::Cpsv]].concat();
        assert_eq!(
            roles,
            [
                with(Passive, Passive, &three),
                with(Active, Active, &sscn),
                with(Passive, Active, &sscn),
                with(Active, Passive, &three),
            ]
            .concat()
        );
        let [private, clear, both] =
            [DataProtection::Private, DataProtection::Clear, DataProtection::Permitted]
                .map(|data| all(Allowed::Relay, data));
        assert_eq!(both, [private, clear].concat());
    }
}
