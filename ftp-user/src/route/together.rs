//! Small files that move together between two servers: which machine moves them, over which path, and what becomes of each.
//!
//! A host in the middle carries one connection for all files: their blocks say where each of them ends, so what has broken
//! ends the line, and nothing unverified has a name.

use super::Ends;
use super::assignment::Lane;
use super::attempt::new_secret;
use super::drive::Drive;
use super::path::{Direct, Path, Sessions, note_kept};
use super::progress::{Origin, Progress, Subject};
use super::relay::Circuit;
use super::second::DestinationFile;
use super::through::Through;
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::Result;
use crate::ladder::Candidate;
use crate::outcome::{PathFacts, Protection, TransferFacts, Verified};
use crate::session::Session;
use ftp_io::copy::{Digest, Meters};
use ftp_proto::client::{self, Event};
use ftp_proto::command::{DataType, Partial};
use ftp_proto::digest::{Algorithm, best_common};
use ftp_proto::reply::{Class, Reply};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::batch::{Batch, BatchEnd, BatchFile, BatchOpening, BatchTerms, Window};
use ftp_proto::transfer::pipeline::{Pipeline, PipelineFile, PipelineTerms};
use ftp_proto::transfer::{Arrangements, DataTls, Machine, Opening, Party, Posture, Postures, Side};
use ftp_proto::wire::PathName;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How files are moved together between two servers.
#[derive(Clone, Debug)]
pub(crate) struct BatchPath {
    /// The candidate that has carried an earlier file, of this run or of another one.
    pub(crate) candidate: Candidate,
    /// Why files move together on it, in words.
    why: &'static str,
    /// Whether a file of this run has taken it, and the data connection is a new one. Otherwise nothing may move there.
    pub(crate) is_proven: bool,
    /// The name of the relay that carries them, if one does.
    pub(crate) relay: Option<Arc<str>>,
    /// What protects the data connections.
    pub(crate) protection: Protection,
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

/// What becomes of a file that moves together with others.
#[derive(Debug)]
pub(crate) enum Fate {
    /// Both servers are told to move it, and nothing was seen to have its name.
    Begins,
    /// It has ended. With it comes in words why the destination has refused its time, and what is known of the transfer of a file
    /// that is published.
    Ended(BatchEnd, Option<String>, TransferFacts),
}

impl BatchPath {
    /// How small files can be moved together on the path that an earlier file has taken, if that is possible between these two,
    /// whose sessions are open.
    ///
    /// # Errors
    ///
    /// There is no session through the relay, a server refuses the rate of `--limit`, or this host has no random numbers.
    pub(crate) async fn of(context: &Context, ends: &mut Ends, candidate: Candidate) -> Result<Option<Self>> {
        let is_remembered = ends.memory.lock().found_path().is_none();
        let why = if is_remembered { AS_AN_EARLIER_RUN } else { AS_ANOTHER_FILE };
        let Ends { source, destination, circuit, .. } = ends;
        let (Host::Server(from), Host::Server(to)) = (source, destination) else { return Ok(None) };
        let mut relay = None;
        let mut sessions = if let Candidate::Relay(through) = candidate {
            let circuit = Box::pin(Circuit::ready(circuit, context, through.relay, from, to)).await?;
            relay = Some(circuit.name.as_str().into());
            circuit.path().0
        } else {
            let (Some(source), Some(destination)) = (from.open(), to.open()) else { return Ok(None) };
            Sessions { source, destination }
        };
        if candidate != Candidate::Through {
            sessions.keep_to_limit(context).await?;
        }
        let (opening, tls) = match candidate {
            Candidate::Direct(roles) if roles.opening == Opening::Symmetric => return Ok(None),
            Candidate::Direct(roles) => (
                match sessions.keep_connection(candidate, context.world.clock.now()) {
                    true => BatchOpening::Kept,
                    false => {
                        let secret = sessions.secret(roles.passive)?;
                        BatchOpening::Direct { passive: roles.passive, secret }
                    }
                },
                roles.tls,
            ),
            Candidate::Relay(through) => {
                let postures = through.roles.postures;
                (BatchOpening::Relayed { postures, secret: new_secret()? }, through.roles.tls)
            }
            Candidate::Through => {
                let postures = (posture(sessions.source), posture(sessions.destination));
                let (Some(source), Some(destination)) = postures else { return Ok(None) };
                // Each server has its TLS with this host.
                (BatchOpening::Through { postures: Postures { source, destination } }, DataTls::Clear)
            }
        };
        let (one, two) = sessions.parties(&candidate);
        let silence = context.settings.patience.stall;
        // Where this path does not work any more, another one is looked for soon.
        let connect =
            if is_remembered { silence.min(REMEMBERED + sessions.round_trip() * 6) } else { silence };
        let is_proven = !is_remembered && !matches!(opening, BatchOpening::Kept);
        let terms = match (groups(&one, &two, opening, tls, (connect, silence)), candidate) {
            (Some(terms), _) => Terms::Groups(terms),
            (None, Candidate::Direct(roles)) if Pipeline::is_possible(&one, &two, roles) => {
                Terms::OneByOne(PipelineTerms { roles, digest: None, silence })
            }
            // Servers of other people have no block mode, so that no host in the middle can carry many files.
            (None, _) => return Ok(None),
        };
        let is_private = if candidate == Candidate::Through { sessions.run_tls() } else { tls.runs_tls() };
        Ok(Some(Self { candidate, why, is_proven, relay, protection: Protection::of(is_private), terms }))
    }

