//! Drives a transfer between two servers to its end: performs what its machine asks for, and tells the machine what happens.
//! This is the one loop for all paths, for single files and for files that move together.

use super::assignment::{AttemptResult, GivenUp, Lane, Sign, StoreReply};
use super::path::{Path, PathEvent, Sessions};
use super::progress::{Progress, Sight};
use super::relay::LAST_WORD;
use super::together::Together;
use crate::context::Context;
use crate::outcome::{Protection, TransferFacts};
use ftp_proto::client::{CommandId, Event};
use ftp_proto::command::{Command, DataType, Verb};
use ftp_proto::reply::{Blame, Class, Code, Reply};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{Cause, DataFault, Failure, Input, Machine, Outcome, Output, Side, Stage};
use std::ops::ControlFlow;

/// A transfer under way.
pub(super) struct Drive<'a> {
    pub(super) context: &'a Context,
    pub(super) sessions: Sessions<'a>,
    pub(super) machine: Machine,
    pub(super) path: Path<'a>,
    pub(super) progress: Progress,
    lane: &'a Lane,
    /// What protects the bytes on their whole path.
    pub(super) protection: Protection,
    /// Whether both ends go on alone as soon as both have begun.
    detaches: bool,
    /// What becomes of files that move together; `None` of a single file.
    pub(super) together: Option<Together<'a>>,
    /// Whether the race knows that the path is being opened.
    connecting: bool,
    /// The end that has said last that its transfer has begun, which it may say before its data connection stands.
    claimed: Option<Side>,
    /// An end has shown that its data connection stands, or the relay has joined both.
    stands: bool,
    /// Which end has begun: the source, the destination.
    begun: [bool; 2],
    given_up: Option<GivenUp>,
    /// When both control connections are closed, in step or not.
    close_at: Option<Moment>,
    /// How many bytes have moved, as far as the machine was told.
    moved: u64,
    /// The first command that was sent to the source and to the destination.
    first: [Option<CommandId>; 2],
    /// The last reply of the source and of the destination.
    said: [Option<Reply>; 2],
    observed: TransferFacts,
}

impl<'a> Drive<'a> {
    pub(super) fn new(
        context: &'a Context,
        sessions: Sessions<'a>,
        machine: Machine,
        path: Path<'a>,
        progress: Progress,
        lane: &'a Lane,
    ) -> Self {
        Self {
            context,
            sessions,
            machine,
            path,
            progress,
            lane,
            protection: Protection::Clear,
            detaches: false,
            together: None,
            connecting: false,
            claimed: None,
            stands: false,
            begun: [false; 2],
            given_up: None,
            close_at: None,
            moved: 0,
            first: [None, None],
            said: [None, None],
            observed: TransferFacts::default(),
        }
    }

    /// Runs the attempt to move a single file to its end, which comes in bounded time. `protection` is what protects the bytes on
    /// their whole path, and with `detaches` both ends go on alone as soon as both have begun.
    pub(super) async fn attempt(mut self, protection: Protection, detaches: bool) -> AttemptResult {
        (self.protection, self.detaches) = (protection, detaches);
        let outcome = self.run().await;
        // The machine of a single file always tells its outcome.
        let cancelled = || failed(Side::Source, Stage::Attempt, Cause::Cancelled, Blame::Busy);
        self.finish(outcome.unwrap_or_else(cancelled)).await
    }

    /// Runs the machine to its end. Returns the outcome of a single file.
    pub(super) async fn run(&mut self) -> Option<Outcome> {
        let clock = self.context.world.clock;
        loop {
            let deadline = match self.perform().await {
                ControlFlow::Break(outcome) => return outcome,
                ControlFlow::Continue(deadline) => deadline,
            };
            if let Some([source, destination]) = self.goes_on_alone() {
                self.given_up = Some(GivenUp::Detached);
                return Some(Outcome::Moved { source, destination });
            }
            if let Machine::Pipeline(pipeline) = &self.machine {
                self.progress.stores(pipeline.storing());
            }
            let interruptible = self.given_up != Some(GivenUp::Interrupted);
            tokio::select! {
                biased;
                () = self.context.run.cancel.cancelled(), if interruptible => self.give_up(GivenUp::Interrupted),
                () = self.lane.lost(), if self.given_up.is_none() => self.give_up(GivenUp::Lost),
                event = self.sessions.source.next() => self.heard(Side::Source, event).await,
                event = self.sessions.destination.next() => self.heard(Side::Destination, event).await,
                happened = self.path.next() => self.happened(happened),
                Some(files) = Together::joining(self.together.as_mut()) => self.join(files),
                () = clock.sleep_until(self.close_at), if self.close_at.is_some() => {
                    // Their servers have not replied to ABOR in time.
                    self.sessions.close();
                    let stage = Stage::Command(Verb::Abor);
                    return Some(failed(Side::Destination, stage, Cause::Cancelled, Blame::Busy));
                }
                () = clock.sleep_until(deadline) => self.input(Input::Timeout),
                sight = self.progress.look(clock) => self.saw(sight),
            }
            self.tell_moved();
        }
    }

