//! The commands about files, one place each: what the driver is asked, and what is said about the
//! answer.

mod change;
mod facts;
pub(super) mod pack;

pub(super) use change::{cdup, cwd, dele, mff, mfmt, mkd, pwd, rmd, rnfr, rnto, site};
pub(super) use facts::{avbl, hash, mdtm, mlst, pret, size, stat, x_digest};

use super::ask::{Answer, Ask, Event, FileAnswer, FileAsk, FileFailure, Ticket, Uploading};
use super::config::Timer;
use super::context::{Context, Question};
use super::transfer::{reply_aborted, reply_next_abort};
use crate::command::{FileToSend, Verb};
use crate::reply::{LeftOut, Meaning};
use crate::timer::Moment;
use crate::wire::PathName;
use std::sync::Arc;

/// A question about files.
#[derive(Debug)]
pub(crate) struct Request {
    /// The command that asks.
    verb: Verb,
    reply: Reply,
    /// What it changes, for the log.
    change: Option<Change>,
    /// Whether it changes files.
    changes_files: bool,
    /// What is done, if the answer may take long.
    long: Option<Long>,
    /// The reply has begun, so that the client sees that the work goes on.
    begun: bool,
    /// ABOR has stopped the work, and waits for what has become of it.
    stopped: bool,
}

/// Work that may take long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Long {
    /// A digest; the lines of its reply have this meaning while it is computed, and so has the last one.
    Digest(Meaning),
    /// A copy of a file. Whether there is one is only known at its end, so a preliminary reply shows that the work goes on.
    Copy,
    /// What the account has stored is brought to stable storage.
    Sync,
}

impl Long {
    /// The meaning and the text of the lines that show that the work goes on.
    const fn goes_on(self) -> (Meaning, &'static str) {
        match self {
            Self::Digest(meaning) => (meaning, "Computing"),
            Self::Copy => (Meaning::GoesOn, "Copying"),
            Self::Sync => (Meaning::GoesOn, "Syncing"),
        }
    }

    /// The last line of a preliminary reply; `None` where the lines belong to the final one.
    const fn has_ended(self) -> Option<&'static str> {
        match self {
            Self::Digest(_) => None,
            Self::Copy => Some("The copy has ended"),
            Self::Sync => Some("The sync has ended"),
        }
    }
}

/// What a command changes, for the log.
#[derive(Debug)]
enum Change {
    /// A name or a fact: the path, and the new name or the target of a link.
    Name(PathName, Option<PathName>),
    /// Files of a directory are removed if they are what is said of them.
    Removals(PathName, Arc<[FileToSend]>),
    /// There is a copy of a file.
    Copy { from: PathName, to: PathName, since: Moment },
}

impl Change {
    fn of(ask: &FileAsk, now: Moment) -> Option<Self> {
        if let FileAsk::Copy { from, to } = ask {
            return Some(Self::Copy { from: from.clone(), to: to.clone(), since: now });
        }
        if let FileAsk::RemoveSame(directory, files) = ask {
            return Some(Self::Removals(directory.clone(), Arc::clone(files)));
        }
        ask.changes().map(|(path, to)| Self::Name(path.clone(), to.cloned()))
    }

    /// Tells the log what has become of it.
    fn tell(self, cx: &mut Context, verb: Verb, found: Result<&FileAnswer, FileFailure>) {
        match self {
            Self::Name(path, to) => cx.out.event(Event::Changed { verb, path, to, failure: found.err() }),
            Self::Removals(directory, files) => {
                for (file, number) in files.iter().zip(1..) {
                    if let Some(failure) = removal(number, found) {
                        let path = file.name.in_directory(&directory);
                        cx.out.event(Event::Changed { verb: Verb::Dele, path, to: None, failure });
                    }
                }
            }
            Self::Copy { from, to, since } => {
                let outcome = match found {
                    Ok(FileAnswer::Copied(bytes)) => Ok(*bytes),
                    Ok(_) => Err(FileFailure::Other),
                    Err(failure) => Err(failure),
                };
                cx.out.event(Event::Copied { from, to, outcome, took: cx.now.since(since) });
            }
        }
    }
}