    /// Has a digest verify every file that has a connection of its own. Both servers must know it.
    pub(crate) const fn verify_by(&mut self, algorithm: Algorithm) {
        if let Terms::OneByOne(terms) = &mut self.terms {
            terms.digest = Some(algorithm);
        }
    }

    /// What verifies every file.
    pub(crate) const fn verified(&self) -> Verified {
        match &self.terms {
            Terms::Groups(terms) => Verified::Hash(terms.algorithm),
            Terms::OneByOne(PipelineTerms { digest: Some(algorithm), .. }) => Verified::Hash(*algorithm),
            Terms::OneByOne(PipelineTerms { digest: None, .. }) => Verified::Size,
        }
    }

    /// How the files move.
    pub(crate) const fn manner(&self) -> Manner {
        match &self.terms {
            Terms::Groups(_) => Manner::Groups,
            Terms::OneByOne(_) => Manner::OneByOne,
        }
    }
}

/// The terms of groups, if both servers can do that.
fn groups(
    source: &Party,
    destination: &Party,
    opening: BatchOpening,
    tls: DataTls,
    (connect, silence): (Duration, Duration),
) -> Option<BatchTerms> {
    let algorithm = best_common(&source.capabilities.dgst, &destination.capabilities.dgst)?;
    let terms = BatchTerms { opening, tls, algorithm, window: Window::default(), connect, silence };
    Batch::is_possible(source, destination, &terms).then_some(terms)
}

/// Whether groups can use the data connection of a file that moves in MODE B. `digest` is the one that both servers compute for
/// it: the connection goes on with the settings that are in force.
pub(super) fn can_follow(
    source: &Party,
    destination: &Party,
    tls: DataTls,
    digest: Option<Algorithm>,
) -> bool {
    let waits = (Duration::ZERO, Duration::ZERO);
    let terms = groups(source, destination, BatchOpening::Kept, tls, waits);
    terms.is_some_and(|terms| Some(terms.algorithm) == digest)
}

/// What a server does for its data connections with this host.
fn posture(session: &Session) -> Option<Posture> {
    let arrangements = Arrangements::new(&session.party(), session.known_postures());
    arrangements.current().map(|arrangement| arrangement.posture())
}

/// The files that are to move together: those with which it begins, and those that may join them while they move. Each is named by
/// its place.
pub(crate) struct SmallFiles {
    pub(crate) first: Vec<SmallFile>,
    /// Only files that move in groups are joined by others. What is not taken from here was not begun.
    pub(crate) joining: UnboundedReceiver<SmallFile>,
}

/// Moves files together, counted under that number. `told` learns what becomes of each file, but only those that are published
/// may be touched before this returns.
///
/// # Errors
///
/// Fails if there is no session with one of the servers.
pub(crate) async fn batch(
    context: &Context,
    ends: &mut Ends,
    path: BatchPath,
    SmallFiles { first: files, joining }: SmallFiles,
    number: u64,
    told: &mut (dyn FnMut(usize, Fate) + Send),
) -> Result<BatchResult> {
    let Ends { source, destination, circuit, .. } = ends;
    let (Host::Server(from), Host::Server(to)) = (source, destination) else {
        return Ok(BatchResult::NOTHING);
    };
    let sizes = files.iter().map(|small| small.file.size);
    let (largest, all) = (sizes.clone().max().unwrap_or_default(), sizes.sum());
    let together = Some(number);
    let (mut sessions, middle, progress) = match path.candidate {
        Candidate::Direct(_) => {
            let stored = DestinationFile { site: to.site.clone(), path: None, before: 0 };
            let sessions = Sessions::of_both(context, from, to).await?;
            let (most, counted) = match path.manner() {
                Manner::Groups => (all, together),
                Manner::OneByOne => (largest, None),
            };
            let origin = Origin::direct(false, sessions.destination.is_ours());
            let progress = Progress::new(context, origin, Subject::untold(most));
            let progress = progress.watching(context, sessions.destination, stored).together(counted);
            (sessions, Path::Direct(Direct::default()), progress)
        }
        Candidate::Relay(through) => {
            let circuit = Box::pin(Circuit::ready(circuit, context, through.relay, from, to)).await?;
            let (sessions, relay) = circuit.path();
            let progress = Progress::new(context, Origin::Relay, Subject::untold(all)).together(together);
            (sessions, Path::Relay(relay), progress)
        }
        Candidate::Through => {
            let meters = Meters { taken: context.meter(), ..Meters::default() };
            let progress = Progress::new(context, Origin::Copy(meters.clone()), Subject::untold(all));
            let through = Path::Through(Box::new(Through::new(Digest::Off, meters)));
            (Sessions::of_both(context, from, to).await?, through, progress.together(together))
        }
    };
    prepare(&mut sessions, &path).await?;
    let parties = sessions.parties(&path.candidate);
    let (protection, candidate, why) = (path.protection, path.candidate, path.why);
    // Commands of the pipeline have set up the sessions for it.
    let selected = if let Terms::OneByOne(terms) = &path.terms { terms.digest } else { None };
    let machine = path.terms.start(files, parties, context.world.clock.now());
    let (lane, now) = (Lane::alone(), context.world.clock.now());
    let mut drive = Drive::new(context, sessions, machine, middle, progress, &lane);
    drive.protection = protection;
    drive.progress.server_started(now);
    drive.together = Some(Together {
        told,
        joining,
        candidate,
        why,
        seen: BTreeMap::new(),
        moves: 0,
        path_facts: None,
        are_usable: true,
        has_hung_up: false,
    });
    drive.run().await;
    let (has_opened, has_broken) = match &drive.machine {
        Machine::Batch(batch) => (batch.has_opened(), batch.has_broken()),
        Machine::Attempt(_) | Machine::Pipeline(_) => (false, false),
    };
    Ok(BatchResult { are_usable: drive.leave(selected).await, has_opened, has_broken })
}

/// What files that moved together have shown of their servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchResult {
    /// Both sessions are still of use.
    pub(crate) are_usable: bool,
    /// The data connection that they shared stood.
    pub(crate) has_opened: bool,
    /// It is closed now, or has never stood: it is not known why files are left.
    pub(crate) has_broken: bool,
}

