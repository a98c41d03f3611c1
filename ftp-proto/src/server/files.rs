//! The commands about files, one place each: what the driver is asked, and what is said about the
//! answer.

use super::ask::{Answer, Ask, FileAsk, FileFailure, Found};
use super::context::{Context, Question};
use super::path;
use crate::command::{DataType, Verb};
use crate::digest;
use crate::listing::{Kind, civil, facts_line};
use crate::reply::Meaning;
use crate::wire::PathName;

/// How many entries of a directory STAT shows on the control connection.
const MAX_STATUS_ENTRIES: usize = 200;

/// A question about files.
#[derive(Debug)]
pub(super) struct Request {
    /// The command that asks.
    verb: Verb,
    /// The path or the name that its reply is about.
    name: PathName,
    /// Says the reply. Returns the next question if the command has another one.
    reply: fn(&mut Context, PathName, Found) -> Waits,
}

/// The question that a command waits for; `None` if its reply has been said.
type Waits = Option<Question<Request>>;

/// SIZE (RFC 3659 4).
pub(super) fn size(cx: &mut Context, name: &PathName) -> Waits {
    // In TYPE A the size is that of the bytes on the connection, which nobody has counted.
    if cx.parameters.data_type == DataType::Ascii {
        return said(cx, Meaning::Denied, "SIZE needs TYPE I");
    }
    let path = cx.resolve(name)?;
    ask(cx, Verb::Size, path.clone(), FileAsk::Facts(path), |cx, _, found| {
        let Found::Entry(entry) = found else { return unexpected(cx) };
        match (entry.kind, entry.size) {
            (Kind::File, Some(size)) => said(cx, Meaning::FileFact, size.to_string()),
            _ => said(cx, Meaning::Denied, FileFailure::NotRegular.to_string()),
        }
    })
}

/// MDTM (RFC 3659 3).
pub(super) fn mdtm(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    ask(cx, Verb::Mdtm, path.clone(), FileAsk::Facts(path), |cx, _, found| {
        let Found::Entry(entry) = found else { return unexpected(cx) };
        match entry.modified.map(civil) {
            Some((year, month, day, hour, minute, second)) => {
                let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}");
                said(cx, Meaning::FileFact, text)
            }
            None => said(cx, Meaning::Denied, "Its time is not known"),
        }
    })
}

/// MLST (RFC 3659 7).
pub(super) fn mlst(cx: &mut Context, name: Option<&PathName>) -> Waits {
    let path = cx.resolve_or_cwd(name)?;
    ask(cx, Verb::Mlst, path.clone(), FileAsk::Facts(path), |cx, path, found| {
        let Found::Entry(mut entry) = found else { return unexpected(cx) };
        entry.name = path;
        let line = facts_line(&entry, cx.parameters.facts.as_deref());
        cx.out.reply_lines(Meaning::FileFacts, &[b"Facts", &line, b"End"]);
        None
    })
}

/// HASH (draft-ietf-ftpext2-hash). The reply repeats the name as the client sent it.
pub(super) fn hash(cx: &mut Context, name: PathName) -> Waits {
    let path = cx.resolve(&name)?;
    let question = FileAsk::Hash(path, cx.parameters.algorithm);
    ask(cx, Verb::Hash, name, question, |cx, name, found| {
        let Found::Digest(digest, size) = found else { return unexpected(cx) };
        said(cx, Meaning::FileFact, digest::format_answer(&digest, size, name.as_bytes()))
    })
}

/// CWD: changes the working directory.
pub(super) fn cwd(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    enter(cx, path)
}

/// CDUP: changes to the parent of the working directory.
pub(super) fn cdup(cx: &mut Context) -> Waits {
    let path = path::parent(&cx.parameters.cwd);
    enter(cx, path)
}

fn enter(cx: &mut Context, path: PathName) -> Waits {
    ask(cx, Verb::Cwd, path.clone(), FileAsk::Enter(path), |cx, path, found| {
        let Found::Done = found else { return unexpected(cx) };
        let text = [path.quoted().as_slice(), b" is the working directory"].concat();
        cx.parameters.cwd = path;
        said(cx, Meaning::DirectoryDone, text)
    })
}

/// PWD: names the working directory.
pub(super) fn pwd(cx: &mut Context) {
    let text = [cx.parameters.cwd.quoted().as_slice(), b" is the working directory"].concat();
    cx.out.reply(Meaning::DirectoryName, text);
}

/// MKD: makes a directory.
pub(super) fn mkd(cx: &mut Context, name: &PathName) -> Waits {
    let path = writable(cx, name)?;
    ask(cx, Verb::Mkd, path.clone(), FileAsk::MakeDirectory(path), |cx, path, found| {
        let Found::Done = found else { return unexpected(cx) };
        said(cx, Meaning::DirectoryName, [path.quoted().as_slice(), b" made"].concat())
    })
}

