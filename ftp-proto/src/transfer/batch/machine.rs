//! The machine of a batch.

use super::files::{BatchEnd, BatchFile, BatchOpening, BatchTerms, Files, Timer};
use super::group::{Group, GroupVerdict, Progress, TransferReply};
use super::line::{CommandQueue, Task, Weighed};
use super::opening::{self, Meeting, Next};
use super::pace::Pace;
use crate::command::{Command, GroupNumber, Pack, Verb};
use crate::reply::{Blame, Class, FileOutcome, Meaning, Reply, blame, file_outcomes};
use crate::timer::{Moment, Timers};
use crate::transfer::attempt::{Input, Output};
use crate::transfer::request::{Party, PerSide, Side};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// How far the batch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The data connection is not proven: one group at most is under way.
    Opening,
    /// Groups follow each other.
    Open,
    /// Nothing more is asked for: what is under way ends, and what waits is left.
    Broken,
    /// The end was told.
    Over,
}

/// What becomes of the data connection when the batch ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LineEnd {
    /// It was not needed.
    Unused,
    /// Both servers keep it.
    Kept,
    /// It is closed. What is left may have been on its way.
    Broken,
}

/// Whether what the destination says that it has renamed is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Names {
    /// No name was seen.
    Unseen,
    /// The destination was asked to show one.
    Asked,
    /// It has shown one, and has renamed what it says.
    Believed,
}

/// The machine of a batch of files between two servers. See the [module](super).
#[derive(Debug)]
pub struct Batch {
    terms: BatchTerms,
    parties: PerSide<Party>,
    files: Files,
    groups: Vec<Group>,
    lines: PerSide<CommandQueue>,
    /// How far the data connection has come about.
    meeting: Meeting,
    /// The first group that no transfer command was sent for.
    next: usize,
    /// The first group whose names the destination was not asked about.
    next_asked: usize,
    /// The groups that the destination holds, and that are still to be named or dropped.
    held: VecDeque<usize>,
    /// How many groups the destination was told to store, and not yet to name or to drop.
    stored: usize,
    names: Names,
    /// The groups that were named before the first name was seen. The ends of their files are told then.
    unseen: Vec<usize>,
    /// The destination has said that its data connection stands.
    has_opened: bool,
    /// Bytes of the files that move.
    moving: u64,
    pace: Pace,
    phase: Phase,
    timers: Timers<Timer>,
    out: VecDeque<Output>,
    /// How the batch has ended, if it has.
    end: Option<LineEnd>,
}

impl Batch {
    /// Whether files can be moved in a batch between these two.
    pub fn is_possible(source: &Party, destination: &Party, terms: &BatchTerms) -> bool {
        opening::is_possible(source, destination, terms)
    }

    /// Begins a batch.
    pub fn start(
        files: Vec<BatchFile>,
        terms: BatchTerms,
        (source, destination): (Party, Party),
        now: Moment,
    ) -> Self {
        let is_kept = matches!(terms.opening, BatchOpening::Kept);
        let parties = PerSide { source, destination };
        let mut batch = Self {
            names: Names::Unseen,
            meeting: Meeting::new(&terms, &parties, now),
            terms,
            parties,
            groups: Vec::new(),
            files: Files::default(),
            lines: PerSide::default(),
            next: 0,
            next_asked: 0,
            held: VecDeque::new(),
            stored: 0,
            unseen: Vec::new(),
            moving: 0,
            pace: Pace::default(),
            phase: if is_kept { Phase::Open } else { Phase::Opening },
            timers: Timers::new(),
            out: VecDeque::new(),
            has_opened: false,
            end: None,
        };
        batch.files.add_all(files);
        for side in Side::BOTH {
            let (me, other) = (batch.parties.of(side), batch.parties.of(side.other()));
            let commands = opening::first(&batch.terms, side, me, other, batch.meeting.has_listener(side));
            for (task, command) in commands {
                batch.ask(side, task, command);
            }
        }
        let next = batch.meeting.next(&batch.terms.opening);
        batch.meet(next);
        batch.proceed(now);
        batch
    }

    /// Adds files, which are named by the next indices. They move behind those that are there. Returns whether they do: a batch
    /// that has ended, or whose data connection is closed, takes none.
    pub fn add(&mut self, files: Vec<BatchFile>) -> bool {
        let may_move = matches!(self.phase, Phase::Opening | Phase::Open);
        if may_move {
            self.files.add_all(files);
            // Nobody has said anything, so the wait for that goes on.
            self.send_next();
        }
        may_move
    }

