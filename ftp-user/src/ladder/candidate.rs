//! A candidate: one concrete attempt at a path between two servers. Pure.

use ftp_proto::transfer::{DataTls, Opening, Posture, RelayRoles, Roles, Side};
use serde::{Deserialize, Serialize};

/// The rung of the ladder that a candidate stands on, as reports name it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize)]
pub enum Rung {
    /// From server to server; the destination listens.
    DestListens,
    /// From server to server; the source listens.
    SourceListens,
    /// From server to server; both listen and connect.
    Symmetric,
    /// Through a relay agent near the source, or near neither.
    RelaySource,
    /// Through a relay agent near the destination.
    RelayDest,
    /// Through agents that have joined a hub. What is at the address of a relay is known when somebody has connected to it,
    /// so a candidate itself does not stand here: reports of it do.
    Hub,
    /// Through this program: each server listens, or connects to it.
    User,
    /// One end is this program.
    Local,
}

impl Rung {
    /// Whether a third host counts the bytes: this one or a relay.
    pub(crate) const fn is_counted(self) -> bool {
        matches!(self, Self::RelaySource | Self::RelayDest | Self::Hub | Self::User)
    }

    /// The value of `rung` in events.
    pub const fn name(self) -> &'static str {
        self.row()[0]
    }

    /// The value of `path` in events.
    pub const fn path(self) -> &'static str {
        self.row()[1]
    }

    /// The same for people.
    pub const fn words(self) -> &'static str {
        self.row()[2]
    }

    const fn row(self) -> [&'static str; 3] {
        match self {
            Self::DestListens => ["dest-listens", "direct", "direct (destination listens)"],
            Self::SourceListens => ["source-listens", "direct", "direct (source listens)"],
            Self::Symmetric => ["symmetric", "symmetric", "direct (both listen and connect)"],
            Self::RelaySource => ["relay-source", "relay", "through the relay"],
            Self::RelayDest => ["relay-dest", "relay", "through the relay"],
            Self::Hub => ["hub", "relay", "through the hub"],
            Self::User => ["user", "user", "through this host"],
            Self::Local => ["local", "local", "local"],
        }
    }

    /// The rung with that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::RelaySource, Self::RelayDest, Self::Hub, Self::User, Self::Local]
            .into_iter()
            .find(|rung| rung.name() == name)
            .or_else(|| Self::direct(name))
    }

    /// The rung from server to server with that name.
    pub fn direct(name: &str) -> Option<Self> {
        [Self::DestListens, Self::SourceListens, Self::Symmetric].into_iter().find(|rung| rung.name() == name)
    }
}

/// One concrete attempt at a path: who listens, and which commands say so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Candidate {
    /// From server to server, in these roles.
    Direct(Roles),
    /// Through a relay agent.
    Relay(ThroughRelay),
    /// Through this program.
    Through,
}

/// A relay agent, and who connects to whom there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThroughRelay {
    /// The index of the relay among those that may be used.
    pub relay: usize,
    /// The end that the relay is near, as the settings say.
    pub near: Option<Side>,
    /// Which of the two servers listen for the relay, and what protects the data between them.
    pub roles: RelayRoles,
}

impl Candidate {
    /// The rung that it stands on.
    pub const fn rung(&self) -> Rung {
        match self {
            Self::Direct(Roles { opening: Opening::Symmetric, .. }) => Rung::Symmetric,
            Self::Direct(Roles { passive: Side::Destination, .. }) => Rung::DestListens,
            Self::Direct(Roles { passive: Side::Source, .. }) => Rung::SourceListens,
            Self::Relay(ThroughRelay { near: Some(Side::Destination), .. }) => Rung::RelayDest,
            Self::Relay(ThroughRelay { near: Some(Side::Source) | None, .. }) => Rung::RelaySource,
            Self::Through => Rung::User,
        }
    }

    /// The index of its relay, if it uses one.
    pub const fn relay(&self) -> Option<usize> {
        if let Self::Relay(through) = self { Some(through.relay) } else { None }
    }

    /// Whether both use the same relay, however.
    pub fn is_of_one_relay(&self, other: &Self) -> bool {
        self.relay().is_some() && self.relay() == other.relay()
    }

    /// The end that is TLS client on the data connection between the two servers, if that runs TLS.
    pub fn tls_client(&self) -> Option<Side> {
        match self {
            Self::Direct(Roles { tls: DataTls::Sscn(client), .. }) => Some(*client),
            Self::Direct(Roles { tls: DataTls::Cpsv, passive, .. }) => Some(*passive),
            Self::Relay(ThroughRelay { roles, .. }) => roles.tls_client(),
            Self::Direct(Roles { tls: DataTls::Clear, .. }) | Self::Through => None,
        }
    }

    /// What protects the data connection between the two servers; `None` if they have none with each other.
    pub const fn data_tls(&self) -> Option<DataTls> {
        match self {
            Self::Direct(Roles { tls, .. })
            | Self::Relay(ThroughRelay { roles: RelayRoles { tls, .. }, .. }) => Some(*tls),
            Self::Through => None,
        }
    }

