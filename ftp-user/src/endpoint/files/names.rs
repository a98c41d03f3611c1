//! Names that are made and deleted: MKD, DELE, PACK DELETE, RMD, and RNFR with RNTO because somebody has asked for it.

use super::look::{
    ask_ahead, ask_each_ahead, facts, facts_at_server, facts_of_all_at_server, have_at_server,
};
use super::stored_name::check_stored_name_at_server;
use crate::context::Context;
use crate::endpoint::Host;
use crate::endpoint::disk::{AskedDisk, make_stable_here};
use crate::failure::{self, Failure, Result};
use crate::place;
use crate::session::{Answer, Session};
use crate::world::LocalName;
use ftp_proto::command::{Command, FileToSend, Pack, Verb};
use ftp_proto::deletion::{DeletePermit, RemovalKind, SameFile, StableStorage};
use ftp_proto::listing::{Facts, Kind};
use ftp_proto::manners::files_of_packs;
use ftp_proto::reply::{Blame, Class, LeftOut, Meaning, deleted_files, same_files};
use ftp_proto::wire::PathName;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// Deletes a file that this program may have stored. Returns whether it was there.
///
/// # Errors
///
/// The file may still be there.
pub async fn delete_own(context: &Context, host: &mut Host, path: &PathName) -> Result<bool> {
    match host {
        Host::Server(server) => delete_own_at_server(server.session(context).await?, path).await,
        // A disk that is read only refuses to delete what is not there.
        Host::Local(here) => {
            context.confirm_job().await?;
            here.delete(path).or_else(|why| match here.entry(path) {
                Ok(None) => Ok(false),
                Ok(Some(_)) | Err(_) => Err(why),
            })
        }
    }
}

/// The same in this session of a server. Where a refusal does not say why (vsftpd), other questions about the name tell whether
/// it is there.
///
/// # Errors
///
/// The server refuses to delete it, or no final reply came.
pub async fn delete_own_at_server(session: &mut Session, path: &PathName) -> Result<bool> {
    session.context.confirm_job().await?;
    let answer = session.ask(Command::Dele(path.clone())).await?;
    let is_unclear = !answer.is_done() && session.blame(&answer) == Blame::File;
    if is_unclear && have_at_server(session, path).await? == Some(false) {
        return Ok(false);
    }
    has_removed(session, &answer, || format!("cannot delete {}", path.display()))
}

/// Reads the answer to a command that removes a name. `Ok(false)` when the name was not there.
fn has_removed(session: &Session, answer: &Answer, what: impl FnOnce() -> String) -> Result<bool> {
    match answer.is_done() {
        true => Ok(true),
        false if session.blame(answer) == Blame::Missing => Ok(false),
        false => Err(session.refusal(what(), answer)),
    }
}

/// Makes a directory, unless it is there. Returns whether the server has made it, so that nothing is in it.
///
/// # Errors
///
/// The server refuses to make it and shows no directory there, has given it another name, or gives no final reply.
pub async fn make_directory(context: &Context, host: &mut Host, path: &PathName) -> Result<bool> {
    let session = match host {
        Host::Server(server) => server.session(context).await?,
        Host::Local(here) => {
            if !LocalName::typed(path).is_directory() {
                context.run.job_journal.note_change();
            }
            return match here.make_directory(path) {
                Ok(()) => Ok(false),
                Err(failure) => Err(find_obstacle(context, host, path, failure).await),
            };
        }
    };
    // What a directory means that is there depends on what the journal has of it.
    session.context.confirm_job().await?;
    let answer = session.ask(Command::Mkd(path.clone())).await?;
    if answer.is_done() {
        let named = check_stored_name_at_server(session, path).await;
        if named.is_err() && !session.is_over() {
            session.ask(Command::Rmd(path.clone())).await?;
        }
        named?;
        context.run.job_journal.note_change();
        return Ok(true);
    }
    if answer.class == Class::Refused
        && let Some(found) = facts_at_server(session, path).await?
    {
        return check_directory(host.show(path), found.kind).map(|()| false);
    }
    Err(session.refusal(format!("cannot make the directory {}", path.display()), &answer).not_missing())
}

