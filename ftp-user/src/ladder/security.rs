//! TLS between two servers: which end can be its client, and what a failure says about that. Pure.

use super::candidate::Candidate;
use ftp_proto::address::Family;
use ftp_proto::reply::{TlsFault, tls_fault};
use ftp_proto::transfer::{Cause, DataTls, Failure, Party, Postures, RelayRoles, Side};

/// Whether both control connections run TLS, so that a data connection between the two servers can.
pub(super) const fn both_run_tls(source: &Party, destination: &Party) -> bool {
    source.leaf.is_some() && destination.leaf.is_some()
}

/// How to protect a data connection for which `passive` listens, best first. There is no protection unless both control
/// connections run TLS and one server knows SSCN or CPSV.
///
/// An end that knows PINC is the client if it can: it verifies the certificate of the other one, which need not
/// show any to it. Otherwise the destination is: it reads to the end. A source that is the client of TLS 1.3 has nothing
/// to read; if it closes before it has read the session tickets, its system resets the connection, and the end of the
/// file is lost.
pub(super) fn protections(passive: Side, source: &Party, destination: &Party) -> Vec<DataTls> {
    if !both_run_tls(source, destination) {
        return Vec::new();
    }
    let both_v4 = [source, destination].iter().all(|party| Family::of(party.address) == Family::V4);
    let cpsv = both_v4 && passive.of([source, destination]).capabilities.cpsv;
    let cpsv = cpsv.then_some(DataTls::Cpsv);
    clients(source, destination).chain(cpsv).collect()
}

/// How to protect the data of two servers through a relay, best first. An end that verifies the other one is the
/// client, as between two servers.
pub(super) fn relayed_protections(postures: Postures, source: &Party, destination: &Party) -> Vec<DataTls> {
    if !both_run_tls(source, destination) {
        return Vec::new();
    }
    let cpsv = RelayRoles { postures, tls: DataTls::Cpsv }.cpsv().filter(|side| {
        let party = side.of([source, destination]);
        party.capabilities.cpsv && Family::of(party.address) == Family::V4
    });
    clients(source, destination).chain(cpsv.map(|_| DataTls::Cpsv)).collect()
}

/// The ends that can be TLS client by SSCN, those that verify the other end first.
fn clients(source: &Party, destination: &Party) -> impl Iterator<Item = DataTls> {
    let can = |side: Side| &side.of([source, destination]).capabilities;
    let mut clients = vec![Side::Destination, Side::Source];
    clients.retain(|side| can(*side).sscn);
    clients.sort_by_key(|side| !can(*side).pinc);
    clients.into_iter().map(DataTls::Sscn)
}

/// What a failure says about TLS between two servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hitch {
    /// As TLS server, this end demands that its own client's session is resumed, which no other host can do.
    OwnSession(Side),
    /// The two do not come to TLS if this end is the client.
    Client(Side),
}

impl Hitch {
    /// What the failure of `candidate` says, if it is about TLS.
    pub(super) fn of(candidate: Candidate, failure: &Failure) -> Option<Self> {
        let client = candidate.tls_client()?;
        let Cause::Refused(reply) = &failure.cause else { return None };
        Some(match tls_fault(reply)? {
            TlsFault::OwnSession if failure.side != client => Self::OwnSession(failure.side),
            TlsFault::OwnSession | TlsFault::Handshake => Self::Client(client),
        })
    }

