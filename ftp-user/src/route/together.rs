//! Drives small files that move together between two servers, directly or through a third host: performs what the machine asks
//! for, and tells it what happens.
//!
//! A host in the middle carries one connection for all files: their blocks say where each of them ends, so what has broken
//! ends the line, and nothing unverified has a name.

use super::batch::{BatchPath, Consignment, Machine, Work};
use super::circuit::Circuit;
use super::direct::Direct;
use super::drive::{Happened, Path};
use super::observed::Observed;
use super::progress::{Progress, Sight, Subject};
use super::relay::RelayPath;
use super::sessions::Sessions;
use super::through::Through;
use super::{Ends, attempt};
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::Failure;
use crate::ladder::Candidate;
use crate::outcome::{PathFacts, Protection, TransferFacts};
use crate::session::Session;
use ftp_io::copy::{Digest, Meters};
use ftp_proto::client::{self, Event};
use ftp_proto::command::{Command, DataType, Partial};
use ftp_proto::digest::Algorithm;
use ftp_proto::reply::Reply;
use ftp_proto::transfer::batch::{BatchEnd, BatchInput, BatchOutput};
use ftp_proto::transfer::{Input, Junction, Side};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// What becomes of a file that moves together with others.
#[derive(Debug)]
pub(crate) enum Fate {
    /// Both servers are told to move it, and nothing was seen to have its name.
    Begins,
    /// It has ended. With it comes in words why the destination has refused its time, and what is known of the transfer of a file
    /// that is published.
    Ended(BatchEnd, Option<String>, TransferFacts),
}

/// Moves files together. `told` learns what becomes of each file, but only those that are published may be touched before this
/// returns. Returns whether both sessions are still of use.
///
/// # Errors
///
/// Fails if there is no session with one of the servers.
pub(crate) async fn batch(
    context: &Context,
    ends: &mut Ends,
    Consignment { path, work, number }: Consignment,
    told: &mut (dyn FnMut(usize, Fate) + Send),
) -> Result<bool, Failure> {
    let Ends { source, destination, circuit, .. } = ends;
    let (Host::Server(from), Host::Server(to)) = (source, destination) else { return Ok(true) };
    let sizes = work.sizes();
    let all = sizes.iter().sum();
    let selected = path.selected();
    let (sessions, middle, progress) = match path.candidate {
        Candidate::Direct(_) => {
            let site = to.site.clone();
            let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
            let (most, counted) = match &work {
                Work::Groups(..) => (all, Some(number)),
                Work::OneByOne(..) => (sizes.into_iter().max().unwrap_or_default(), None),
            };
            let progress = Progress::one_by_one(context, destination, &site, most).together(counted);
            (Sessions { source, destination }, Path::Direct(Direct::default()), progress)
        }
        Candidate::Relay(through) => {
            let circuit = Box::pin(Circuit::ready(circuit, context, through.relay, from, to)).await?;
            let Circuit { name, agents, source, destination, .. } = circuit;
            let path = Path::Relay(RelayPath::new(name, agents));
            let progress = Progress::relay(context, Subject::untold(all)).together(Some(number));
            (Sessions { source, destination }, path, progress)
        }
        Candidate::Through => {
            let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
            let meters = Meters { taken: context.meter(), ..Meters::default() };
            let progress = Progress::copy(context, meters.clone(), Subject::untold(all));
            let progress = progress.together(Some(number));
            let through = Path::Through(Box::new(Through::new(Digest::Off, meters)));
            (Sessions { source, destination }, through, progress)
        }
    };
    prepare(sessions.source, sessions.destination, &path).await?;
    let parties = sessions.parties(&path.candidate);
    let machine = Machine::start(work, parties, context.world.clock.now());
    let seen = SeenFiles::new(machine.counts_all());
    let agreed = (path.candidate != Candidate::Through).then(|| path.protection());
    let mut together = Together {
        context,
        sessions,
        machine,
        path: middle,
        progress,
        joining: None,
        moved: 0,
        has_streams: [false; 2],
        is_cancelled: false,
        are_usable: true,
        has_hung_up: false,
        seen,
        path_facts: None,
        agreed,
    };
    together.run(told).await;
    Ok(together.finish(selected).await)
}

