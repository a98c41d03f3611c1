//! The machine of a race, how it is run, and its waits.

use super::scouts::Scouts;
use crate::timer::{Moment, Timers};
use crate::transfer::{PerSide, Side};
use std::collections::VecDeque;
use std::time::Duration;

/// What a candidate is started for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CandidatePurpose {
    /// To transfer the file.
    Transfer,
    /// To obtain and prove a data connection, without moving anything (PROB).
    Probe,
}

/// How far a candidate is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It has not started, or it was given up too early and may start again.
    Waiting,
    /// It runs, and this is known of it.
    Running(Run),
    /// It was told to abort. Whether it may start again.
    Leaving { again: bool },
    /// It has ended, or it is known to fail.
    Over,
}

impl State {
    const fn is_running(self) -> bool {
        matches!(self, Self::Running(_))
    }

    /// Whether it has sessions with both servers.
    const fn is_busy(self) -> bool {
        matches!(self, Self::Running(_) | Self::Leaving { .. })
    }

    /// Whether it is to transfer, both ends have said at least that they have begun, and nothing shows that they have not.
    fn is_believed(self) -> bool {
        matches!(self, Self::Running(run) if run.is_claimed() && !run.idle)
    }
}

/// What is known of a candidate that runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Run {
    purpose: CandidatePurpose,
    /// What each end has said.
    words: PerSide<Word>,
    /// The destination was asked, and had received nothing.
    idle: bool,
}

/// What is known of the data connection of an end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Word {
    Nothing,
    /// The end has said that the transfer has begun.
    Claimed,
    /// The data connection stands.
    Stands,
}

impl Run {
    const fn new(purpose: CandidatePurpose) -> Self {
        let words = PerSide { source: Word::Nothing, destination: Word::Nothing };
        Self { purpose, words, idle: false }
    }

    fn hear(&mut self, side: Side, word: Word) {
        let known = self.words.of_mut(side);
        *known = word.max(*known);
    }

    fn is_claimed(self) -> bool {
        self.purpose == CandidatePurpose::Transfer
            && self.words.source.min(self.words.destination) >= Word::Claimed
    }

    /// The two ends have one data connection. If it stands for one of them, it stands.
    fn is_certain(self) -> bool {
        self.is_claimed() && self.words.source.max(self.words.destination) == Word::Stands
    }
}

/// How a candidate ended. Both its sessions are in step or closed, and nothing of it is left at a server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CandidateEnd {
    /// The file has moved.
    Moved,
    /// Its probe has succeeded.
    Proven,
    /// It has failed; another candidate may work.
    Failed,
    /// It has failed, and nothing can help now: the file is refused, or the servers are not available.
    Decided,
    /// It had no sessions: a server limits them.
    NoSession,
}

/// Something that has happened. An input that comes too late is ignored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// Both ends of a candidate have their transfer commands.
    Connecting(usize),
    /// It is certain that the data connection of this end stands: the end says so and can be believed, or bytes
    /// have moved.
    Moving(usize, Side),
    /// An end has said that the transfer has begun. Some servers say so before their data connection stands.
    Claims(usize, Side),
    /// The destination of a candidate was asked, and has received nothing yet.
    Idle(usize),
    /// A candidate has ended.
    Ended(usize, CandidateEnd),
    /// The failure of another candidate has shown that this one cannot work. If it has not started, it never does.
    Closed(usize),
    /// The deadline of the last [`Output::Wait`] has come.
    Timeout,
}

/// Something for the caller to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// Start this candidate. Report [`Input::Moving`] or [`Input::Claims`] for each end, and [`Input::Ended`] once.
    Start(usize, CandidatePurpose),
    /// Abort this candidate, and remove what it has stored. Then report [`Input::Ended`].
    Abort(usize),
    /// The race is over: no candidate runs any more.
    Done(Conclusion),
    /// Nothing to do until the next input or this moment.
    Wait(Option<Moment>),
}

/// How a race ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Conclusion {
    /// This candidate has moved the file.
    Won(usize),
    /// The failure of this candidate decides: no other one can help now.
    Decided(usize),
    /// Every candidate has failed.
    Exhausted,
}

