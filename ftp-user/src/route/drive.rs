//! Drives one attempt between two servers to its end: performs what the machine asks for, and tells it what
//! happens. This is the one loop for all paths.

use super::direct::Direct;
use super::lane::{Lane, Sign};
use super::observed::Observed;
use super::progress::{Progress, Sight};
use super::relay::{LAST_WORD, RelayPath};
use super::sessions::Sessions;
use super::through::{Done, Through};
use crate::context::Context;
use crate::relay::JoinEvent;
use ftp_proto::client::Event;
use ftp_proto::command::{Command, Verb};
use ftp_proto::reply::{Blame, Class, Code, Reply};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{
    Attempt, Cause, DataFault, FailedPosture, Failure, Input, Outcome, Output, Side, Stage,
};
use std::time::Duration;

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The outcome of the machine.
    pub(super) outcome: Outcome,
    /// Why this program cancelled the attempt, if that is the reason for its end.
    pub(super) given_up: Option<GivenUp>,
    /// How many bytes have moved, as far as is known.
    pub(super) moved: u64,
    /// How long the servers have said that they move the file.
    pub(super) took: Duration,
    /// The SHA-256 of what this program copied, if it was computed.
    pub(super) sha256: Option<String>,
    /// The last reply of the source and of the destination before the attempt was given up.
    pub(super) said: [Option<Reply>; 2],
    /// Why servers have turned to the other posture for their data connection with this host.
    pub(super) failed_postures: Vec<FailedPosture>,
    /// The server at whose address somebody else is, if that is why the attempt failed.
    pub(super) intruded: Option<Side>,
    /// What was seen of the data connections.
    pub(super) observed: Observed,
}

impl Ended {
    /// An attempt that has failed before anything was opened.
    pub(super) fn early(failure: Failure) -> Self {
        let outcome = Outcome::Failed(failure);
        Self {
            outcome,
            given_up: None,
            moved: 0,
            took: Duration::ZERO,
            sha256: None,
            said: [None, None],
            failed_postures: Vec::new(),
            intruded: None,
            observed: Observed::default(),
        }
    }
}

/// Why this program cancelled an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GivenUp {
    /// The work should stop.
    Interrupted,
    /// Another candidate moves the file.
    Lost,
    /// Nothing moved for too long.
    Stalled,
    /// Nothing moved for too long, and this end is the reason.
    StalledAt(Side),
    /// Nobody has seen anything move for that time in addition to the stall time.
    Unseen(Duration),
    /// Both ends move the file, and go on without their control connections. Nothing has failed.
    Detached,
    /// The source sends more than the bytes that it announced.
    TooMuch(u64),
}

/// What the path of the attempt needs besides the control sessions.
#[derive(Debug)]
pub(super) enum Path<'a> {
    Direct(Direct),
    Relay(RelayPath<'a>),
    Through(Box<Through>),
}

/// Something that happened on the path.
pub(super) enum Happened {
    Relay(JoinEvent),
    Done(Done),
}

