//! Drives small files that move together between two servers: performs what the machine asks for, and tells it what happens.

use super::sessions::Sessions;
use crate::context::Context;
use crate::endpoint::Server;
use crate::failure::{Failure, Kind};
use crate::outcome::{Protection, Verified};
use ftp_proto::client::Event;
use ftp_proto::command::{DataType, Partial};
use ftp_proto::digest::{Algorithm, best_common};
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::reply::Reply;
use ftp_proto::third_party::batch::{
    Batch, BatchEnd, BatchFile, BatchInput, BatchOutput, BatchTerms, Window,
};
use ftp_proto::third_party::pipeline::{Pipeline, PipelineTerms};
use ftp_proto::third_party::{Party, Roles, Side};
use ftp_proto::timer::Moment;

/// How files are moved together between two servers.
#[derive(Clone, Debug)]
pub(crate) struct BatchPath {
    roles: Roles,
    manner: Manner,
}

/// Which machine moves them.
#[derive(Clone, Debug)]
enum Manner {
    /// All of them over one connection.
    Blocks(BatchTerms),
    /// Each over a connection of its own, with the commands of the next one behind it.
    Pipeline(PipelineTerms),
}

/// The machine that moves them.
#[derive(Debug)]
enum Machine {
    Blocks(Box<Batch>),
    Pipeline(Box<Pipeline>),
}

impl BatchPath {
    /// How small files can be moved together, if that is possible between these two, whose sessions are open. `roles` are
    /// those of an earlier file.
    ///
    /// # Errors
    ///
    /// This host has no random numbers.
    pub(crate) fn between(
        context: &Context,
        from: &mut Server,
        to: &mut Server,
        roles: Roles,
    ) -> Result<Option<Self>, Failure> {
        let (Some(source), Some(destination)) = (from.open(), to.open()) else { return Ok(None) };
        let (one, two) = (source.party(), destination.party());
        let silence = context.patience.stall;
        if let Some(algorithm) = best_common(&one.capabilities.dgst, &two.capabilities.dgst) {
            let secret = ftp_io::random::bytes()
                .map(RendezvousSecret::new)
                .map_err(|error| Failure::new(Kind::Other, format!("cannot get random numbers: {error}")))?;
            let Roles { passive, tls, .. } = roles;
            let terms = BatchTerms { passive, tls, algorithm, secret, window: Window::default(), silence };
            if Batch::is_possible(&one, &two, &terms) {
                return Ok(Some(Self { roles, manner: Manner::Blocks(terms) }));
            }
        }
        let manner = Manner::Pipeline(PipelineTerms { roles, digest: None, silence });
        Ok(Pipeline::is_possible(&one, &two, roles).then_some(Self { roles, manner }))
    }

    /// Has a digest verify every file that has a connection of its own. Both servers must know it.
    pub(crate) const fn verify_by(&mut self, algorithm: Algorithm) {
        match &mut self.manner {
            Manner::Blocks(_) => {}
            Manner::Pipeline(terms) => terms.digest = Some(algorithm),
        }
    }

    /// The end that listens.
    pub(crate) const fn passive(&self) -> Side {
        self.roles.passive
    }

    /// What protects the data connections.
    pub(crate) const fn protection(&self) -> Protection {
        Protection::of(self.roles.tls.runs_tls())
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
    const fn selected(&self) -> Option<Algorithm> {
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

impl Machine {
    fn start(path: BatchPath, files: Vec<BatchFile>, parties: (Party, Party), now: Moment) -> Self {
        match path.manner {
            Manner::Blocks(terms) => Self::Blocks(Box::new(Batch::start(files, terms, parties, now))),
            Manner::Pipeline(terms) => Self::Pipeline(Box::new(Pipeline::start(files, terms, parties, now))),
        }
    }

    fn input(&mut self, now: Moment, input: BatchInput) {
        match self {
            Self::Blocks(batch) => batch.input(now, input),
            Self::Pipeline(pipeline) => pipeline.input(now, input),
        }
    }

    fn poll(&mut self) -> BatchOutput {
        match self {
            Self::Blocks(batch) => batch.poll(),
            Self::Pipeline(pipeline) => pipeline.poll(),
        }
    }
}

/// Moves files together. `told` learns of each file how it has ended, and in words why the destination has refused its time,
/// but only those that are published may be touched before this returns. Returns whether both sessions are still of use.
///
/// # Errors
///
/// Fails if there is no session with one of the servers.
pub(crate) async fn batch(
    context: &Context,
    (from, to): (&mut Server, &mut Server),
    path: BatchPath,
    files: Vec<BatchFile>,
    told: &mut (dyn FnMut(usize, BatchEnd, Option<String>) + Send),
) -> Result<bool, Failure> {
    let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
    tokio::try_join!(source.forget_restart(), destination.forget_restart())?;
    let (is_private, selected) = (path.roles.tls.runs_tls(), path.selected());
    for session in [&mut *source, &mut *destination] {
        if let Some(answer) = session.protect(is_private).await? {
            return Err(session.refusal("the protection of data connections cannot be set", &answer));
        }
    }
    destination.partials(Partial::Discard).await?;
    source.gather(true);
    destination.gather(true);
    let mut sessions = Sessions { source, destination };
    let clock = context.clock;
    let mut machine = Machine::start(path, files, sessions.parties(), clock.now());
    let (mut is_cancelled, mut are_usable) = (false, true);
    loop {
        let deadline = match machine.poll() {
            BatchOutput::Command(side, command) => {
                sessions.of(side).send(command, None);
                continue;
            }
            BatchOutput::Ended(index, end) => {
                let refused = time_refusal(&end).map(|reply| sessions.destination.shown(reply));
                told(index, end, refused);
                continue;
            }
            BatchOutput::Close(side) => {
                sessions.of(side).close();
                are_usable = false;
                continue;
            }
            BatchOutput::Done => break,
            BatchOutput::Wait(deadline) => deadline,
        };
        let input = tokio::select! {
            () = context.cancel.cancelled(), if !is_cancelled => {
                is_cancelled = true;
                Some(BatchInput::Cancel)
            }
            event = sessions.source.next() => heard(Side::Source, event),
            event = sessions.destination.next() => heard(Side::Destination, event),
            () = clock.sleep_until(deadline) => Some(BatchInput::Timeout),
        };
        if let Some(input) = input {
            machine.input(clock.now(), input);
        }
    }
    for session in [sessions.source, sessions.destination] {
        session.gather(false);
        session.note_type(Some(DataType::Image));
        if let Some(algorithm) = selected {
            session.note_digest(algorithm);
        }
    }
    Ok(are_usable)
}

/// The refusal of the time of a file that was published.
const fn time_refusal(end: &BatchEnd) -> Option<&Reply> {
    match end {
        BatchEnd::Published { time_refused } => time_refused.as_ref(),
        BatchEnd::Left { .. } => None,
    }
}

/// What an event of a session is for the batch.
fn heard(side: Side, event: Event) -> Option<BatchInput> {
    match event {
        Event::Reply { reply, class, .. } => Some(BatchInput::Reply { side, reply, class }),
        Event::Ended(_) => Some(BatchInput::Ended(side)),
        Event::Unasked(_)
        | Event::AbortDone
        | Event::Ready { .. }
        | Event::Sent(_)
        | Event::Received { .. }
        | Event::TakesMore
        | Event::TlsAbsent => None,
    }
}
