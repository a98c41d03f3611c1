//! Groups of small files that a session holds until they get their names (PACK).

use ftp_proto::command::Numbers;
use ftp_proto::server::ask::{Answer, FileAnswer, FileFailure, Ticket};
use ftp_proto::wire::PathName;

use super::context::Context;
use super::resources::Done;
use crate::vfs::View;

/// Gives files of a group their names.
pub(super) fn keep(cx: &mut Context, ticket: Ticket, group: u32, (path, numbers): (PathName, Numbers)) {
    let Some(held) = cx.held.groups.remove(&group) else {
        return cx.answer(ticket, Answer::File(Err(FileFailure::NotFound)));
    };
    let (is_near, durability) = (cx.are_near(&[&path]), cx.shared.durability);
    let work = move |view: View| view.keep(*held, &path, (&numbers, durability)).map(FileAnswer::Left);
    cx.start_with_files(ticket, is_near, work, move |found| Done::Answer(ticket, Answer::File(found)));
}

/// Removes a group.
pub(super) fn drop(cx: &mut Context, ticket: Ticket, group: u32) {
    let held = cx.held.groups.remove(&group);
    let work = move |_| {
        std::mem::drop(held);
        Ok(FileAnswer::Done)
    };
    cx.start_with_files(ticket, false, work, move |found| Done::Answer(ticket, Answer::File(found)));
}
