//! DELE, RNFR, RNTO: names are removed and changed.

use super::question::{Waits, ask, said, unexpected, with_room};
use crate::command::Verb;
use crate::reply::Meaning;
use crate::server::ask::{FileAnswer, FileAsk, Uploading};
use crate::server::context::Context;
use crate::server::context::parameters::Named;
use crate::wire::PathName;

/// DELE: deletes a file.
pub(in crate::server) fn dele(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    ask(cx, Verb::Dele, path.clone(), FileAsk::Remove(path), |cx, _, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        said(cx, Meaning::Deleted, "Deleted")
    })
}

/// RNFR: names the file that RNTO will rename.
pub(in crate::server) fn rnfr(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    ask(cx, Verb::Rnfr, path.clone(), FileAsk::RenameFrom(path), |cx, path, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        cx.parameters.named = Some(Named::Rename(path));
        said(cx, Meaning::RenameNoted, "RNTO, please")
    })
}

/// RNTO, which must follow RNFR at once (E22).
pub(in crate::server) fn rnto(cx: &mut Context, name: &PathName) -> Waits {
    let Some(Named::Rename(from)) = cx.parameters.named.take() else {
        return said(cx, Meaning::BadSequence, "RNFR comes right before RNTO");
    };
    let to = cx.resolve(name)?;
    let of = Uploading::Renamed(from.clone());
    with_room(cx, Verb::Rnto, of, FileAsk::Rename { from, to }, |cx, question| {
        ask(cx, Verb::Rnto, PathName::root(), question, |cx, _, found| {
            let FileAnswer::Done = found else { return unexpected(cx) };
            said(cx, Meaning::Renamed, "Renamed")
        })
    })
}