impl Path<'_> {
    /// What happens next. May be dropped without losing anything.
    pub(super) async fn next(&mut self) -> Happened {
        match self {
            Self::Direct(_) => std::future::pending().await,
            Self::Relay(relay) => Happened::Relay(relay.next().await),
            Self::Through(through) => Happened::Done(through.next().await),
        }
    }

    /// A command goes to that server. Where both share a data connection, it may name the address of the other one.
    pub(super) fn sends(&self, side: Side, command: &Command, observed: &mut Observed) {
        if matches!(self, Self::Direct(_)) {
            observed.sent(side, command);
        }
    }

    /// Notes what was seen of the data connections of an attempt that has ended.
    fn saw(&self, outcome: &Outcome, observed: &mut Observed) {
        match (self, outcome) {
            (Self::Direct(_), Outcome::Moved { source, destination }) => {
                observed.heard(Side::Source, source);
                observed.heard(Side::Destination, destination);
            }
            (Self::Direct(_), Outcome::Failed(_)) => {}
            (Self::Relay(_) | Self::Through(_), _) => self.saw_in_the_middle(observed),
        }
    }

    /// Notes what the host in the middle has seen of the data connections.
    pub(super) fn saw_in_the_middle(&self, observed: &mut Observed) {
        for side in Side::BOTH {
            let (at, strangers) = match self {
                Self::Direct(_) => (None, None),
                Self::Relay(relay) => relay.seen(side),
                Self::Through(through) => (through.peer(side), None),
            };
            if let Some(at) = at {
                observed.is_at(side, at);
            }
            if let Some(strangers) = strangers {
                observed.has_refused(side, strangers);
            }
        }
    }

    /// Resets the data connections of the path.
    pub(super) fn cut(&mut self) {
        match self {
            Self::Direct(_) => {}
            Self::Relay(relay) => relay.cut(),
            Self::Through(through) => through.cut(),
        }
    }
}

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Drive<'a> {
    context: &'a Context,
    sessions: Sessions<'a>,
    attempt: Attempt,
    path: Path<'a>,
    progress: Progress,
    lane: &'a Lane,
    /// Whether the race knows that the path is being opened.
    connecting: bool,
    /// The end that has said last that its transfer has begun, which it may say before its data connection stands.
    claimed: Option<Side>,
    /// An end has shown that its data connection stands, or the relay has joined both.
    stands: bool,
    /// Whether both ends go on alone as soon as both have begun.
    detaches: bool,
    /// Which end has begun: the source, the destination.
    begun: [bool; 2],
    given_up: Option<GivenUp>,
    /// When both control connections are closed, in step or not.
    close_at: Option<Moment>,
    /// The last reply of the source and of the destination.
    said: [Option<Reply>; 2],
    observed: Observed,
}

impl<'a> Drive<'a> {
    pub(super) fn new(
        context: &'a Context,
        sessions: Sessions<'a>,
        attempt: Attempt,
        path: Path<'a>,
        progress: Progress,
        lane: &'a Lane,
    ) -> Self {
        Self {
            context,
            sessions,
            attempt,
            path,
            progress,
            lane,
            connecting: false,
            claimed: None,
            stands: false,
            detaches: false,
            begun: [false; 2],
            given_up: None,
            close_at: None,
            said: [None, None],
            observed: Observed::default(),
        }
    }

    /// The same; with `detaches` both ends go on alone as soon as both have begun.
    pub(super) fn detaching(self, detaches: bool) -> Self {
        Self { detaches, ..self }
    }

    /// Runs the attempt to its end, which comes in bounded time.
    pub(super) async fn run(mut self) -> Ended {
        let clock = self.context.world.clock;
        loop {
            let deadline = match self.perform() {
                Ok(outcome) => return self.finish(outcome).await,
                Err(deadline) => deadline,
            };
            if let Some(said) = self.goes_on_alone() {
                return self.leave_alone(said);
            }
            let interruptible = self.given_up != Some(GivenUp::Interrupted);
            tokio::select! {
                () = self.context.run.cancel.cancelled(), if interruptible => self.give_up(GivenUp::Interrupted),
                () = self.lane.lost(), if self.given_up.is_none() => self.give_up(GivenUp::Lost),
                event = self.sessions.source.next() => self.heard(Side::Source, event).await,
                event = self.sessions.destination.next() => self.heard(Side::Destination, event).await,
                happened = self.path.next() => self.happened(happened),
                () = clock.sleep_until(self.close_at), if self.close_at.is_some() => {
                    let outcome = self.hang_up();
                    return self.finish(outcome).await;
                }
                () = clock.sleep_until(deadline) => self.input(Input::Timeout),
                sight = self.progress.look(clock) => self.saw(sight),
            }
        }
    }

