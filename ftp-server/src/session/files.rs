//! Questions of the machine about files. What takes long is done in parts, so that a long file keeps no other session waiting.

use std::sync::Arc;

use ftp_io::blocking;
use ftp_io::copy::Meter;
use ftp_io::hash::{self, Digester};
use ftp_proto::command::{FileNumbers, GroupNumber};
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::server::ask::{Answer, FileAnswer, FileAsk, FileFailure, Ticket};
use ftp_proto::wire::{ByteRange, PathName};

use super::context::{Context, WorkResult};
use crate::limits::{Owner, Syncs, Turns};
use crate::vfs::{Copying, FileSystem, Progress, Subject, View, io_failure};

/// The result of a question about files.
type Answered = Result<FileAnswer, FileFailure>;

/// Answers a question about files.
pub(super) fn answer(cx: &mut Context, ticket: Ticket, ask: FileAsk) {
    match ask {
        FileAsk::Hash { path, algorithm, range } => digest(cx, ticket, path, (algorithm, range)),
        FileAsk::Copy { from, to } => copy(cx, ticket, from, to),
        FileAsk::Sync => sync(cx, ticket),
        FileAsk::Keep(group, path, numbers) => keep_group(cx, ticket, group, path, numbers),
        FileAsk::Drop(group) => {
            let held = cx.held.groups.remove(&group);
            start(cx, ticket, false, move |_| {
                drop(held);
                Ok(FileAnswer::Done)
            });
        }
        ask @ (FileAsk::Facts(_)
        | FileAsk::List(..)
        | FileAsk::Enter(_)
        | FileAsk::MakeDirectory(_)
        | FileAsk::RemoveDirectory(_)
        | FileAsk::Remove(_)
        | FileAsk::RenameFrom(_)
        | FileAsk::Rename { .. }
        | FileAsk::CopyFrom(_)
        | FileAsk::Change { .. }
        | FileAsk::Link { .. }
        | FileAsk::Look(..)
        | FileAsk::Compare(..)
        | FileAsk::RemoveSame(..)
        | FileAsk::Space(_)) => look(cx, ticket, ask),
    }
}

/// Starts work whose result answers `ticket`. `is_near`: its files are on a file system of this host.
fn start(
    cx: &mut Context,
    ticket: Ticket,
    is_near: bool,
    work: impl FnOnce(View) -> Answered + Send + 'static,
) {
    cx.start_with_files(ticket, is_near, work, move |found| WorkResult::Answer(ticket, Answer::File(found)));
}

/// Starts long work whose result answers `ticket`.
fn start_long(cx: &mut Context, ticket: Ticket, work: impl Future<Output = Answered> + Send + 'static) {
    cx.held.start(ticket, async move { WorkResult::Answer(ticket, Answer::File(work.await)) });
}

/// Answers a quick question, without a thread if the system has the answer in memory.
fn look(cx: &mut Context, ticket: Ticket, ask: FileAsk) {
    if let Some(found) = cx.cached(|view| view.answer_cached(&ask)) {
        return cx.answer(ticket, Answer::File(Ok(found)));
    }
    let (is_near, durability) = (cx.are_near(&quick(&ask)), cx.shared.durability);
    start(cx, ticket, is_near, move |view| view.answer_durably(&ask, durability));
}

/// The paths of a question that takes no longer than a few reads of directories. Empty for every other one.
fn quick(ask: &FileAsk) -> Vec<&PathName> {
    match ask {
        FileAsk::Facts(path)
        | FileAsk::Enter(path)
        | FileAsk::MakeDirectory(path)
        | FileAsk::RemoveDirectory(path)
        | FileAsk::Remove(path)
        | FileAsk::RenameFrom(path)
        | FileAsk::CopyFrom(path)
        | FileAsk::Look(path, _)
        | FileAsk::Compare(path, _)
        | FileAsk::RemoveSame(path, _)
        | FileAsk::Keep(_, path, _)
        | FileAsk::Change { path, .. } => vec![path],
        FileAsk::Rename { from, to, .. } => vec![from, to],
        FileAsk::List(..)
        | FileAsk::Link { .. }
        | FileAsk::Drop(_)
        | FileAsk::Space(_)
        | FileAsk::Sync
        | FileAsk::Copy { .. }
        | FileAsk::Hash { .. } => Vec::new(),
    }
}

/// Gives files of a group their names.
fn keep_group(cx: &mut Context, ticket: Ticket, group: GroupNumber, path: PathName, numbers: FileNumbers) {
    let Some((held, slot)) = cx.held.groups.remove(&group) else {
        return cx.answer(ticket, Answer::File(Err(FileFailure::NotFound)));
    };
    let (is_near, durability) = (cx.are_near(&[&path]), cx.shared.durability);
    start(cx, ticket, is_near, move |view| {
        let kept = view.keep(*held, &path, &numbers, durability).map(FileAnswer::LeftOut);
        drop(slot);
        kept
    });
}

