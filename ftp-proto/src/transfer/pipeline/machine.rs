//! The machine of a pipeline.

use super::burst::{FileReplies, Lane, Progress, Task};
use crate::calendar::When;
use crate::command::{Command, DigestCommand, Opts, Verb};
use crate::dialect::Dialect;
use crate::digest::{Algorithm, parse_answer};
use crate::listing::{Kind, told_facts, told_size, told_time};
use crate::reply::{Class, Meaning, Reply};
use crate::timer::{Moment, Timers};
use crate::transfer::attempt::{Input, Output};
use crate::transfer::batch::{BatchEnd, BatchFile, Timer};
use crate::transfer::judge::{self, ClassifiedReply, Verdict};
use crate::transfer::request::{DataTls, Opening, Party, PerSide, Roles, Side};
use crate::transfer::script::{self, Step};
use crate::wire::PathName;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// How the files of a pipeline are moved.
#[derive(Clone, Copy, Debug)]
pub struct PipelineTerms {
    /// Who listens, and by which command: those of an earlier file.
    pub roles: Roles,
    /// What verifies each file beside its size: both servers must have a command for it.
    pub digest: Option<Algorithm>,
    /// How long both servers together may say nothing.
    pub silence: Duration,
}

/// A file that moves in a pipeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PipelineFile {
    /// The file that moves.
    pub file: BatchFile,
    /// The name under which the destination stores it first. Nothing may have it.
    pub part: PathName,
}

/// What is still done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum GoesOn {
    /// Files are begun and named.
    All,
    /// No more files are begun.
    Names,
    /// No more files are begun or named.
    Nothing,
}

/// The machine of a pipeline of files between two servers. See the [module](super).
#[derive(Debug)]
pub struct Pipeline {
    terms: PipelineTerms,
    parties: PerSide<Party>,
    files: Vec<(PipelineFile, Progress)>,
    /// The digests of those that are verified.
    digests: Vec<Option<String>>,
    lanes: PerSide<Lane>,
    /// Where the passive end listens for the next file.
    listens: Option<SocketAddr>,
    /// The first file that no transfer command was sent for.
    next: usize,
    /// The files that are verified, and are still to be named.
    verified: VecDeque<usize>,
    /// Whether a file was named and seen under its name, so that nothing of an earlier RNFR is left.
    has_named: bool,
    /// Whether the source is asked for facts (MLST): it knows them, and has refused none.
    asks_facts: bool,
    goes_on: GoesOn,
    is_done: bool,
    timers: Timers<Timer>,
    out: VecDeque<Output>,
}

impl Pipeline {
    /// Whether files can be moved in a pipeline between these two: both read commands in order while a file moves, and a
    /// port is named by PASV or EPSV at one of them, and by PORT or EPRT at the other.
    pub fn is_possible(source: &Party, destination: &Party, roles: Roles) -> bool {
        let parties = PerSide { source, destination };
        let (passive, active) = (*parties.of(roles.passive), *parties.of(roles.passive.other()));
        let is_orderly = |party: &Party| {
            let known = &party.capabilities;
            party.dialect == Dialect::Rfc959
                && (known.takes_ahead || known.queues_commands)
                && known.size
                && !known.pret
                && !party.standing.symmetric
        };
        let is_usual = match roles.opening {
            Opening::Pasv | Opening::Epsv => true,
            Opening::Lstn | Opening::Symmetric => false,
        };
        let has_filter =
            script::connects_by_sock(roles, active, passive) || script::has_old_filter(roles, passive);
        let can_protect = !roles.tls.runs_tls() || (source.leaf.is_some() && destination.leaf.is_some());
        is_usual && !has_filter && can_protect && is_orderly(source) && is_orderly(destination)
    }

    /// Begins a pipeline.
    pub fn start(
        files: Vec<PipelineFile>,
        terms: PipelineTerms,
        (source, destination): (Party, Party),
        now: Moment,
    ) -> Self {
        let mut pipeline = Self {
            terms,
            asks_facts: source.capabilities.mlst.is_some(),
            parties: PerSide { source, destination },
            digests: vec![None; files.len()],
            files: files.into_iter().map(|file| (file, Progress::Waiting)).collect(),
            lanes: PerSide::default(),
            listens: None,
            next: 0,
            verified: VecDeque::new(),
            has_named: false,
            goes_on: GoesOn::All,
            is_done: false,
            timers: Timers::new(),
            out: VecDeque::new(),
        };
        if !pipeline.files.is_empty() {
            Side::BOTH.into_iter().for_each(|side| pipeline.set_up(side));
            pipeline.listen();
        }
        pipeline.proceed(now);
        pipeline
    }

