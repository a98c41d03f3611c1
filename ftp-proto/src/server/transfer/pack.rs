//! PACK SEND and PACK STORE: what they ask for, and what is said of each file.

use super::request::Request;
use crate::command::{DataType, FileToSend, FileToStore, GroupNumber, Mode, Verb};
use crate::digest::Algorithm;
use crate::reply::{FileOutcome, LeftOut, Meaning};
use crate::server::ask::{FileFailure, Intent};
use crate::server::context::Context;
use crate::server::context::groups::Group;
use crate::server::context::path::{self, is_partial};
use crate::server::rights::Right;
use crate::wire::{ByteRange, FileName, PathName};
use std::net::SocketAddr;

/// PACK SEND. Returns `None` if the command was refused and the reply was sent; so does [`store`].
pub(crate) fn send(
    cx: &mut Context,
    directory: &PathName,
    files: Vec<FileToSend>,
    range: ByteRange,
) -> Option<Request> {
    let files = files.into();
    request(cx, directory, range, |algorithm| Intent::SendGroup { files, algorithm })
}

/// PACK STORE: the group gets a number, by which the session holds it.
pub(crate) fn store(
    cx: &mut Context,
    group: GroupNumber,
    directory: &PathName,
    files: Vec<FileToStore>,
    range: ByteRange,
) -> Option<Request> {
    if cx.groups.has(group) {
        let text = format!("Group {group} is held already; send PACK KEEP or PACK DROP first");
        return cx.reply_only(Meaning::BadSequence, text);
    }
    if cx.groups.is_full() {
        return cx
            .reply_only(Meaning::TooMany, "Too many groups are held; send PACK KEEP or PACK DROP first");
    }
    let files = files.into();
    request(cx, directory, range, |algorithm| Intent::StoreGroup { group, files, algorithm })
}

fn request(
    cx: &mut Context,
    directory: &PathName,
    range: ByteRange,
    intent: impl FnOnce(Algorithm) -> Intent,
) -> Option<Request> {
    let conflict = match cx.parameters.data_type {
        _ if range != ByteRange::WHOLE => Some("PACK moves whole files, without REST and RANG"),
        DataType::Ascii => Some("PACK needs TYPE I"),
        _ if !matches!(cx.parameters.mode, Mode::Stream | Mode::Block) => Some("PACK needs MODE S or B"),
        DataType::Image | DataType::Local8 | DataType::Unserved => None,
    };
    if let Some(text) = conflict {
        return cx.reply_only(Meaning::ParametersConflict, text);
    }
    let Some(algorithm) = cx.parameters.digest else {
        return cx.reply_only(Meaning::BadSequence, "PACK needs DGST: send DGST and this command again");
    };
    let path = path::plain(cx.resolve(directory)?);
    let (intent, data_type) = (intent(algorithm), cx.parameters.data_type);
    let request = Request { verb: Verb::Pack, path, intent, data_type, since: cx.now };
    permitted(cx, request)
}

/// The request, if the account may do that with each of the files.
fn permitted(cx: &mut Context, request: Request) -> Option<Request> {
    let names: Vec<&FileName> = names(&request.intent).collect();
    let is_reserved = names.iter().any(|name| is_partial(name.as_bytes()));
    let depends = cx.user().is_some_and(|user| user.account.rights_depend_on_path());
    let paths: Vec<PathName> = match depends {
        true => names.iter().map(|name| name.in_directory(&request.path)).collect(),
        false => vec![request.path.clone()],
    };
    // MFMT needs this right, so what sets times does as well.
    let sets_times = match &request.intent {
        Intent::StoreGroup { files, .. } => files.iter().any(|file| file.modified.is_some()),
        Intent::SendGroup { .. }
        | Intent::Send { .. }
        | Intent::Replace
        | Intent::WriteAt { .. }
        | Intent::WriteRange { .. }
        | Intent::Append
        | Intent::Probe(_)
        | Intent::List(_) => false,
    };
    let rights = std::iter::once(request.intent.needs()).chain(sets_times.then_some(Right::Chmod));
    let needed = rights.flat_map(|right| paths.iter().map(move |path| (path, right)));
    let failure = match cx.lacks(needed) {
        _ if is_reserved => FileFailure::BadName,
        Some(failure) => failure,
        // The rules of exchange judge the directory for all of its files.
        None if has_own_exchange(cx, &request.path, &paths) => FileFailure::Denied,
        None => return Some(request),
    };
    cx.refuse_file(request.verb, failure);
    request.tell_refused(cx, failure);
    None
}

/// Whether a rule of exchange is about some of the files, and not about their directory.
fn has_own_exchange(cx: &Context, directory: &PathName, paths: &[PathName]) -> bool {
    let rules = cx.user().map_or(&[][..], |user| &user.account.exchanges);
    let tops = rules.iter().filter_map(|rule| rule.path.as_ref());
    let mut own = tops.filter(|top| !directory.is_at_or_below(top));
    own.any(|top| paths.iter().any(|path| path.is_at_or_below(top)))
}

fn names(intent: &Intent) -> Box<dyn Iterator<Item = &FileName> + '_> {
    match intent {
        Intent::SendGroup { files, .. } => Box::new(files.iter().map(|file| &file.name)),
        Intent::StoreGroup { files, .. } => Box::new(files.iter().map(|file| &file.name)),
        Intent::Send { .. }
        | Intent::Replace
        | Intent::WriteAt { .. }
        | Intent::WriteRange { .. }
        | Intent::Append
        | Intent::Probe(_)
        | Intent::List(_) => Box::new(std::iter::empty()),
    }
}

/// A group has moved: its files are told to the log, or are held until they get their names.
pub(super) fn moved(cx: &mut Context, request: &Request, outcomes: &[FileOutcome], peer: SocketAddr) {
    if let Intent::StoreGroup { group, files, .. } = &request.intent {
        let group_held = Group {
            directory: request.path.clone(),
            files: std::sync::Arc::clone(files),
            outcomes: outcomes.to_vec(),
            data_type: request.data_type,
            took: cx.now.since(request.since),
            peer,
            private: cx.tls.private,
        };
        return cx.groups.hold(*group, group_held, cx.now);
    }
    for (name, outcome) in names(&request.intent).zip(outcomes) {
        if let FileOutcome::Moved { bytes, .. } = outcome {
            let path = name.in_directory(&request.path);
            request.tell_of(cx, (path, Some(u64::from(*bytes))), Some(peer), None);
        }
    }
    if let Some(why) = left_out(outcomes) {
        request.tell(cx, Some(0), Some(peer), Some(why.into()));
    }
}

/// What is said of all files that a group has left out: one line, however many a client names that are not there.
fn left_out(outcomes: &[FileOutcome]) -> Option<String> {
    let counted = LeftOut::ALL
        .map(|why| (why, outcomes.iter().filter(|file| **file == FileOutcome::LeftOut(why)).count()));
    let some: Vec<_> = counted.into_iter().filter(|(_, count)| *count > 0).collect();
    let (left, all) = (some.iter().map(|(_, count)| count).sum::<usize>(), outcomes.len());
    let words = match &some[..] {
        [] => return None,
        [(why, _)] => why.word().to_owned(),
        several => {
            let words: Vec<_> =
                several.iter().map(|(why, count)| format!("{count} {}", why.word())).collect();
            words.join(", ")
        }
    };
    Some(format!("{left} of {all} files left out: {words}"))
}

/// What the final reply says of each file.
pub(super) fn lines(outcomes: &[FileOutcome]) -> Vec<String> {
    (1..).zip(outcomes).map(|(number, outcome)| outcome.line(number)).collect()
}
