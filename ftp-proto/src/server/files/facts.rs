//! What is told of one file or directory: SIZE, MDTM, MLST, AVBL and PRET, STAT of a path (some clients list by it), and digests
//! (HASH, XCRC and its relatives) of files or of the part that RANG or the command names.

use super::{Long, Waits, ask, long, unexpected};
use crate::command::{Command, DataType, Verb, XDigest};
use crate::digest;
use crate::listing::{Kind, facts_line, facts_time};
use crate::reply::Meaning;
use crate::server::ask::{FileAnswer, FileAsk, FileFailure};
use crate::server::context::Context;
use crate::server::context::path::plain;
use crate::wire::{ByteRange, PathName};

/// SIZE (RFC 3659 4).
pub(crate) fn size(cx: &mut Context, name: &PathName) -> Waits {
    // In TYPE A the size is that of the bytes on the connection, which were not counted.
    if cx.parameters.data_type == DataType::Ascii {
        return cx.reply_only(Meaning::Denied, "SIZE needs TYPE I");
    }
    let path = cx.resolve(name)?;
    ask(cx, Verb::Size, path.clone(), FileAsk::Facts(path), |cx, _, found| {
        let FileAnswer::Entry(entry) = found else { return unexpected(cx) };
        match (entry.kind, entry.size) {
            (Kind::File, Some(size)) => cx.reply_only(Meaning::FileFact, size.to_string()),
            _ => cx.reply_only(Meaning::Denied, FileFailure::NotRegular.to_string()),
        }
    })
}

/// MDTM (RFC 3659 3).
pub(crate) fn mdtm(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    ask(cx, Verb::Mdtm, path.clone(), FileAsk::Facts(path), |cx, _, found| {
        let FileAnswer::Entry(entry) = found else { return unexpected(cx) };
        match entry.modified.and_then(facts_time) {
            Some(text) => cx.reply_only(Meaning::FileFact, text),
            None => cx.reply_only(Meaning::Denied, "Its time is not known"),
        }
    })
}

/// MLST (RFC 3659 7).
pub(crate) fn mlst(cx: &mut Context, name: Option<&PathName>) -> Waits {
    let path = cx.resolve_or_cwd(name)?;
    ask(cx, Verb::Mlst, path.clone(), FileAsk::Facts(path), |cx, path, found| {
        let FileAnswer::Entry(mut entry) = found else { return unexpected(cx) };
        entry.name = plain(path);
        let line = facts_line(&entry, cx.parameters.facts.as_deref());
        cx.out.reply_lines(Meaning::FileFacts, &[b"Facts", &line, b"End"]);
        None
    })
}

/// AVBL: how many bytes may still be stored in a directory.
pub(crate) fn avbl(cx: &mut Context, name: Option<&PathName>) -> Waits {
    let path = cx.resolve_or_cwd(name)?;
    ask(cx, Verb::Avbl, path.clone(), FileAsk::Space(path), |cx, _, found| {
        let FileAnswer::Space(bytes) = found else { return unexpected(cx) };
        cx.reply_only(Meaning::FileFact, bytes.to_string())
    })
}

/// PRET: the client tells which transfer command will follow. A missing file is told now, before a
/// data port is opened for it.
pub(crate) fn pret(cx: &mut Context, next: &Command) -> Waits {
    if let Command::Retr(name) = next {
        let path = cx.resolve(name)?;
        return ask(cx, Verb::Pret, path.clone(), FileAsk::Facts(path), |cx, _, found| {
            let FileAnswer::Entry(entry) = found else { return unexpected(cx) };
            if entry.kind == Kind::File {
                cx.reply_only(Meaning::Okay, PLANNED)
            } else {
                cx.reply_only(Meaning::Denied, FileFailure::NotRegular.to_string())
            }
        });
    }
    if next.is_transfer() {
        cx.reply_only(Meaning::Okay, PLANNED)
    } else {
        cx.reply_only(Meaning::ParameterNotImplemented, "PRET is for transfer commands")
    }
}

/// What PRET is answered.
const PLANNED: &str = "Noted for the next data connection";

/// How many entries of a directory STAT shows on the control connection.
const MAX_STATUS_ENTRIES: usize = 200;

/// STAT of a path: a file, or the entries of a directory.
pub(crate) fn stat(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    ask(cx, Verb::Stat, path.clone(), FileAsk::List(path, MAX_STATUS_ENTRIES), |cx, _, found| {
        let FileAnswer::Lines { lines, more, omitted } = found else { return unexpected(cx) };
        let mut last = String::from("End");
        if more {
            last.push_str(", and there is more: send MLSD");
        }
        if omitted > 0 {
            last.push_str(&format!("; omitted {omitted}")); // FTP cannot carry these names
        }
        cx.out.listing(Meaning::FileStatus, "Status", &lines, &last);
        None
    })
}

/// HASH (draft-ietf-ftpext2-hash). The reply repeats the name as the client sent it.
pub(crate) fn hash(cx: &mut Context, name: PathName) -> Waits {
    let range = cx.parameters.take_range();
    let path = cx.resolve(&name)?;
    let question = FileAsk::Hash { path, algorithm: cx.parameters.algorithm, range };
    let waits = ask(cx, Verb::Hash, name, question, |cx, name, found| {
        let FileAnswer::Digest(digest, range) = found else { return unexpected(cx) };
        cx.reply_only(Meaning::FileFact, digest::format_answer(&digest, range, name.as_bytes()))
    });
    long(cx, Long::Digest(Meaning::FileFact), waits)
}

/// XCRC and its relatives. Clients look for the hexadecimal digits alone, in upper case.
pub(crate) fn x_digest(cx: &mut Context, digest: XDigest, name: PathName, range: Option<ByteRange>) -> Waits {
    let noted = cx.parameters.take_range();
    let path = cx.resolve(&name)?;
    let range = range.unwrap_or(noted);
    let question = FileAsk::Hash { path, algorithm: digest.algorithm(), range };
    let waits = ask(cx, digest.verb(), name, question, |cx, _, found| {
        let FileAnswer::Digest(digest, _) = found else { return unexpected(cx) };
        cx.reply_only(Meaning::FileDigest, digest.hex.to_ascii_uppercase())
    });
    long(cx, Long::Digest(Meaning::FileDigest), waits)
}