    /// Takes something that has happened. After [`Output::AllEnded`] it is ignored.
    pub fn input(&mut self, now: Moment, input: Input) {
        if self.phase == Phase::Over {
            return;
        }
        match input {
            // Only the first preliminary reply to a command counts.
            Input::Reply { side, class, .. } if !class.is_final() && !self.lines.of_mut(side).begins() => {
                return;
            }
            Input::Reply { side, reply, class } => self.reply(now, side, &reply, class),
            Input::Ended(..) | Input::Cancel => self.give_up(),
            Input::RelayReady { source, destination } => {
                let at = PerSide { source, destination };
                let next = self.meeting.joined(&self.terms.opening, &self.parties, at);
                self.meet(next);
            }
            Input::Listening(side, at) => {
                if !self.is_ready(side, Some(at)) {
                    return;
                }
            }
            Input::Connected(side) | Input::Arrived(side, _) => {
                if self.meeting.opens(side) {
                    self.out.push_back(Output::Copy);
                }
                if !self.is_ready(side, None) {
                    return;
                }
            }
            // The end of the line: the servers have said it before, or will say that it was too soon.
            Input::Copied { .. } => return self.out.push_back(Output::Finish),
            // A server may wait for a connection that never comes.
            Input::DataFailed(..) | Input::RelayRefused(_) | Input::RelayLost(_)
                if self.phase == Phase::Opening =>
            {
                self.give_up();
            }
            // Both servers lose their connections, and say what became of each file.
            Input::DataFailed(..) | Input::RelayRefused(_) | Input::RelayLost(_) => self.break_line(),
            Input::Moving => {}
            Input::Timeout => {
                if let Some(Timer::Silence) = self.timers.fire(now) {
                    self.give_up();
                }
                return;
            }
            Input::Unasked { .. }
            | Input::Aborted(_)
            | Input::Finished
            | Input::RelayFlowing
            | Input::RelayPassed => return,
        }
        self.proceed(now);
    }

    /// The user agent is ready for that end. Returns whether something follows.
    fn is_ready(&mut self, side: Side, at: Option<SocketAddr>) -> bool {
        let next = self.meeting.ready(&self.terms.opening, &self.parties, side, at);
        let follows = !matches!(next, Next::Wait);
        self.meet(next);
        follows
    }

    /// The next thing to do. Call it until it returns [`Output::Wait`] or [`Output::AllEnded`].
    pub fn poll(&mut self) -> Output {
        if let Some((index, end)) = self.files.next_end() {
            return Output::FileEnded(index, end);
        }
        match self.out.pop_front() {
            Some(output) => output,
            None if self.end.is_some() => Output::AllEnded,
            None => Output::Wait(self.timers.next()),
        }
    }

    /// The digest that both servers have told of a file, in hexadecimal digits, if it is verified. The file is named by its index.
    pub fn digest(&self, index: usize) -> Option<&str> {
        self.files.digest(index)
    }

    /// Whether the destination has said that its data connection stands.
    pub const fn has_opened(&self) -> bool {
        self.has_opened
    }

    /// Whether all files have ended, and both servers keep their data connection for the next batch ([`BatchOpening::Kept`]).
    pub fn keeps_connection(&self) -> bool {
        self.end == Some(LineEnd::Kept)
    }

    /// Whether the data connection is closed now, although it stood or was to stand. It is not known why files are left then.
    pub fn has_broken(&self) -> bool {
        self.end == Some(LineEnd::Broken)
    }

    fn ask(&mut self, side: Side, task: Task, command: impl Into<Weighed>) {
        let command = command.into();
        self.lines.of_mut(side).ask(task, &command);
        self.out.push_back(Output::Command(side, command.command));
    }

    /// Closes both sessions and leaves everything that is not published.
    fn give_up(&mut self) {
        for group in &mut self.groups {
            let (files, end) = group.end();
            self.files.end_all(files, &end);
        }
        self.files.leave_ungrouped();
        self.lines = PerSide::default();
        self.out.extend(Side::BOTH.map(Output::Close));
        self.phase = Phase::Broken;
        self.over();
    }