impl BatchResult {
    /// Nothing was tried.
    pub(crate) const NOTHING: Self = Self { are_usable: true, has_opened: false, has_broken: false };
}

/// Makes both sessions ready.
async fn prepare(sessions: &mut Sessions<'_>, path: &BatchPath) -> Result<()> {
    sessions.forget_restart().await?;
    for side in Side::BOTH {
        let session = sessions.of(side);
        if path.candidate == Candidate::Through {
            session.private_data().await?;
        } else if let Some(answer) = session.protect(path.protection == Protection::Private).await? {
            return Err(session.refusal("the protection of data connections cannot be set", &answer));
        }
    }
    sessions.destination.partials(Partial::Discard).await?;
    Side::BOTH.into_iter().for_each(|side| sessions.of(side).gather(true));
    Ok(())
}

impl Terms {
    /// Starts the machine. Where files move one by one, each of them has the name of a part.
    fn start(self, files: Vec<SmallFile>, parties: (Party, Party), now: Moment) -> Machine {
        match self {
            Self::Groups(terms) => {
                let files = files.into_iter().map(|small| small.file).collect();
                Machine::Batch(Box::new(Batch::start(files, terms, parties, now)))
            }
            Self::OneByOne(terms) => {
                let with_part = |small: SmallFile| Some(PipelineFile { file: small.file, part: small.part? });
                let files = files.into_iter().filter_map(with_part).collect();
                Machine::Pipeline(Box::new(Pipeline::start(files, terms, parties, now)))
            }
        }
    }
}