/// Makes both sessions ready.
async fn prepare(source: &mut Session, destination: &mut Session, path: &BatchPath) -> Result<(), Failure> {
    tokio::try_join!(source.forget_restart(), destination.forget_restart())?;
    for session in [&mut *source, &mut *destination] {
        if path.candidate == Candidate::Through {
            session.private_data().await?;
        } else if let Some(answer) = session.protect(path.runs_tls()).await? {
            return Err(session.refusal("the protection of data connections cannot be set", &answer));
        }
    }
    destination.partials(Partial::Discard).await?;
    source.gather(true);
    destination.gather(true);
    Ok(())
}

/// Files that move together.
struct Together<'a> {
    context: &'a Context,
    sessions: Sessions<'a>,
    machine: Machine,
    path: Path<'a>,
    progress: Progress,
    /// What this host still has to do before files can pass it.
    joining: Option<Joining>,
    /// How many bytes have moved, as far as the machine was told.
    moved: u64,
    /// Which data connections with this host are open: the source's, the destination's.
    has_streams: [bool; 2],
    is_cancelled: bool,
    are_usable: bool,
    /// The session with the destination is to be closed.
    has_hung_up: bool,
    /// What was seen of the data connections.
    seen: SeenFiles,
    /// What protects the connections; `None` if no file was published yet.
    path_facts: Option<Arc<PathFacts>>,
    /// What was agreed for the data connection between the servers; `None` if each has one with this host.
    agreed: Option<Protection>,
}

/// What was seen of the data connections: of the one that all files share, or of that of each file.
#[derive(Debug)]
enum SeenFiles {
    Shared(Observed),
    /// By the index of the file, with the one that moves now.
    Each(BTreeMap<usize, Observed>, usize),
}

impl SeenFiles {
    fn new(is_shared: bool) -> Self {
        if is_shared { Self::Shared(Observed::default()) } else { Self::Each(BTreeMap::new(), 0) }
    }

    /// The commands for that file follow.
    const fn begins(&mut self, index: usize) {
        if let Self::Each(_, now) = self {
            *now = index;
        }
    }

    /// What is seen now.
    fn now(&mut self) -> &mut Observed {
        match self {
            Self::Shared(observed) => observed,
            Self::Each(files, now) => files.entry(*now).or_default(),
        }
    }

    /// What was seen of a file.
    fn of(&mut self, index: usize) -> &mut Observed {
        match self {
            Self::Shared(observed) => observed,
            Self::Each(files, _) => files.entry(index).or_default(),
        }
    }
}

/// Why files move together on their path.
const AS_ANOTHER_FILE: &str = "an earlier file of the job took it, and small files follow together";

/// The data connections of this host, as far as they are prepared.
#[derive(Clone, Copy, Debug)]
struct Joining {
    /// Whether each of them is ready: this host has connected, or listens.
    ready: [bool; 2],
    /// Where this host listens.
    at: [Option<SocketAddr>; 2],
}