    /// How two servers take the roles of TLS, if their data connection runs TLS.
    pub fn tls(&self) -> Option<&'static str> {
        match self.data_tls()? {
            DataTls::Sscn(Side::Source) => Some("SSCN at the source"),
            DataTls::Sscn(Side::Destination) => Some("SSCN at the destination"),
            DataTls::Cpsv => Some("CPSV"),
            DataTls::Clear => None,
        }
    }

    /// The name under which a later run finds it; `None` if it is not remembered, because its bytes pass a third host.
    pub fn label(&self) -> Option<String> {
        let Self::Direct(roles) = self else { return None };
        let tls = self.tls().map_or_else(String::new, |tls| format!(", {tls}"));
        Some(format!("{}: {}{tls}", self.rung().name(), commands(roles.opening)))
    }

    /// The commands of the two ends, or who connects to a relay; `None` if there is only one way.
    pub fn how(&self) -> Option<String> {
        match self {
            Self::Direct(roles) => Some(commands(roles.opening).to_owned()),
            Self::Relay(_) => Some(self.needs()),
            Self::Through => None,
        }
    }

    /// What both ends must be able to do for it, in words.
    pub fn needs(&self) -> String {
        match self {
            Self::Direct(roles) => {
                let does = match (roles.opening, roles.passive) {
                    (Opening::Symmetric, _) => "both listen, and both connect",
                    (_, Side::Destination) => "the destination listens, and the source connects to it",
                    (_, Side::Source) => "the source listens, and the destination connects to it",
                };
                format!("{does}{}", self.client_words())
            }
            Self::Relay(ThroughRelay { roles: RelayRoles { postures, .. }, .. }) => {
                let does = |posture| match posture {
                    Posture::Passive => "listens for the relay",
                    Posture::Active => "connects to the relay",
                };
                format!(
                    "the source {}, and the destination {}{}",
                    does(postures.source),
                    does(postures.destination),
                    self.client_words()
                )
            }
            Self::Through => {
                "each end listens, or connects to this host, and the bytes pass this host".to_owned()
            }
        }
    }

    /// Which end is TLS client, as the end of a sentence.
    fn client_words(&self) -> &'static str {
        match (self.data_tls(), self.tls_client()) {
            (Some(DataTls::Sscn(_) | DataTls::Cpsv), Some(Side::Source)) => "; the source is TLS client",
            (Some(DataTls::Sscn(_) | DataTls::Cpsv), Some(Side::Destination)) => {
                "; the destination is TLS client"
            }
            (_, None) | (Some(DataTls::Clear) | None, Some(_)) => "",
        }
    }

    /// Whether a fault of `self` at `side` is a fault of `other` too: both let the same end listen, or both
    /// use the same relay with that end in the same posture.
    pub(super) fn shares(&self, other: &Self, side: Side) -> bool {
        match (self, other) {
            (Self::Direct(one), Self::Direct(two)) => {
                let kind = |roles: &Roles| (roles.opening == Opening::Symmetric, roles.tls.runs_tls());
                one.passive == two.passive && kind(one) == kind(two)
            }
            (Self::Relay(one), Self::Relay(two)) => {
                let kind = |through: &ThroughRelay| {
                    (through.relay, *through.roles.postures.of(side), through.roles.tls.runs_tls())
                };
                kind(one) == kind(two)
            }
            (Self::Through, Self::Through) => true,
            (Self::Direct(_) | Self::Relay(_) | Self::Through, _) => false,
        }
    }
}

/// The commands of the two ends. The command of the passive end comes first.
pub const fn commands(opening: Opening) -> &'static str {
    match opening {
        Opening::Lstn => "LSTN and SOCK",
        Opening::Pasv => "PASV and PORT",
        Opening::Epsv => "EPSV and EPRT",
        Opening::Symmetric => "RSYM, GSOC and SOCK",
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::direct;
    use super::*;
    use ftp_proto::transfer::Postures;

    #[test]
    fn a_rung_is_told_to_scripts_and_to_people() {
        let check = |rung: Rung, name: &str, path: &str, words: &str| {
            assert_eq!((rung.name(), rung.path(), rung.words()), (name, path, words));
        };
        check(Rung::DestListens, "dest-listens", "direct", "direct (destination listens)");
        check(Rung::SourceListens, "source-listens", "direct", "direct (source listens)");
        check(Rung::RelaySource, "relay-source", "relay", "through the relay");
        check(Rung::RelayDest, "relay-dest", "relay", "through the relay");
        check(Rung::Hub, "hub", "relay", "through the hub");
        check(Rung::User, "user", "user", "through this host");
        check(Rung::Local, "local", "local", "local");
    }

    #[test]
    fn a_candidate_says_what_it_needs() {
        let direct = |opening| direct(Side::Source, opening);
        let listens = "the source listens, and the destination connects to it";
        assert_eq!(direct(Opening::Lstn).needs(), listens);
        assert_eq!(direct(Opening::Pasv).needs(), listens);
        assert_eq!(direct(Opening::Symmetric).needs(), "both listen, and both connect");
        let postures = Postures { source: Posture::Passive, destination: Posture::Active };
        let through = |tls| {
            Candidate::Relay(ThroughRelay { relay: 0, near: None, roles: RelayRoles { postures, tls } })
        };
        let relay = through(DataTls::Clear);
        assert_eq!(
            relay.needs(),
            "the source listens for the relay, and the destination connects to the relay"
        );
        let client = |tls| through(tls).needs().rsplit_once("; ").map(|(_, words)| words.to_owned());
        assert_eq!(client(DataTls::Cpsv).unwrap(), "the source is TLS client");
        assert_eq!(client(DataTls::Sscn(Side::Destination)).unwrap(), "the destination is TLS client");
        assert_eq!(
            Candidate::Through.needs(),
            "each end listens, or connects to this host, and the bytes pass this host"
        );
    }
}