/// Copies a file within the server. It is stopped as a move is.
fn copy(cx: &mut Context, ticket: Ticket, from: PathName, to: PathName) {
    let (turns, owner) = (Arc::clone(&cx.shared.shares.digests), cx.client.owner.clone());
    let durability = cx.shared.durability;
    let begin = move |view: View| view.copying(&from, &to, durability);
    let begun = cx.client.with_files(&cx.shared.shares.files, begin);
    let meter = Meter::default();
    cx.held.moves.insert(ticket, meter.clone());
    let guard = cx.held.guard();
    start_long(cx, ticket, async move {
        let copied = match begun.await {
            Ok(begun) => copy_in_parts(begun, meter, (&turns, &owner)).await,
            Err(failure) => Err(failure),
        };
        drop(guard);
        copied.map(FileAnswer::Copied)
    });
}

/// Copies a file, a part at a time, each when it has its turn, and gives the copy its name. Returns how many bytes it has.
/// Stopping `meter`, or dropping the future, ends the work, and what was made is removed.
async fn copy_in_parts(
    mut copying: Copying,
    meter: Meter,
    (turns, owner): (&Arc<Turns>, &Owner),
) -> Result<u64, FileFailure> {
    let stop = StopOnDrop(meter.clone());
    loop {
        let turn = tokio::select! {
            biased;
            () = meter.stopped() => None,
            turn = turns.wait(owner.clone()) => Some(turn),
        };
        let meter = meter.clone();
        let work = move || {
            let step = turn.map_or(Err(FileFailure::Stopped), |_turn| copying.step(&meter));
            // What was made is removed here, on a thread that may block.
            step.map(|step| (copying, step))
        };
        let step;
        (copying, step) = blocking::spawn(work).await.unwrap_or(Err(FileFailure::Other))?;
        if step == Progress::Whole {
            break;
        }
    }
    let finished = blocking::spawn(move || copying.finish()).await.unwrap_or(Err(FileFailure::Other));
    drop(stop);
    finished
}

/// Makes the digest of a file that does not change meanwhile.
fn digest(cx: &mut Context, ticket: Ticket, path: PathName, what: (Algorithm, ByteRange)) {
    let (turns, owner) = (Arc::clone(&cx.shared.shares.digests), cx.client.owner.clone());
    let subject = cx.client.with_files(&cx.shared.shares.files, move |view| view.subject(&path));
    start_long(cx, ticket, async move { digest_in_parts(subject.await?, what, (&turns, &owner)).await });
}

/// Makes a digest, a part at a time, each when it has its turn. Dropping the future stops the work.
async fn digest_in_parts(
    subject: Subject,
    (algorithm, range): (Algorithm, ByteRange),
    (turns, owner): (&Arc<Turns>, &Owner),
) -> Answered {
    let work = StopOnDrop(Meter::default());
    let (mut file, limit) = subject.part(range)?;
    let (mut digester, mut length) = (Digester::new(algorithm), 0);
    loop {
        let part = DIGESTED_AT_ONCE.min(limit - length);
        let _turn = turns.wait(owner.clone()).await;
        let digested = hash::digest_part(digester, file, part, &work.0).await;
        let taken;
        hash::DigestedPart { digester, file, taken } = digested.map_err(|error| io_failure(&error))?;
        length += taken;
        if taken < part || length == limit {
            break;
        }
    }
    let hex = digester.hex();
    blocking::spawn(move || subject.unchanged()).await.unwrap_or(Err(FileFailure::Other))?;
    let range = ByteRange { first: range.first, length: Some(length) };
    Ok(FileAnswer::Digest(Digest { algorithm, hex }, range))
}

/// Brings what the account has stored to stable storage.
fn sync(cx: &mut Context, ticket: Ticket) {
    let shares = &cx.shared.shares;
    let (syncs, owner) = (Arc::clone(&shares.syncs), cx.client.owner.clone());
    let found = cx.client.with_files(&shares.files, |view| view.file_systems());
    start_long(cx, ticket, async move { sync_all(found.await?, &syncs, &owner).await });
}

/// Syncs these file systems for `owner`, at the same time.
///
/// # Errors
/// [`FileFailure::NotSynced`] if something may not be on stable storage.
async fn sync_all(file_systems: Vec<FileSystem>, syncs: &Arc<Syncs>, owner: &Owner) -> Answered {
    let ask = |it: FileSystem| syncs.ask(it.device(), owner.clone(), Box::new(move || it.sync()));
    let asked: Vec<_> = file_systems.into_iter().map(ask).collect();
    let mut synced = Ok(FileAnswer::Done);
    for answer in asked {
        // All of them are awaited, so that each failure is told once.
        if !answer.await.unwrap_or(false) {
            synced = Err(FileFailure::NotSynced);
        }
    }
    synced
}

/// Stops the work that has this meter.
struct StopOnDrop(Meter);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Bytes of a file that are digested in one turn: a fraction of a second.
const DIGESTED_AT_ONCE: u64 = 64 * 1024 * 1024;