    fn over(&mut self) {
        self.end = Some(match self.phase {
            Phase::Opening => LineEnd::Unused,
            Phase::Open => LineEnd::Kept,
            Phase::Broken | Phase::Over => LineEnd::Broken,
        });
        self.phase = Phase::Over;
        self.timers.clear();
    }

    /// No more groups are asked for. Those that wait are left.
    fn break_line(&mut self) {
        if matches!(self.phase, Phase::Opening | Phase::Open) {
            self.phase = Phase::Broken;
        }
        for index in 0..self.groups.len() {
            if let Some(Group { progress: Progress::Waiting | Progress::Clear, .. }) = self.groups.get(index)
            {
                self.leave(index);
            }
        }
        self.files.leave_ungrouped();
    }

    /// Leaves all files of a group. Nothing more is asked for them.
    fn leave(&mut self, index: usize) {
        let Some(group) = self.groups.get_mut(index) else { return };
        let (files, end) = group.end();
        self.files.end_all(files, &end);
    }

    fn reply(&mut self, now: Moment, side: Side, reply: &Reply, class: Class) {
        let Some(task) = self.lines.of_mut(side).head() else { return };
        if !class.is_final() {
            if matches!(task, Task::Move(_)) && side == Side::Destination {
                self.pace.begins(now);
                if self.phase == Phase::Opening {
                    // It has proven its data connection.
                    (self.phase, self.has_opened) = (Phase::Open, true);
                }
            }
            return;
        }
        self.lines.of_mut(side).answered();
        let is_done = matches!(class, Class::Done | Class::More);
        match task {
            Task::Listen if is_done => {
                let party = (side, self.parties.of(side));
                let next = self.meeting.listens(&self.terms.opening, party, reply, class);
                self.meet(next);
            }
            // Its refusal does not matter.
            Task::Activate => {}
            // A STOR may wait at its listener for a connection that never comes.
            Task::Setting | Task::Listen | Task::Connect => {
                if !is_done {
                    self.give_up();
                }
            }
            Task::Look(index) => self.looked(index, reply, is_done),
            Task::Move(index) => {
                if let Some(group) = self.groups.get(index).filter(|_| is_done && side == Side::Destination) {
                    self.pace.moved(group.bytes, now);
                }
                self.moved(side, index, reply, is_done);
            }
            // It answers another command.
            Task::Keep(_) if class == Class::More => self.give_up(),
            Task::Keep(index) => self.named(index, reply, is_done),
            Task::Drop => {}
            Task::Named(index) => self.shown(index, reply, is_done),
        }
    }

    /// What a reply says of each of `count` files. `None` if it cannot be read.
    fn outcomes(&self, reply: &Reply, count: usize) -> Option<Vec<Option<FileOutcome>>> {
        file_outcomes(&reply.lines, self.terms.algorithm, count)
    }

    /// The destination has said which names of a group something has.
    fn looked(&mut self, index: usize, reply: &Reply, is_done: bool) {
        let may_move = matches!(self.phase, Phase::Opening | Phase::Open);
        let Some(group) = self.groups.get(index) else { return };
        let Some(said) = self.outcomes(reply, group.members.len()).filter(|_| is_done && may_move) else {
            return self.leave(index);
        };
        let Some(group) = self.groups.get_mut(index) else { return };
        self.files.end_all(group.looked(said), &BatchEnd::UNTOUCHED);
    }

    /// A transfer command has its final reply.
    fn moved(&mut self, side: Side, index: usize, reply: &Reply, is_done: bool) {
        let Some(group) = self.groups.get(index) else { return };
        let all = group.members.len();
        let said = if is_done {
            // Each file has its line.
            let Some(files) = self.outcomes(reply, all).and_then(|files| files.into_iter().collect()) else {
                return self.give_up();
            };
            TransferReply::Files(files)
        } else if self.phase == Phase::Opening {
            // The other end may wait for a connection that never comes.
            return self.give_up();
        } else {
            TransferReply::Failed
        };
        if matches!(said, TransferReply::Failed)
            || reply.code != Meaning::TransferredKept.code(self.parties.of(side).dialect)
        {
            self.break_line(); // the connection does not stay open
        }
        let Some(group) = self.groups.get_mut(index) else { return };
        let (judged, left) = group.moved(side, said);
        match judged {
            GroupVerdict::Open => return,
            GroupVerdict::Contradicted => return self.give_up(),
            GroupVerdict::Nothing | GroupVerdict::Held(_) => self.moving -= group.bytes,
        }
        group.digests().for_each(|(index, digest)| self.files.note_digest(index, digest));
        self.files.end_all(left, &BatchEnd::UNTOUCHED);
        if judged == GroupVerdict::Nothing {
            self.stored -= 1;
            return self.leave(index);
        }
        self.held.push_back(index);
    }

