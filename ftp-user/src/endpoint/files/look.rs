//! What is at a place of an end. A server is asked by MLST, else SIZE and MDTM, else CWD.

use super::list::RemoteDirectory;
use super::stored_name::check_shown_name;
use super::times::{modified_at_server, time_in};
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::Result;
use crate::place;
use crate::session::{Answer, Role, Session, bytes_of_question};
use ftp_proto::command::{Command, DataType};
use ftp_proto::listing::{Cut, Entry, Facts, Kind, told_size};
use ftp_proto::manners::{AbsentWords, Form, ToldByMlst, UnclearNames, Verdict, has_rights_of_file};
use ftp_proto::reply::{Blame, Class};
use ftp_proto::wire::PathName;
use std::collections::VecDeque;

/// What is at `path`; `None` if nothing is. A server that supports none of these commands is assumed to
/// have the file, with unknown size.
///
/// # Errors
///
/// See [`entry_at_server`].
pub async fn facts(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
    match host {
        Host::Server(server) => facts_at_server(server.session(context).await?, path).await,
        Host::Local(here) => here.facts(path),
    }
}

/// What has the name `path`, where a symbolic link is one; `None` if that is nothing.
///
/// # Errors
///
/// See [`entry_at_server`].
pub async fn facts_of_name(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
    match host {
        Host::Server(server) => facts_at_server(server.session(context).await?, path).await,
        Host::Local(here) => here.entry(path),
    }
}

/// Whether a server that may show a symbolic link as a directory shows by MLST that this is none.
///
/// # Errors
///
/// See [`entry_at_server`].
pub(crate) async fn mlst_shows_directory(
    context: &Context,
    host: &mut Host,
    path: &PathName,
) -> Result<bool> {
    let Host::Server(server) = host else { return Ok(true) };
    let session = server.session(context).await?;
    let capabilities = &session.manners.capabilities;
    if capabilities.mlst.is_none() {
        return Ok(!capabilities.may_hide_links);
    }
    Ok(!entry_at_server(session, path).await?.is_some_and(|entry| has_rights_of_file(&entry)))
}

/// The same as [`facts`] in this session of a server.
///
/// # Errors
///
/// See [`entry_at_server`].
pub async fn facts_at_server(session: &mut Session, path: &PathName) -> Result<Option<Facts>> {
    Ok(entry_at_server(session, path).await?.map(|entry| Facts::from(&entry)))
}

/// The same with everything that MLST says.
///
/// # Errors
///
/// The server refuses to look at it, shows another name than the one that was asked for, or gives no final reply.
pub async fn entry_at_server(session: &mut Session, path: &PathName) -> Result<Option<Entry>> {
    let mut entry = shown_entry(session, path).await?;
    if let Some(entry) = &mut entry {
        correct_links(session, [(path, entry)].into_iter()).await;
    }
    Ok(entry)
}

/// The same, where the facts of a symbolic link may stand for those of its file.
async fn shown_entry(session: &mut Session, path: &PathName) -> Result<Option<Entry>> {
    if session.manners.takes_mlst() {
        let answer = match session.looked_ahead(path).await? {
            Some(answer) => answer,
            None => session.ask(Command::Mlst(Some(path.clone()))).await?,
        };
        return entry_of(session, path, &answer).await;
    }
    without_mlst(session, path).await
}

/// What is at `path`, by this answer to MLST. Where that does not tell it, other commands are sent.
async fn entry_of(session: &mut Session, path: &PathName, answer: &Answer) -> Result<Option<Entry>> {
    match session.manners.told_by_mlst(answer, session.role == Role::Destination) {
        ToldByMlst::Entry(entry) => {
            check_shown_name(session, path, &entry.name)?;
            Ok(Some(entry))
        }
        ToldByMlst::Missing => Ok(None),
        ToldByMlst::Refused => Err(session.refusal(format!("cannot look at {}", path.display()), answer)),
        ToldByMlst::Nothing => without_mlst(session, path).await,
    }
}

