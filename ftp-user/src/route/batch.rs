//! How small files move together between two servers: which machine moves them, and over which path.

use super::Ends;
use super::circuit::Circuit;
use crate::context::Context;
use crate::endpoint::{Host, Server};
use crate::failure::{Failure, Kind};
use crate::ladder::Candidate;
use crate::outcome::{Protection, Verified};
use crate::place::Peer;
use crate::session::Session;
use ftp_proto::digest::{Algorithm, best_common};
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::batch::{
    Batch, BatchFile, BatchInput, BatchOpening, BatchOutput, BatchTerms, Window,
};
use ftp_proto::transfer::pipeline::{Pipeline, PipelineFile, PipelineTerms};
use ftp_proto::transfer::{Arrangements, DataTls, Opening, Party, Posture, Postures, RelayRoles, Roles};
use ftp_proto::wire::PathName;
use std::sync::Arc;

/// How files are moved together between two servers.
#[derive(Clone, Debug)]
pub(crate) struct BatchPath {
    /// What an earlier file has taken.
    pub(super) candidate: Candidate,
    /// The relay, if one carries them.
    relay: Option<Arc<str>>,
    /// Whether the data connections run TLS.
    is_private: bool,
    terms: Terms,
}

/// How small files move together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// All of them over one connection, many in each transfer. Their server gives them their names from a place that is its
    /// own, so that nothing is stored under the name of a part.
    Groups,
    /// Each over a connection of its own, with the commands of the next one behind it, under the name of its part first.
    OneByOne,
}

/// The terms of the machine that moves them.
#[derive(Clone, Debug)]
enum Terms {
    Groups(BatchTerms),
    OneByOne(PipelineTerms),
}

/// A file that moves together with others.
#[derive(Clone, Debug)]
pub(crate) struct SmallFile {
    pub(crate) file: BatchFile,
    /// The name under which it is stored first, where files move one by one.
    pub(crate) part: Option<PathName>,
}

/// Files and how they move.
#[derive(Debug)]
pub(crate) struct Consignment {
    pub(super) path: BatchPath,
    pub(super) work: Work,
    /// The number under which the events count them together.
    pub(super) number: u64,
}

/// The files of a machine, and its terms.
#[derive(Debug)]
pub(super) enum Work {
    Groups(BatchTerms, Vec<BatchFile>),
    OneByOne(PipelineTerms, Vec<PipelineFile>),
}

/// The machine that moves them.
#[derive(Debug)]
pub(super) enum Machine {
    Groups(Box<Batch>),
    OneByOne(Box<Pipeline>),
}

impl BatchPath {
    /// How small files can be moved together on the path that an earlier file has taken, if that is possible between these two,
    /// whose sessions are open.
    ///
    /// # Errors
    ///
    /// There is no session through the relay, or this host has no random numbers.
    pub(crate) async fn of(
        context: &Context,
        ends: &mut Ends,
        candidate: Candidate,
    ) -> Result<Option<Self>, Failure> {
        let Ends { source, destination, circuit, .. } = ends;
        let (Host::Server(from), Host::Server(to)) = (source, destination) else { return Ok(None) };
        match candidate {
            Candidate::Direct(roles) => Self::direct(context, from, to, roles),
            Candidate::Relay(through) => {
                let circuit = Box::pin(Circuit::ready(circuit, context, through.relay, from, to)).await?;
                let parties = (circuit.source.party(), circuit.destination.party());
                let RelayRoles { postures, tls } = through.roles;
                let opening = BatchOpening::Joined { postures, secret: Some(secret()?) };
                let path = Self::joined(context, &parties, candidate, (opening, tls));
                let relay: Option<Arc<str>> = Some(circuit.name.as_str().into());
                Ok(path.map(|path| Self { relay, is_private: tls.runs_tls(), ..path }))
            }
            Candidate::Through => {
                let (Some(source), Some(destination)) = (from.open(), to.open()) else { return Ok(None) };
                let (Some(one), Some(two)) = (posture(source), posture(destination)) else { return Ok(None) };
                let postures = Postures { source: one, destination: two };
                let is_private = source.runs_tls() && destination.runs_tls();
                let parties = (source.party_for(Peer::ThisHost), destination.party_for(Peer::ThisHost));
                let opening = BatchOpening::Joined { postures, secret: None };
                // Each server has its TLS with this host.
                let path = Self::joined(context, &parties, candidate, (opening, DataTls::Clear));
                Ok(path.map(|path| Self { is_private, ..path }))
            }
        }
    }

    /// From server to server.
    fn direct(
        context: &Context,
        from: &mut Server,
        to: &mut Server,
        roles: Roles,
    ) -> Result<Option<Self>, Failure> {
        let (Some(source), Some(destination)) = (from.open(), to.open()) else { return Ok(None) };
        let (one, two) = source.parties_with(destination);
        let (candidate, relay, is_private) = (Candidate::Direct(roles), None, roles.tls.runs_tls());
        if roles.opening == Opening::Symmetric {
            return Ok(None);
        }
        let opening = BatchOpening::Direct { passive: roles.passive, secret: secret()? };
        if let Some(terms) = terms(context, (&one, &two), opening, roles.tls) {
            return Ok(Some(Self { candidate, relay, is_private, terms: Terms::Groups(terms) }));
        }
        let silence = context.settings.patience.stall;
        let terms = Terms::OneByOne(PipelineTerms { roles, digest: None, silence });
        let path = Self { candidate, relay, is_private, terms };
        Ok(Pipeline::is_possible(&one, &two, roles).then_some(path))
    }