/// The race of the candidates of one file. Candidates are numbers from 0, the best one first.
///
/// The caller passes what happens to [`input`](Self::input), then calls [`poll`](Self::poll) until that returns
/// [`Output::Wait`].
#[derive(Debug)]
pub struct Race {
    settings: Settings,
    entrants: Vec<Entrant>,
    candidates: Vec<State>,
    /// The candidate that moves the file.
    winner: Option<usize>,
    /// The candidate that has moved the file.
    moved: Option<usize>,
    /// The candidate whose failure decides. No other one starts.
    decided: Option<usize>,
    /// The candidate whose two ends say that they have begun, while that is not certain.
    claimant: Option<usize>,
    /// Whether the next candidate may start beside those that run.
    due: bool,
    /// Whether a server limits its sessions, so candidates take turns and are given up early.
    hurried: bool,
    /// Candidates that were given up early once. They come last, and have all the time.
    spared: Vec<usize>,
    timers: Timers<Timer>,
    out: VecDeque<Output>,
    over: bool,
}

impl Race {
    /// Starts the race of these candidates, the best one first.
    pub fn new(entrants: Vec<Entrant>, settings: Settings, now: Moment) -> Self {
        let mut race = Self {
            settings,
            candidates: vec![State::Waiting; entrants.len()],
            entrants,
            winner: None,
            moved: None,
            decided: None,
            claimant: None,
            due: true,
            hurried: false,
            spared: Vec::new(),
            timers: Timers::new(),
            out: VecDeque::new(),
            over: false,
        };
        race.proceed(now);
        race
    }

    /// Takes something that has happened.
    pub fn input(&mut self, now: Moment, input: Input) {
        if self.over {
            return;
        }
        match input {
            Input::Connecting(candidate) => self.connecting(now, candidate),
            Input::Moving(candidate, side) => self.hears(now, candidate, side, Word::Stands),
            Input::Claims(candidate, side) => self.hears(now, candidate, side, Word::Claimed),
            Input::Idle(candidate) => {
                if let State::Running(run) = self.state(candidate) {
                    self.set(candidate, State::Running(Run { idle: true, ..run }));
                }
            }
            Input::Ended(candidate, ended) => self.ended(candidate, ended),
            Input::Closed(candidate) => {
                if self.state(candidate) == State::Waiting {
                    self.set(candidate, State::Over);
                }
            }
            Input::Timeout => {
                while let Some(timer) = self.timers.fire(now) {
                    match timer {
                        Timer::Setup | Timer::HeadStart => self.due = true,
                        Timer::Patience => self.lose_patience(),
                        Timer::Claim => self.judge_claim(now),
                    }
                }
            }
        }
        self.proceed(now);
    }