/// MLST may have told the size, the time and the permissions of a symbolic link in place of those of its file. SIZE follows links, and
/// tells another size then. MDTM tells the time, and nobody tells the permissions.
async fn correct_links<'a>(
    session: &mut Session,
    entries: impl Iterator<Item = (&'a PathName, &'a mut Entry)>,
) {
    let may_be_links = entries.filter(|(_, entry)| session.manners.may_describe_a_link(entry));
    let (paths, told): (Vec<PathName>, Vec<&mut Entry>) =
        may_be_links.map(|(path, entry)| (path.clone(), entry)).unzip();
    if paths.is_empty() {
        return;
    }
    for (told, file) in told.into_iter().zip(sizes_ahead(session, &paths).await) {
        if let Some(file) = file.filter(|file| file.size != told.size) {
            (told.size, told.modified, told.precision) = (file.size, file.modified, file.precision);
            told.mode = None;
        }
    }
}

/// What is at each of these paths, as [`facts`] tells it. A server that does in order what comes together is sent the
/// questions for the next paths before it has answered the first ones. If the session is lost, these are the first answers only.
pub async fn facts_of_all(
    context: &Context,
    host: &mut Host,
    paths: &[PathName],
) -> Vec<Result<Option<Facts>>> {
    match host {
        Host::Server(server) => match server.session(context).await {
            Ok(session) => Box::pin(facts_of_all_at_server(session, paths)).await,
            Err(_) => Vec::new(),
        },
        Host::Local(here) => paths.iter().map(|path| here.facts(path)).collect(),
    }
}

pub(super) async fn facts_of_all_at_server(
    session: &mut Session,
    paths: &[PathName],
) -> Vec<Result<Option<Facts>>> {
    let known = &session.manners;
    let (answers, files) = match (known.is_asked_ahead(), known.capabilities.mlst.is_some()) {
        (false, _) => (Vec::new(), Vec::new()),
        (true, true) => (ask_ahead(session, paths, |path| Command::Mlst(Some(path))).await, Vec::new()),
        (true, false) if matches!(tells_sizes_of_directories(session).await, Ok(false)) => {
            (Vec::new(), sizes_ahead(session, paths).await)
        }
        (true, false) => (Vec::new(), Vec::new()),
    };
    let (mut answers, mut files) = (answers.into_iter(), files.into_iter());
    let mut all = Vec::with_capacity(paths.len());
    for path in paths {
        // Other questions come behind those that were sent.
        let entry = match (answers.next(), files.next().flatten()) {
            (_, Some(file)) => Ok(Some(file)),
            (Some(answer), None) => entry_of(session, path, &answer).await,
            (None, None) if session.is_over() => break,
            (None, None) => shown_entry(session, path).await,
        };
        all.push(entry);
    }
    let found =
        all.iter_mut().zip(paths).filter_map(|(entry, path)| Some((path, entry.as_mut().ok()?.as_mut()?)));
    correct_links(session, found).await;
    all.into_iter().map(|entry| entry.map(|entry| entry.map(|entry| Facts::from(&entry)))).collect()
}

/// What SIZE and MDTM, sent ahead for each of these paths, tell of those that are files. `None` if they do not tell that it is
/// one. If the session is lost, these are the first ones only.
async fn sizes_ahead(session: &mut Session, paths: &[PathName]) -> Vec<Option<Entry>> {
    // SIZE counts in the type in force (RFC 3659 section 4).
    if session.set_type(DataType::Image).await.is_err() {
        return Vec::new();
    }
    let asked = if session.manners.capabilities.mdtm { 2 } else { 1 };
    let mut commands = Vec::new();
    for path in paths {
        let both = [Command::Size(path.clone()), Command::Mdtm(path.clone())];
        commands.extend(both.into_iter().take(asked).map(|command| (command, bytes_of_question(path))));
    }
    let answers = ask_each_ahead(session, commands.into_iter()).await;
    let file = |(path, told): (&PathName, &[Answer])| {
        let size = size_in(told.first()?)?;
        let modified = told.get(1).and_then(time_in);
        Some(Entry { size: Some(size), modified, ..Entry::new(path.clone(), Kind::File) })
    };
    paths.iter().zip(answers.chunks_exact(asked)).map(file).collect()
}

/// The answers to a command with each of these paths, or the first ones of them if the session is lost. A server that is not
/// known to take commands ahead is sent one at a time.
pub(super) async fn ask_ahead(
    session: &mut Session,
    paths: &[PathName],
    command: impl Fn(PathName) -> Command,
) -> Vec<Answer> {
    let question = |path: &PathName| (command(path.clone()), bytes_of_question(path));
    ask_each_ahead(session, paths.iter().map(question)).await
}