/// What becomes of files that move together, and of the sessions over which they do.
pub(super) struct Together<'a> {
    told: &'a mut (dyn FnMut(usize, Fate) + Send),
    /// Files that join them.
    joining: UnboundedReceiver<SmallFile>,
    /// The path that they take.
    candidate: Candidate,
    /// Why they move together there, in words.
    why: &'static str,
    /// What was seen of the data connections: by the index of the file, or under the first one if all files share a connection.
    seen: BTreeMap<usize, TransferFacts>,
    /// The file whose data connection is seen now.
    moves: usize,
    /// What protects the connections; `None` if no file was published yet.
    path_facts: Option<Arc<PathFacts>>,
    are_usable: bool,
    /// The session with the destination is to be closed.
    has_hung_up: bool,
}

impl Together<'_> {
    /// The next files that join those that move; `None` if no others will. May be dropped without losing anything.
    pub(super) async fn joining(together: Option<&mut Self>) -> Option<Vec<SmallFile>> {
        let joining = &mut together?.joining;
        let mut files = vec![joining.recv().await?];
        files.extend(std::iter::from_fn(|| joining.try_recv().ok()));
        Some(files)
    }

    /// What is seen now of the data connections.
    pub(super) fn observed(&mut self) -> &mut TransferFacts {
        self.seen.entry(self.moves).or_default()
    }

    /// The commands for that file follow.
    pub(super) fn begins(&mut self, index: usize, shares_connection: bool) {
        if !shares_connection {
            self.moves = index;
        }
        (self.told)(index, Fate::Begins);
    }

    /// The session of that side is not of use any more. That of the destination is closed when nothing more is asked of it.
    pub(super) fn closes(&mut self, sessions: &mut Sessions<'_>, side: Side) {
        self.are_usable = false;
        match side {
            Side::Source => sessions.source.close(),
            Side::Destination => self.has_hung_up = true,
        }
    }
}

/// How long the data connection may take on a path that no file of this run has taken yet, beside its round trips.
const REMEMBERED: Duration = Duration::from_secs(2);
/// Why files move together on a path that no file of this run has taken yet.
const AS_AN_EARLIER_RUN: &str = "an earlier run took it, and small files take it together";
/// Why they follow another file.
const AS_ANOTHER_FILE: &str = "an earlier file of the job took it, and small files follow together";