/// Refuses a place where a directory is needed and something else is.
///
/// # Errors
///
/// Something else is there.
pub fn check_directory(place: impl Display, there: Kind) -> Result<()> {
    let is = match there {
        Kind::Directory | Kind::Current | Kind::Parent => return Ok(()),
        Kind::File => "is a file",
        Kind::Link => "is a symbolic link",
        Kind::Other => "is neither a file nor a directory",
    };
    let what = format!("{place} {is}, and a directory is needed there");
    Err(Failure::new(failure::Kind::Exists, what)
        .hint("move it away or delete it, or choose another destination"))
}

/// Why a new directory cannot be looked at or made: something else has its name, or that of a directory above it. It is `failure` if
/// nothing else is seen there.
pub async fn find_obstacle(context: &Context, host: &mut Host, path: &PathName, failure: Failure) -> Failure {
    let may_be = !matches!(failure.kind, failure::Kind::Temporary | failure::Kind::Interrupted);
    for directory in place::with_those_above(path).filter(|_| may_be) {
        if let Ok(Some(there)) = facts(context, host, &directory).await {
            return check_directory_or_link(host, &directory, there.kind).err().unwrap_or(failure);
        }
    }
    failure
}

/// The same as [`check_directory`], but for a symbolic link, which may lead to a directory.
///
/// # Errors
///
/// Something else is there.
pub fn check_directory_or_link(host: &Host, path: &PathName, there: Kind) -> Result<()> {
    if there == Kind::Link { Ok(()) } else { check_directory(host.show(path), there) }
}

/// Makes a directory, and the directories above it that are missing. Returns whether a server has made it, so that
/// nothing is in it.
///
/// # Errors
/// Fails if one of them could not be made.
pub async fn make_directories(context: &Context, host: &mut Host, path: &PathName) -> Result<bool> {
    let (mut directory, mut below) = (path.clone(), Vec::new());
    let mut is_new = loop {
        let failure = match make_directory(context, host, &directory).await {
            Ok(is_new) => break is_new,
            Err(failure) => failure,
        };
        let may_lack_parent = matches!(failure.kind, failure::Kind::Refused | failure::Kind::Missing);
        let parent = place::parent(&directory).filter(|parent| parent.as_bytes() != b"/");
        let Some(parent) = parent.filter(|_| may_lack_parent) else {
            return Err(find_obstacle(context, host, &directory, failure).await);
        };
        if let Some(there) = facts(context, host, &parent).await? {
            check_directory_or_link(host, &parent, there.kind)?;
            if !host.has_lost_session() {
                return Err(failure);
            }
            // A server that came back without its directories may have got the parent since the refusal, for another file.
            break make_directory(context, host, &directory).await?;
        }
        below.push(std::mem::replace(&mut directory, parent));
    };
    while let Some(directory) = below.pop() {
        is_new = make_directory(context, host, &directory).await?;
    }
    Ok(is_new)
}

/// Makes a directory of a tree that is being copied, and what a server has lost between it and the root of the tree. Returns whether a
/// server has made it, so that nothing is in it. The root is not made again: where it is gone, another disk may be in its place.
///
/// # Errors
/// Fails if the root is gone, or one of them could not be made.
pub async fn make_directory_of_tree(
    context: &Context,
    host: &mut Host,
    root: &PathName,
    path: &PathName,
) -> Result<bool> {
    if path != root {
        match make_directory(context, host, path).await {
            Err(failure)
                if host.has_lost_session()
                    && matches!(failure.kind, failure::Kind::Refused | failure::Kind::Missing) => {}
            made => return made,
        }
    }
    if root.as_bytes() != b"/" && facts(context, host, root).await?.is_none() {
        let what = format!("{} was there during this run, and is gone", host.show(root));
        let hint = "look whether the disk of the destination is mounted, then resume the job";
        return Err(Failure::new(failure::Kind::Missing, what).hint(hint));
    }
    if path == root { Ok(false) } else { make_directories(context, host, path).await }
}

/// Makes the missing directories above `path`. `Ok(false)` if none is missing.
///
/// # Errors
/// Fails if one of them could not be made.
pub async fn make_parents(context: &Context, host: &mut Host, path: &PathName) -> Result<bool> {
    let Some(parent) = place::parent(path) else { return Ok(false) };
    match facts(context, host, &parent).await? {
        Some(there) => check_directory_or_link(host, &parent, there.kind).map(|()| false),
        None => make_directories(context, host, &parent).await.map(|_| true),
    }
}