    /// The next thing to do. Call it until it returns [`Output::Wait`].
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| Output::Wait(self.timers.next()))
    }

    /// The candidate that moves the file, as far as is known.
    pub const fn winner(&self) -> Option<usize> {
        self.winner
    }

    /// The scouts beside the transfer of the winner. `is_open` tells which candidates may still work.
    pub fn scouts(&self, is_open: impl Fn(usize) -> bool, now: Moment) -> Scouts {
        Scouts::new(&self.entrants, self.winner, is_open, now + self.settings.scout)
    }

    fn state(&self, candidate: usize) -> State {
        self.candidates.get(candidate).copied().unwrap_or(State::Over)
    }

    fn set(&mut self, candidate: usize, state: State) {
        if let Some(slot) = self.candidates.get_mut(candidate) {
            *slot = state;
        }
    }

    fn count(&self, is: impl Fn(State) -> bool) -> usize {
        self.candidates.iter().filter(|state| is(**state)).count()
    }

    /// The head start of the next candidate begins when the last one has its transfer commands.
    fn connecting(&mut self, now: Moment, candidate: usize) {
        if self.state(candidate).is_running()
            && self.timers.is_armed(Timer::Setup)
            && let Some(next) = self.next().and_then(|next| self.entrants.get(next))
        {
            self.timers.disarm(Timer::Setup);
            self.timers.arm(Timer::HeadStart, now + next.head_start);
        }
    }

    fn hears(&mut self, now: Moment, candidate: usize, side: Side, word: Word) {
        let State::Running(mut run) = self.state(candidate) else { return };
        let was_claimed = run.is_claimed();
        run.hear(side, word);
        self.set(candidate, State::Running(run));
        if run.is_certain() {
            self.wins(candidate);
        } else if run.is_claimed() && !was_claimed && self.winner.is_none() {
            self.claims(now, candidate);
        }
    }

    /// Both ends of a candidate say that they have begun, which may be wrong. If another one may work, nobody is
    /// aborted and nobody starts for a time, in which it may become certain.
    fn claims(&mut self, now: Moment, candidate: usize) {
        let others = (0..self.candidates.len()).filter(|other| *other != candidate);
        let is_last = others.map(|other| self.state(other)).all(|state| state == State::Over);
        if is_last || self.settings.manner == Manner::Turns {
            self.wins(candidate);
        } else if self.claimant.is_none() {
            self.claimant = Some(candidate);
            self.timers.arm(Timer::Claim, now + self.settings.claim);
        }
    }

    /// It has not become certain whether the claimant moves the file. It is believed, unless its destination has
    /// received nothing. Then the race goes on beside it.
    fn judge_claim(&mut self, now: Moment) {
        let Some(claimant) = self.claimant.take() else { return };
        let State::Running(run) = self.state(claimant) else { return };
        if !run.idle {
            return self.wins(claimant);
        }
        self.due = true;
        if let Some(next) = (0..self.candidates.len()).find(|next| self.state(*next).is_believed()) {
            self.claims(now, next);
        }
    }

    /// The claim of this candidate is over, if it has one.
    fn forget_claim(&mut self, candidate: usize) {
        if self.claimant == Some(candidate) {
            self.claimant = None;
            self.timers.disarm(Timer::Claim);
        }
    }

    /// The first candidate that moves wins, and the others are aborted. If the winner fails, they may start again.
    fn wins(&mut self, candidate: usize) {
        if self.winner.is_some() {
            return;
        }
        self.winner = Some(candidate);
        self.claimant = None;
        self.timers.disarm(Timer::Claim);
        for other in (0..self.candidates.len()).filter(|other| *other != candidate) {
            if self.state(other).is_running() {
                self.abort(other);
            }
        }
    }

    /// Aborts a candidate that has not failed. It may start again once.
    fn abort(&mut self, candidate: usize) {
        let again = !self.spared.contains(&candidate);
        if again {
            self.spared.push(candidate);
        }
        self.forget_claim(candidate);
        self.set(candidate, State::Leaving { again });
        self.out.push_back(Output::Abort(candidate));
    }

    fn ended(&mut self, candidate: usize, ended: CandidateEnd) {
        match self.state(candidate) {
            State::Waiting | State::Over => return,
            // What it says now comes too late.
            State::Leaving { again } => {
                return self.set(candidate, if again { State::Waiting } else { State::Over });
            }
            State::Running(_) => self.set(candidate, State::Over),
        }
        self.forget_claim(candidate);
        let others = self.count(State::is_busy) > 0;
        match ended {
            CandidateEnd::Moved => {
                self.wins(candidate);
                self.moved = self.winner.filter(|winner| *winner == candidate);
            }
            CandidateEnd::Proven => {
                self.wins(candidate);
                if self.winner == Some(candidate) {
                    self.start(candidate, CandidatePurpose::Transfer);
                }
            }
            CandidateEnd::Failed => {
                self.winner = self.winner.filter(|winner| *winner != candidate);
                self.due = true;
            }
            CandidateEnd::NoSession if others => {
                self.hurried = true;
                self.set(candidate, State::Waiting);
            }
            // Whatever else runs may still move the file.
            CandidateEnd::Decided | CandidateEnd::NoSession => {
                self.winner = self.winner.filter(|winner| *winner != candidate);
                self.decided.get_or_insert(candidate);
            }
        }
    }

    /// Candidates take turns because a server limits its sessions, and this one has not begun in time. If another one
    /// waits, it gets its turn. A claim that cannot be judged is believed; one that is judged just now gets the time.
    fn lose_patience(&mut self) {
        let fresh = |candidate: &usize| !self.spared.contains(candidate);
        let all = 0..self.candidates.len();
        let waits = all.clone().filter(fresh).any(|candidate| self.state(candidate) == State::Waiting);
        let runs = all.into_iter().filter(fresh).find(|candidate| self.state(*candidate).is_running());
        match runs.filter(|running| waits && self.winner.is_none() && self.claimant != Some(*running)) {
            Some(candidate) if self.state(candidate).is_believed() => self.wins(candidate),
            Some(candidate) => self.abort(candidate),
            None => {}
        }
    }

    fn start(&mut self, candidate: usize, purpose: CandidatePurpose) {
        self.set(candidate, State::Running(Run::new(purpose)));
        self.out.push_back(Output::Start(candidate, purpose));
    }

    /// The next candidate to start: none that shares its fate with one that runs. Those that were given up early
    /// come last.
    fn next(&self) -> Option<usize> {
        let group = |candidate: usize| self.entrants.get(candidate).map(|entrant| entrant.group);
        let indices = 0..self.candidates.len();
        let taken: Vec<_> =
            indices.clone().filter(|index| self.state(*index).is_running()).map(group).collect();
        let waiting = |index: &usize| self.state(*index) == State::Waiting && !taken.contains(&group(*index));
        let fresh = |index: &usize| !self.spared.contains(index);
        indices.clone().filter(waiting).find(fresh).or_else(|| indices.into_iter().find(waiting))
    }

    /// Whether candidates follow each other, so that nothing runs beside the one that runs.
    fn takes_turns(&self) -> bool {
        self.hurried || self.settings.manner == Manner::Turns
    }

    /// Whether the next candidate may start now.
    fn has_room(&self) -> bool {
        let busy = self.count(State::is_busy);
        if self.takes_turns() {
            return busy == 0;
        }
        // An abort does not keep the next candidate waiting, but its sessions count.
        self.claimant.is_none()
            && busy < self.settings.together
            && (self.due || self.count(State::is_running) == 0)
    }

    /// Starts what is due, or ends the race.
    fn proceed(&mut self, now: Moment) {
        let open = self.winner.is_none() && self.decided.is_none();
        if !open {
            self.claimant = None;
            self.timers.clear();
        } else if let Some(candidate) = self.next().filter(|_| self.has_room()) {
            let probes = self.entrants.get(candidate).is_some_and(|entrant| entrant.probes);
            let beside = self.count(State::is_running) > 0;
            self.start(
                candidate,
                if beside && probes { CandidatePurpose::Probe } else { CandidatePurpose::Transfer },
            );
            self.due = false;
            self.timers.clear();
            self.timers.arm(Timer::Setup, now + self.settings.setup);
        }
        if self.takes_turns() || self.next().is_none() {
            self.timers.disarm(Timer::Setup);
            self.timers.disarm(Timer::HeadStart);
        }
        if open && self.hurried && self.count(State::is_running) > 0 && !self.timers.is_armed(Timer::Patience)
        {
            self.timers.arm(Timer::Patience, now + self.settings.patience);
        }
        if self.count(State::is_busy) == 0 {
            self.timers.clear();
            self.over = true;
            self.out.push_back(Output::Done(match (self.moved, self.decided) {
                (Some(candidate), _) => Conclusion::Won(candidate),
                (None, Some(candidate)) => Conclusion::Decided(candidate),
                (None, None) => Conclusion::Exhausted,
            }));
        }
    }
}