/// The answers to these commands, each with the bytes of its line at most. See [`ask_ahead`].
pub(super) async fn ask_each_ahead(
    session: &mut Session,
    commands: impl Iterator<Item = (Command, usize)>,
) -> Vec<Answer> {
    session.gather(true);
    let (mut answers, mut ahead, mut bytes) = (Vec::new(), VecDeque::new(), 0);
    let mut commands = commands.peekable();
    while commands.peek().is_some() || !ahead.is_empty() {
        let has_room = ahead.is_empty() || session.manners.has_room_behind(ahead.len(), bytes);
        if let Some((command, line)) = commands.next_if(|_| has_room) {
            bytes += line;
            let verb = command.verb();
            ahead.push_back((session.send(command, None), verb, line));
            continue;
        }
        let Some((id, verb, line)) = ahead.pop_front() else { break };
        bytes -= line;
        match session.answer_to(id, verb).await {
            Ok(answer) => answers.push(answer),
            // Whoever uses the session next finds out why.
            Err(_) => break,
        }
    }
    session.gather(false);
    answers
}

/// What is at `path`, or where a symbolic link leads that is there. Some servers show a link as one in MLST
/// (ProFTPD), while SIZE and CWD follow it.
///
/// # Errors
///
/// See [`entry_at_server`].
pub async fn behind(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
    let session = match host {
        Host::Server(server) => server.session(context).await?,
        Host::Local(here) => return here.behind(path),
    };
    let found = entry_at_server(session, path).await?;
    if found.as_ref().is_none_or(|entry| entry.kind != Kind::Link) {
        return Ok(found.map(|entry| Facts::from(&entry)));
    }
    let found = without_mlst(session, path).await?;
    // The listing of its directory shows the link again.
    Ok(found.filter(|entry| entry.kind != Kind::Link).map(|entry| Facts::from(&entry)))
}