impl Drive<'_> {
    /// Whether all files share one data connection, and their bytes count together.
    pub(super) const fn shares_connection(&self) -> bool {
        matches!(self.machine, Machine::Batch(_))
    }

    /// Files join those that move. Those that do not were not begun.
    pub(super) fn join(&mut self, files: Vec<SmallFile>) {
        let bytes = files.iter().map(|small| small.file.size).sum();
        if let Machine::Batch(batch) = &mut self.machine
            && batch.add(files.into_iter().map(|small| small.file).collect())
        {
            self.progress.expect_more(bytes);
        }
    }

    /// One of several files has ended.
    pub(super) fn file_ended(&mut self, index: usize, end: BatchEnd) {
        let shares_connection = self.shares_connection();
        let agreed = self.path.agreed(self.protection);
        let Self { context, sessions, together: Some(together), path, machine, .. } = self else { return };
        let BatchEnd::Published { time_refused } = &end else {
            return (together.told)(index, Fate::Ended(end, None, TransferFacts::default()));
        };
        if let Path::Relay(_) = path {
            context.run.heard.moved();
        }
        let refused = time_refused.as_ref().map(|reply| sessions.destination.shown(reply));
        let path_facts = together.path_facts.get_or_insert_with(|| {
            let facts = sessions.path_facts(agreed);
            Arc::new(PathFacts { why: Some(together.why.to_owned()), ..facts })
        });
        let path_facts = Some(Arc::clone(path_facts));
        let observed = together.seen.entry(if shares_connection { 0 } else { index }).or_default();
        path.saw_in_the_middle(observed);
        let digest = match machine {
            Machine::Attempt(_) => None,
            Machine::Batch(batch) => batch.digest(index),
            Machine::Pipeline(pipeline) => pipeline.digest(index),
        };
        let digest = digest.map(str::to_owned);
        let facts = TransferFacts { digest, path: path_facts, ..observed.clone() };
        (together.told)(index, Fate::Ended(end, refused, facts));
    }

    /// Notes what an end says of several files.
    pub(super) fn heard_of_several(&mut self, side: Side, reply: &Reply, class: Class) {
        if !class.is_final() {
            return;
        }
        if side == Side::Destination && self.shares_connection() {
            self.progress.next_transfer();
        }
        if let (Path::Direct(_), Some(together)) = (&self.path, &mut self.together) {
            together.observed().heard(side, reply);
        }
    }

    /// Waits for the reply to the last STAT: the next files would take it for one of theirs. Returns whether the session is still of
    /// use.
    async fn await_status(&mut self) -> bool {
        let clock = self.context.world.clock;
        let deadline = Some(clock.now() + self.context.settings.patience.reply);
        while let Path::Direct(direct) = &mut self.path
            && direct.status.is_some()
        {
            let event = tokio::select! {
                biased;
                event = self.sessions.destination.next() => event,
                () = clock.sleep_until(deadline) => Event::Ended(client::Failure::Closed),
                () = self.context.run.cancel.cancelled() => Event::Ended(client::Failure::Closed),
            };
            direct.take(clock.now(), &event, &mut self.progress);
            if matches!(event, Event::Ended(_)) {
                self.sessions.destination.close();
                return false;
            }
        }
        true
    }

    /// Closes what is open, and leaves both sessions as the next file expects them: set up for the digest that is `selected`.
    /// Returns whether they are of use.
    async fn leave(mut self, selected: Option<Algorithm>) -> bool {
        let are_usable = self.together.as_ref().is_some_and(|together| together.are_usable);
        let are_usable = are_usable && self.await_status().await;
        if let (Path::Relay(relay), true) = (&mut self.path, are_usable) {
            relay.last_count(self.context, &mut self.sessions, &mut self.progress).await;
        }
        self.path.cut();
        if self.shares_connection() {
            let have_moved = self.together.as_ref().is_some_and(|together| together.path_facts.is_some());
            let is_kept = matches!(&self.machine, Machine::Batch(batch) if batch.keeps_connection());
            let candidate = self.together.as_ref().map(|together| together.candidate);
            let candidate = candidate.filter(|candidate| matches!(candidate, Candidate::Direct(_)));
            let candidate = candidate.filter(|_| are_usable && have_moved && is_kept);
            let Sessions { source, destination } = &mut self.sessions;
            note_kept([Some(source), Some(destination)], candidate, self.context.world.clock.now());
        }
        if self.together.as_ref().is_some_and(|together| together.has_hung_up) {
            // Commands that are on their way must not meet the next copies of their files.
            self.sessions.destination.close_and_settle(self.context).await;
        }
        for side in Side::BOTH {
            let session = self.sessions.of(side);
            session.gather(false);
            session.manners.settings.data_type = Some(DataType::Image);
            // HASH computes it now, if the server knows HASH with it.
            if selected.is_some_and(|algorithm| session.manners.capabilities.hash.contains(&algorithm)) {
                session.manners.settings.digest = selected;
            }
        }
        are_usable
    }
}