    /// Tells the machine if bytes have moved since it was asked last.
    fn tell_moved(&mut self) {
        let moved = self.progress.moved();
        if moved > std::mem::replace(&mut self.moved, moved) {
            self.input(Input::Moving);
        }
        if self.given_up.is_none() && self.progress.has_enough() {
            self.give_up(GivenUp::Enough);
        }
    }

    /// Performs what the machine asks for, up to its end or its next deadline.
    async fn perform(&mut self) -> ControlFlow<Option<Outcome>, Option<Moment>> {
        loop {
            let output = self.machine.poll();
            let (sessions, now) = (&mut self.sessions, self.context.world.clock.now());
            match (output, &mut self.path) {
                (Output::Command(side, command), _) => {
                    // Without its job, this run stores nothing and gives nothing a final name, and its groups go with their session.
                    let needs_job = command.is_transfer() || command.gives_final_names();
                    if needs_job && self.context.confirm_job().await.is_err() {
                        self.sessions.of(side).close();
                    } else {
                        self.send(side, command);
                    }
                }
                (Output::Abort(side), _) => sessions.of(side).abort(),
                (Output::Close(side), _) => match &mut self.together {
                    None => sessions.of(side).close(),
                    Some(together) => together.closes(sessions, side),
                },
                (Output::Cut, path) => {
                    self.progress.stop();
                    path.cut();
                }
                (Output::Begins(index), _) => {
                    let shares_connection = self.shares_connection();
                    if let Some(together) = &mut self.together {
                        together.begins(index, shares_connection);
                    }
                }
                (Output::FileEnded(index, end), _) => self.file_ended(index, end),
                (Output::Connect(side, at), Path::Through(through)) => {
                    through.connect(sessions, side, at);
                    self.connects();
                }
                (Output::Listen(side), Path::Through(through)) => through.listen(sessions, side),
                (Output::Copy, Path::Through(through)) => {
                    through.copy(now, sessions, &mut self.progress);
                    self.both_move();
                }
                (Output::Finish, Path::Through(through)) => through.finish(),
                (Output::JoinAtRelay { source, destination }, Path::Relay(relay)) => {
                    relay.join(sessions, source, destination);
                }
                // The machine asks for these on their own paths only.
                (
                    Output::Connect(..)
                    | Output::Listen(_)
                    | Output::Copy
                    | Output::Finish
                    | Output::JoinAtRelay { .. },
                    _,
                ) => {}
                (Output::Done(outcome), _) => return ControlFlow::Break(Some(outcome)),
                (Output::AllEnded, _) => return ControlFlow::Break(None),
                (Output::Wait(deadline), _) => return ControlFlow::Continue(deadline),
            }
        }
    }

    /// Sends a command. The stall clock bounds a transfer, not a timer of its command.
    fn send(&mut self, side: Side, command: Command) {
        if command.is_transfer() {
            self.connects();
            if let Path::Through(through) = &mut self.path {
                through.admit(side);
            }
        }
        let observed = match &mut self.together {
            None => &mut self.observed,
            Some(together) => together.observed(),
        };
        self.path.sends(side, &command, observed);
        // A single file is looked at again when it has moved. Where the destination does not tell its progress, the source is asked
        // with STAT, and nothing may wait behind RETR.
        let tells_status = self.sessions.destination.manners.capabilities.takes_ahead;
        let moved = command.path().filter(|_| command.verb() == Verb::Retr && tells_status).cloned();
        let sent = self.sessions.of(side).send(command, None);
        side.of(self.first.each_mut()).get_or_insert(sent);
        let is_whole = self.together.is_none() && !self.detaches && !self.progress.is_of_range();
        if let Some(path) = moved.filter(|_| is_whole) {
            self.sessions.of(side).look_ahead(&path);
        }
    }

    /// Whether it answers a command of an earlier attempt: STAT, right before that one ended.
    fn is_of_earlier(&self, side: Side, event: &Event) -> bool {
        let first = *side.of(self.first.each_ref());
        matches!(event, Event::Reply { to, .. } if first.is_none_or(|first| *to < first))
    }

