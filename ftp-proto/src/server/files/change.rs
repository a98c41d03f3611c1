//! Files, names and directories are changed: DELE, RNFR, RNTO, CWD, CDUP, PWD, MKD, RMD, MFMT, MFF, MDTM with a time, and SITE
//! with the copies within the server (CPFR and CPTO, as ProFTPD's mod_copy has them) and SYNC.

use super::{Long, Waits, ask, long, perform, unexpected, with_room};
use crate::calendar::When;
use crate::command::{NewFact, Site, Verb};
use crate::reply::Meaning;
use crate::server::ask::{FileAnswer, FileAsk, FileFailure, Uploading};
use crate::server::context::parameters::PendingName;
use crate::server::context::{Context, path};
use crate::wire::PathName;

/// DELE: deletes a file.
pub(crate) fn dele(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    perform(cx, Verb::Dele, FileAsk::Remove(path), Meaning::Deleted, "Deleted")
}

/// RNFR: names the file that RNTO will rename.
pub(crate) fn rnfr(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    ask(cx, Verb::Rnfr, path.clone(), FileAsk::RenameFrom(path), |cx, path, found| {
        let is = if let FileAnswer::Identity(file) = found { Some(file) } else { None };
        if is.is_none() && found != FileAnswer::Done {
            return unexpected(cx);
        }
        cx.parameters.named = Some(PendingName::Rename(path, is));
        cx.reply_only(Meaning::RenameNoted, "RNTO, please")
    })
}

/// RNTO, which must follow RNFR at once (E22). It renames the file that RNFR has seen: if another one has its name since, that one
/// stays, since the client does not know it.
pub(crate) fn rnto(cx: &mut Context, name: &PathName) -> Waits {
    let Some(PendingName::Rename(from, is)) = cx.parameters.named.take() else {
        return cx.reply_only(Meaning::BadSequence, "RNFR comes right before RNTO");
    };
    let to = cx.resolve(name)?;
    let of = Uploading::Renamed(from.clone());
    with_room(cx, Verb::Rnto, of, FileAsk::Rename { from, is, to }, |cx, question| {
        perform(cx, Verb::Rnto, question, Meaning::Renamed, "Renamed")
    })
}

/// CWD: changes the working directory.
pub(crate) fn cwd(cx: &mut Context, name: &PathName) -> Waits {
    let path = path::plain(cx.resolve(name)?);
    enter(cx, path)
}

/// CDUP: changes to the parent of the working directory.
pub(crate) fn cdup(cx: &mut Context) -> Waits {
    let path = path::parent(&cx.parameters.cwd);
    enter(cx, path)
}

fn enter(cx: &mut Context, path: PathName) -> Waits {
    ask(cx, Verb::Cwd, path.clone(), FileAsk::Enter(path), |cx, path, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        let text = [path.quoted().as_slice(), b" is the working directory"].concat();
        cx.parameters.cwd = path;
        cx.reply_only(Meaning::DirectoryDone, text)
    })
}

/// PWD: names the working directory.
pub(crate) fn pwd(cx: &mut Context) {
    let text = [cx.parameters.cwd.quoted().as_slice(), b" is the working directory"].concat();
    cx.out.reply(Meaning::DirectoryName, text);
}

/// MKD: makes a directory.
pub(crate) fn mkd(cx: &mut Context, name: &PathName) -> Waits {
    let path = path::plain(cx.resolve(name)?);
    let made = [path.quoted().as_slice(), b" made"].concat();
    perform(cx, Verb::Mkd, FileAsk::MakeDirectory(path), Meaning::DirectoryName, made)
}

/// RMD: removes an empty directory.
pub(crate) fn rmd(cx: &mut Context, name: &PathName) -> Waits {
    let path = path::plain(cx.resolve(name)?);
    perform(cx, Verb::Rmd, FileAsk::RemoveDirectory(path), Meaning::DirectoryDone, "Directory removed")
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
        cx.parameters.named = Some(PendingName::Copy(path));
        cx.reply_only(Meaning::CopyNoted, "SITE CPTO, please")
    })
}