    /// The destination has answered PACK KEEP.
    fn named(&mut self, index: usize, reply: &Reply, is_done: bool) {
        let algorithm = self.terms.algorithm;
        let Some(group) = self.groups.get_mut(index) else { return };
        if !is_done {
            return self.leave(index);
        }
        let Some(left) = group.named(&reply.lines, algorithm) else { return self.give_up() };
        self.files.end_all(left, &BatchEnd::UNTOUCHED);
        match self.names {
            Names::Believed => self.publish(index),
            Names::Unseen | Names::Asked => self.unseen.push(index),
        }
    }

    /// The files of a group have their names.
    fn publish(&mut self, index: usize) {
        let Some(group) = self.groups.get_mut(index) else { return };
        let (files, _) = group.end();
        self.files.end_all(files, &BatchEnd::Published { time_refused: None });
    }

    /// The destination has answered whether it shows a file under its final name. A server that does not has renamed
    /// nothing of what it says it has.
    fn shown(&mut self, index: usize, reply: &Reply, is_done: bool) {
        // A user who may not list is shown nothing.
        let may_not_ask =
            !is_done && blame(self.parties.destination.dialect, Verb::Mlst, reply) != Blame::Missing;
        let has_name = |group: &usize| self.groups.get(*group).is_some_and(|group| group.has_named(index));
        match self.files.get(index).filter(|_| self.unseen.iter().any(has_name)) {
            Some(file) if may_not_ask || (is_done && file.is_shown(reply)) => {
                self.names = Names::Believed;
                for index in std::mem::take(&mut self.unseen) {
                    self.publish(index);
                }
            }
            Some(_) => self.give_up(),
            // It has not got its name: another one is looked for.
            None => self.names = Names::Unseen,
        }
    }

    /// Looks for the first file that was named, if that was not asked yet.
    fn look_at_name(&mut self) {
        let first = |group: &usize| self.groups.get(*group).and_then(Group::first_named);
        let Some(index) = self.unseen.iter().find_map(first).filter(|_| self.names == Names::Unseen) else {
            return;
        };
        let Some(look) = self.look_for(index) else { return };
        let window = self.terms.window;
        if self.lines.destination.has_room(window, [look.bytes]) {
            self.names = Names::Asked;
            self.ask(Side::Destination, Task::Named(index), look);
        }
    }

    /// Asks for a file under its final name.
    fn look_for(&self, index: usize) -> Option<Weighed> {
        self.files.get(index).map(|file| Weighed::from(Command::Mlst(Some(file.target.clone()))))
    }

    /// Sends what may be sent, and waits for what the servers say of it, unless all is over.
    fn proceed(&mut self, now: Moment) {
        if self.phase == Phase::Over {
            return;
        }
        self.send_next();
        if self.end_if_idle() {
            return;
        }
        let silence = if self.phase == Phase::Opening { self.terms.connect } else { self.terms.silence };
        self.timers.arm(Timer::Silence, now + silence);
    }

    /// Sends what may be sent.
    fn send_next(&mut self) {
        self.look_at_name();
        self.name_held();
        if self.meeting.is_arranged() && matches!(self.phase, Phase::Opening | Phase::Open) {
            self.ask_about_names();
            while self.move_next() {
                self.ask_about_names();
            }
        }
    }

    /// Ends the batch if nothing is under way: all files have ended, or what there is cannot go on, because no window takes it.
    /// Returns whether it has ended.
    fn end_if_idle(&mut self) -> bool {
        let is_idle = self.lines.iter().all(CommandQueue::is_empty);
        if is_idle && self.files.are_over() && self.held.is_empty() {
            self.over();
        } else if is_idle && !self.meeting.awaits_middle() {
            self.give_up();
        }
        self.phase == Phase::Over
    }

