//! SITE CPFR, SITE CPTO: a file is copied within the server, as ProFTPD's mod_copy has it.

use super::question::{Waits, ask, long, said, unexpected, with_room};
use crate::command::Verb;
use crate::reply::Meaning;
use crate::server::ask::{FileAnswer, FileAsk, FileFailure, Uploading};
use crate::server::context::Context;
use crate::server::context::parameters::Named;
use crate::server::files::question::Long;
use crate::wire::PathName;

/// SITE CPFR: names the file that SITE CPTO will copy. An account that may store nowhere is refused at once, as at RNFR.
pub(super) fn from(cx: &mut Context, name: &PathName) -> Waits {
    if is_off(cx) {
        return None;
    }
    if cx.may_change_nothing() {
        cx.refuse_file(Verb::Site, FileFailure::ReadOnly);
        return None;
    }
    let path = cx.resolve(name)?;
    ask(cx, Verb::Site, path.clone(), FileAsk::CopyFrom(path), |cx, path, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        cx.parameters.named = Some(Named::Copy(path));
        said(cx, Meaning::CopyNoted, "SITE CPTO, please")
    })
}

/// SITE CPTO, which must follow SITE CPFR at once, as RNTO does RNFR.
pub(super) fn to(cx: &mut Context, name: &PathName) -> Waits {
    if is_off(cx) {
        return None;
    }
    let Some(Named::Copy(from)) = cx.parameters.named.take() else {
        return said(cx, Meaning::BadSequence, "SITE CPFR comes right before SITE CPTO");
    };
    let to = cx.resolve(name)?;
    with_room(cx, Verb::Site, Uploading::Copy, FileAsk::Copy { from, to }, |cx, question| {
        let waits = ask(cx, Verb::Site, PathName::root(), question, |cx, _, found| {
            let FileAnswer::Copied(bytes) = found else { return unexpected(cx) };
            said(cx, Meaning::Copied, format!("Copied {bytes} bytes"))
        });
        long(cx, Long::Copy, waits)
    })
}

/// Whether the operator has switched copies off. Then the reply has been sent.
fn is_off(cx: &mut Context) -> bool {
    if !cx.config.copies {
        cx.out.reply(Meaning::ParameterNotImplemented, "Copies within the server are switched off here");
    }
    !cx.config.copies
}
