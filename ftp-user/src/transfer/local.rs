//! A file between this host and a server: this program is one end of the data connection.

use super::Server;
use super::host::{local_failure, local_path};
use super::mover::Load;
use crate::app::App;
use crate::cli::Exit;
use crate::control::{Flow, Session, Way};
use crate::problem::Problem;
use crate::report::Event;
use ftp_io::copy::{self, Coding, Ended, Meter, Moved};
use ftp_proto::command::{Command, DataType};
use ftp_proto::reply::Blame;
use ftp_proto::third_party::Store;
use std::fs::OpenOptions;

/// To a server.
pub(super) async fn up(app: &App, to: &mut Server, load: &Load<'_>, octets: &mut u64) -> Result<(), Problem> {
    let file = std::fs::File::open(local_path(load.source))
        .map_err(|error| local_failure(format!("cannot read {}", load.source.display()), &error))?;
    let session = to.session(app).await?;
    session.discard_partials().await?;
    session.set_type(DataType::Image).await?; // before the data connection (modern-servers 11)
    let stored = load.stored.clone();
    let command = match load.store {
        Store::Replace => Command::Stor(stored),
        Store::Append => Command::Appe(stored),
    };
    let connection = session.open_data(Way::Up, &command).await?;
    let meter = Meter::default();
    let sending = copy::send(file, 0, connection, Coding::Image, &meter);
    let flow = session.run(command, sending, &meter, &mut progress(app, load)).await;
    *octets = meter.moved();
    conclude(session, load, flow?, format!("cannot store {}", load.target.display()))
}

/// From a server.
pub(super) async fn down(
    app: &App,
    from: &mut Server,
    load: &Load<'_>,
    octets: &mut u64,
) -> Result<(), Problem> {
    let session = from.session(app).await?;
    session.set_type(DataType::Image).await?;
    let command = Command::Retr(load.source.clone());
    let connection = session.open_data(Way::Down, &command).await?;
    let mut options = OpenOptions::new();
    match load.store {
        Store::Replace => options.write(true).create(true).truncate(true),
        Store::Append => options.append(true).create(true),
    };
    let file = options.open(local_path(load.stored)).map_err(|error| {
        not_missing(local_failure(format!("cannot write {}", load.target.display()), &error))
    })?;
    let meter = Meter::default();
    let receiving = async { copy::receive(connection, file, Coding::Image, &meter).await.0 };
    let flow = session.run(command, receiving, &meter, &mut progress(app, load)).await;
    *octets = meter.moved();
    conclude(session, load, flow?, format!("cannot read {}", load.source.display()))
}

/// A directory that is not there is no missing source.
fn not_missing(problem: Problem) -> Problem {
    if problem.exit == Exit::Missing { Problem { exit: Exit::Refused, ..problem } } else { problem }
}

fn progress(app: &App, load: &Load<'_>) -> impl FnMut(u64) + Send + use<> {
    let (events, source, total) = (app.events.clone(), load.name.to_owned(), load.size);
    move |bytes| events.say(Event::Progress { source: source.clone(), bytes, total })
}

/// Both ends must have ended well (H16).
fn conclude(session: &Session, load: &Load<'_>, flow: Flow<Moved>, what: String) -> Result<(), Problem> {
    let (moved, answer) = match flow {
        Flow::Refused(answer) => return Err(refusal(session, load, &answer, what)),
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