    /// Tells the race that from here on the path decides how long the next step takes.
    fn connects(&mut self) {
        if !std::mem::replace(&mut self.connecting, true) {
            self.lane.say(Sign::Connecting);
        }
    }

    /// Tells the race that the data connections of both ends stand.
    fn both_move(&self) {
        Side::BOTH.into_iter().for_each(|side| self.lane.say(Sign::Moving(side)));
    }

    pub(super) fn input(&mut self, input: Input) {
        self.machine.input(self.context.world.clock.now(), input);
    }

    /// Handles an event of a control session.
    async fn heard(&mut self, side: Side, event: Event) {
        if self.together.is_none() {
            self.hear_relay_first(&event).await;
        }
        if self.is_of_earlier(side, &event) {
            return;
        }
        let now = self.context.world.clock.now();
        if let Path::Direct(direct) = &mut self.path
            && direct.take(now, &event, &mut self.progress)
        {
            return;
        }
        match event {
            Event::Reply { reply, class, .. } => {
                if self.together.is_some() {
                    self.heard_of_several(side, &reply, class);
                } else {
                    self.heard_of_one(now, side, &reply, class);
                }
                self.input(Input::Reply { side, reply, class });
            }
            Event::Unasked(reply) => self.input(Input::Unasked { side, reply }),
            Event::AbortDone => self.input(Input::Aborted(side)),
            Event::Ended(failure) => {
                self.tell_moved();
                self.input(Input::Ended(side, failure));
            }
            Event::Ready { .. }
            | Event::Sent(_)
            | Event::Received { .. }
            | Event::TlsAbsent
            | Event::TakesMore => {}
        }
        if let Machine::Attempt(attempt) = &self.machine {
            for repair in attempt.repairs() {
                self.sessions.of(repair.side).say_repair(repair.announced, repair.used);
            }
        }
    }

    /// Hears what the relay says before a server that has ended its session, or says that its transfer has broken off: if the relay
    /// has died, or has reset both data connections, only the relay knows why.
    async fn hear_relay_first(&mut self, event: &Event) {
        let clock = self.context.world.clock;
        if matches!(event, Event::Ended(_))
            && let Path::Relay(relay) = &mut self.path
            && let Some(said) = relay.last_words(self.context).await
        {
            self.happened(PathEvent::Relay(said));
        }
        if !self.stands || !matches!(event, Event::Reply { class: Class::Later, .. }) {
            return;
        }
        let deadline = Some(clock.now() + LAST_WORD);
        while let Path::Relay(relay) = &mut self.path
            && relay.is_joined
        {
            let said = tokio::select! {
                biased;
                said = relay.next() => said,
                () = clock.sleep_until(deadline) => return,
            };
            self.happened(PathEvent::Relay(said));
        }
    }

    /// Notes what an end says of a single file. What it says about the end of an attempt that was given up explains nothing.
    fn heard_of_one(&mut self, now: Moment, side: Side, reply: &Reply, class: Class) {
        if self.given_up.is_none() {
            *side.of(self.said.each_mut()) = Some(reply.clone());
        }
        match class {
            Class::Preliminary => self.began(now, side, reply.code),
            Class::Aside => {
                if self.progress.marker(now, self.sessions.of(side).manners.dialect, reply) {
                    self.has_moved();
                }
            }
            Class::Done | Class::More | Class::Later | Class::Refused => {}
        }
    }

