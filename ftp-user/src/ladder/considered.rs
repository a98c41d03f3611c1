//! All candidates, and why each would be tried or not: what `--explain` prints. Pure.

use super::candidate::{Candidate, Rung, commands};
use super::candidates::{Allowed, DataProtection, Nearby, candidates};
use ftp_proto::address::Family;
use ftp_proto::transfer::{Opening, Party, Side};

/// A candidate, and why it cannot be used if so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Considered {
    /// The rung that it stands on.
    pub rung: Rung,
    /// The name of its relay, if it uses one.
    pub relay: Option<String>,
    /// The commands of the two ends; `None` if each end chooses its own.
    pub commands: Option<&'static str>,
    /// How two servers take the roles of TLS, if their data connection runs TLS.
    pub tls: Option<&'static str>,
    /// Why it cannot be tried; `None` if it would be tried in its turn.
    pub limitation: Option<String>,
    /// What earlier runs say of it, in words.
    pub memory: Option<String>,
}

/// Puts those that would be tried into the order of `candidates`, and adds what `memory` says of each.
pub fn in_order(
    found: &mut [Considered],
    candidates: &[Candidate],
    relays: &[Nearby],
    memory: impl Fn(Candidate) -> Option<String>,
) {
    let order: Vec<(Considered, Candidate)> =
        candidates.iter().map(|candidate| (one(*candidate, relays), *candidate)).collect();
    let place = |told: &Considered| order.iter().position(|(one, _)| one == told).unwrap_or(order.len());
    found.sort_by_cached_key(place);
    for told in found {
        told.memory = order.iter().find(|(one, _)| one == told).and_then(|(_, candidate)| memory(*candidate));
    }
}

/// All candidates between the two ends: first those that would be tried, in their order, then the others.
pub fn considered(
    source: &Party,
    destination: &Party,
    allowed: Allowed,
    relays: &[Nearby],
    data: DataProtection,
) -> Vec<Considered> {
    let usable = candidates(source, destination, allowed, relays, data);
    // For people a relay is one candidate, whichever end listens.
    let mut told = usable.clone();
    told.dedup_by(|one, two| one.relay().is_some() && one.relay() == two.relay());
    let mut found: Vec<Considered> = told.iter().map(|candidate| one(*candidate, relays)).collect();
    for listener in [Side::Destination, Side::Source] {
        for opening in [Opening::Lstn, Opening::Epsv, Opening::Pasv] {
            let same = |candidate: &Candidate| match candidate {
                Candidate::Direct(roles) => roles.passive == listener && roles.opening == opening,
                Candidate::Relay(_) | Candidate::Through => false,
            };
            if !usable.iter().any(same) {
                let limitation = match allowed {
                    Allowed::Symmetric | Allowed::Relay | Allowed::User => forbidden(allowed),
                    Allowed::Auto | Allowed::Direct => {
                        let clear = || limitation(listener, opening, source, destination);
                        data.limitation(allowed, source, destination).map_or_else(clear, str::to_owned)
                    }
                };
                found.push(unusable(rung(listener), Some(opening), limitation));
            }
        }
    }
    if !usable.iter().any(|candidate| candidate.rung() == Rung::Symmetric) {
        let limitation = match allowed {
            Allowed::Relay | Allowed::User => forbidden(allowed),
            Allowed::Auto | Allowed::Direct | Allowed::Symmetric => data
                .limitation(allowed, source, destination)
                .map_or_else(|| asymmetric(source, destination), str::to_owned),
        };
        found.push(unusable(Rung::Symmetric, Some(Opening::Symmetric), limitation));
    }
    if !usable.iter().any(|candidate| candidate.relay().is_some()) {
        let limitation = match allowed {
            Allowed::Auto | Allowed::Relay if relays.is_empty() => {
                "none is configured, and --relay names none".to_owned()
            }
            Allowed::Auto | Allowed::Relay => {
                data.limitation(Allowed::Relay, source, destination).unwrap_or_default().to_owned()
            }
            Allowed::Direct | Allowed::Symmetric | Allowed::User => forbidden(allowed),
        };
        found.push(unusable(Rung::RelaySource, None, limitation));
    }
    if !usable.contains(&Candidate::Through) {
        found.push(unusable(Rung::User, None, forbidden(allowed)));
    }
    found
}

fn forbidden(allowed: Allowed) -> String {
    format!("--path {} does not allow it", allowed.name())
}

