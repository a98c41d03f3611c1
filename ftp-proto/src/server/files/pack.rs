//! PACK LOOK, KEEP, DROP: what names a group of small files may get, and that it gets them.

use super::question::{Waits, ask, said, unexpected};
use crate::command::{Numbers, Verb};
use crate::reply::{Left, Meaning, Packed};
use crate::server::ask::{FileAnswer, FileAsk, FileFailure};
use crate::server::context::{Context, path};
use crate::server::partial::is_partial;
use crate::wire::{FileName, PathName, counted};

/// LOOK: tells which of the names something has.
pub(in crate::server) fn look(cx: &mut Context, directory: &PathName, names: Vec<FileName>) -> Waits {
    let directory = path::plain(cx.resolve(directory)?);
    if names.iter().any(|name| is_partial(name.as_bytes())) {
        cx.refuse_file(Verb::Pack, FileFailure::BadName);
        return None;
    }
    let question = FileAsk::Look(directory.clone(), names.into());
    ask(cx, Verb::Pack, directory, question, |cx, _, found| {
        let FileAnswer::Left(left) = found else { return unexpected(cx) };
        say(cx, &left, format!("Names taken: {}", left.len()))
    })
}

/// KEEP: these files get their names, and the group is held no more.
pub(in crate::server) fn keep(cx: &mut Context, group: u32, numbers: Numbers) -> Waits {
    let Some((count, directory)) = cx.groups.get(group) else { return no_group(cx, group) };
    if usize::from(numbers.last()) > count {
        let text = format!("Group {group} has only {}", counted(count as u64, "file"));
        return said(cx, Meaning::OutOfRange, text);
    }
    let directory = directory.clone();
    cx.groups.begin_naming(group, numbers.clone(), &mut cx.out);
    let question = FileAsk::Keep(group, directory.clone(), numbers);
    ask(cx, Verb::Pack, directory, question, |cx, _, found| {
        let FileAnswer::Left(left) = found else { return unexpected(cx) };
        cx.groups.named(&left, &mut cx.out);
        say(cx, &left, "Files named".to_owned())
    })
}

/// DROP: nothing of the group is kept.
pub(in crate::server) fn drop(cx: &mut Context, group: u32) -> Waits {
    if !cx.groups.forget(group, &mut cx.out) {
        return no_group(cx, group);
    }
    ask(cx, Verb::Pack, PathName::root(), FileAsk::Drop(group), |cx, _, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        said(cx, Meaning::DirectoryDone, "Files removed")
    })
}

fn no_group(cx: &mut Context, group: u32) -> Waits {
    said(cx, Meaning::BadSequence, format!("There is no group {group}; PACK STORE makes one"))
}

/// Says what was left out, a line for each file.
fn say(cx: &mut Context, left: &[(u16, Left)], text: String) -> Waits {
    let lines: Vec<String> =
        left.iter().map(|(number, why)| Packed::Left(*why).line(usize::from(*number))).collect();
    cx.out.reply_facts(Meaning::DirectoryDone, &lines, &text);
    None
}