    /// Whether `candidate` would meet it too.
    pub(super) fn hinders(self, candidate: &Candidate) -> bool {
        match (self, candidate.tls_client()) {
            (_, None) => false,
            (Self::OwnSession(server), Some(client)) => client != server,
            (Self::Client(failed), Some(client)) => client == failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, failed};
    use super::*;
    use ftp_proto::command::Verb;
    use ftp_proto::feature::Capabilities;
    use ftp_proto::reply::{Blame, Code, Reply};
    use ftp_proto::transfer::{Opening, Roles, Stage};
    use ftp_proto::wire::Fingerprint;

    /// A server inside TLS that knows these commands.
    fn party(address: &str, features: &str) -> Party {
        let has = |feature| features.split(' ').any(|known| known == feature);
        let capabilities = Capabilities {
            sscn: has("SSCN"),
            cpsv: has("CPSV"),
            pinc: has("PINC"),
            ..Capabilities::default()
        };
        let leaf = (!has("clear")).then(|| Fingerprint::of(address.as_bytes()));
        Party { leaf, ..fixtures::party(address, capabilities) }
    }

    fn check(source: &str, destination: &str, expect: &[DataTls]) {
        let (source, destination) = (party("192.0.2.1", source), party("192.0.2.2", destination));
        assert_eq!(protections(Side::Destination, &source, &destination), expect);
    }

    #[test]
    fn one_end_is_client_and_rather_the_one_that_verifies_the_other() {
        use DataTls::{Cpsv, Sscn};
        use Side::{Destination, Source};
        check("", "", &[]);
        check("SSCN", "", &[Sscn(Source)]);
        check("", "SSCN", &[Sscn(Destination)]);
        check("SSCN", "SSCN", &[Sscn(Destination), Sscn(Source)]);
        check("SSCN", "SSCN PINC", &[Sscn(Destination), Sscn(Source)]);
        check("SSCN PINC", "SSCN", &[Sscn(Source), Sscn(Destination)]);
        check("SSCN PINC", "SSCN PINC", &[Sscn(Destination), Sscn(Source)]);
        check("", "CPSV", &[Cpsv]);
        check("CPSV", "", &[]);
        check("SSCN PINC", "CPSV SSCN PINC", &[Sscn(Destination), Sscn(Source), Cpsv]);
    }

    #[test]
    fn i02_a_control_connection_in_clear_leaves_nothing() {
        check("SSCN clear", "SSCN", &[]);
        check("SSCN", "SSCN clear", &[]);
    }

    #[test]
    fn cpsv_is_for_ipv4() {
        let (one, two) = (party("2001:db8::1", ""), party("2001:db8::2", "CPSV"));
        assert_eq!(protections(Side::Destination, &one, &two), []);
    }

    fn direct(passive: Side, tls: DataTls) -> Candidate {
        Candidate::Direct(Roles { passive, opening: Opening::Pasv, filter: false, first: None, tls })
    }

    fn refused(side: Side, code: u16, text: &str) -> Failure {
        let reply = Reply { code: Code(code), lines: vec![text.into()] };
        failed(side, Stage::Command(Verb::Stor), Cause::Refused(reply), Blame::Path)
    }

    #[test]
    fn h17_a_server_that_demands_its_own_session_may_still_be_the_client() {
        use Side::{Destination, Source};
        let failed = direct(Destination, DataTls::Sscn(Source));
        let demands = refused(Destination, 522, "SSL connection failed; session reuse required");
        let hitch = Hitch::of(failed, &demands).unwrap();
        assert_eq!(hitch, Hitch::OwnSession(Destination));
        for passive in Side::BOTH {
            assert!(hitch.hinders(&direct(passive, DataTls::Sscn(Source))));
            assert!(!hitch.hinders(&direct(passive, DataTls::Sscn(Destination))));
            assert!(!hitch.hinders(&direct(passive, DataTls::Clear)));
        }
        assert!(!hitch.hinders(&direct(Destination, DataTls::Cpsv)) && !hitch.hinders(&Candidate::Through));
        assert!(hitch.hinders(&direct(Source, DataTls::Cpsv)));
    }

    #[test]
    fn h17_a_handshake_that_fails_is_tried_with_the_other_client() {
        use Side::{Destination, Source};
        let failed = direct(Destination, DataTls::Sscn(Source));
        let hitch = Hitch::of(failed, &refused(Source, 435, "Failed TLS negotiation on data channel"));
        assert_eq!(hitch, Some(Hitch::Client(Source)));
        assert!(hitch.unwrap().hinders(&direct(Source, DataTls::Sscn(Source))));
        assert!(!hitch.unwrap().hinders(&direct(Destination, DataTls::Sscn(Destination))));
        assert_eq!(Hitch::of(failed, &refused(Source, 425, "Connection refused")), None);
        let clear = direct(Destination, DataTls::Clear);
        assert_eq!(Hitch::of(clear, &refused(Source, 435, "Failed TLS negotiation")), None);
    }
}