/// A rung that is not tried, with the commands of its two ends if there are several.
fn unusable(rung: Rung, opening: Option<Opening>, limitation: String) -> Considered {
    let commands = opening.map(commands);
    Considered { rung, relay: None, commands, tls: None, limitation: Some(limitation), memory: None }
}

/// A candidate that would be tried.
fn one(candidate: Candidate, relays: &[Nearby]) -> Considered {
    let commands = match candidate {
        Candidate::Direct(roles) => Some(commands(roles.opening)),
        Candidate::Relay(_) | Candidate::Through => None,
    };
    let relay = candidate.relay().and_then(|relay| relays.get(relay)).map(|relay| relay.name.clone());
    Considered {
        rung: candidate.rung(),
        relay,
        commands,
        tls: candidate.tls(),
        limitation: None,
        memory: None,
    }
}

const fn rung(listener: Side) -> Rung {
    match listener {
        Side::Destination => Rung::DestListens,
        Side::Source => Rung::SourceListens,
    }
}

/// Why the two ends cannot both listen and connect.
fn asymmetric(source: &Party, destination: &Party) -> String {
    for (who, party) in [("source", source), ("destination", destination)] {
        if !party.capabilities.rsym {
            return format!("the {who} does not know RSYM");
        }
    }
    "both must know RNDZ and have one address family".to_owned()
}