    /// Performs what the machine asks for, up to its end or its next deadline.
    fn perform(&mut self) -> Result<Outcome, Option<Moment>> {
        loop {
            match self.attempt.poll() {
                // The stall clock bounds a transfer, not a timer of its command.
                Output::Command(side, command) => {
                    if command.is_transfer() {
                        self.connects();
                        if let Path::Through(through) = &mut self.path {
                            through.admit(side);
                        }
                    }
                    self.path.sends(side, &command, &mut self.observed);
                    self.sessions.of(side).send(command, None);
                }
                Output::Abort(side) => self.sessions.of(side).abort(),
                Output::Close(side) => self.sessions.of(side).close(),
                Output::Cut => {
                    self.progress.stop();
                    self.path.cut();
                }
                Output::Done(outcome) => return Ok(outcome),
                Output::Wait(deadline) => return Err(deadline),
                output @ (Output::Connect(..)
                | Output::Listen(_)
                | Output::JoinAtRelay { .. }
                | Output::Copy
                | Output::Finish) => self.perform_on_path(output),
            }
        }
    }

    /// Performs what concerns the host in the middle.
    fn perform_on_path(&mut self, output: Output) {
        let sessions = &mut self.sessions;
        match (output, &mut self.path) {
            (Output::Connect(side, at), Path::Through(through)) => {
                through.connect(sessions, side, at);
                self.connects();
            }
            (Output::Listen(side), Path::Through(through)) => through.listen(sessions, side),
            (Output::Copy, Path::Through(through)) => {
                Side::BOTH.into_iter().for_each(|side| self.lane.say(Sign::Moving(side)));
                through.copy(self.context.world.clock.now(), sessions, &mut self.progress);
            }
            (Output::Finish, Path::Through(through)) => through.finish(),
            (Output::JoinAtRelay { source, destination }, Path::Relay(relay)) => {
                relay.join(sessions, source, destination);
            }
            // The machine asks for these on their own paths only.
            (_, Path::Direct(_) | Path::Relay(_) | Path::Through(_)) => {}
        }
    }

    /// Tells the race that from here on the path decides how long the next step takes.
    fn connects(&mut self) {
        if !std::mem::replace(&mut self.connecting, true) {
            self.lane.say(Sign::Connecting);
        }
    }

    fn input(&mut self, input: Input) {
        self.attempt.input(self.context.world.clock.now(), input);
    }

    /// Hears what the relay says of the end of the join before the server that says that its transfer has broken off: if
    /// the relay has reset both data connections, only the relay knows why.
    async fn hear_relay_first(&mut self) {
        let clock = self.context.world.clock;
        let deadline = Some(clock.now() + LAST_WORD);
        while let Path::Relay(relay) = &mut self.path
            && relay.is_joined()
        {
            let said = tokio::select! {
                said = relay.next() => said,
                () = clock.sleep_until(deadline) => return,
            };
            self.happened(Happened::Relay(said));
        }
    }

    /// Handles an event of a control session.
    async fn heard(&mut self, side: Side, event: Event) {
        if matches!(event, Event::Ended(_))
            && let Path::Relay(relay) = &mut self.path
            && let Some(said) = relay.last_words().await
        {
            self.happened(Happened::Relay(said));
        }
        if matches!(event, Event::Reply { class: Class::Later, .. }) && self.stands {
            self.hear_relay_first().await;
        }
        let now = self.context.world.clock.now();
        if let Path::Direct(direct) = &mut self.path
            && direct.take(now, &event, &mut self.progress)
        {
            return;
        }
        match event {
            Event::Reply { reply, class, .. } => {
                self.note(side, &reply);
                match class {
                    Class::Preliminary => self.began(now, side, reply.code),
                    Class::Aside => {
                        if self.progress.marker(now, self.sessions.of(side).manners.dialect, &reply) {
                            self.has_moved();
                        }
                    }
                    Class::Done | Class::More | Class::Later | Class::Refused => {}
                }
                self.input(Input::Reply { side, reply, class });
            }
            Event::Unasked(reply) => self.input(Input::Unasked { side, reply }),
            Event::AbortDone => self.input(Input::Aborted(side)),
            Event::Ended(failure) => self.input(Input::Ended(side, failure)),
            Event::Ready { .. }
            | Event::Sent(_)
            | Event::Received { .. }
            | Event::TlsAbsent
            | Event::TakesMore => {}
        }
        for repair in self.attempt.repairs() {
            self.sessions.of(repair.side).say_repair(repair.announced, repair.used);
        }
    }