    /// An end says that its transfer has begun. Not every server knows then that its data connection stands.
    fn began(&mut self, now: Moment, side: Side, code: Code) {
        self.progress.server_started(now);
        *side.of(self.begun.each_mut()) = true;
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
            self.both_move();
        }
    }

    /// Handles an event of the path.
    fn happened(&mut self, happened: PathEvent) {
        let input = match (happened, &mut self.path) {
            (PathEvent::Relay(said), Path::Relay(relay)) => {
                relay.take(self.context, said, &mut self.sessions, &mut self.progress)
            }
            (PathEvent::Done(done), Path::Through(through)) => through.take(done, &mut self.progress),
            (PathEvent::Relay(_) | PathEvent::Done(_), _) => None,
        };
        if let Some(input) = input {
            if input == Input::RelayFlowing {
                self.stands = true;
                self.both_move();
            }
            self.input(input);
        }
    }

    /// What both ends have said last, if both have begun and may go on alone.
    fn goes_on_alone(&self) -> Option<[Reply; 2]> {
        // A relay ends a join that does not flow yet when its session ends.
        let is_joined = self.stands || !matches!(self.path, Path::Relay(_));
        if !self.detaches || !is_joined || self.given_up.is_some() || self.begun != [true; 2] {
            return None;
        }
        let [source, destination] = self.said.clone();
        Some([source?, destination?])
    }

    /// Handles what the progress asks for. Of files that move together the machine decides how long nothing may move; if they move
    /// too much, each of them goes alone then, and the one that has no end is found.
    fn saw(&mut self, sight: Sight) {
        if self.given_up.is_some() {
            return;
        }
        match (sight, &mut self.path) {
            (Sight::GiveUp(why), _) => self.give_up(why),
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

    /// Ends the attempt, and says what came of it.
    async fn finish(mut self, outcome: Outcome) -> AttemptResult {
        let (given_up, protection) = (self.reason(&outcome), self.protection);
        if matches!(outcome, Outcome::Failed(_)) {
            // The next attempt looks again.
            self.sessions.source.forget_look();
        }
        let mut attempted = AttemptResult { given_up, protection, ..AttemptResult::early(outcome) };
        if given_up == Some(GivenUp::Detached) {
            self.sessions.close();
            if let Path::Relay(relay) = &mut self.path {
                relay.leave();
            }
        } else {
            self.path.saw(&attempted.outcome, &mut self.observed);
            self.close(&mut attempted).await;
            attempted.took = self.progress.age(self.context.world.clock.now());
        }
        if matches!(attempted.outcome, Outcome::Failed(_)) {
            attempted.store_reply = StoreReply::of_session(!self.sessions.destination.is_over());
        }
        (attempted.moved, attempted.was_shorter) = (self.progress.moved(), self.progress.was_shorter());
        attempted.facts = std::mem::take(&mut self.observed);
        if let Path::Relay(relay) = &self.path {
            attempted.relayed = Some(relay.relayed(attempted.moved));
        } else if matches!(attempted.outcome, Outcome::Moved { .. }) {
            // TYPE I is in force at both ends. After a failure nobody knows.
            for side in Side::BOTH {
                self.sessions.of(side).manners.settings.data_type = Some(DataType::Image);
            }
        }
        attempted.explained(self.context, &self.sessions, &self.path, self.said)
    }

    /// Closes the data connections of the path: in order if the file is complete, otherwise by a reset.
    async fn close(&mut self, attempted: &mut AttemptResult) {
        let is_complete = matches!(attempted.outcome, Outcome::Moved { .. });
        match &mut self.path {
            Path::Relay(relay) if is_complete => {
                self.context.run.heard.moved();
                relay.last_count(self.context, &mut self.sessions, &mut self.progress).await;
                attempted.sha256 = relay.sha256.take();
            }
            Path::Through(through) => {
                if let Machine::Attempt(attempt) = &self.machine {
                    attempted.failed_postures = attempt.failed_postures().to_vec();
                    for side in Side::BOTH {
                        self.sessions.of(side).learn(attempt.known_postures(side));
                    }
                }
                // What has moved may be whole although a session was lost.
                let may_be_whole = match &attempted.outcome {
                    Outcome::Moved { .. } => true,
                    Outcome::Failed(failure) => failure.is_of_session(),
                };
                if may_be_whole {
                    attempted.sha256 = through.close().await.filter(|_| is_complete);
                }
                attempted.intruded = through.intruded();
                if let Some(side) = attempted.intruded.filter(|_| may_be_whole) {
                    // The copy may come from somebody else, or may have gone to them.
                    let cause = Cause::Data(DataFault::ClosedEarly);
                    attempted.outcome = failed(side, Stage::DataConnection, cause, Blame::File);
                    attempted.sha256 = None;
                }
                through.cut();
            }
            path @ (Path::Direct(_) | Path::Relay(_)) => path.cut(),
        }
    }

    /// Why the attempt was given up, if that is the reason for its end. The file may have been complete before
    /// the servers learnt of it. A transfer that has already failed does not move any more, which is no stall.
    fn reason(&self, outcome: &Outcome) -> Option<GivenUp> {
        self.given_up.filter(|why| match (outcome, why) {
            (_, GivenUp::Detached) => true,
            (Outcome::Moved { .. }, _) => false,
            (Outcome::Failed(_), GivenUp::Interrupted | GivenUp::Lost | GivenUp::Enough) => true,
            (Outcome::Failed(failure), GivenUp::Stalled(_) | GivenUp::Unseen(_) | GivenUp::TooMuch(_)) => {
                failure.cause == Cause::Cancelled
            }
        })
    }
}

/// The outcome of an attempt that has failed after something may have moved.
const fn failed(side: Side, stage: Stage, cause: Cause, blame: Blame) -> Outcome {
    Outcome::Failed(Failure { side, stage, cause, blame, touched: true, complete: None, passed: false })
}