impl Together<'_> {
    async fn run(&mut self, told: &mut (dyn FnMut(usize, Fate) + Send)) {
        let clock = self.context.world.clock;
        self.progress.server_started(clock.now());
        loop {
            let deadline = match self.machine.poll() {
                BatchOutput::Command(side, command) => {
                    self.send(side, command);
                    continue;
                }
                BatchOutput::Join { source, destination } => {
                    self.join([source, destination]);
                    continue;
                }
                BatchOutput::Begins(index) => {
                    self.seen.begins(index);
                    told(index, Fate::Begins);
                    continue;
                }
                BatchOutput::Ended(index, end) => {
                    let refused = time_refusal(&end).map(|reply| self.sessions.destination.shown(reply));
                    let facts = self.facts(index, &end);
                    told(index, Fate::Ended(end, refused, facts));
                    continue;
                }
                BatchOutput::Close(side) => {
                    self.are_usable = false;
                    match side {
                        Side::Source => self.sessions.source.close(),
                        Side::Destination => self.has_hung_up = true,
                    }
                    continue;
                }
                BatchOutput::Done => return,
                BatchOutput::Wait(deadline) => deadline,
            };
            self.progress.stores(self.machine.storing());
            tokio::select! {
                () = self.context.run.cancel.cancelled(), if !self.is_cancelled => self.interrupted(),
                event = self.sessions.source.next() => self.heard(Side::Source, &event),
                event = self.sessions.destination.next() => self.heard(Side::Destination, &event),
                happened = self.path.next() => self.happened(happened),
                () = clock.sleep_until(deadline) => self.input(BatchInput::Timeout),
                sight = self.progress.look(clock) => self.saw(sight),
            }
            self.tell_progress();
        }
    }

    /// Tells the machine if bytes have moved.
    fn tell_progress(&mut self) {
        let moved = self.progress.moved();
        if moved > std::mem::replace(&mut self.moved, moved) {
            self.input(BatchInput::Moving);
        }
    }

    fn input(&mut self, input: BatchInput) {
        self.machine.input(self.context.world.clock.now(), input);
    }

    fn interrupted(&mut self) {
        // The two seconds begin here.
        self.context.run.interruption.abort(self.context.world.clock.now());
        self.cancel();
    }

    fn cancel(&mut self) {
        self.is_cancelled = true;
        self.input(BatchInput::Cancel);
    }

    fn send(&mut self, side: Side, command: Command) {
        if command.is_transfer()
            && let Path::Through(through) = &mut self.path
        {
            through.admit(side);
        }
        self.path.sends(side, &command, self.seen.now());
        self.sessions.of(side).send(command, None);
    }

    /// What is known of the transfer of a file that is published.
    fn facts(&mut self, index: usize, end: &BatchEnd) -> TransferFacts {
        if !matches!(end, BatchEnd::Published { .. }) {
            return TransferFacts::NONE;
        }
        let Self { sessions, path_facts, agreed, .. } = self;
        let path = path_facts.get_or_insert_with(|| {
            let facts = attempt::path_facts([&*sessions.source, &*sessions.destination], *agreed);
            Arc::new(PathFacts { why: Some(AS_ANOTHER_FILE.to_owned()), ..facts })
        });
        let path = Some(Arc::clone(path));
        let observed = self.seen.of(index);
        self.path.saw_in_the_middle(observed);
        let digest = self.machine.digest(index).map(str::to_owned);
        TransferFacts { digest, path, ..observed.facts() }
    }

    /// What an event of a session is for the machine.
    fn heard(&mut self, side: Side, event: &Event) {
        if let Path::Direct(direct) = &mut self.path
            && direct.take(self.context.world.clock.now(), event, &mut self.progress)
        {
            return;
        }
        match event {
            Event::Reply { reply, class, .. } => {
                if side == Side::Destination && class.is_final() && self.machine.counts_all() {
                    self.progress.next_transfer();
                }
                if class.is_final() && matches!(self.path, Path::Direct(_)) {
                    self.seen.now().heard(side, reply);
                }
                self.input(BatchInput::Reply { side, reply: reply.clone(), class: *class });
            }
            Event::Ended(_) => self.input(BatchInput::Ended(side)),
            Event::Unasked(_)
            | Event::AbortDone
            | Event::Ready { .. }
            | Event::Sent(_)
            | Event::Received { .. }
            | Event::TakesMore
            | Event::TlsAbsent => {}
        }
    }

    /// Has the host in the middle join the data connections of both servers.
    fn join(&mut self, junctions: [Junction; 2]) {
        let [source, destination] = junctions;
        match &mut self.path {
            Path::Direct(_) => {} // the machine asks for it where there is such a host
            Path::Relay(relay) => relay.join(&self.sessions, source, destination),
            Path::Through(through) => {
                for (side, junction) in Side::BOTH.into_iter().zip(junctions) {
                    match junction {
                        Junction::Dial(at) => through.connect(&mut self.sessions, side, at),
                        Junction::Listen => through.listen(&mut self.sessions, side),
                    }
                }
                self.joining = Some(Joining { ready: [false; 2], at: [None; 2] });
            }
        }
    }

    /// Tells the machine as soon as this host is ready for both servers.
    fn may_begin(&mut self) {
        if let Some(Joining { at: [source, destination], .. }) =
            self.joining.take_if(|joining| joining.ready == [true; 2])
        {
            self.input(BatchInput::Joined { source, destination });
        }
    }

    /// An event of the host in the middle.
    fn happened(&mut self, happened: Happened) {
        let input = match (happened, &mut self.path) {
            (Happened::Relay(event), Path::Relay(relay)) => {
                relay.take(self.context, event, &mut self.sessions, &mut self.progress)
            }
            (Happened::Done(done), Path::Through(through)) => through.take(done, &mut self.progress),
            (Happened::Relay(_) | Happened::Done(_), _) => None,
        };
        match input {
            Some(Input::RelayReady { source, destination }) => {
                self.input(BatchInput::Joined { source, destination });
            }
            Some(Input::Listening(side, at)) => {
                let index = usize::from(side == Side::Destination);
                self.joining = self.joining.take().map(|joining| joining.listening(index, at));
                self.may_begin();
            }
            Some(Input::Connected(side) | Input::Arrived(side, _)) => self.reached(side),
            Some(Input::DataFailed(..) | Input::RelayRefused(_) | Input::RelayLost(_)) => {
                self.input(BatchInput::Broken);
            }
            // The end of the line: the servers have said it before, or will say that it was too soon.
            Some(Input::Copied) => {
                if let Path::Through(through) = &mut self.path {
                    through.finish();
                }
            }
            Some(_) | None => {}
        }
    }

    /// The data connection of this host with a server is open.
    fn reached(&mut self, side: Side) {
        let index = usize::from(side == Side::Destination);
        if let Some(open) = self.has_streams.get_mut(index) {
            *open = true;
        }
        if let Some(ready) = self.joining.as_mut().and_then(|joining| joining.ready.get_mut(index)) {
            *ready = true;
        }
        self.may_begin();
        if self.has_streams == [true; 2]
            && let Path::Through(through) = &mut self.path
        {
            through.copy(self.context.world.clock.now(), &mut self.sessions, &mut self.progress);
        }
    }

    /// What the progress asks for. The machine decides how long nothing may happen.
    fn saw(&mut self, sight: Sight) {
        match (sight, &mut self.path) {
            (Sight::AskServer(side), Path::Direct(direct)) => direct.ask(&mut self.sessions, side),
            (Sight::AskRelay, Path::Relay(relay)) => relay.ask(),
            // Each of the files goes alone then, and the one that has no end is found.
            (Sight::TooMuch(_), _) if !self.is_cancelled => self.cancel(),
            (
                Sight::AskServer(_)
                | Sight::AskRelay
                | Sight::TooMuch(_)
                | Sight::Stalled(_)
                | Sight::Unseen(_)
                | Sight::Stored(_)
                | Sight::Nothing,
                _,
            ) => {}
        }
    }

    /// Waits for the reply to the last STAT: the next files would take it for one of theirs.
    async fn await_status(&mut self) {
        let clock = self.context.world.clock;
        let deadline = Some(clock.now() + self.context.settings.patience.reply);
        while let Path::Direct(direct) = &mut self.path
            && self.are_usable
            && direct.is_asking()
        {
            let event = tokio::select! {
                event = self.sessions.destination.next() => event,
                () = clock.sleep_until(deadline) => Event::Ended(client::Failure::Closed),
                () = self.context.run.cancel.cancelled() => Event::Ended(client::Failure::Closed),
            };
            direct.take(clock.now(), &event, &mut self.progress);
            if matches!(event, Event::Ended(_)) {
                self.sessions.destination.close();
                self.are_usable = false;
            }
        }
    }

    /// Closes what is open, and leaves both sessions as the next file expects them. Returns whether they are of use.
    async fn finish(mut self, selected: Option<Algorithm>) -> bool {
        self.await_status().await;
        let Self { context, sessions, mut path, mut progress, are_usable, has_hung_up, .. } = self;
        if let (Path::Relay(relay), true) = (&mut path, are_usable) {
            relay.last_count(context, &mut progress).await;
        }
        path.cut();
        if has_hung_up {
            // Commands that are on their way must not meet the next copies of their files.
            sessions.destination.close_and_settle(context).await;
        }
        for session in [sessions.source, sessions.destination] {
            session.gather(false);
            session.note_type(Some(DataType::Image));
            if let Some(algorithm) = selected {
                session.note_digest(algorithm);
            }
        }
        are_usable
    }
}

impl Joining {
    /// The same; this host listens for that server.
    fn listening(mut self, index: usize, at: SocketAddr) -> Self {
        if let (Some(ready), Some(place)) = (self.ready.get_mut(index), self.at.get_mut(index)) {
            (*ready, *place) = (true, Some(at));
        }
        self
    }
}

/// The refusal of the time of a file that was published.
const fn time_refusal(end: &BatchEnd) -> Option<&Reply> {
    match end {
        BatchEnd::Published { time_refused } => time_refused.as_ref(),
        BatchEnd::Left { .. } => None,
    }
}