    /// Notes what an end has said last. What it says about the end of an attempt that was given up explains nothing.
    fn note(&mut self, side: Side, reply: &Reply) {
        if self.given_up.is_none() {
            let [source, destination] = &mut self.said;
            let said = match side {
                Side::Source => source,
                Side::Destination => destination,
            };
            *said = Some(reply.clone());
        }
    }

    /// An end says that its transfer has begun. Not every server knows then that its data connection stands.
    fn began(&mut self, now: Moment, side: Side, code: Code) {
        self.progress.server_started(now);
        let [source, destination] = &mut self.begun;
        match side {
            Side::Source => *source = true,
            Side::Destination => *destination = true,
        }
        if !matches!(self.path, Path::Direct(_)) {
            return;
        }
        if self.sessions.of(side).has_data_connection(code) {
            self.stands = true;
            self.lane.say(Sign::Moving(side));
        } else {
            let both = self.claimed.replace(side).is_some_and(|other| other != side);
            if both && !self.stands {
                self.progress.doubts();
            }
            self.lane.say(Sign::Claims(side));
        }
    }

    /// Bytes have moved on a direct path.
    fn has_moved(&self) {
        if matches!(self.path, Path::Direct(_)) {
            Side::BOTH.into_iter().for_each(|side| self.lane.say(Sign::Moving(side)));
        }
    }

    /// Handles an event of the path.
    fn happened(&mut self, happened: Happened) {
        let input = match (happened, &mut self.path) {
            (Happened::Relay(said), Path::Relay(relay)) => {
                relay.take(self.context, said, &mut self.sessions, &mut self.progress)
            }
            (Happened::Done(done), Path::Through(through)) => through.take(done, &mut self.progress),
            (Happened::Relay(_) | Happened::Done(_), _) => None,
        };
        if let Some(input) = input {
            if matches!(input, Input::RelayFlowing) {
                self.stands = true;
                Side::BOTH.into_iter().for_each(|side| self.lane.say(Sign::Moving(side)));
            }
            self.input(input);
        }
    }

    /// What both ends have said last, if both have begun and may go on alone.
    fn goes_on_alone(&self) -> Option<[Reply; 2]> {
        let [source, destination] = self.said.clone();
        let both = [source?, destination?];
        // A relay ends a join that does not flow yet when its session ends.
        let is_joined = self.stands || !matches!(self.path, Path::Relay(_));
        (self.detaches && is_joined && self.given_up.is_none() && self.begun == [true; 2]).then_some(both)
    }

    /// Closes both control connections: both ends go on alone.
    fn leave_alone(mut self, [source, destination]: [Reply; 2]) -> Ended {
        self.sessions.close();
        if let Path::Relay(relay) = &mut self.path {
            relay.leave();
        }
        Ended {
            outcome: Outcome::Moved { source, destination },
            given_up: Some(GivenUp::Detached),
            moved: self.progress.moved(),
            took: Duration::ZERO,
            sha256: None,
            said: self.said,
            failed_postures: Vec::new(),
            intruded: None,
            observed: self.observed,
        }
    }