    /// Goes on with the opening of the data connection.
    fn meet(&mut self, next: Next) {
        match next {
            Next::Wait => {}
            Next::Fail => self.give_up(),
            Next::Join(asked) => self.out.extend(asked),
            Next::Connect(commands) => {
                for (side, command) in commands {
                    self.ask(side, Task::Connect, command);
                }
            }
        }
    }

    /// Has the destination name the verified files of the groups that it holds, and remove the others.
    fn name_held(&mut self) {
        let window = self.terms.window;
        while let Some(index) = self.held.front().copied() {
            let Some(group @ Group { progress: Progress::Verified, .. }) = self.groups.get(index) else {
                return;
            };
            let keep = Weighed::from(group.keep(number(index)));
            // The first name is looked for at once.
            let first = group.first_named().filter(|_| self.names == Names::Unseen);
            let look = first.and_then(|first| self.look_for(first).map(|look| (first, look)));
            let lines = std::iter::once(keep.bytes).chain(look.iter().map(|(_, look)| look.bytes));
            if !self.lines.destination.has_room(window, lines) {
                return;
            }
            self.held.pop_front();
            self.stored -= 1;
            let Some(group) = self.groups.get_mut(index) else { return };
            let task = if group.names() { Task::Keep(index) } else { Task::Drop };
            self.ask(Side::Destination, task, keep);
            if let Some((first, look)) = look {
                self.names = Names::Asked;
                self.ask(Side::Destination, Task::Named(first), look);
            }
        }
    }

    /// Makes the next group, and asks the destination which names of it, and of some groups after it, something has.
    fn ask_about_names(&mut self) {
        while self.next_asked < self.next + AHEAD && self.held.is_empty() {
            if self.next_asked == self.groups.len() {
                // The pace is known best when a group moves, but the answer to a question takes a round trip.
                if self.next_asked > self.next && !self.files.ask_soon() {
                    return;
                }
                // The first one is small, so that the data connection is soon proven.
                let most = if self.groups.is_empty() { FIRST } else { Pack::MAX_FILES };
                self.groups.extend(Group::next(&mut self.files, most, self.pace.most_group_bytes()));
            }
            let index = self.next_asked;
            let Some(group) = self.groups.get_mut(index) else { return };
            let (asks, bytes) = (group.asks, group.lines.destination);
            if asks && !self.lines.destination.has_room(self.terms.window, [bytes]) {
                return;
            }
            self.next_asked += 1;
            group.waits_for(asks);
            if asks {
                let command = group.look();
                self.ask(Side::Destination, Task::Look(index), Weighed { command, bytes });
            }
        }
    }

    /// Sends the transfer commands of the next group, if it may move now. Returns whether there may be another one.
    fn move_next(&mut self) -> bool {
        let Some(group) = self.groups.get(self.next) else { return false };
        if group.members.is_empty() {
            self.leave(self.next);
            self.next += 1;
            return true;
        }
        let Progress::Clear = group.progress else { return false };
        let window = self.terms.window;
        let fits = self.moving == 0
            || self.moving + group.bytes <= window.file_bytes.min(self.pace.most_under_way());
        let most = if self.phase == Phase::Opening { 1 } else { window.groups };
        let PerSide { source: send, destination: store } = group.lines;
        let PerSide { source, destination } = &self.lines;
        let has_room = source.has_room(window, [send]) && destination.has_room(window, [store]);
        if !fits || !self.held.is_empty() || self.stored >= most || !has_room {
            return false;
        }
        let index = self.next;
        let send = Weighed { command: group.send(), bytes: send };
        let store = Weighed { command: group.store(number(index)), bytes: store };
        self.next += 1;
        let Some(group) = self.groups.get_mut(index) else { return false };
        self.out.extend(group.members.iter().map(|member| Output::Begins(member.index)));
        group.moves();
        (self.moving, self.stored) = (self.moving + group.bytes, self.stored + 1);
        self.ask(Side::Source, Task::Move(index), send);
        self.ask(Side::Destination, Task::Move(index), store);
        true
    }
}

/// The number under which the destination holds a group.
fn number(index: usize) -> GroupNumber {
    GroupNumber(u32::try_from(index).unwrap_or(u32::MAX))
}

/// How many groups the destination is asked about ahead of the transfer commands.
const AHEAD: usize = 4;
/// The most files of the first group.
const FIRST: usize = 16;
