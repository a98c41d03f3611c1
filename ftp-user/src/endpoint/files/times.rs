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

/// What a file or directory gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetFact {
    /// When it was modified last.
    Modified(When),
    /// Its permission bits.
    Mode(u32),
}

impl SetFact {
    /// The command that sets it, if the server offers one. Servers do not announce SITE CHMOD, so that it is tried.
    fn command(self, session: &Session, path: &PathName) -> Option<Command> {
        match self {
            Self::Modified(time) => session.manners.time_command(path, time),
            Self::Mode(mode) => Some(session.manners.mode_command(path, mode)),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Modified(_) => "time",
            Self::Mode(_) => "permissions",
        }
    }
}

/// Gives files and directories their times or permissions. A server that takes commands ahead is sent many of them together; one of
/// other people is asked once before the rest is sent. Returns the first refusal; a server that takes none ahead is not asked for what
/// follows it.
///
/// # Errors
///
/// Fails if the session is lost, or this host refuses.
pub async fn set_facts(
    context: &Context,
    host: &mut Host,
    facts: &[(PathName, SetFact)],
) -> Result<Option<Failure>> {
    let session = match host {
        Host::Server(_) if facts.is_empty() => return Ok(None),
        Host::Server(server) => server.session(context).await?,
        Host::Local(here) => {
            let mut set = facts.iter().map(|(path, fact)| match fact {
                SetFact::Modified(time) => here.set_modified(path, *time),
                SetFact::Mode(mode) => here.set_mode(path, *mode),
            });
            return set.try_for_each(|set| set).map(|()| None);
        }
    };
    let command = |(path, fact): &(PathName, SetFact)| {
        Some((fact.command(session, path)?, bytes_of_question(path) + LONGEST_FACT))
    };
    let Some(commands) = facts.iter().map(command).collect::<Option<Vec<_>>>() else {
        return Ok(Some(no_time_command(session)));
    };
    let alone = match session.manners.is_asked_ahead() {
        true => usize::from(!session.manners.capabilities.takes_ahead),
        false => commands.len(),
    };
    let (mut commands, mut answers) = (commands.into_iter(), Vec::new());
    for (command, _) in commands.by_ref().take(alone) {
        answers.push(session.ask(command).await?);
        if !answers.iter().all(Answer::is_done) {
            break;
        }
    }
    if answers.iter().all(Answer::is_done) {
        answers.extend(ask_each_ahead(session, commands).await);
        if answers.len() < facts.len() {
            session.check_open()?;
            return Err(Failure::interrupted());
        }
    }
    let refused = facts.iter().zip(&answers).find(|(_, answer)| !answer.is_done());
    Ok(refused.map(|((path, fact), answer)| {
        session.refusal(format!("cannot set the {} of {}", fact.name(), path.display()), answer)
    }))
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

/// The largest number of bytes that a command for a time or a mode has beside its path.
const LONGEST_FACT: usize = 64;