/// How the candidates follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Manner {
    /// Beside each other, each after the head start of the one before.
    Beside,
    /// One at a time. The next one starts when the one before has failed.
    Turns,
}

/// How a race is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How the candidates follow each other.
    pub manner: Manner,
    /// How long a candidate may take to prepare both ends before the next one starts beside it.
    pub setup: Duration,
    /// How long a candidate may take to begin if candidates must take turns because a server limits its sessions.
    pub patience: Duration,
    /// How long a file passes a third host before more direct candidates are probed beside it.
    pub scout: Duration,
    /// How long a claimant has to become certain. Meanwhile no candidate starts, and none is aborted.
    pub claim: Duration,
    /// The largest number of candidates that have sessions at the same time.
    pub together: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            manner: Manner::Beside,
            setup: Duration::from_secs(1),
            patience: Duration::from_secs(3),
            scout: Duration::from_millis(500),
            claim: Duration::from_secs(2),
            together: 4,
        }
    }
}

/// A candidate, as far as the race needs to know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entrant {
    /// Candidates with the same number share their fate: they never run at the same time.
    pub group: usize,
    /// How long the candidates that run have, once their ends have their transfer commands, before this one starts
    /// beside them. RFC 8305 section 8 recommends 250 ms.
    pub head_start: Duration,
    /// Whether it only probes (PROB) if it starts beside others.
    pub probes: bool,
}

/// A wait of a race. Its length is in [`Settings`] or [`Entrant`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Timer {
    /// For a candidate to prepare both ends, before the next one starts beside it.
    Setup,
    /// For a candidate to move data after its transfer commands, before the next one starts beside it.
    HeadStart,
    /// For a candidate to begin, if candidates must take turns because a server limits its sessions.
    Patience,
    /// For certainty, after both ends of a candidate have said that they have begun.
    Claim,
}

impl Timer {
    /// The name of the timer in messages for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::HeadStart => "head start",
            Self::Patience => "patience",
            Self::Claim => "claim",
        }
    }
}
