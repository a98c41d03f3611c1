//! Groups of small files that a session holds until they get their names (PACK).

use ftp_proto::command::{FileNumbers, GroupNumber};
use ftp_proto::server::ask::{Answer, FileAnswer, FileFailure, Ticket};
use ftp_proto::wire::PathName;

use super::context::Context;
use super::done::Done;
use crate::vfs::View;

/// Gives files of a group their names.
pub(super) fn keep(
    cx: &mut Context,
    ticket: Ticket,
    group: GroupNumber,
    path: PathName,
    numbers: FileNumbers,
) {
    let Some((held, slot)) = cx.held.groups.let_go(group) else {
        return cx.answer(ticket, Answer::File(Err(FileFailure::NotFound)));
    };
    let (is_near, durability) = (cx.are_near(&[&path]), cx.shared.durability);
    let work = move |view: View| {
        let kept = view.keep(*held, &path, &numbers, durability).map(FileAnswer::LeftOut);
        drop(slot);
        kept
    };
    cx.start_with_files(ticket, is_near, work, move |found| Done::Answer(ticket, Answer::File(found)));
}

/// Removes a group.
pub(super) fn remove(cx: &mut Context, ticket: Ticket, group: GroupNumber) {
    let held = cx.held.groups.let_go(group);
    let work = move |_| {
        drop(held);
        Ok(FileAnswer::Done)
    };
    cx.start_with_files(ticket, false, work, move |found| Done::Answer(ticket, Answer::File(found)));
}