    /// Handles what the progress asks for.
    fn saw(&mut self, sight: Sight) {
        if self.given_up.is_some() {
            return;
        }
        match (sight, &mut self.path) {
            (Sight::Stalled(None), _) => self.give_up(GivenUp::Stalled),
            (Sight::Stalled(Some(side)), _) => self.give_up(GivenUp::StalledAt(side)),
            (Sight::Unseen(time), _) => self.give_up(GivenUp::Unseen(time)),
            (Sight::TooMuch(announced), _) => self.give_up(GivenUp::TooMuch(announced)),
            (Sight::AskServer(side), Path::Direct(direct)) => direct.ask(&mut self.sessions, side),
            (Sight::AskRelay, Path::Relay(relay)) => relay.ask(),
            (Sight::Stored(0), _) => self.lane.say(Sign::Idle),
            (Sight::Stored(_), _) => self.has_moved(),
            (Sight::AskServer(_) | Sight::AskRelay | Sight::Nothing, _) => {}
        }
    }

    fn give_up(&mut self, why: GivenUp) {
        self.given_up = Some(why);
        if why == GivenUp::Interrupted {
            self.close_at = Some(self.context.run.interruption.abort(self.context.world.clock.now()));
        }
        self.input(Input::Cancel);
    }

    /// Closes both control connections: their servers have not replied to ABOR in time.
    fn hang_up(&mut self) -> Outcome {
        self.sessions.close();
        Outcome::Failed(Failure {
            side: Side::Destination,
            stage: Stage::Command(Verb::Abor),
            cause: Cause::Cancelled,
            blame: Blame::Busy,
            touched: true,
            complete: None,
        })
    }

    /// Closes the data connections of the path: in order if the file is complete, otherwise by a reset.
    async fn finish(mut self, mut outcome: Outcome) -> Ended {
        self.path.saw(&outcome, &mut self.observed);
        let given_up = self.reason(&outcome);
        let complete = matches!(outcome, Outcome::Moved { .. });
        let failed_postures = self.attempt.failed_postures().to_vec();
        if matches!(self.path, Path::Through(_)) {
            for side in Side::BOTH {
                self.sessions.of(side).learn(self.attempt.known_postures(side));
            }
        }
        let (mut sha256, mut intruded) = (None, None);
        match self.path {
            Path::Relay(mut relay) if complete => {
                relay.last_count(self.context, &mut self.progress).await;
                sha256 = relay.sha256();
            }
            Path::Through(through) if complete => match through.close().await {
                Ok(found) => sha256 = found,
                Err(side) => (outcome, intruded) = (not_believed(side), Some(side)),
            },
            Path::Through(mut through) => {
                intruded = through.intruded();
                through.cut();
            }
            mut path @ (Path::Direct(_) | Path::Relay(_)) => path.cut(),
        }
        let (moved, took) = (self.progress.moved(), self.progress.age(self.context.world.clock.now()));
        let (said, observed) = (self.said, self.observed);
        Ended { outcome, given_up, moved, took, sha256, said, failed_postures, intruded, observed }
    }

    /// Why the attempt was given up, if that is the reason for its end. The file may have been complete before
    /// the servers learnt of it. A transfer that has already failed does not move any more, which is no stall.
    fn reason(&self, outcome: &Outcome) -> Option<GivenUp> {
        self.given_up.filter(|why| match (outcome, why) {
            (Outcome::Moved { .. }, _) => false,
            (Outcome::Failed(_), GivenUp::Interrupted | GivenUp::Lost | GivenUp::Detached) => true,
            (
                Outcome::Failed(failure),
                GivenUp::Stalled | GivenUp::StalledAt(_) | GivenUp::Unseen(_) | GivenUp::TooMuch(_),
            ) => failure.cause == Cause::Cancelled,
        })
    }
}

/// The end of an attempt whose copy may come from somebody else, or may have gone to them.
const fn not_believed(side: Side) -> Outcome {
    Outcome::Failed(Failure {
        side,
        stage: Stage::DataConnection,
        cause: Cause::Data(DataFault::ClosedEarly),
        blame: Blame::File,
        touched: true,
        complete: None,
    })
}
