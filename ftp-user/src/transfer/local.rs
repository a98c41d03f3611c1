//! A file between this host and a server: this program is one end of the data connection.

use super::Server;
use super::host::{local_failure, local_path};
use super::mover::{Count, Load};
use crate::app::App;
use crate::cli::Exit;
use crate::control::{Flow, Session, Way};
use crate::problem::Problem;
use crate::report::Event;
use ftp_io::copy::{self, Coding, Ended, Meter, Moved};
use ftp_proto::command::{Command, DataType};
use ftp_proto::reply::Blame;
use ftp_proto::third_party::Store;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};

/// To a server.
pub(super) async fn up(
    app: &App,
    to: &mut Server,
    load: &Load<'_>,
    count: &mut Count,
) -> Result<(), Problem> {
    let file = File::open(local_path(load.source))
        .map_err(|error| local_failure(format!("cannot read {}", load.source.display()), &error))?;
    let session = to.session(app).await?;
    session.partials(load.keeps).await?;
    forget_restart(session, load).await?;
    session.set_type(DataType::Image).await?; // before the data connection (modern-servers 11)
    let stored = load.stored.clone();
    let command = match load.store {
        Store::Replace => Command::Stor(stored),
        Store::Append => Command::Appe(stored),
    };
    let connection = session.open_data(Way::Up, &command).await?;
    let what = format!("cannot store {}", load.target.display());
    skip(session, load, count, &what).await?;
    let meter = Meter::default();
    let sending = copy::send(file, load.skips(), connection, Coding::Image, &meter);
    let flow = session.run(command, sending, &meter, &mut progress(app, load)).await;
    count.octets = meter.moved();
    conclude(session, load, count, flow?, what)
}

/// From a server.
pub(super) async fn down(
    app: &App,
    from: &mut Server,
    load: &Load<'_>,
    count: &mut Count,
) -> Result<(), Problem> {
    let session = from.session(app).await?;
    forget_restart(session, load).await?;
    session.set_type(DataType::Image).await?;
    let command = Command::Retr(load.source.clone());
    let connection = session.open_data(Way::Down, &command).await?;
    let file = open(load).map_err(|error| {
        not_missing(local_failure(format!("cannot write {}", load.target.display()), &error))
    })?;
    let what = format!("cannot read {}", load.source.display());
    skip(session, load, count, &what).await?;
    let meter = Meter::default();
    let receiving = async { copy::receive(connection, file, Coding::Image, &meter).await.0 };
    let flow = session.run(command, receiving, &meter, &mut progress(app, load)).await;
    count.octets = meter.moved();
    conclude(session, load, count, flow?, what)
}

/// The file that is written, at the place where the first octet goes.
fn open(load: &Load<'_>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    match (load.store, load.skips()) {
        (Store::Append, _) => options.append(true).create(true),
        (Store::Replace, 0) => options.write(true).create(true).truncate(true),
        (Store::Replace, _) => options.write(true),
    };
    let mut file = options.open(local_path(load.stored))?;
    if load.skips() > 0 {
        file.seek(SeekFrom::Start(load.skips()))?;
    }
    Ok(file)
}

async fn forget_restart(session: &mut Session, load: &Load<'_>) -> Result<(), Problem> {
    if load.skips() == 0 { session.forget_restart().await } else { Ok(()) }
}

/// REST, directly before the transfer command (RFC 3659 5.3).
async fn skip(session: &mut Session, load: &Load<'_>, count: &mut Count, what: &str) -> Result<(), Problem> {
    if load.skips() == 0 {
        return Ok(());
    }
    let refused = session.restart(load.skips()).await?;
    refused.map_or(Ok(()), |answer| {
        count.refused = true;
        Err(refusal(session, load, &answer, what.to_owned()))
    })
}

/// A directory that is not there is no missing source.
fn not_missing(problem: Problem) -> Problem {
    if problem.exit == Exit::Missing { Problem { exit: Exit::Refused, ..problem } } else { problem }
}

fn progress(app: &App, load: &Load<'_>) -> impl FnMut(u64) + Send + use<> {
    let (events, source, total, skips) = (app.events.clone(), load.name.to_owned(), load.size, load.skips());
    move |moved| events.say(Event::Progress { source: source.clone(), bytes: skips + moved, total })
}

/// Both ends must have ended well (H16).
fn conclude(
    session: &Session,
    load: &Load<'_>,
    count: &mut Count,
    flow: Flow<Moved>,
    what: String,
) -> Result<(), Problem> {
    let (moved, answer) = match flow {
        Flow::Refused(answer) => {
            count.refused = load.may_refuse_to_go_on(session.blame(&answer));
            return Err(refusal(session, load, &answer, what));
        }
        Flow::Over(moved, answer) => (moved, answer),
    };
    match moved.end {
        Ended::File(error) => Err(local_failure(format!("{what}: this host failed"), &error)),
        _ if !answer.is_done() => Err(refusal(session, load, &answer, what)),
        Ended::Whole => Ok(()),
        Ended::Broken(error) => {
            Err(Problem::new(Exit::Temporary, format!("{what}: the data connection broke"))
                .said(format!("this host said \"{error}\""))
                .advice("try again later"))
        }
        Ended::Stopped => Err(Problem::interrupted()),
    }
}

fn refusal(session: &Session, load: &Load<'_>, answer: &crate::control::Answer, what: String) -> Problem {
    let problem = session.refusal(what, answer);
    match session.blame(answer) {
        // Only one way leads to this host; a connection that broke may hold the next time.
        Blame::Path => Problem { exit: Exit::Temporary, ..problem },
        Blame::Missing if load.store == Store::Append => Problem { exit: Exit::Refused, ..problem },
        Blame::Missing
        | Blame::File
        | Blame::Space
        | Blame::Login
        | Blame::Busy
        | Blame::Unsupported
        | Blame::Peer => problem,
    }
}
