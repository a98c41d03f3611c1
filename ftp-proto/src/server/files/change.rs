//! Names and directories: DELE, RNFR, RNTO, CWD, CDUP, PWD, MKD, RMD, and of SITE the copies within the server (CPFR and CPTO, as
//! ProFTPD's mod_copy has them) and SYNC.

use super::question::{Long, Waits, ask, long, perform, said, unexpected, with_room};
use crate::command::Verb;
use crate::reply::Meaning;
use crate::server::ask::{FileAnswer, FileAsk, FileFailure, Uploading};
use crate::server::context::parameters::Named;
use crate::server::context::{Context, path};
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

/// CWD: changes the working directory.
pub(in crate::server) fn cwd(cx: &mut Context, name: &PathName) -> Waits {
    let path = path::plain(cx.resolve(name)?);
    enter(cx, path)
}

/// CDUP: changes to the parent of the working directory.
pub(in crate::server) fn cdup(cx: &mut Context) -> Waits {
    let path = path::parent(&cx.parameters.cwd);
    enter(cx, path)
}

fn enter(cx: &mut Context, path: PathName) -> Waits {
    ask(cx, Verb::Cwd, path.clone(), FileAsk::Enter(path), |cx, path, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        let text = [path.quoted().as_slice(), b" is the working directory"].concat();
        cx.parameters.cwd = path;
        said(cx, Meaning::DirectoryDone, text)
    })
}

/// PWD: names the working directory.
pub(in crate::server) fn pwd(cx: &mut Context) {
    let text = [cx.parameters.cwd.quoted().as_slice(), b" is the working directory"].concat();
    cx.out.reply(Meaning::DirectoryName, text);
}

/// MKD: makes a directory.
pub(in crate::server) fn mkd(cx: &mut Context, name: &PathName) -> Waits {
    let path = path::plain(cx.resolve(name)?);
    ask(cx, Verb::Mkd, path.clone(), FileAsk::MakeDirectory(path), |cx, path, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        said(cx, Meaning::DirectoryName, [path.quoted().as_slice(), b" made"].concat())
    })
}

/// RMD: removes an empty directory.
pub(in crate::server) fn rmd(cx: &mut Context, name: &PathName) -> Waits {
    let path = path::plain(cx.resolve(name)?);
    ask(cx, Verb::Rmd, path.clone(), FileAsk::RemoveDirectory(path), |cx, _, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        said(cx, Meaning::DirectoryDone, "Directory removed")
    })
}

/// SITE CPFR: names the file that SITE CPTO will copy. An account that may store nowhere is refused at once, as at RNFR.
pub(super) fn copy_from(cx: &mut Context, name: &PathName) -> Waits {
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
pub(super) fn copy_to(cx: &mut Context, name: &PathName) -> Waits {
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

/// What the reply says.
const SYNCED: &str = "Everything is on stable storage";

/// SITE SYNC. An account that may change nothing has stored nothing.
pub(super) fn sync(cx: &mut Context) -> Waits {
    if cx.may_change_nothing() {
        return said(cx, Meaning::Okay, SYNCED);
    }
    let waits = perform(cx, Verb::Site, FileAsk::Sync, Meaning::Okay, SYNCED);
    long(cx, Long::Sync, waits)
}