    /// Takes something that has happened. After [`Output::AllEnded`] it is ignored.
    pub fn input(&mut self, now: Moment, input: Input) {
        if self.is_done {
            return;
        }
        match input {
            // Only the first preliminary reply to a command counts.
            Input::Reply { side, class, .. } if !class.is_final() && !self.lanes.of_mut(side).begins() => return,
            Input::Reply { side, reply, class } => self.reply(side, reply, class),
            Input::Ended(..) | Input::Cancel => self.give_up(),
            Input::Timeout => {
                if let Some(Timer::Silence) = self.timers.fire(now) {
                    self.give_up();
                }
                return;
            }
            // A file that moves has a reply of its own before long.
            Input::Moving
            | Input::Unasked { .. }
            | Input::Aborted(_)
            // The two servers have no host in the middle.
            | Input::Connected(_)
            | Input::Listening(..)
            | Input::Arrived(..)
            | Input::DataFailed(..)
            | Input::Copied { .. }
            | Input::Finished
            | Input::RelayReady { .. }
            | Input::RelayFlowing
            | Input::RelayPassed
            | Input::RelayRefused(_)
            | Input::RelayLost(_) => return,
        }
        self.proceed(now);
    }

    /// The next thing to do. Call it until it returns [`Output::Wait`] or [`Output::AllEnded`].
    pub fn poll(&mut self) -> Output {
        match self.out.pop_front() {
            Some(output) => output,
            None if self.is_done => Output::AllEnded,
            None => Output::Wait(self.timers.next()),
        }
    }

    /// The name under which the destination stores a file now, if it does.
    pub fn storing(&self) -> Option<&PathName> {
        let Some(Task::Store(index)) = self.lanes.destination.head() else { return None };
        self.files.get(index).map(|(file, _)| &file.part)
    }

    /// The digest that both servers have told of a file, in hexadecimal digits, if digests have verified it. The file is named
    /// by its index.
    pub fn digest(&self, index: usize) -> Option<&str> {
        self.digests.get(index)?.as_deref()
    }

    /// What has to be in force for all files.
    fn set_up(&mut self, side: Side) {
        let tls = self.terms.roles.tls;
        let (me, other) = (self.parties.of(side), self.parties.of(side.other()));
        let security = script::security_commands(tls, side, me, other);
        let algorithm = self.terms.digest.filter(|_| self.digest_command(side) == Some(DigestCommand::Hash));
        let selection = algorithm.map(|algorithm| Command::Opts(Opts::Hash(Some(algorithm))));
        let settings: Vec<Command> = [script::IMAGE].into_iter().chain(security).chain(selection).collect();
        settings.into_iter().for_each(|setting| self.lanes.of_mut(side).push(Task::Setting, setting));
    }

    /// The command that tells the digest of a file there, if digests verify the files.
    fn digest_command(&self, side: Side) -> Option<DigestCommand> {
        self.parties.of(side).capabilities.digest_command(self.terms.digest?)
    }

    /// Has the passive end open a port for the next file.
    fn listen(&mut self) {
        let Roles { passive, opening, tls, .. } = self.terms.roles;
        let command = match tls {
            DataTls::Cpsv => Command::Cpsv,
            DataTls::Clear | DataTls::Sscn(_) => {
                script::open(opening, passive, Some(self.parties.of(passive.other())))
            }
        };
        self.lanes.of_mut(passive).push(Task::Listen, command);
    }

    /// Tells how a file has ended.
    fn end(&mut self, index: usize, end: BatchEnd) {
        let Some((_, progress)) = self.files.get_mut(index) else { return };
        if std::mem::replace(progress, Progress::Over) != Progress::Over {
            self.out.push_back(Output::FileEnded(index, end));
        }
    }

    /// Closes both sessions and leaves everything that is not published.
    fn give_up(&mut self) {
        if self.is_done {
            return;
        }
        for index in 0..self.files.len() {
            if let Some(end) = self.files.get(index).and_then(|(_, progress)| progress.left()) {
                self.end(index, end);
            }
        }
        self.out.extend(Side::BOTH.map(Output::Close));
        self.over();
    }

