//! MFMT, MFF, MDTM with a time, SITE CHMOD, UTIME and SYMLINK: files get other attributes. The other commands of SITE begin
//! here, too.

use super::change::{copy_from, copy_to, sync};
use super::question::{Waits, perform, said};
use crate::calendar::When;
use crate::command::{NewFact, Site, Verb};
use crate::reply::Meaning;
use crate::server::ask::{FileAsk, FileFailure};
use crate::server::context::Context;
use crate::wire::PathName;

/// The permission bits that a client may set. The others give privileges.
const PERMISSIONS: u32 = 0o777;

/// MFMT, and MDTM with a time (draft-somers-ftp-mfxx 3). The reply says what was set.
pub(in crate::server) fn mfmt(cx: &mut Context, time: When, name: &PathName) -> Waits {
    change(cx, Verb::Mfmt, &[NewFact::Modify(time)], name)
}

/// MFF (draft-somers-ftp-mfxx 5). Nothing is changed if one of the facts cannot be.
pub(in crate::server) fn mff(cx: &mut Context, facts: &[NewFact], name: &PathName) -> Waits {
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
                return said(cx, Meaning::ParameterNotImplemented, text);
            }
        }
        text.extend_from_slice(fact.to_text().as_bytes());
    }
    text.extend_from_slice(&[b" ", name.as_bytes()].concat());
    perform(cx, verb, FileAsk::Change { path, modified, mode }, Meaning::FileFact, text)
}

/// SITE: what this server has beyond the RFCs.
pub(in crate::server) fn site(cx: &mut Context, site: Site) -> Waits {
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
        Site::Help => {
            let copies: &[&str] = if cx.config.copies { &Site::COPIES } else { &[] };
            let mut commands: Vec<&str> = Site::COMMANDS.iter().chain(copies).copied().collect();
            commands.sort_unstable();
            let lines = ["SITE commands"].into_iter().chain(commands).chain(["End"]);
            let lines: Vec<&[u8]> = lines.map(str::as_bytes).collect();
            cx.out.reply_lines(Meaning::HelpText, &lines);
            None
        }
        Site::Unknown(word) => said(cx, Meaning::ParameterNotImplemented, format!("There is no SITE {word}")),
    }
}

/// The permission bits, if a client may set them. If not, the reply has been sent.
fn permissions(cx: &mut Context, bits: u32) -> Option<u32> {
    if bits & !PERMISSIONS == 0 {
        return Some(bits);
    }
    cx.out.reply(Meaning::Denied, "Only the permissions 000 to 777 can be set");
    None
}