/// RMD: removes an empty directory.
pub(super) fn rmd(cx: &mut Context, name: &PathName) -> Waits {
    let path = writable(cx, name)?;
    ask(cx, Verb::Rmd, path.clone(), FileAsk::RemoveDirectory(path), |cx, _, found| {
        let Found::Done = found else { return unexpected(cx) };
        said(cx, Meaning::DirectoryDone, "Directory removed")
    })
}

/// DELE: deletes a file.
pub(super) fn dele(cx: &mut Context, name: &PathName) -> Waits {
    let path = writable(cx, name)?;
    ask(cx, Verb::Dele, path.clone(), FileAsk::Remove(path), |cx, _, found| {
        let Found::Done = found else { return unexpected(cx) };
        said(cx, Meaning::Deleted, "Deleted")
    })
}

/// RNFR: names the file that RNTO will rename.
pub(super) fn rnfr(cx: &mut Context, name: &PathName) -> Waits {
    let path = writable(cx, name)?;
    ask(cx, Verb::Rnfr, path.clone(), FileAsk::RenameFrom(path), |cx, path, found| {
        let Found::Done = found else { return unexpected(cx) };
        cx.parameters.rename = Some(path);
        said(cx, Meaning::RenameNoted, "RNTO, please")
    })
}

/// RNTO, which must follow RNFR at once (E22).
pub(super) fn rnto(cx: &mut Context, name: &PathName) -> Waits {
    let Some(from) = cx.parameters.rename.take() else {
        return said(cx, Meaning::BadSequence, "RNFR comes right before RNTO");
    };
    let to = cx.resolve(name)?;
    ask(cx, Verb::Rnto, to.clone(), FileAsk::Rename { from, to }, |cx, _, found| {
        let Found::Done = found else { return unexpected(cx) };
        said(cx, Meaning::Renamed, "Renamed")
    })
}

/// STAT of a path: the facts of a file, or the entries of a directory.
pub(super) fn stat(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    ask(cx, Verb::Stat, path.clone(), FileAsk::Facts(path), |cx, path, found| {
        let Found::Entry(mut entry) = found else { return unexpected(cx) };
        if matches!(entry.kind, Kind::Directory | Kind::Current | Kind::Parent) {
            let question = FileAsk::List(path.clone(), MAX_STATUS_ENTRIES);
            return ask(cx, Verb::Stat, path, question, say_entries);
        }
        entry.name = path.clone();
        say_entries(cx, path, Found::Entries(vec![entry], false))
    })
}

fn say_entries(cx: &mut Context, _: PathName, found: Found) -> Waits {
    let Found::Entries(entries, more) = found else { return unexpected(cx) };
    let facts = cx.parameters.facts.as_deref();
    let mut lines: Vec<Vec<u8>> =
        entries.iter().take(MAX_STATUS_ENTRIES).map(|entry| facts_line(entry, facts)).collect();
    if more || entries.len() > MAX_STATUS_ENTRIES {
        lines.push(b"and more: send MLSD".to_vec());
    }
    cx.out.status(Meaning::FileStatus, "Status", &lines);
    None
}

/// The path of something that the account may change.
fn writable(cx: &mut Context, name: &PathName) -> Option<PathName> {
    if cx.may_write() { cx.resolve(name) } else { None }
}

fn ask(
    cx: &mut Context,
    verb: Verb,
    name: PathName,
    ask: FileAsk,
    reply: fn(&mut Context, PathName, Found) -> Waits,
) -> Waits {
    Some(cx.question(Request { verb, name, reply }, |ticket| Ask::File { ticket, ask }))
}

fn said(cx: &mut Context, meaning: Meaning, text: impl AsRef<[u8]>) -> Waits {
    cx.out.reply(meaning, text);
    None
}

/// The driver has found something else than it was asked for.
fn unexpected(cx: &mut Context) -> Waits {
    said(cx, Meaning::LocalError, "Local error")
}

impl Request {
    /// Whether the answer may take so long that ABOR must not wait for it.
    pub(super) const fn is_long(&self) -> bool {
        matches!(self.verb, Verb::Hash)
    }

    /// The file system has answered.
    pub(super) fn answered(self, cx: &mut Context, answer: Answer) -> Waits {
        let Answer::File(found) = answer else {
            cx.unexpected(answer);
            return None;
        };
        match found {
            Ok(found) => (self.reply)(cx, self.name, found),
            Err(failure) => {
                cx.refuse_file(self.verb, failure);
                None
            }
        }
    }
}