/// SITE CPTO, which must follow SITE CPFR at once, as RNTO does RNFR.
pub(super) fn copy_to(cx: &mut Context, name: &PathName) -> Waits {
    if is_off(cx) {
        return None;
    }
    let Some(PendingName::Copy(from)) = cx.parameters.named.take() else {
        return cx.reply_only(Meaning::BadSequence, "SITE CPFR comes right before SITE CPTO");
    };
    let to = cx.resolve(name)?;
    with_room(cx, Verb::Site, Uploading::Copy, FileAsk::Copy { from, to }, |cx, question| {
        let waits = ask(cx, Verb::Site, PathName::root(), question, |cx, _, found| {
            let FileAnswer::Copied(bytes) = found else { return unexpected(cx) };
            cx.reply_only(Meaning::Copied, format!("Copied {bytes} bytes"))
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
        return cx.reply_only(Meaning::Okay, SYNCED);
    }
    let waits = perform(cx, Verb::Site, FileAsk::Sync, Meaning::Okay, SYNCED);
    long(cx, Long::Sync, waits)
}

/// The permission bits that a client may set. The others give privileges.
const PERMISSIONS: u32 = 0o777;

/// MFMT, and MDTM with a time (draft-somers-ftp-mfxx 3). The reply says what was set.
pub(crate) fn mfmt(cx: &mut Context, time: When, name: &PathName) -> Waits {
    change(cx, Verb::Mfmt, &[NewFact::Modify(time)], name)
}

/// MFF (draft-somers-ftp-mfxx 5). Nothing is changed if one of the facts cannot be.
pub(crate) fn mff(cx: &mut Context, facts: &[NewFact], name: &PathName) -> Waits {
    change(cx, Verb::Mff, facts, name)
}

fn change(cx: &mut Context, verb: Verb, facts: &[NewFact], name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    let (mut modified, mut mode) = (None, None);
    let mut text = Vec::new();
    for fact in facts {
        match fact {
            NewFact::Modify(time) => modified = Some(*time),
            NewFact::Mode(bits) => mode = Some(permissions(cx, *bits)?),
            NewFact::Unknown(name) => {
                let text = format!("{name} cannot be changed, only {}", NewFact::NAMES);
                return cx.reply_only(Meaning::ParameterNotImplemented, text);
            }
        }
        text.extend_from_slice(fact.to_text().as_bytes());
    }
    text.extend_from_slice(&[b" ", name.as_bytes()].concat());
    perform(cx, verb, FileAsk::Change { path, modified, mode }, Meaning::FileFact, text)
}

/// SITE: what this server has beyond the RFCs.
pub(crate) fn site(cx: &mut Context, site: Site) -> Waits {
    match site {
        Site::Chmod(mode, name) => {
            let path = cx.resolve(&name)?;
            let mode = Some(permissions(cx, mode)?);
            let question = FileAsk::Change { path, modified: None, mode };
            perform(cx, Verb::Site, question, Meaning::Okay, "Permissions changed")
        }
        Site::Utime(time, name) => {
            let path = cx.resolve(&name)?;
            let question = FileAsk::Change { path, modified: Some(time), mode: None };
            perform(cx, Verb::Site, question, Meaning::Okay, "Time changed")
        }
        Site::Symlink { target, link } => {
            let link = cx.resolve(&link)?;
            let target = cx.resolve(&target)?;
            // Rights hold by path, and a link gives a file a second path.
            if cx.user().is_none_or(|user| user.account.rights_depend_on_path()) {
                cx.refuse_file(Verb::Site, FileFailure::Denied);
                return None;
            }
            let question = FileAsk::Link { target, link };
            perform(cx, Verb::Site, question, Meaning::Okay, "Link made")
        }
        Site::CopyFrom(name) => copy_from(cx, &name),
        Site::CopyTo(name) => copy_to(cx, &name),
        Site::Sync => sync(cx),
        Site::Help(word) => {
            let copies = cx.config.copies;
            if let Some(word) = word {
                return match Site::line(word.as_bytes(), copies) {
                    Some(line) => cx.reply_only(Meaning::HelpText, format!("SITE {line}")),
                    None => cx.reply_only(Meaning::NotImplemented, format!("There is no SITE {word}")),
                };
            }
            let lines = ["SITE commands"].into_iter().chain(Site::lines(copies)).chain(["End"]);
            let lines: Vec<&[u8]> = lines.map(str::as_bytes).collect();
            cx.out.reply_lines(Meaning::HelpText, &lines);
            None
        }
        Site::Unknown(word) => {
            cx.reply_only(Meaning::ParameterNotImplemented, format!("There is no SITE {word}"))
        }
    }
}

/// The permission bits, if a client may set them. If not, the reply has been sent.
fn permissions(cx: &mut Context, bits: u32) -> Option<u32> {
    if bits & !PERMISSIONS == 0 {
        return Some(bits);
    }
    cx.reply_only(Meaning::Denied, "Only the permissions 000 to 777 can be set")
}