    fn over(&mut self) {
        self.lanes = PerSide::default();
        self.timers.clear();
        self.is_done = true;
    }

    /// No more files are begun. Those that wait are left.
    fn break_line(&mut self) {
        if self.goes_on == GoesOn::All {
            self.goes_on = GoesOn::Names;
        }
        for index in 0..self.files.len() {
            if let Some((_, Progress::Waiting)) = self.files.get(index) {
                self.end(index, BatchEnd::UNTOUCHED);
            }
        }
    }

    /// Nothing more gets its name.
    fn stop_naming(&mut self) {
        self.break_line();
        self.goes_on = GoesOn::Nothing;
        while let Some(index) = self.verified.pop_front() {
            self.end(index, BatchEnd::TOUCHED);
        }
    }

    fn reply(&mut self, side: Side, reply: Reply, class: Class) {
        let Some(task) = self.lanes.of_mut(side).head() else { return self.give_up() };
        if !class.is_final() {
            return;
        }
        self.lanes.of_mut(side).answered();
        let is_done = class == Class::Done;
        match task {
            Task::Setting | Task::Connect if is_done => {}
            // A transfer command may follow, which waits for a connection that never comes.
            Task::Setting | Task::Connect => self.give_up(),
            Task::Listen => self.listens(reply, class),
            Task::Send(index) | Task::Store(index) => self.moved(side, index, reply, class),
            Task::Before(index) => {
                self.told(index, &reply, is_done, |moved, told| moved.before = told_time(told))
            }
            Task::After(index) => {
                self.told(index, &reply, is_done, |moved, told| moved.after = told_time(told))
            }
            Task::Length(index) => {
                self.told(index, &reply, is_done, |moved, told| moved.sizes.source = told_size(told))
            }
            Task::Facts(index) => self.told_facts(index, &reply, is_done),
            Task::Stored(index) => {
                self.told(index, &reply, is_done, |moved, told| moved.sizes.destination = told_size(told))
            }
            Task::SentDigest(index) => self.digested(Side::Source, index, &reply, is_done),
            Task::StoredDigest(index) => self.digested(Side::Destination, index, &reply, is_done),
            Task::Time(index) => {
                if !is_done && let Some((_, Progress::Naming(refused))) = self.files.get_mut(index) {
                    *refused = Some(reply);
                }
            }
            Task::From(index) => self.renames(index, class),
            Task::To(index) => self.named(index, class),
            Task::Named(index) => self.shown(index, &reply, is_done),
        }
    }

    /// The passive end has said where it listens.
    fn listens(&mut self, reply: Reply, class: Class) {
        let Roles { passive, opening, .. } = self.terms.roles;
        let verb = if opening == Opening::Epsv { Verb::Epsv } else { Verb::Pasv };
        let verdict =
            judge::setup(Step::Listen, verb, self.parties.of(passive), ClassifiedReply { reply, class });
        let active = self.parties.of(passive.other()).address;
        if let Verdict::Listens(at, _) = verdict
            && at.is_ipv4() == active.is_ipv4()
        {
            self.listens = Some(at);
        } else {
            self.give_up();
        }
    }

    /// A transfer command has its final reply.
    fn moved(&mut self, side: Side, index: usize, reply: Reply, class: Class) {
        let party = self.parties.of(side);
        let code = reply.code;
        let kinds = [Meaning::Transferred, Meaning::TransferredKept];
        let is_expected = kinds.into_iter().any(|kind| kind.code(party.dialect) == code);
        let verb = if side == Side::Source { Verb::Retr } else { Verb::Stor };
        let is_whole = judge::transfer_blame(verb, party, &ClassifiedReply { reply, class }).is_none();
        if !is_expected && matches!(class, Class::Done | Class::More) {
            return self.give_up(); // it answers another command
        }
        if is_whole {
            return self.note(index, |moved| *moved.whole.of_mut(side) = true);
        }
        let Some((_, Progress::Moving(_))) = self.files.get(index) else { return };
        // The passive end waits for a connection, or has one and waits for its end.
        if side != self.terms.roles.passive || side == Side::Source {
            return self.give_up();
        }
        self.end(index, BatchEnd::TOUCHED);
        self.break_line();
    }