/// What is known of a directory that a server was told to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectoryThere {
    /// It was made, so that nothing is in it.
    New,
    /// It was there.
    Old,
    /// It is to be made alone: that tells why it was not made.
    Unknown,
}

/// Makes directories, as many as a server makes without a word between them. Those of this host are all made alone, and so are those
/// of which the server has not said what became of them before its session was lost.
pub async fn make_directories_at_once(
    context: &Context,
    host: &mut Host,
    paths: &[PathName],
) -> Vec<DirectoryThere> {
    let Host::Server(server) = host else { return Vec::new() };
    let Ok(session) = server.session(context).await else { return Vec::new() };
    let made = make_directories_at_once_at_server(session, paths).await;
    if made.contains(&DirectoryThere::New) {
        context.run.job_journal.note_change();
    }
    made
}

/// Makes directories, with all commands ahead of the replies to those before them, and looks at all together that are not made: none
/// where the server takes no commands ahead, and none whose name has to be checked. If the session is lost, these are the first ones
/// only.
pub async fn make_directories_at_once_at_server(
    session: &mut Session,
    paths: &[PathName],
) -> Vec<DirectoryThere> {
    let takes_ahead = session.manners.is_asked_ahead() && session.context.confirm_job().await.is_ok();
    let may_be_sent: Vec<bool> =
        paths.iter().map(|path| takes_ahead && session.manners.keeps(path)).collect();
    let sent = paths.iter().zip(&may_be_sent).filter(|(_, may_be_sent)| **may_be_sent);
    let sent: Vec<PathName> = sent.map(|(path, _)| path.clone()).collect();
    let answers = ask_ahead(session, &sent, Command::Mkd).await;
    let refused = sent.iter().zip(&answers).filter(|(_, answer)| answer.class == Class::Refused);
    let refused: Vec<PathName> = refused.map(|(path, _)| path.clone()).collect();
    let mut found = facts_of_all_at_server(session, &refused).await.into_iter();
    let is_directory = |facts: &Facts| matches!(facts.kind, Kind::Directory | Kind::Current | Kind::Parent);
    let mut there = answers.into_iter().map(|answer| match answer.class {
        Class::Done => DirectoryThere::New,
        Class::Refused => match found.next() {
            Some(Ok(Some(facts))) if is_directory(&facts) => DirectoryThere::Old,
            Some(_) | None => DirectoryThere::Unknown,
        },
        Class::Aside | Class::Preliminary | Class::More | Class::Later => DirectoryThere::Unknown,
    });
    let there = |was_sent| if was_sent { there.next() } else { Some(DirectoryThere::Unknown) };
    may_be_sent.into_iter().map_while(there).collect()
}

/// Deletes what the permit is for. `Ok(false)` if it was not there.
///
/// # Errors
///
/// The server refuses to delete it, or no final reply came.
pub async fn delete_at_server(session: &mut Session, permit: &DeletePermit) -> Result<bool> {
    if let Some(same) = permit.only_if() {
        let lost = || Err(Failure::interrupted());
        return delete_if_same(session, &[(permit, same)]).await.pop().unwrap_or_else(lost);
    }
    session.context.confirm_job().await?;
    let path = permit.path().clone();
    let command = match permit.kind() {
        RemovalKind::File => Command::Dele(path),
        RemovalKind::Directory => Command::Rmd(path),
    };
    let answer = session.ask(command).await?;
    has_removed(session, &answer, || cannot_delete(permit))
}

/// Renames a file or directory. Whoever asks has seen that nothing has the new name; a server may replace what has
/// got it since.
///
/// # Errors
///
/// The server refuses it, or has stored it under another name; then it is renamed back.
pub async fn rename_free_at_server(session: &mut Session, from: &PathName, to: &PathName) -> Result<()> {
    ask_rename(session, from, to).await?;
    let named = check_stored_name_at_server(session, to).await;
    if named.is_err() && !session.is_over() {
        ask_rename(session, to, from).await?;
    }
    named
}

