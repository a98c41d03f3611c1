//! The machine of a batch.

use super::file::{BatchEnd, BatchFile, Moved, Progress};
use super::line::{Line, Task, Weighed};
use super::opening::{self, Meeting, Next};
use super::settings::{BatchTerms, Timer};
use crate::command::{Command, Mode, Verb};
use crate::reply::{Blame, Class, Meaning, Reply, blame};
use crate::third_party::junction::Junction;
use crate::third_party::roles::Party;
use crate::third_party::transfer::Side;
use crate::timer::{Moment, Timers};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BatchInput {
    /// A server has replied to the command that is due next there.
    Reply {
        /// The side of the server.
        side: Side,
        /// What it has said.
        reply: Reply,
        /// What the reply is for that command.
        class: Class,
    },
    /// The session of that side has ended.
    Ended(Side),
    /// The host in the middle answers [`BatchOutput::Join`]. It listens at these addresses for the servers that connect.
    Joined {
        /// For the source.
        source: Option<SocketAddr>,
        /// For the destination.
        destination: Option<SocketAddr>,
    },
    /// The host in the middle cannot join the two, or a data connection has broken there.
    Broken,
    /// The deadline of [`BatchOutput::Wait`] has passed.
    Timeout,
    /// The caller gives up.
    Cancel,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BatchOutput {
    /// Send this command to that side.
    Command(Side, Command),
    /// Have the host in the middle join the data connections of both servers. [`BatchInput::Joined`] or
    /// [`BatchInput::Broken`] follows.
    Join {
        /// What it does for the source.
        source: Junction,
        /// What it does for the destination.
        destination: Junction,
    },
    /// A file has ended, named by its index.
    Ended(usize, BatchEnd),
    /// Close the session of that side: its replies cannot be told apart any more, or are not awaited.
    Close(Side),
    /// The batch is over. Every file has ended, and each session is closed or idle in MODE S.
    Done,
    /// Nothing, until the next input or this deadline.
    Wait(Option<Moment>),
}

/// How far the batch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The data connection is not proven: one file at most is under way.
    Opening,
    /// Files follow each other.
    Open,
    /// Nothing more is asked for: what is under way ends, and what waits is left.
    Broken,
    /// MODE S was sent.
    Closing,
    /// The end was told.
    Over,
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
    source: Party,
    destination: Party,
    files: Vec<(BatchFile, Progress)>,
    /// How many of them have not ended.
    open: usize,
    lines: [Line; 2],
    /// How far the data connection has come about.
    meeting: Meeting,
    /// The first file that no transfer command was sent for.
    next: usize,
    /// The first file that the destination was not asked about.
    next_asked: usize,
    /// The files that are verified, and are still to be named.
    verified: VecDeque<usize>,
    names: Names,
    /// The files that were renamed before the first name was seen. Their ends are told then.
    unseen: Vec<(usize, BatchEnd)>,
    /// Bytes of the files that move.
    moving: u64,
    phase: Phase,
    timers: Timers<Timer>,
    out: VecDeque<BatchOutput>,
    is_done: bool,
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
        let mut batch = Self {
            terms,
            source,
            destination,
            open: files.len(),
            files: files.into_iter().map(|file| (file, Progress::Waiting)).collect(),
            lines: <[Line; 2]>::default(),
            meeting: Meeting::default(),
            next: 0,
            next_asked: 0,
            verified: VecDeque::new(),
            names: Names::Unseen,
            unseen: Vec::new(),
            moving: 0,
            phase: Phase::Opening,
            timers: Timers::new(),
            out: VecDeque::new(),
            is_done: false,
        };
        for side in Side::BOTH {
            let commands = opening::first(&batch.terms, side, batch.party(side), batch.party(side.other()));
            for (task, command) in commands {
                batch.ask(side, task, command);
            }
        }
        let next = batch.meeting.begin(&batch.terms.opening);
        batch.meet(next);
        batch.proceed(now);
        batch
    }

    /// Takes something that has happened. After [`BatchOutput::Done`] it is ignored.
    pub fn input(&mut self, now: Moment, input: BatchInput) {
        if self.phase == Phase::Over {
            return;
        }
        match input {
            // Only the first preliminary reply to a command counts.
            BatchInput::Reply { side, class, .. } if !class.is_final() && !self.line(side).begins() => return,
            BatchInput::Reply { side, reply, class } => self.reply(side, &reply, class),
            BatchInput::Ended(_) | BatchInput::Cancel => self.give_up(),
            BatchInput::Joined { source, destination } => {
                let parties = [&self.source, &self.destination];
                let next = self.meeting.joined(&self.terms.opening, parties, [source, destination]);
                self.meet(next);
            }
            // A server may wait for a connection that never comes.
            BatchInput::Broken if self.phase == Phase::Opening => self.give_up(),
            // Both servers lose their connections, and say what became of each file.
            BatchInput::Broken => self.break_line(),
            BatchInput::Timeout => {
                if let Some(Timer::Silence) = self.timers.fire(now) {
                    self.give_up();
                }
                return;
            }
        }
        self.proceed(now);
    }

    /// The next thing to do. Call it until it returns [`BatchOutput::Wait`] or [`BatchOutput::Done`].
    pub fn poll(&mut self) -> BatchOutput {
        match self.out.pop_front() {
            Some(output) => output,
            None if self.is_done => BatchOutput::Done,
            None => BatchOutput::Wait(self.timers.next()),
        }
    }

    const fn party(&self, side: Side) -> &Party {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    const fn line(&mut self, side: Side) -> &mut Line {
        let [source, destination] = &mut self.lines;
        match side {
            Side::Source => source,
            Side::Destination => destination,
        }
    }

    fn ask(&mut self, side: Side, task: Task, command: impl Into<Weighed>) {
        let command = command.into();
        self.line(side).ask(task, &command);
        self.out.push_back(BatchOutput::Command(side, command.command));
    }

    /// Tells how a file has ended.
    fn end(&mut self, index: usize, end: BatchEnd) {
        let Some((file, progress)) = self.files.get_mut(index) else { return };
        match std::mem::replace(progress, Progress::Over) {
            Progress::Over => return,
            Progress::Moving(_) => self.moving -= file.size,
            Progress::Waiting | Progress::Asked | Progress::Clear | Progress::Naming(_) => {}
        }
        self.open = self.open.saturating_sub(1);
        self.out.push_back(BatchOutput::Ended(index, end));
    }

    /// Closes both sessions and leaves everything that is not published.
    fn give_up(&mut self) {
        for index in 0..self.files.len() {
            if let Some(end) = self.files.get(index).and_then(|(_, progress)| progress.left()) {
                self.end(index, end);
            }
        }
        self.lines = <[Line; 2]>::default();
        self.out.extend(Side::BOTH.map(BatchOutput::Close));
        self.over();
    }

    fn over(&mut self) {
        self.phase = Phase::Over;
        self.timers.clear();
        self.is_done = true;
    }

    /// No more files are asked for. Those that wait are left.
    fn break_line(&mut self) {
        if matches!(self.phase, Phase::Opening | Phase::Open) {
            self.phase = Phase::Broken;
        }
        for index in 0..self.files.len() {
            if let Some((_, Progress::Waiting | Progress::Clear)) = self.files.get(index) {
                self.end(index, BatchEnd::UNTOUCHED);
            }
        }
    }

    fn reply(&mut self, side: Side, reply: &Reply, class: Class) {
        let Some(task) = self.line(side).head() else { return };
        if !class.is_final() {
            if matches!(task, Task::Move(_)) && side == Side::Destination && self.phase == Phase::Opening {
                self.phase = Phase::Open; // it has proven its data connection
            }
            return;
        }
        self.line(side).answered();
        let is_done = matches!(class, Class::Done | Class::More);
        match task {
            Task::Listen if is_done => {
                let party = if side == Side::Source { &self.source } else { &self.destination };
                let next = self.meeting.listens(&self.terms.opening, (side, party), reply, class);
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
            Task::Close => {
                if !is_done {
                    self.out.push_back(BatchOutput::Close(side));
                }
            }
            Task::Look(index) => self.looked(index, reply, is_done),
            Task::Move(index) => self.moved(side, index, reply, is_done),
            Task::Again(index) => {
                let same = self.files.get(index).is_some_and(|(file, _)| is_done && file.is_same(reply));
                self.judge(index, |moved| moved.same = Some(same));
            }
            Task::Time(index) => {
                if !is_done && let Some((_, Progress::Naming(refused))) = self.files.get_mut(index) {
                    *refused = Some(reply.clone());
                }
            }
            Task::From(_) if class == Class::More => {}
            // It answers another command.
            Task::From(_) if class == Class::Done => self.give_up(),
            Task::From(index) => self.end(index, BatchEnd::TOUCHED),
            Task::To(_) if class == Class::More => self.give_up(),
            Task::To(index) => self.named(index, is_done),
            Task::Named(index) => self.shown(index, reply, is_done),
        }
    }

    /// The destination has said whether something has the name of a file.
    fn looked(&mut self, index: usize, reply: &Reply, is_there: bool) {
        let is_absent = !is_there && reply.code == Meaning::NotFound.code(self.destination.dialect);
        let may_move = matches!(self.phase, Phase::Opening | Phase::Open);
        match self.files.get_mut(index) {
            Some((_, progress)) if is_absent && may_move => *progress = Progress::Clear,
            Some(_) | None => self.end(index, BatchEnd::UNTOUCHED),
        }
    }

    /// A transfer command has its final reply.
    fn moved(&mut self, side: Side, index: usize, reply: &Reply, is_done: bool) {
        let algorithm = self.terms.algorithm;
        let digest = self.files.get(index).and_then(|(file, _)| file.digest(algorithm, reply));
        let Some(digest) = digest.filter(|_| is_done) else {
            // The other end may wait for a connection that never comes, or this is not the file that was asked for.
            if self.phase == Phase::Opening || is_done {
                return self.give_up();
            }
            self.end(index, BatchEnd::TOUCHED);
            return self.break_line();
        };
        if reply.code != Meaning::TransferredKept.code(self.party(side).dialect) {
            self.break_line(); // the connection does not stay open
        }
        self.judge(index, |moved| match side {
            Side::Source => moved.sent = Some(digest),
            Side::Destination => moved.stored = Some(digest),
        });
    }

    /// Notes something of a file that moves, and judges it as soon as everything is known.
    fn judge(&mut self, index: usize, note: impl FnOnce(&mut Moved)) {
        let Some((file, progress)) = self.files.get_mut(index) else { return };
        let Progress::Moving(moved) = progress else { return };
        note(moved);
        let Moved { sent: Some(sent), stored: Some(stored), same: Some(same) } = moved else { return };
        if sent != stored {
            // The destination has stored another file: nothing that follows can be believed.
            return self.give_up();
        }
        if !*same {
            return self.end(index, BatchEnd::TOUCHED);
        }
        self.moving -= file.size;
        *progress = Progress::Naming(None);
        self.verified.push_back(index);
    }

    /// The destination has answered RNTO.
    fn named(&mut self, index: usize, is_done: bool) {
        let Some((_, Progress::Naming(refused))) = self.files.get_mut(index) else { return };
        let end =
            if is_done { BatchEnd::Published { time_refused: refused.take() } } else { BatchEnd::TOUCHED };
        match self.names {
            Names::Believed => self.end(index, end),
            Names::Unseen | Names::Asked if is_done => self.unseen.push((index, end)),
            Names::Unseen | Names::Asked => self.end(index, end),
        }
    }

    /// The destination has answered whether it shows a file under its final name. A server that does not has renamed
    /// nothing of what it says it has.
    fn shown(&mut self, index: usize, reply: &Reply, is_done: bool) {
        // A user who may not list is shown nothing.
        let may_not_ask = !is_done && blame(self.destination.dialect, Verb::Mlst, reply) != Blame::Missing;
        match self.files.get(index) {
            Some((file, Progress::Naming(_))) if may_not_ask || (is_done && file.is_shown(reply)) => {
                self.names = Names::Believed;
                for (index, end) in std::mem::take(&mut self.unseen) {
                    self.end(index, end);
                }
            }
            Some((_, Progress::Naming(_))) => self.give_up(),
            // It has not got its name: another one is looked for.
            Some(_) | None => self.names = Names::Unseen,
        }
    }

    /// Looks for the first file that was renamed, if that was not asked yet.
    fn look_at_name(&mut self) {
        let Some((index, _)) = self.unseen.first().filter(|_| self.names == Names::Unseen) else { return };
        let index = *index;
        let Some((file, _)) = self.files.get(index) else { return };
        let window = self.terms.window;
        let look = Weighed::from(Command::Mlst(Some(file.target.clone())));
        if self.line(Side::Destination).has_room(window, [&look]) {
            self.names = Names::Asked;
            self.ask(Side::Destination, Task::Named(index), look);
        }
    }

    /// Sends what may be sent, and ends what is over.
    fn proceed(&mut self, now: Moment) {
        if self.phase == Phase::Over {
            return;
        }
        self.look_at_name();
        self.name_verified();
        if self.meeting.is_arranged() && matches!(self.phase, Phase::Opening | Phase::Open) {
            self.ask_about_names();
            while self.move_next() {}
        }
        let is_idle = self.lines.iter().all(Line::is_empty);
        let are_over = self.open == 0;
        match self.phase {
            Phase::Closing if is_idle => return self.over(),
            Phase::Opening | Phase::Open | Phase::Broken if is_idle && are_over => {
                self.phase = Phase::Closing;
                for side in Side::BOTH {
                    self.ask(side, Task::Close, Command::Mode(Mode::Stream));
                }
            }
            // Nothing is under way, and what there is cannot go on: no window takes it.
            Phase::Opening | Phase::Open | Phase::Broken if is_idle && !self.meeting.awaits_middle() => {
                return self.give_up();
            }
            Phase::Opening | Phase::Open | Phase::Broken | Phase::Closing | Phase::Over => {}
        }
        self.timers.arm(Timer::Silence, now + self.terms.silence);
    }

    /// Goes on with the opening of the data connection.
    fn meet(&mut self, next: Next) {
        match next {
            Next::Wait => {}
            Next::Fail => self.give_up(),
            Next::Join { source, destination } => {
                self.out.push_back(BatchOutput::Join { source, destination });
            }
            Next::Connect(commands) => {
                for (side, command) in commands {
                    self.ask(side, Task::Connect, command);
                }
            }
        }
    }

    /// Gives verified files their times and names.
    fn name_verified(&mut self) {
        let window = self.terms.window;
        while let Some(index) = self.verified.front().copied() {
            let Some((file, _)) = self.files.get(index) else { return };
            let [_, destination] = &self.lines;
            let time = file.modified.filter(|_| file.sets_time);
            if !destination.has_places(window, if time.is_some() { 3 } else { 2 }) {
                return;
            }
            let from = Weighed::from(Command::Rnfr(file.part.clone()));
            let to = Weighed::from(Command::Rnto(file.target.clone()));
            let known = &self.destination.capabilities;
            let time = time.and_then(|time| known.time_command(&file.part, time)).map(Weighed::from);
            // The first name is looked for at once.
            let look = (self.names == Names::Unseen)
                .then(|| Weighed::from(Command::Mlst(Some(file.target.clone()))));
            if !destination.has_room(window, time.iter().chain([&from, &to]).chain(&look)) {
                return;
            }
            self.verified.pop_front();
            if let Some(time) = time {
                self.ask(Side::Destination, Task::Time(index), time);
            }
            self.ask(Side::Destination, Task::From(index), from);
            self.ask(Side::Destination, Task::To(index), to);
            if let Some(look) = look {
                self.names = Names::Asked;
                self.ask(Side::Destination, Task::Named(index), look);
            }
        }
    }

    /// Asks the destination whether something has the names of the next files.
    fn ask_about_names(&mut self) {
        while self.next_asked < self.next + AHEAD
            && let Some((file, progress)) = self.files.get_mut(self.next_asked)
        {
            let [_, destination] = &self.lines;
            if !self.verified.is_empty() || (file.asks && !destination.has_places(self.terms.window, 1)) {
                return;
            }
            let question = file.asks.then(|| Weighed::from(Command::Mlst(Some(file.target.clone()))));
            if question.is_some() && !destination.has_room(self.terms.window, &question) {
                return;
            }
            let index = self.next_asked;
            self.next_asked += 1;
            *progress = if question.is_some() { Progress::Asked } else { Progress::Clear };
            if let Some(question) = question {
                self.ask(Side::Destination, Task::Look(index), question);
            }
        }
    }

    /// Sends the transfer commands of the next file, if it may move now. Returns whether there may be another one.
    fn move_next(&mut self) -> bool {
        let is_first = self.phase == Phase::Opening;
        let Some((file, progress)) = self.files.get(self.next) else { return false };
        match progress {
            Progress::Clear => {}
            Progress::Over => {
                self.next += 1;
                return true;
            }
            Progress::Waiting | Progress::Asked | Progress::Moving(_) | Progress::Naming(_) => return false,
        }
        let window = self.terms.window;
        let fits = self.moving == 0 || self.moving + file.size <= window.file_bytes;
        if !fits || !self.verified.is_empty() || (is_first && self.is_moving()) {
            return false;
        }
        let size = file.size;
        let [source, destination] = &self.lines;
        if !source.has_places(window, 2) || !destination.has_places(window, 1) {
            return false;
        }
        let send = Weighed::from(Command::Retr(file.source.clone()));
        let again = Weighed::from(Command::Mlst(Some(file.source.clone())));
        let store = Weighed::from(Command::Stor(file.part.clone()));
        if !source.has_room(window, [&send, &again]) || !destination.has_room(window, [&store]) {
            return false;
        }
        let index = self.next;
        self.next += 1;
        self.moving += size;
        if let Some((_, progress)) = self.files.get_mut(index) {
            *progress = Progress::Moving(Moved::default());
        }
        self.ask(Side::Source, Task::Move(index), send);
        self.ask(Side::Source, Task::Again(index), again);
        self.ask(Side::Destination, Task::Move(index), store);
        true
    }

    /// Whether a file moves.
    fn is_moving(&self) -> bool {
        self.files.iter().any(|(_, progress)| matches!(progress, Progress::Moving(_)))
    }
}

/// How many names the destination is asked about ahead of the transfer commands.
const AHEAD: usize = 32;