    /// A server has told the size or the time of a file.
    fn told(&mut self, index: usize, reply: &Reply, is_done: bool, note: fn(&mut FileReplies, &[u8])) {
        if is_done && reply.code != Meaning::FileFact.code(Dialect::Rfc959) {
            return self.give_up(); // it answers another command
        }
        let text = if is_done { reply.text() } else { b"" };
        self.note(index, |moved| note(moved, text));
    }

    /// The source has told the facts of a file.
    fn told_facts(&mut self, index: usize, reply: &Reply, is_done: bool) {
        let entry = if is_done { told_facts(&reply.lines) } else { None };
        if is_done && (entry.is_none() || reply.code != Meaning::FileFacts.code(Dialect::Rfc959)) {
            return self.give_up(); // it answers another command
        }
        let entry = entry.filter(|entry| entry.kind == Kind::File);
        // A server may refuse MLST alone: this file is left, and the next ones are asked for by MDTM and SIZE.
        self.asks_facts &=
            entry.as_ref().is_some_and(|entry| entry.size.is_some() && entry.modified.is_some());
        self.note(index, |moved| {
            moved.sizes.source = entry.as_ref().and_then(|entry| entry.size);
            moved.after = entry.and_then(|entry| entry.exactly_modified());
        });
    }

    /// A server has told the digest of a file.
    fn digested(&mut self, side: Side, index: usize, reply: &Reply, is_done: bool) {
        let (Some((file, _)), Some(algorithm)) = (self.files.get(index), self.terms.digest) else { return };
        let path = if side == Side::Source { &file.file.source } else { &file.part };
        let digest = if is_done { parse_answer(algorithm, &reply.lines, path) } else { None };
        if is_done && digest.is_none() {
            return self.give_up(); // it answers another command
        }
        self.note(index, |moved| *moved.digests.of_mut(side) = digest);
    }

    /// Notes something of a file that moves, and judges it as soon as everything is known.
    fn note(&mut self, index: usize, note: impl FnOnce(&mut FileReplies)) {
        let Some((file, progress)) = self.files.get_mut(index) else { return };
        let Progress::Moving(moved) = progress else { return };
        note(moved);
        moved.due -= 1;
        if moved.due > 0 {
            return;
        }
        let modified = moved.after;
        if moved.is(&file.file) && self.goes_on != GoesOn::Nothing {
            let sent = moved.digests.source.take();
            if let Some(digest) = self.digests.get_mut(index) {
                *digest = sent.map(|digest| digest.hex);
            }
            *progress = Progress::Verified(modified.or(file.file.modified));
            self.verified.push_back(index);
        } else {
            self.end(index, BatchEnd::TOUCHED);
        }
    }

    /// The destination has answered RNFR.
    fn renames(&mut self, index: usize, class: Class) {
        match (class, self.files.get(index)) {
            (Class::More, Some((file, Progress::Naming(_)))) => {
                if !self.has_named {
                    let target = file.file.target.clone();
                    let (to, look) = (Command::Rnto(target.clone()), Command::Size(target));
                    let lane = &mut self.lanes.destination;
                    lane.push(Task::To(index), to);
                    lane.push(Task::Named(index), look);
                }
            }
            (Class::Done, _) => self.give_up(), // it answers another command
            (Class::More | Class::Later | Class::Refused | Class::Preliminary | Class::Aside, _) => {
                self.end(index, BatchEnd::TOUCHED);
                self.stop_naming();
            }
        }
    }

    /// The destination has answered RNTO.
    fn named(&mut self, index: usize, class: Class) {
        let Some((_, Progress::Naming(refused))) = self.files.get_mut(index) else { return };
        match class {
            // The first one is looked for.
            Class::Done if !self.has_named => {}
            Class::Done => {
                let time_refused = refused.take();
                self.end(index, BatchEnd::Published { time_refused });
            }
            Class::More => self.give_up(), // it answers another command
            Class::Later | Class::Refused | Class::Preliminary | Class::Aside => {
                self.end(index, BatchEnd::TOUCHED);
                self.stop_naming();
            }
        }
    }

    /// The destination has told the size of the first file that it has renamed. If it shows none, it has renamed nothing.
    fn shown(&mut self, index: usize, reply: &Reply, is_done: bool) {
        let Some((file, Progress::Naming(refused))) = self.files.get_mut(index) else { return };
        let is_size = is_done && reply.code == Meaning::FileFact.code(Dialect::Rfc959);
        if !is_size || told_size(reply.text()) != Some(file.file.size) {
            return self.give_up();
        }
        self.has_named = true;
        let time_refused = refused.take();
        self.end(index, BatchEnd::Published { time_refused });
    }