/// Whether the file of this number was removed, or why not; `None` if nothing was tried, because it is not what was said.
fn removal(number: u16, found: Result<&FileAnswer, FileFailure>) -> Option<Option<FileFailure>> {
    let left = match found {
        Ok(FileAnswer::Compared { left, .. }) => left,
        Ok(_) => return Some(Some(FileFailure::Other)),
        Err(failure) => return Some(Some(failure)),
    };
    match left.iter().find(|(other, _)| *other == number) {
        None => Some(None),
        Some((_, LeftOut::Refused)) => Some(Some(FileFailure::Denied)),
        Some((_, LeftOut::Failed)) => Some(Some(FileFailure::Other)),
        Some((_, LeftOut::Gone | LeftOut::Changed | LeftOut::Taken | LeftOut::Unsent)) => None,
    }
}

/// What is said when the driver has answered.
#[derive(Debug)]
enum Reply {
    /// The function says it; the name is what its reply is about. It returns the next question if the
    /// command has another one.
    By(fn(&mut Context, PathName, FileAnswer) -> Waits, PathName),
    /// This text says that it is done.
    Text(Meaning, Vec<u8>),
    /// Nothing yet: the question waits for room for the hooks after what it uploads, and the function asks it then.
    Room(AskNow, FileAsk),
}

/// Asks a question that needs no wait for room, or has room.
type AskNow = fn(&mut Context, FileAsk) -> Waits;

/// The question that a command waits for; `None` if its reply has been sent.
pub(crate) type Waits = Option<Question<Request>>;

/// Asks the driver; `reply` says what the driver has found. Checks the account's rights first; without them
/// it sends the refusal and returns `None`.
fn ask(
    cx: &mut Context,
    verb: Verb,
    name: PathName,
    ask: FileAsk,
    reply: fn(&mut Context, PathName, FileAnswer) -> Waits,
) -> Waits {
    question(cx, verb, ask, Reply::By(reply, name))
}

/// Asks the driver to do something; when it is done, `text` is said.
fn perform(cx: &mut Context, verb: Verb, ask: FileAsk, meaning: Meaning, text: impl Into<Vec<u8>>) -> Waits {
    question(cx, verb, ask, Reply::Text(meaning, text.into()))
}

fn question(cx: &mut Context, verb: Verb, ask: FileAsk, reply: Reply) -> Waits {
    let change = Change::of(&ask, cx.now);
    let changes_files = ask.changes_files();
    let needs = ask.needs();
    if let Some(failure) = cx.lacks(needs.iter().map(|(path, right)| (path.as_ref(), *right))) {
        cx.refuse_file(verb, failure);
        tell(cx, verb, change, Err(failure));
        return None;
    }
    let request = Request { change, changes_files, ..Request::new(verb, reply) };
    Some(cx.question(request, |ticket| Ask::File { ticket, ask }))
}

/// Asks a question that uploads something when there is room for the hooks that run after it.
fn with_room(cx: &mut Context, verb: Verb, of: Uploading, ask: FileAsk, now: AskNow) -> Waits {
    if !cx.config.has_hooks {
        return now(cx, ask);
    }
    let ticket = cx.out.ticket();
    cx.ask_room(ticket, of);
    let reply = Reply::Room(now, ask);
    Some(Question { ticket, purpose: Request::new(verb, reply) })
}

/// Tells the log of a change, or of one that failed.
fn tell(cx: &mut Context, verb: Verb, change: Option<Change>, found: Result<&FileAnswer, FileFailure>) {
    if let Some(change) = change {
        change.tell(cx, verb, found);
    }
}

/// The question takes long: while it waits, lines of a reply show that the work goes on (draft-ietf-ftpext2-hash 3).
fn long(cx: &mut Context, work: Long, waits: Waits) -> Waits {
    let mut question = waits?;
    question.purpose.long = Some(work);
    cx.arm(Timer::KeepAlive, cx.config.timeouts.keep_alive);
    Some(question)
}

/// The driver has found something else than it was asked for.
fn unexpected(cx: &mut Context) -> Waits {
    cx.reply_only(Meaning::LocalError, "Local error")
}

impl Request {
    /// The question of a command, which changes nothing and takes no time.
    const fn new(verb: Verb, reply: Reply) -> Self {
        Self { verb, reply, change: None, changes_files: false, long: None, begun: false, stopped: false }
    }

    /// Whether the answer may take so long that ABOR must not wait for it.
    pub(crate) const fn is_long(&self) -> bool {
        self.long.is_some() || self.waits_for_room()
    }

    /// Whether it waits for room for the hooks after what it uploads.
    pub(crate) const fn waits_for_room(&self) -> bool {
        matches!(self.reply, Reply::Room(..))
    }

    /// The reply to STAT while it waits for room.
    pub(crate) fn say_waits(&self, cx: &mut Context) {
        let line = format!("{} waits for earlier hooks (hooks-waiting)", self.verb.name());
        cx.out.status(Meaning::SystemStatus, "Status", &[line]);
    }

