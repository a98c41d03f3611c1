//! The times of files. A server is asked by MFMT, SITE UTIME, or MDTM with a time. Their permissions: MFF, or SITE CHMOD.

use super::look::ask_each_ahead;
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{self, Failure, Result};
use crate::session::{Answer, SentCommand, Session, TimeRefusal, bytes_of_question};
use ftp_proto::calendar::When;
use ftp_proto::client::Event;
use ftp_proto::command::Command;
use ftp_proto::listing::told_time;
use ftp_proto::wire::PathName;

/// When the file was modified last, if that is known.
///
/// # Errors
///
/// Fails if the server cannot be asked.
pub async fn modified(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<When>> {
    match host {
        Host::Server(server) => modified_at_server(server.session(context).await?, path).await,
        Host::Local(here) => Ok(here.facts(path)?.and_then(|facts| facts.modified)),
    }
}

/// When the file was modified last, if MDTM tells it.
///
/// # Errors
///
/// Fails if the session is lost.
pub(super) async fn modified_at_server(session: &mut Session, path: &PathName) -> Result<Option<When>> {
    if !session.manners.capabilities.mdtm {
        return Ok(None);
    }
    Ok(time_in(&session.ask(Command::Mdtm(path.clone())).await?))
}

/// The time in an answer to MDTM, if there is one.
pub(super) fn time_in(answer: &Answer) -> Option<When> {
    told_time(answer.reply.text()).filter(|_| answer.is_done())
}

/// Sets when the file was modified last. A server that takes commands ahead is asked together with the next
/// command; [`time_refusal`] tells afterwards whether it has refused.
///
/// # Errors
///
/// Fails if the session is lost, or this host refuses.
pub async fn set_modified(context: &Context, host: &mut Host, path: &PathName, time: When) -> Result<()> {
    match host {
        Host::Server(server) => set_modified_at_server(server.session(context).await?, path, time).await,
        Host::Local(here) => here.set_modified(path, time),
    }
}

/// The same in this session of a server.
///
/// # Errors
///
/// Fails if the session is lost.
pub async fn set_modified_at_server(session: &mut Session, path: &PathName, time: When) -> Result<()> {
    let Some(command) = session.manners.time_command(path, time) else {
        session.time.untaken = Some(TimeRefusal::Unknown(no_time_command(session)));
        return Ok(());
    };
    let verb = command.verb();
    settle_time(session).await?;
    session.time.unanswered = Some(SentCommand { id: session.send(command, None), verb });
    if session.manners.capabilities.takes_ahead { Ok(()) } else { settle_time(session).await }
}

/// Sets when these were modified last. A server that takes commands ahead is sent many of them together. Returns the first
/// refusal; a server that takes none ahead is not asked for what follows it.
///
/// # Errors
///
/// Fails if the session is lost, or this host refuses.
pub async fn set_modified_all(
    context: &Context,
    host: &mut Host,
    times: &[(PathName, When)],
) -> Result<Option<Failure>> {
    let session = match host {
        Host::Server(_) if times.is_empty() => return Ok(None),
        Host::Server(server) => server.session(context).await?,
        Host::Local(here) => {
            let mut set = times.iter().map(|(path, time)| here.set_modified(path, *time));
            return set.try_for_each(|set| set).map(|()| None);
        }
    };
    let command = |(path, time): &(PathName, When)| {
        Some((session.manners.time_command(path, *time)?, bytes_of_question(path) + LONGEST_FACT))
    };
    let commands: Vec<_> = times.iter().filter_map(command).collect();
    let unknown = (commands.len() < times.len()).then(|| no_time_command(session));
    Ok(set_all(session, commands, "cannot set the time of a directory").await?.or(unknown))
}

/// Sets the permission bits of these directories, as [`set_modified_all`] sets their times.
///
/// # Errors
///
/// Fails if the session is lost, or this host refuses.
pub async fn set_mode_all(
    context: &Context,
    host: &mut Host,
    modes: &[(PathName, u32)],
) -> Result<Option<Failure>> {
    let session = match host {
        Host::Server(_) if modes.is_empty() => return Ok(None),
        Host::Server(server) => server.session(context).await?,
        Host::Local(here) => {
            let mut set = modes.iter().map(|(path, mode)| here.set_mode(path, *mode));
            return set.try_for_each(|set| set).map(|()| None);
        }
    };
    let command = |(path, mode): &(PathName, u32)| {
        (session.manners.mode_command(path, *mode), bytes_of_question(path) + LONGEST_FACT)
    };
    let commands = modes.iter().map(command).collect();
    set_all(session, commands, "cannot set the permissions of a directory").await
}

/// Sends these commands, each with the bytes of its line at most. Ours take what is set of directories; others are asked once before
/// the rest is sent.
async fn set_all(
    session: &mut Session,
    mut commands: Vec<(Command, usize)>,
    what: &str,
) -> Result<Option<Failure>> {
    let alone = match session.manners.is_asked_ahead() {
        true => usize::from(!session.manners.capabilities.takes_ahead).min(commands.len()),
        false => commands.len(),
    };
    let ahead = commands.split_off(alone);
    for (command, _) in commands {
        let answer = session.ask(command).await?;
        if !answer.is_done() {
            return Ok(Some(session.refusal(what, &answer)));
        }
    }
    let sent = ahead.len();
    let answers = ask_each_ahead(session, ahead.into_iter()).await;
    if answers.len() < sent {
        session.check_open()?;
        return Err(Failure::interrupted());
    }
    let refused = answers.iter().find(|answer| !answer.is_done());
    Ok(refused.map(|answer| session.refusal(what, answer)))
}

fn no_time_command(session: &Session) -> Failure {
    let what = format!("{} offers no command that sets the time of a file", session.title);
    Failure::new(failure::Kind::Other, what)
}

/// Waits for the reply to the time that was sent last.
async fn settle_time(session: &mut Session) -> Result<()> {
    while session.time.unanswered.is_some() {
        if let Some(Event::Ended(failure)) = session.step_or_cancelled().await? {
            return Err(session.lost(&failure));
        }
    }
    Ok(())
}

/// Why a server has not taken the last time that was set.
///
/// # Errors
///
/// Fails if the session is lost.
pub async fn time_refusal(host: &mut Host) -> Result<Option<Failure>> {
    let Host::Server(server) = host else { return Ok(None) };
    let Some(session) = server.open() else { return Ok(None) };
    time_refusal_at_server(session).await
}

/// The same in this session of a server.
///
/// # Errors
///
/// Fails if the session is lost.
pub async fn time_refusal_at_server(session: &mut Session) -> Result<Option<Failure>> {
    settle_time(session).await?;
    Ok(session.time.untaken.take().map(|untaken| match untaken {
        TimeRefusal::Unknown(failure) => failure,
        TimeRefusal::Refused(answer) => session.refusal("cannot set the time of a file", &answer),
    }))
}

/// Sets the permission bits of a file or directory. Returns why the server has not done so. Servers do not announce
/// SITE CHMOD, so that it is tried.
///
/// # Errors
///
/// Fails if the session is lost, or this host refuses.
pub async fn set_mode(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    mode: u32,
) -> Result<Option<Failure>> {
    let session = match host {
        Host::Server(server) => server.session(context).await?,
        Host::Local(here) => return here.set_mode(path, mode).map(|()| None),
    };
    let answer = session.ask(session.manners.mode_command(path, mode)).await?;
    let refusal = || session.refusal(format!("cannot set the permissions of {}", path.display()), &answer);
    Ok((!answer.is_done()).then(refusal))
}

/// The largest number of bytes that a command for a time or a mode has beside its path.
const LONGEST_FACT: usize = 64;
