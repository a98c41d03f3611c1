//! PACK LOOK, SAME, DELETE, KEEP, DROP: what names a group of small files may get, that it gets them, what files are still what
//! they were, and that these are deleted.

use super::{Waits, ask, unexpected, with_room};
use crate::command::{FileNumbers, FileToSend, GroupNumber, Verb};
use crate::reply::{FileOutcome, LeftOut, Meaning, deleted_text, same_text};
use crate::server::ask::{FileAnswer, FileAsk, FileFailure, Uploading};
use crate::server::context::Context;
use crate::server::context::path::{self, is_partial};
use crate::wire::{FileName, PathName, counted};
use std::sync::Arc;

/// LOOK: tells which of the names something has.
pub(crate) fn look(cx: &mut Context, directory: &PathName, names: Vec<FileName>) -> Waits {
    let directory = path::plain(cx.resolve(directory)?);
    if names.iter().any(|name| is_partial(name.as_bytes())) {
        cx.refuse_file(Verb::Pack, FileFailure::BadName);
        return None;
    }
    let question = FileAsk::Look(directory.clone(), names.into());
    ask(cx, Verb::Pack, directory, question, |cx, _, found| {
        let FileAnswer::LeftOut(left) = found else { return unexpected(cx) };
        say(cx, &left, format!("Names taken: {}", left.len()))
    })
}

/// SAME: tells which of the files are not what the command says of them.
pub(crate) fn same(cx: &mut Context, directory: &PathName, files: Vec<FileToSend>) -> Waits {
    described(cx, (directory, files), FileAsk::Compare, |cx, _, found| {
        let FileAnswer::Compared { same, left } = found else { return unexpected(cx) };
        say(cx, &left, same_text(same))
    })
}

/// DELETE: deletes the files that are what the command says of them, and tells which are not.
pub(crate) fn delete(cx: &mut Context, directory: &PathName, files: Vec<FileToSend>) -> Waits {
    described(cx, (directory, files), FileAsk::RemoveSame, |cx, _, found| {
        let FileAnswer::Compared { same, left } = found else { return unexpected(cx) };
        say(cx, &left, deleted_text(same))
    })
}

/// Asks about files that the command describes.
fn described(
    cx: &mut Context,
    (directory, files): (&PathName, Vec<FileToSend>),
    question: fn(PathName, Arc<[FileToSend]>) -> FileAsk,
    reply: fn(&mut Context, PathName, FileAnswer) -> Waits,
) -> Waits {
    let directory = path::plain(cx.resolve(directory)?);
    if files.iter().any(|file| is_partial(file.name.as_bytes())) {
        cx.refuse_file(Verb::Pack, FileFailure::BadName);
        return None;
    }
    ask(cx, Verb::Pack, directory.clone(), question(directory, files.into()), reply)
}

/// KEEP: these files get their names, and the group is held no more.
pub(crate) fn keep(cx: &mut Context, group: GroupNumber, numbers: FileNumbers) -> Waits {
    let Some(held) = cx.groups.get(group) else { return no_group(cx, group) };
    let (count, directory) = (held.files.len(), held.directory.clone());
    if usize::from(numbers.last()) > count {
        let text = format!("Group {group} has only {}", counted(count as u64, "file"));
        return cx.reply_only(Meaning::OutOfRange, text);
    }
    let of = Uploading::Group(numbers.count());
    with_room(cx, Verb::Pack, of, FileAsk::Keep(group, directory, numbers), keep_now)
}

/// The files get their names, if the group is still held.
fn keep_now(cx: &mut Context, question: FileAsk) -> Waits {
    let FileAsk::Keep(group, directory, numbers) = &question else { return unexpected(cx) };
    let (group, directory, numbers) = (*group, directory.clone(), numbers.clone());
    if !cx.groups.has(group) {
        return no_group(cx, group);
    }
    cx.groups.begin_naming(group, numbers, &mut cx.out);
    ask(cx, Verb::Pack, directory, question, |cx, _, found| {
        let FileAnswer::LeftOut(left) = found else { return unexpected(cx) };
        cx.groups.named(&left, &mut cx.out);
        say(cx, &left, "Files named".to_owned())
    })
}

/// DROP: nothing of the group is kept.
pub(crate) fn drop_group(cx: &mut Context, group: GroupNumber) -> Waits {
    if !cx.groups.forget(group, &mut cx.out) {
        return no_group(cx, group);
    }
    ask(cx, Verb::Pack, PathName::root(), FileAsk::Drop(group), |cx, _, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        cx.reply_only(Meaning::GroupDone, "Files removed")
    })
}

fn no_group(cx: &mut Context, group: GroupNumber) -> Waits {
    cx.reply_only(Meaning::BadSequence, format!("No group {group} is held; send PACK STORE again"))
}

/// Says what was left out, a line for each file.
fn say(cx: &mut Context, left: &[(u16, LeftOut)], text: String) -> Waits {
    let lines: Vec<String> =
        left.iter().map(|(number, why)| FileOutcome::LeftOut(*why).line(usize::from(*number))).collect();
    cx.out.reply_facts(Meaning::GroupDone, &lines, &text);
    None
}