/// Why the two ends cannot use `opening`.
fn limitation(listener: Side, opening: Opening, source: &Party, destination: &Party) -> String {
    let (source, destination) = (("source", source), ("destination", destination));
    let ((passive, listens), (active, _)) = match listener {
        Side::Source => (source, destination),
        Side::Destination => (destination, source),
    };
    let unknown = |who: &str, command: &str| format!("the {who} does not know {command}");
    match opening {
        Opening::Lstn if !listens.capabilities.lstn => unknown(passive, "LSTN"),
        Opening::Lstn => unknown(active, "SOCK"),
        Opening::Epsv if !listens.knows_epsv() => unknown(passive, "EPSV"),
        Opening::Epsv => unknown(active, "EPRT"),
        Opening::Symmetric => asymmetric(source.1, destination.1),
        Opening::Pasv => {
            let who = if Family::of(listens.address) == Family::V6 { passive } else { active };
            format!("it is for IPv4, and the {who} is reached by IPv6")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::dialect::Dialect;
    use ftp_proto::feature::Capabilities;
    use ftp_proto::wire::Fingerprint;

    fn party(address: &str, sock: bool, lstn: bool, epsv: bool) -> Party {
        let capabilities = Capabilities { sock, lstn, epsv, ..Capabilities::default() };
        let standing = ftp_proto::client::Standing::default();
        Party {
            dialect: Dialect::Rfc959,
            capabilities,
            address: address.parse().unwrap(),
            given: false,
            standing,
            leaf: None,
        }
    }

    /// One line for each candidate.
    fn check(source: &Party, destination: &Party, allowed: Allowed, expect: &[&str]) {
        let found: Vec<String> = considered(source, destination, allowed, &[], DataProtection::Clear)
            .iter()
            .map(|candidate| {
                let words =
                    [Some(candidate.rung.name()), candidate.commands, candidate.limitation.as_deref()];
                words.into_iter().flatten().collect::<Vec<_>>().join(": ")
            })
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn inside_tls_the_words_tell_every_candidate_from_the_others() {
        let mut ours = party("192.0.2.1", true, true, true);
        (ours.capabilities.sscn, ours.capabilities.cpsv) = (true, true);
        ours.leaf = Some(Fingerprint::of(b"leaf"));
        let found = considered(&ours, &ours, Allowed::Direct, &[], DataProtection::Private);
        let tried = found.iter().filter(|candidate| candidate.limitation.is_none());
        let words: Vec<_> =
            tried.map(|candidate| (candidate.rung, candidate.commands, candidate.tls)).collect();
        assert!(words.iter().filter(|(.., tls)| tls.is_some()).count() > 6, "{words:?}");
        for (index, one) in words.iter().enumerate() {
            assert!(!words.iter().skip(index + 1).any(|other| other == one), "{one:?}");
        }
    }

    #[test]
    fn every_candidate_is_tried_or_has_a_reason_why_not() {
        let ours = party("192.0.2.1", true, true, true);
        let modern = party("192.0.2.2", false, false, true);
        let six = party("2001:db8::2", false, false, true);
        check(
            &ours,
            &ours,
            Allowed::Direct,
            &[
                "dest-listens: LSTN and SOCK",
                "dest-listens: EPSV and EPRT",
                "dest-listens: PASV and PORT",
                "source-listens: LSTN and SOCK",
                "source-listens: EPSV and EPRT",
                "source-listens: PASV and PORT",
                "symmetric: RSYM, GSOC and SOCK: the source does not know RSYM",
                "relay-source: --path direct does not allow it",
                "user: --path direct does not allow it",
            ],
        );
        check(
            &ours,
            &modern,
            Allowed::Auto,
            &[
                "dest-listens: EPSV and EPRT",
                "dest-listens: PASV and PORT",
                "source-listens: EPSV and EPRT",
                "source-listens: PASV and PORT",
                "user",
                "dest-listens: LSTN and SOCK: the destination does not know LSTN",
                "source-listens: LSTN and SOCK: the destination does not know SOCK",
                "symmetric: RSYM, GSOC and SOCK: the source does not know RSYM",
                "relay-source: none is configured, and --relay names none",
            ],
        );
        check(
            &modern,
            &six,
            Allowed::Direct,
            &[
                "dest-listens: EPSV and EPRT",
                "source-listens: EPSV and EPRT",
                "dest-listens: LSTN and SOCK: the destination does not know LSTN",
                "dest-listens: PASV and PORT: it is for IPv4, and the destination is reached by IPv6",
                "source-listens: LSTN and SOCK: the source does not know LSTN",
                "source-listens: PASV and PORT: it is for IPv4, and the destination is reached by IPv6",
                "symmetric: RSYM, GSOC and SOCK: the source does not know RSYM",
                "relay-source: --path direct does not allow it",
                "user: --path direct does not allow it",
            ],
        );
        let sock_only = party("192.0.2.3", true, false, false);
        check(
            &ours,
            &sock_only,
            Allowed::Auto,
            &[
                "dest-listens: PASV and PORT",
                "source-listens: LSTN and SOCK",
                "source-listens: PASV and PORT",
                "user",
                "dest-listens: LSTN and SOCK: the destination does not know LSTN",
                "dest-listens: EPSV and EPRT: the destination does not know EPSV",
                "source-listens: EPSV and EPRT: the destination does not know EPRT",
                "symmetric: RSYM, GSOC and SOCK: the source does not know RSYM",
                "relay-source: none is configured, and --relay names none",
            ],
        );
        let user = considered(&ours, &modern, Allowed::User, &[], DataProtection::Clear);
        assert_eq!(user.iter().filter(|candidate| candidate.limitation.is_none()).count(), 1);
    }

    #[test]
    fn a_relay_is_one_candidate_whichever_end_listens() {
        let ours = party("192.0.2.1", true, true, true);
        let near = [("edge", Some(Side::Destination)), ("other", None)]
            .map(|(name, near)| Nearby { name: name.to_owned(), near });
        let all = considered(&ours, &ours, Allowed::Auto, &near, DataProtection::Clear);
        let candidates: Vec<(Rung, Option<&str>)> = all
            .iter()
            .filter(|candidate| candidate.limitation.is_none() && candidate.rung.path() != "direct")
            .map(|candidate| (candidate.rung, candidate.relay.as_deref()))
            .collect();
        let expect =
            [(Rung::RelayDest, Some("edge")), (Rung::RelaySource, Some("other")), (Rung::User, None)];
        assert_eq!(candidates, expect);
        let only = considered(&ours, &ours, Allowed::Relay, &near, DataProtection::Clear);
        assert_eq!(only.iter().filter(|candidate| candidate.limitation.is_none()).count(), 2);
    }

    #[test]
    fn every_path_with_data_in_clear_is_hindered_for_that_reason() {
        let ours = party("192.0.2.1", true, true, true);
        let near = [Nearby { name: "edge".to_owned(), near: None }];
        let all = considered(&ours, &ours, Allowed::Auto, &near, DataProtection::Private);
        let (usable, others): (Vec<_>, Vec<_>) =
            all.iter().partition(|candidate| candidate.limitation.is_none());
        assert_eq!(usable.iter().map(|candidate| candidate.rung).collect::<Vec<_>>(), [Rung::User]);
        assert_eq!(others.len(), 8);
        for candidate in others {
            let why = candidate.limitation.as_deref().unwrap();
            assert!(why.contains("the data would be in clear"), "{candidate:?}");
        }
    }
}