/// Deletes files. A server that takes commands ahead is sent those for the next files before it has answered the first
/// ones. Returns what came of each, as [`delete_at_server`] does; of the first ones only if the session is lost.
pub async fn delete_all_at_server(session: &mut Session, permits: &[&DeletePermit]) -> Vec<Result<bool>> {
    let same = permits.iter().map(|permit| Some((*permit, permit.only_if()?)));
    if let Some(same) = same.collect::<Option<Vec<_>>>() {
        return delete_if_same(session, &same).await;
    }
    let are_files =
        permits.iter().all(|permit| permit.kind() == RemovalKind::File && permit.only_if().is_none());
    if !session.manners.is_asked_ahead() || !are_files || session.context.run.job_journal.is_shared() {
        let mut all = Vec::with_capacity(permits.len());
        for permit in permits {
            let deleted = delete_at_server(session, permit).await;
            if deleted.is_err() && session.is_over() {
                break;
            }
            all.push(deleted);
        }
        return all;
    }
    if let Err(lost) = session.context.confirm_job().await {
        return vec![Err(lost); permits.len()];
    }
    let paths: Vec<PathName> = permits.iter().map(|permit| permit.path().clone()).collect();
    let answers = ask_ahead(session, &paths, Command::Dele).await;
    let read =
        |(permit, answer): (&&DeletePermit, _)| has_removed(session, &answer, || cannot_delete(permit));
    permits.iter().zip(answers).map(read).collect()
}

/// Deletes files if they are what their permits say. Returns what came of each; of the first ones only if the session is lost.
/// `Ok(false)` if no regular file was there.
async fn delete_if_same(session: &mut Session, all: &[(&DeletePermit, &SameFile)]) -> Vec<Result<bool>> {
    if let Err(lost) = session.context.confirm_job().await {
        return vec![Err(lost); all.len()];
    }
    let files: Vec<FileToSend> = all.iter().map(|(_, same)| same.file.clone()).collect();
    let (mut commands, mut rest) = (Vec::new(), files.as_slice());
    for beside in all.chunk_by(|(_, one), (_, other)| one.directory == other.directory) {
        let Some((_, SameFile { directory, .. })) = beside.first() else { continue };
        let (here, others) = rest.split_at(beside.len());
        commands.extend(files_of_packs(directory, here).into_iter().map(|group| (directory, group)));
        rest = others;
    }
    let command = |(directory, (group, bytes)): &(&PathName, (&[FileToSend], usize))| {
        (Pack::Delete((*directory).clone(), group.to_vec()), *bytes)
    };
    let answers = match session.context.run.job_journal.is_shared() {
        false => ask_packs(session, commands.iter().map(command)).await,
        true => ask_confirmed(session, commands.iter().map(command)).await,
    };
    let (mut deleted, mut permits) = (Vec::with_capacity(all.len()), all.iter().map(|(permit, _)| *permit));
    for ((_, (group, _)), answer) in commands.iter().zip(answers) {
        let told = deleted_files(&answer.reply.lines, group.len());
        let each = permits.by_ref().take(group.len()).enumerate();
        deleted.extend(each.map(|(place, permit)| match &told {
            _ if !answer.is_done() => Err(session.refusal(cannot_delete(permit), &answer)),
            Some(told) => what_became(permit, told.get(place).copied().flatten()),
            None => {
                let what = format!("{}: the reply cannot be read", cannot_delete(permit));
                Err(Failure::new(failure::Kind::Temporary, what).said(session.quote(&answer.reply)))
            }
        }));
    }
    deleted
}

/// Waits until files and their names are on stable storage, as far as that can be known: those of this host, and all that
/// an `ftp-server` has. Another server cannot be asked. A server that does not answer is asked no second time about the same
/// files: it may have told a failure.
pub(crate) async fn make_stable(context: &Context, host: &mut Host, paths: &[&PathName]) -> AskedDisk {
    let server = match host {
        Host::Server(server) => server,
        Host::Local(_) => return make_stable_here(paths).await,
    };
    let pool = Arc::clone(&server.pool);
    let asked = async { make_stable_at_server(server.session(context).await?).await };
    pool.disk.ask(context.world.clock, asked).await
}

