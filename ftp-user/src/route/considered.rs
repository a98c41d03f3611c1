//! The candidates between two servers for people, and why each would be tried or not: what `--explain` prints. Pure.

use crate::account::{CandidateAccount, shortened};
use crate::ladder::{Allowed, Candidate, DataProtection, Nearby, Rung, commands};
use ftp_proto::address::Family;
use ftp_proto::transfer::{Opening, Party, Side};

/// A candidate that stands on this rung. For people a relay is one candidate, whichever end listens.
pub(super) fn account(candidate: Candidate, rung: Rung, relays: &[Nearby]) -> CandidateAccount {
    let relay = candidate.relay().and_then(|relay| relays.get(relay)).map(|relay| relay.name.clone());
    let how = if let Candidate::Direct(roles) = candidate { Some(commands(roles.opening)) } else { None };
    let (how, tls) = (how.map(str::to_owned), candidate.tls().map(str::to_owned));
    CandidateAccount { how, tls, ..CandidateAccount::new(rung, relay) }
}

/// The candidates that are not among the `usable` ones, and why.
pub(super) fn unusable(
    source: &Party,
    destination: &Party,
    allowed: Allowed,
    relays: &[Nearby],
    data: DataProtection,
    usable: &[Candidate],
) -> Vec<CandidateAccount> {
    let mut found = Vec::new();
    let mut cannot = |rung, opening: Option<Opening>, why: String| {
        let how = opening.map(|opening| commands(opening).to_owned());
        found.push(CandidateAccount { how, why: Some(shortened(&why)), ..CandidateAccount::new(rung, None) });
    };
    let forbidden = || format!("--path {} does not allow it", allowed.name());
    let unprotected = || data.limitation(source, destination).map(str::to_owned);
    for listener in [Side::Destination, Side::Source] {
        for opening in [Opening::Lstn, Opening::Epsv, Opening::Pasv] {
            let same = |candidate: &Candidate| match candidate {
                Candidate::Direct(roles) => roles.passive == listener && roles.opening == opening,
                Candidate::Relay(_) | Candidate::Through => false,
            };
            if !usable.iter().any(same) {
                let rung = listener.of([Rung::SourceListens, Rung::DestListens]);
                let why = match allowed {
                    Allowed::Symmetric | Allowed::Relay | Allowed::User => forbidden(),
                    Allowed::Auto | Allowed::Direct => {
                        unprotected().unwrap_or_else(|| limitation(listener, opening, source, destination))
                    }
                };
                cannot(rung, Some(opening), why);
            }
        }
    }
    if !usable.iter().any(|candidate| candidate.rung() == Rung::Symmetric) {
        let why = match allowed {
            Allowed::Relay | Allowed::User => forbidden(),
            Allowed::Auto | Allowed::Direct | Allowed::Symmetric => {
                unprotected().unwrap_or_else(|| asymmetric(source, destination))
            }
        };
        cannot(Rung::Symmetric, Some(Opening::Symmetric), why);
    }
    if !usable.iter().any(|candidate| candidate.relay().is_some()) {
        let why = match allowed {
            Allowed::Auto | Allowed::Relay if relays.is_empty() => {
                "none is configured, and --relay names none".to_owned()
            }
            Allowed::Auto | Allowed::Relay => unprotected().unwrap_or_default(),
            Allowed::Direct | Allowed::Symmetric | Allowed::User => forbidden(),
        };
        cannot(Rung::RelaySource, None, why);
    }
    if !usable.contains(&Candidate::Through) {
        cannot(Rung::User, None, forbidden());
    }
    found
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
    let ends = [("source", source), ("destination", destination)];
    let ((passive, listens), (active, _)) = (listener.of(ends), listener.other().of(ends));
    let unknown = |who: &str, command: &str| format!("the {who} does not know {command}");
    match opening {
        Opening::Lstn if !listens.capabilities.lstn => unknown(passive, "LSTN"),
        Opening::Lstn => unknown(active, "SOCK"),
        Opening::Epsv if !listens.knows_epsv() => unknown(passive, "EPSV"),
        Opening::Epsv => unknown(active, "EPRT"),
        Opening::Symmetric => asymmetric(source, destination),
        Opening::Pasv => {
            let who = if Family::of(listens.address) == Family::V6 { passive } else { active };
            format!("it is for IPv4, and the {who} is reached by IPv6")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::{self, candidates};
    use ftp_proto::feature::Capabilities;
    use ftp_proto::wire::Fingerprint;

    fn party(address: &str, sock: bool, lstn: bool, epsv: bool) -> Party {
        ladder::party(address, Capabilities { sock, lstn, epsv, ..Capabilities::default() })
    }

    /// All candidates for people: those that would be tried, then the others.
    fn considered(
        source: &Party,
        destination: &Party,
        allowed: Allowed,
        relays: &[Nearby],
        data: DataProtection,
    ) -> Vec<CandidateAccount> {
        let usable = candidates(source, destination, allowed, relays, data);
        let others = unusable(source, destination, allowed, relays, data, &usable);
        let mut tried = usable;
        tried.dedup_by(|one, two| one.is_of_one_relay(two));
        let tried = tried.iter().map(|candidate| account(*candidate, candidate.rung(), relays));
        tried.chain(others).collect()
    }

    /// One line for each candidate.
    fn check(source: &Party, destination: &Party, allowed: Allowed, expect: &[&str]) {
        let found: Vec<String> = considered(source, destination, allowed, &[], DataProtection::Clear)
            .iter()
            .map(|candidate| {
                let words =
                    [Some(candidate.rung.as_str()), candidate.how.as_deref(), candidate.why.as_deref()];
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
        let tried = found.iter().filter(|candidate| candidate.why.is_none());
        let words: Vec<_> =
            tried.map(|candidate| (&candidate.rung, &candidate.how, &candidate.tls)).collect();
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
        assert_eq!(user.iter().filter(|candidate| candidate.why.is_none()).count(), 1);
    }

    #[test]
    fn a_relay_is_one_candidate_whichever_end_listens() {
        let ours = party("192.0.2.1", true, true, true);
        let near = [("edge", Some(Side::Destination)), ("other", None)]
            .map(|(name, near)| Nearby { name: name.to_owned(), near });
        let all = considered(&ours, &ours, Allowed::Auto, &near, DataProtection::Clear);
        let candidates: Vec<(&str, Option<&str>)> = all
            .iter()
            .filter(|candidate| candidate.why.is_none() && candidate.path != "direct")
            .map(|candidate| (candidate.rung.as_str(), candidate.relay.as_deref()))
            .collect();
        let expect = [("relay-dest", Some("edge")), ("relay-source", Some("other")), ("user", None)];
        assert_eq!(candidates, expect);
        let only = considered(&ours, &ours, Allowed::Relay, &near, DataProtection::Clear);
        assert_eq!(only.iter().filter(|candidate| candidate.why.is_none()).count(), 2);
    }

    #[test]
    fn every_path_with_data_in_clear_is_hindered_for_that_reason() {
        let ours = party("192.0.2.1", true, true, true);
        let near = [Nearby { name: "edge".to_owned(), near: None }];
        let all = considered(&ours, &ours, Allowed::Auto, &near, DataProtection::Private);
        let (usable, others): (Vec<_>, Vec<_>) = all.iter().partition(|candidate| candidate.why.is_none());
        assert_eq!(usable.iter().map(|candidate| candidate.rung.as_str()).collect::<Vec<_>>(), ["user"]);
        assert_eq!(others.len(), 8);
        for candidate in others {
            let why = candidate.why.as_deref().unwrap();
            assert!(why.contains("the data would be in clear"), "{candidate:?}");
        }
    }
}