    /// Through a host in the middle. Servers of other people have no block mode.
    fn joined(
        context: &Context,
        (one, two): &(Party, Party),
        candidate: Candidate,
        (opening, tls): (BatchOpening, DataTls),
    ) -> Option<Self> {
        let terms = Terms::Groups(terms(context, (one, two), opening, tls)?);
        Some(Self { candidate, relay: None, is_private: false, terms })
    }

    /// Has a digest verify every file that has a connection of its own. Both servers must know it.
    pub(crate) const fn verify_by(&mut self, algorithm: Algorithm) {
        match &mut self.terms {
            Terms::Groups(_) => {}
            Terms::OneByOne(terms) => terms.digest = Some(algorithm),
        }
    }

    /// What an earlier file has taken.
    pub(crate) const fn candidate(&self) -> Candidate {
        self.candidate
    }

    /// The name of the relay that carries the files, if one does.
    pub(crate) fn relay(&self) -> Option<Arc<str>> {
        self.relay.clone()
    }

    /// Whether the data connections run TLS.
    pub(super) const fn runs_tls(&self) -> bool {
        self.is_private
    }

    /// What protects the data connections.
    pub(crate) const fn protection(&self) -> Protection {
        Protection::of(self.is_private)
    }

    /// What verifies every file.
    pub(crate) const fn verified(&self) -> Verified {
        match &self.terms {
            Terms::Groups(terms) => Verified::Hash(terms.algorithm),
            Terms::OneByOne(PipelineTerms { digest: Some(algorithm), .. }) => Verified::Hash(*algorithm),
            Terms::OneByOne(PipelineTerms { digest: None, .. }) => Verified::Size,
        }
    }

    /// The digest for which the sessions are set up when the files have moved.
    pub(super) const fn selected(&self) -> Option<Algorithm> {
        match &self.terms {
            Terms::Groups(_) => None,
            Terms::OneByOne(terms) => terms.digest,
        }
    }

    /// These files on this path, counted under this number. `None` if one of them needs a part and has no name for it.
    pub(crate) fn with(self, files: Vec<SmallFile>, number: u64) -> Option<Consignment> {
        let work = match self.terms.clone() {
            Terms::Groups(terms) => Work::Groups(terms, files.into_iter().map(|small| small.file).collect()),
            Terms::OneByOne(terms) => {
                let with_part = |small: SmallFile| Some(PipelineFile { file: small.file, part: small.part? });
                Work::OneByOne(terms, files.into_iter().map(with_part).collect::<Option<_>>()?)
            }
        };
        Some(Consignment { path: self, work, number })
    }

    /// How the files move.
    pub(crate) const fn manner(&self) -> Manner {
        match &self.terms {
            Terms::Groups(_) => Manner::Groups,
            Terms::OneByOne(_) => Manner::OneByOne,
        }
    }
}

/// The terms of a batch, if both servers can do that.
fn terms(
    context: &Context,
    (one, two): (&Party, &Party),
    opening: BatchOpening,
    tls: DataTls,
) -> Option<BatchTerms> {
    let algorithm = best_common(&one.capabilities.dgst, &two.capabilities.dgst)?;
    let (window, silence) = (Window::default(), context.settings.patience.stall);
    let terms = BatchTerms { opening, tls, algorithm, window, silence };
    Batch::is_possible(one, two, &terms).then_some(terms)
}

/// A new secret of a data connection.
fn secret() -> Result<RendezvousSecret, Failure> {
    ftp_io::random::bytes()
        .map(RendezvousSecret::new)
        .map_err(|error| Failure::new(Kind::Other, format!("cannot get random numbers: {error}")))
}

/// What a server does for its data connections with this host.
fn posture(session: &Session) -> Option<Posture> {
    let arrangements = Arrangements::new(&session.party(), session.known_postures());
    arrangements.current().map(|arrangement| arrangement.posture())
}

impl Work {
    /// The sizes of its files.
    pub(super) fn sizes(&self) -> Vec<u64> {
        match self {
            Self::Groups(_, files) => files.iter().map(|file| file.size).collect(),
            Self::OneByOne(_, files) => files.iter().map(|file| file.file.size).collect(),
        }
    }
}

impl Machine {
    pub(super) fn start(work: Work, parties: (Party, Party), now: Moment) -> Self {
        match work {
            Work::Groups(terms, files) => Self::Groups(Box::new(Batch::start(files, terms, parties, now))),
            Work::OneByOne(terms, files) => {
                Self::OneByOne(Box::new(Pipeline::start(files, terms, parties, now)))
            }
        }
    }

    pub(super) fn input(&mut self, now: Moment, input: BatchInput) {
        match self {
            Self::Groups(batch) => batch.input(now, input),
            Self::OneByOne(pipeline) => pipeline.input(now, input),
        }
    }

    pub(super) fn poll(&mut self) -> BatchOutput {
        match self {
            Self::Groups(batch) => batch.poll(),
            Self::OneByOne(pipeline) => pipeline.poll(),
        }
    }

    /// The digest that both servers have told of a file.
    pub(super) fn digest(&self, index: usize) -> Option<&str> {
        match self {
            Self::Groups(batch) => batch.digest(index),
            Self::OneByOne(pipeline) => pipeline.digest(index),
        }
    }

    /// Whether the bytes of all transfers count together, and not those of each file alone.
    pub(super) const fn counts_all(&self) -> bool {
        matches!(self, Self::Groups(_))
    }

    /// The part that a pipeline stores now. A batch has none: its files share one connection.
    pub(super) fn storing(&self) -> Option<&PathName> {
        match self {
            Self::Groups(_) => None,
            Self::OneByOne(pipeline) => pipeline.storing(),
        }
    }
}