/// Has `ftp-server` put everything on stable storage that this account has stored, renamed or made there (SITE SYNC). Other
/// servers are not asked.
///
/// # Errors
///
/// No final reply came, see [`Session::ask`].
async fn make_stable_at_server(session: &mut Session) -> Result<StableStorage> {
    if !session.is_ours() {
        return Ok(StableStorage::Unasked);
    }
    let command = Command::Other(Verb::Site, b"SYNC".to_vec());
    let answer =
        session.ask_patiently(command, Some(session.context.settings.patience.reply.max(SYNCED))).await?;
    Ok(match answer.reply.code == Meaning::Okay.code(session.manners.dialect) {
        true => StableStorage::Stable,
        false => StableStorage::Refused(session.quote(&answer.reply)),
    })
}

async fn ask_rename(session: &mut Session, from: &PathName, to: &PathName) -> Result<()> {
    let what = || format!("cannot rename {} to {}", from.display(), to.display());
    let first = session.ask(Command::Rnfr(from.clone())).await?;
    session.check_done(&first, what())?;
    session.context.confirm_job().await?;
    let second = session.ask(Command::Rnto(to.clone())).await?;
    session.check_done(&second, what()).map_err(Failure::not_missing)
}

/// What became of a file that was to be deleted, and that was left for that reason.
fn what_became(permit: &DeletePermit, left: Option<LeftOut>) -> Result<bool> {
    let why = |kind, why| Err(Failure::new(kind, format!("{}: {why}", cannot_delete(permit))));
    match left {
        None => Ok(true),
        Some(LeftOut::Refused) => why(failure::Kind::Refused, "the server does not permit it to this user"),
        // A symbolic link is gone, too.
        Some(LeftOut::Gone) => Ok(false),
        // What it is now is found out by a question for it alone.
        Some(LeftOut::Changed | LeftOut::Taken | LeftOut::Unsent | LeftOut::Failed) => {
            why(failure::Kind::Temporary, "it is not what it was")
        }
    }
}

/// What cannot be done, in words.
pub(crate) fn cannot_delete(permit: &DeletePermit) -> String {
    let what = match permit.kind() {
        RemovalKind::File => "delete",
        RemovalKind::Directory => "remove the directory",
    };
    format!("cannot {what} {}", permit.path().display())
}

/// How long a server may take to write to its disk what it has in memory.
const SYNCED: Duration = Duration::from_secs(600);

/// Whether each of these files of a directory is there as it is described: a regular file of this size, and of this time
/// and identity where they are given. `false` says nothing of a file: it is to be asked for alone, as all files of this host
/// are.
pub async fn are_same(
    context: &Context,
    host: &mut Host,
    directory: &PathName,
    files: &[FileToSend],
) -> Vec<bool> {
    if let Host::Server(server) = host
        && let Ok(session) = server.session(context).await
    {
        return Box::pin(are_same_at_server(session, directory, files)).await;
    }
    vec![false; files.len()]
}

async fn are_same_at_server(session: &mut Session, directory: &PathName, files: &[FileToSend]) -> Vec<bool> {
    let mut all = Vec::with_capacity(files.len());
    if session.manners.capabilities.pack && session.manners.capabilities.takes_ahead {
        let groups = files_of_packs(directory, files);
        let question =
            |(group, bytes): &(&[FileToSend], usize)| (Pack::Same(directory.clone(), group.to_vec()), *bytes);
        let answers = ask_packs(session, groups.iter().map(question)).await;
        for ((group, _), answer) in groups.iter().zip(answers) {
            let same = if answer.is_done() { same_files(&answer.reply.lines, group.len()) } else { None };
            all.extend(same.unwrap_or_else(|| vec![false; group.len()]));
        }
    }
    all.resize(files.len(), false);
    all
}

/// The answers to commands that delete, one after the other: of the first ones only if the job is not this run's any more.
async fn ask_confirmed(session: &mut Session, packs: impl Iterator<Item = (Pack, usize)>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for pack in packs {
        if session.context.confirm_job().await.is_err() {
            break;
        }
        answers.extend(ask_packs(session, std::iter::once(pack)).await);
    }
    answers
}

/// The answers to these commands, each with the bytes of its line at most.
pub(super) async fn ask_packs(
    session: &mut Session,
    packs: impl Iterator<Item = (Pack, usize)>,
) -> Vec<Answer> {
    let commands = packs.map(|(pack, bytes)| (Command::Pack(Box::new(pack)), bytes));
    ask_each_ahead(session, commands).await
}
