//! How small files move together between two servers: which machine moves them, and over which path.

use super::Ends;
use super::circuit::Circuit;
use crate::context::Context;
use crate::control::Session;
use crate::endpoint::{Host, Server};
use crate::failure::{Failure, Kind};
use crate::ladder::Candidate;
use crate::outcome::{Protection, Verified};
use crate::place::Peer;
use ftp_proto::digest::{Algorithm, best_common};
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::third_party::batch::{
    Batch, BatchFile, BatchInput, BatchOpening, BatchOutput, BatchTerms, Window,
};
use ftp_proto::third_party::pipeline::{Pipeline, PipelineTerms};
use ftp_proto::third_party::{Arrangements, DataTls, Opening, Party, Posture, Postures, RelayRoles, Roles};
use ftp_proto::timer::Moment;
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
    manner: Manner,
}

/// Which machine moves them.
#[derive(Clone, Debug)]
enum Manner {
    /// All of them over one connection, many in each transfer.
    Blocks(BatchTerms),
    /// Each over a connection of its own, with the commands of the next one behind it.
    Pipeline(PipelineTerms),
}

/// The machine that moves them.
#[derive(Debug)]
pub(super) enum Machine {
    Blocks(Box<Batch>),
    Pipeline(Box<Pipeline>),
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
            return Ok(Some(Self { candidate, relay, is_private, manner: Manner::Blocks(terms) }));
        }
        let silence = context.patience.stall;
        let manner = Manner::Pipeline(PipelineTerms { roles, digest: None, silence });
        let path = Self { candidate, relay, is_private, manner };
        Ok(Pipeline::is_possible(&one, &two, roles).then_some(path))
    }

    /// Through a host in the middle. Servers of other people have no block mode.
    fn joined(
        context: &Context,
        (one, two): &(Party, Party),
        candidate: Candidate,
        (opening, tls): (BatchOpening, DataTls),
    ) -> Option<Self> {
        let manner = Manner::Blocks(terms(context, (one, two), opening, tls)?);
        Some(Self { candidate, relay: None, is_private: false, manner })
    }

    /// Has a digest verify every file that has a connection of its own. Both servers must know it.
    pub(crate) const fn verify_by(&mut self, algorithm: Algorithm) {
        match &mut self.manner {
            Manner::Blocks(_) => {}
            Manner::Pipeline(terms) => terms.digest = Some(algorithm),
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
        match &self.manner {
            Manner::Blocks(terms) => Verified::Hash(terms.algorithm),
            Manner::Pipeline(PipelineTerms { digest: Some(algorithm), .. }) => Verified::Hash(*algorithm),
            Manner::Pipeline(PipelineTerms { digest: None, .. }) => Verified::Size,
        }
    }

    /// The digest for which the sessions are set up when the files have moved.
    pub(super) const fn selected(&self) -> Option<Algorithm> {
        match &self.manner {
            Manner::Blocks(_) => None,
            Manner::Pipeline(terms) => terms.digest,
        }
    }

    /// Whether all files go over one connection.
    pub(crate) const fn is_one_connection(&self) -> bool {
        matches!(self.manner, Manner::Blocks(_))
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
    let (window, silence) = (Window::default(), context.patience.stall);
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

impl Machine {
    pub(super) fn start(
        path: BatchPath,
        files: Vec<BatchFile>,
        parties: (Party, Party),
        now: Moment,
    ) -> Self {
        match path.manner {
            Manner::Blocks(terms) => Self::Blocks(Box::new(Batch::start(files, terms, parties, now))),
            Manner::Pipeline(terms) => Self::Pipeline(Box::new(Pipeline::start(files, terms, parties, now))),
        }
    }

    pub(super) fn input(&mut self, now: Moment, input: BatchInput) {
        match self {
            Self::Blocks(batch) => batch.input(now, input),
            Self::Pipeline(pipeline) => pipeline.input(now, input),
        }
    }

    pub(super) fn poll(&mut self) -> BatchOutput {
        match self {
            Self::Blocks(batch) => batch.poll(),
            Self::Pipeline(pipeline) => pipeline.poll(),
        }
    }

    /// Whether the bytes of all transfers count together, and not those of each file alone.
    pub(super) const fn counts_all(&self) -> bool {
        matches!(self, Self::Blocks(_))
    }

    /// The part that a pipeline stores now. A batch has none: its files share one connection.
    pub(super) fn storing(&self) -> Option<&PathName> {
        match self {
            Self::Blocks(_) => None,
            Self::Pipeline(pipeline) => pipeline.storing(),
        }
    }
}