    /// Whether it changes files.
    pub(crate) const fn changes_files(&self) -> bool {
        self.changes_files
    }

    /// The session is closed before the driver has answered.
    pub(crate) fn unanswered(&mut self, cx: &mut Context) {
        tell(cx, self.verb, self.change.take(), Err(FileFailure::Other));
    }

    /// No reply line was sent for a while.
    pub(crate) fn keep_alive(&mut self, cx: &mut Context) {
        let Some((meaning, text)) = self.long.map(Long::goes_on) else { return };
        self.begun = true;
        cx.out.begin_reply(meaning, text);
        cx.arm(Timer::KeepAlive, cx.config.timeouts.keep_alive);
    }

    /// ABOR has come, or the session ends. Returns whether the work is stopped only, because the log is owed what has
    /// become of it: then its answer comes soon.
    pub(crate) fn stop(&mut self, cx: &mut Context, ticket: Ticket) -> bool {
        let stops = self.long == Some(Long::Copy);
        if stops && !self.stopped {
            self.stopped = true;
            cx.out.ask(Ask::Stop(ticket));
        } else if stops {
            // Inside a preliminary reply of several lines it would be taken for one of them.
            if std::mem::take(&mut self.begun)
                && let Some((meaning, text)) = self.long.map(Long::goes_on)
            {
                cx.out.reply(meaning, text);
            }
            reply_next_abort(cx);
        }
        stops
    }

    /// ABOR has ended the work. A reply that has begun must end with its own code.
    pub(crate) fn aborted(&self, cx: &mut Context) {
        cx.timers.disarm(Timer::KeepAlive);
        cx.timers.disarm(Timer::Room);
        match self.long {
            Some(Long::Digest(meaning)) if self.begun => {
                cx.out.reply(meaning, "No digest: aborted");
                cx.out.reply(Meaning::Aborted, "ABOR done");
            }
            Some(_) | None => {
                self.end_preliminary(cx);
                reply_aborted(cx);
            }
        }
    }

    /// Ends the preliminary reply, if one has begun.
    fn end_preliminary(&self, cx: &mut Context) {
        if self.begun
            && let Some(text) = self.long.and_then(Long::has_ended)
        {
            cx.out.reply(Meaning::GoesOn, text);
        }
    }

    /// The hooks before those of this command take too long: nothing is named.
    pub(crate) fn no_room(self, cx: &mut Context) {
        cx.timed_out(Timer::Room);
        let failure = FileFailure::HooksWait;
        if let Reply::Room(_, ask) = self.reply {
            tell(cx, self.verb, Change::of(&ask, cx.now), Err(failure));
            if let FileAsk::Keep(group, ..) = ask {
                cx.groups.refuse(group, failure, &mut cx.out);
            }
        }
        cx.refuse_file(self.verb, failure);
    }

    /// The file system has answered.
    pub(crate) fn answered(mut self, cx: &mut Context, answer: Answer) -> Waits {
        cx.timers.disarm(Timer::KeepAlive);
        if let Reply::Room(now, ask) = self.reply {
            cx.timers.disarm(Timer::Room);
            let Answer::Room = answer else {
                cx.unexpected(answer);
                return None;
            };
            return now(cx, ask);
        }
        let Answer::File(found) = answer else {
            cx.unexpected(answer);
            return None;
        };
        tell(cx, self.verb, self.change.take(), found.as_ref().map_err(|failure| *failure));
        self.end_preliminary(cx);
        match found {
            Ok(found) => {
                let waits = match (self.reply, found) {
                    (Reply::By(reply, name), found) => reply(cx, name, found),
                    (Reply::Text(meaning, text), FileAnswer::Done) => cx.reply_only(meaning, text),
                    (Reply::Text(..) | Reply::Room(..), _) => unexpected(cx),
                };
                if self.stopped {
                    cx.out.reply(Meaning::Aborted, "ABOR done"); // it came too late
                }
                waits
            }
            Err(_) if self.stopped => {
                reply_aborted(cx);
                None
            }
            Err(failure) => match self.long {
                Some(Long::Digest(meaning)) if self.begun => {
                    cx.reply_only(meaning, format!("No digest: {failure}"))
                }
                Some(_) | None => {
                    cx.groups.not_named(failure, &mut cx.out);
                    cx.refuse_file(self.verb, failure);
                    None
                }
            },
        }
    }
}