/// Where a directory is, as PWD tells it after CWD: many servers tell the path without symbolic links. `None` if
/// it cannot be entered. A directory of this host has an identity, so that nobody need compare its path.
///
/// # Errors
///
/// No final reply came, or the session cannot go back to its login directory.
pub async fn real_directory(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<PathName>> {
    let Host::Server(server) = host else { return Ok(None) };
    let session = server.session(context).await?;
    let Some(home) = session.current().await? else { return Ok(None) };
    if !session.ask(Command::Cwd(path.clone())).await?.is_done() {
        return Ok(None);
    }
    let real = session.current().await?;
    session.go_back(home).await?;
    Ok(real)
}

/// The login directory of a server, if it tells it. This host has none.
///
/// # Errors
///
/// The server cannot be asked.
pub async fn login_directory(context: &Context, host: &mut Host) -> Result<Option<PathName>> {
    let Host::Server(server) = host else { return Ok(None) };
    let told = server.session(context).await?.current().await?;
    if let Some(directory) = &told {
        server.pool.note_login_directory(directory);
    }
    Ok(told)
}

/// Whether an end has something of this name, which its listing has not shown: it may hide it. `None` if it does not tell. No
/// directory is listed again.
///
/// # Errors
///
/// No final reply came, see [`Session::ask`].
pub async fn have(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<bool>> {
    match host {
        Host::Server(server) => have_at_server(server.session(context).await?, path).await,
        Host::Local(end) => Ok(end.entry(path).ok().map(|found| found.is_some())),
    }
}

pub(super) async fn have_at_server(session: &mut Session, path: &PathName) -> Result<Option<bool>> {
    if session.dropped_part(path).await?.is_some() {
        return Ok(None);
    }
    if session.manners.capabilities.mlst.is_some() {
        let answer = session.ask(Command::Mlst(Some(path.clone()))).await?;
        if let Some(has) = session.manners.has_by_mlst(&answer) {
            return Ok(Some(has));
        }
    }
    let size = ask_size(session, path).await?;
    if size.is_done() {
        return Ok(Some(true));
    }
    let answer = if session.blame(&size) == Blame::Unsupported {
        session.ask(Command::Mdtm(path.clone())).await?
    } else {
        size
    };
    if answer.is_done() {
        return Ok(Some(true));
    }
    let (is_directory, refusal) = is_directory(session, path).await?;
    if is_directory {
        return Ok(Some(true));
    }
    let refusals = [Some(&answer), refusal.as_ref()].into_iter().flatten();
    Ok(session.manners.say_missing(refusals).then_some(false))
}

/// The size of a file, if SIZE tells it.
///
/// # Errors
///
/// The server refuses TYPE I, or no final reply came. A refusal of SIZE is no failure.
pub async fn size_by_command(session: &mut Session, path: &PathName) -> Result<Option<u64>> {
    Ok(size_in(&ask_size(session, path).await?))
}

/// The size in an answer to SIZE, if there is one.
fn size_in(answer: &Answer) -> Option<u64> {
    told_size(answer.reply.text()).filter(|_| answer.is_done())
}

/// The size of a file, if it is known. A server tells it by SIZE, by MLST or in a listing.
///
/// # Errors
///
/// The server cannot be asked, see [`entry_at_server`].
pub async fn size(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<u64>> {
    match host {
        Host::Server(server) => size_at_server(server.session(context).await?, path).await,
        Host::Local(here) => Ok(here.facts(path)?.and_then(|facts| facts.size)),
    }
}

/// The same in this session of a server.
///
/// # Errors
///
/// The server cannot be asked, see [`entry_at_server`].
pub async fn size_at_server(session: &mut Session, path: &PathName) -> Result<Option<u64>> {
    let answer = ask_size(session, path).await?;
    if let Some(told) = size_in(&answer) {
        return Ok(Some(told));
    }
    if let Some(facts) = facts_by_mlst(session, path).await? {
        return Ok(facts.and_then(|facts| facts.size));
    }
    // It does not know SIZE, or it has said 213 without a number (ftp-srv, of an empty file).
    if answer.is_done() || session.blame(&answer) == Blame::Unsupported {
        return Ok(by_listing(session, path, &answer).await?.and_then(|entry| entry.size));
    }
    Ok(None)
}

/// Whether the server has no word for the size of a file, although the file may be there: it does not know SIZE, or
/// answers it without a number, and MLST does not tell a size either.
///
/// # Errors
///
/// The server cannot be asked, see [`entry_at_server`].
pub async fn tells_no_size(context: &Context, host: &mut Host, path: &PathName) -> Result<bool> {
    let Host::Server(server) = host else { return Ok(false) };
    let session = server.session(context).await?;
    if let Some(facts) = facts_by_mlst(session, path).await? {
        return Ok(facts.is_some_and(|facts| facts.size.is_none()));
    }
    let answer = ask_size(session, path).await?;
    let has_no_number = answer.is_done() && size_in(&answer).is_none();
    Ok(has_no_number || session.blame(&answer) == Blame::Unsupported)
}

/// What MLST tells of a name; `None` if it cannot be believed. A server that has not named MLST may refuse it for any name.
async fn facts_by_mlst(session: &mut Session, path: &PathName) -> Result<Option<Option<Facts>>> {
    if !session.manners.takes_mlst() {
        return Ok(None);
    }
    let facts = facts_at_server(session, path).await?;
    Ok((facts.is_some() || session.manners.capabilities.mlst.is_some()).then_some(facts))
}

/// SIZE in TYPE I: RFC 3659 section 4 counts in the type in force.
async fn ask_size(session: &mut Session, path: &PathName) -> Result<Answer> {
    session.set_type(DataType::Image).await?;
    session.ask(Command::Size(path.clone())).await
}

/// Several words of the server decide, because no single one is enough: SIZE may tell the size of a directory,
/// and its refusal may mean anything. Where they contradict each other, the listing of the parent directory
/// decides.
async fn without_mlst(session: &mut Session, path: &PathName) -> Result<Option<Entry>> {
    if path.as_bytes() == b"." || path.as_bytes() == b"/" {
        return Ok(Some(Entry::new(path.clone(), Kind::Directory)));
    }
    let mut size = ask_size(session, path).await?;
    // One that is busy for an instant has said nothing of the file. Others say 450 of each that is not there.
    if size.class == Class::Later && !session.is_over() {
        size = ask_size(session, path).await?;
    }
    let mut entry = Entry::new(path.clone(), Kind::File);
    if size.is_done() && !(tells_sizes_of_directories(session).await? && is_directory(session, path).await?.0)
    {
        entry.size = told_size(size.reply.text());
        if entry.size.is_none()
            && let Some(found) = by_listing(session, path, &size).await?
        {
            return Ok(Some(found));
        }
        entry.modified = modified_at_server(session, path).await?;
        return Ok(Some(entry));
    }
    entry.kind = Kind::Directory;
    if size.is_done() {
        return Ok(Some(entry));
    }
    let (is_directory, refusal) = is_directory(session, path).await?;
    if is_directory {
        return Ok(Some(entry));
    }
    let is_unknown = session.blame(&size) == Blame::Unsupported;
    let words = [Some(&size), refusal.as_ref().filter(|_| !is_unknown)];
    if words.into_iter().flatten().any(|answer| session.blame(answer) == Blame::Missing) {
        return Ok(None);
    }
    by_listing(session, path, &size).await
}

/// What the listing of the parent directory says of `path`. `size` is the answer to SIZE, which decides if there
/// is no listing.
async fn by_listing(session: &mut Session, path: &PathName, size: &Answer) -> Result<Option<Entry>> {
    // A refusal counts only if it is about the file, and not about the command.
    let is_of_file = !size.is_done() && session.blame(size) != Blame::Unsupported;
    let words = AbsentWords::of(size.reply.code, &size.reply.lines, path.as_bytes()).filter(|_| is_of_file);
    if session.role == Role::Destination && session.manners.absent.has(words.as_ref()) {
        return Ok(None);
    }
    if let Some(name) = place::base_name(path) {
        let directory = place::parent(path);
        let (like, mut alike) = (UnclearNames::new(std::iter::once(&name)), Vec::new());
        let mut find = |_, entry: Entry| {
            if like.may_be(&entry.name) {
                alike.push(entry);
            }
        };
        let mut parent = RemoteDirectory { session, path: directory.as_ref() };
        // Nothing is in a directory that is not there.
        let is_absent = match parent.listed(&mut find).await {
            Ok((form, listing)) => {
                if form == Form::List {
                    parent.settle(&mut alike).await?;
                }
                if let Some(found) = alike.into_iter().find(|entry| entry.name == name) {
                    return Ok(Some(Entry { name: path.clone(), ..found }));
                }
                !listing.is_incomplete() || listing.cut == Some(Cut::Unopened)
            }
            Err(_) if session.is_over() => false,
            Err(_) => match &directory {
                Some(directory) => lacks_directory(session, directory).await?,
                None => false,
            },
        };
        if is_absent {
            session.manners.absent.learn(words);
            return Ok(None);
        }
    }
    session.check_open()?;
    match session.manners.verdict(size, session.role == Role::Destination) {
        Verdict::Missing => Ok(None),
        // It does not know SIZE, or says no number: the transfer will tell.
        _ if size.is_done() => Ok(Some(Entry::new(path.clone(), Kind::File))),
        Verdict::Unknown => Ok(Some(Entry::new(path.clone(), Kind::File))),
        Verdict::Failed => Err(session.refusal(format!("cannot look at {}", path.display()), size)),
    }
}

/// Whether SIZE tells the size of a directory too, so that an answer does not prove that there is a file. The
/// login directory shows it.
async fn tells_sizes_of_directories(session: &mut Session) -> Result<bool> {
    if let Some(known) = session.manners.sizes_directories {
        return Ok(known);
    }
    let tells = session.ask(Command::Size(PathName::here())).await?.is_done();
    session.manners.sizes_directories = Some(tells);
    Ok(tells)
}

/// Whether CWD enters `path`, and if not, the refusal.
///
/// Relative paths need the way back, so that PWD comes first.
async fn is_directory(session: &mut Session, path: &PathName) -> Result<(bool, Option<Answer>)> {
    let Some(home) = session.current().await? else { return Ok((false, None)) };
    let answer = session.ask(Command::Cwd(path.clone())).await?;
    if !answer.is_done() {
        return Ok((false, Some(answer)));
    }
    session.go_back(home.clone()).await?;
    Ok((!session.enters_anything(home).await?, None))
}

/// Whether CWD refuses `path`, and says nothing of rights.
async fn lacks_directory(session: &mut Session, path: &PathName) -> Result<bool> {
    let (_, refusal) = is_directory(session, path).await?;
    Ok(refusal.is_some_and(|answer| session.manners.say_missing([&answer].into_iter())))
}