    /// Sends what may be sent, and ends what is over.
    fn proceed(&mut self, now: Moment) {
        if self.is_done {
            return;
        }
        if self.lanes.iter().all(Lane::is_idle) {
            // The first name waits for nothing, and everything waits for it.
            let is_first_name = !self.has_named && !self.verified.is_empty();
            let begins = !is_first_name && self.begin_next();
            self.name_next();
            if begins && self.next < self.files.len() {
                self.listen();
            }
        }
        for side in Side::BOTH {
            let burst = self.lanes.of_mut(side).burst();
            self.out.extend(burst.into_iter().map(|command| Output::Command(side, command)));
        }
        if self.lanes.iter().all(Lane::is_idle) {
            let are_over = self.files.iter().all(|(_, progress)| *progress == Progress::Over);
            return if are_over { self.over() } else { self.give_up() };
        }
        self.timers.arm(Timer::Silence, now + self.terms.silence);
    }

    /// Has both servers move the next file, if there is one and a port for it. Returns whether one begins.
    fn begin_next(&mut self) -> bool {
        let index = self.next;
        let Some((file, Progress::Waiting)) = self.files.get(index) else { return false };
        let Some(at) = self.listens.take().filter(|_| self.goes_on == GoesOn::All) else { return false };
        let PipelineFile { file: BatchFile { source, modified, .. }, part } = file.clone();
        let active = self.terms.roles.passive.other();
        let connect =
            script::connect(self.terms.roles, self.parties.of(active), self.parties.of(active.other()), at);
        // With a time from the listing, one MLST shows whether the file has changed; MDTM and SIZE are two commands.
        let has_facts = self.asks_facts && modified.is_some();
        let has_times = has_facts || self.parties.source.capabilities.mdtm;
        let before =
            (has_times && modified.is_none()).then(|| (Task::Before(index), Command::Mdtm(source.clone())));
        let mut sent = vec![(Task::Send(index), Command::Retr(source.clone()))];
        if has_facts {
            sent.push((Task::Facts(index), Command::Mlst(Some(source.clone()))));
        } else {
            sent.extend(has_times.then(|| (Task::After(index), Command::Mdtm(source.clone()))));
            sent.push((Task::Length(index), Command::Size(source.clone())));
        }
        let mut stored = vec![
            (Task::Store(index), Command::Stor(part.clone())),
            (Task::Stored(index), Command::Size(part.clone())),
        ];
        let [of_source, of_part] = Side::BOTH.map(|side| self.digest_command(side));
        sent.extend(of_source.map(|command| (Task::SentDigest(index), command.with(&source))));
        stored.extend(of_part.map(|command| (Task::StoredDigest(index), command.with(&part))));
        let due = usize::from(before.is_some()) + sent.len() + stored.len();
        self.lanes.source.extend(before);
        self.lanes.of_mut(active).push(Task::Connect, connect);
        self.lanes.source.extend(sent);
        self.lanes.destination.extend(stored);
        self.out.push_back(Output::Begins(index));
        let has_digests = self.terms.digest.is_some();
        let moved = FileReplies { due, has_digests, has_times, before: modified, ..FileReplies::default() };
        if let Some((_, progress)) = self.files.get_mut(index) {
            *progress = Progress::Moving(moved);
        }
        self.next += 1;
        true
    }

    /// Gives the next verified file its time and its name.
    fn name_next(&mut self) {
        let Some(index) = self.verified.pop_front() else { return };
        let Some((file, Progress::Verified(modified))) = self.files.get(index) else { return };
        let modified = *modified;
        let PipelineFile { file: BatchFile { target, sets_time, .. }, part } = file.clone();
        let time = modified.filter(|_| sets_time);
        let time =
            time.and_then(|time: When| self.parties.destination.capabilities.time_command(&part, time));
        let has_named = self.has_named;
        let lane = &mut self.lanes.destination;
        if let Some(time) = time {
            lane.push(Task::Time(index), time);
        }
        lane.push(Task::From(index), Command::Rnfr(part));
        if has_named {
            lane.push(Task::To(index), Command::Rnto(target));
        }
        if let Some((_, progress)) = self.files.get_mut(index) {
            *progress = Progress::Naming(None);
        }
    }
}
