//! Transfers a file between this host and a server: this program is one end of the data connection.

use super::assignment::{Assignment, Count, StoreReply};
use super::second::{UnendedFile, warn_as_long};
use crate::context::Context;
use crate::endpoint::files;
use crate::endpoint::{LocalEnd, Server};
use crate::failure::{Failure, Kind, Result};
use crate::outcome::{PathFacts, Protection, TransferFacts};
use crate::report::{Event, FileProgress, THIS_HOST};
use crate::session::{Answer, Flow, Session, Transfer, data_connection_broke};
use crate::world::Writing;
use ftp_io::copy::{self, Coding, CopyEnd, CopyReport, Format};
use ftp_io::tls::Data;
use ftp_proto::command::{Command, DataType, Verb};
use ftp_proto::reply::Blame;
use ftp_proto::transfer::{Side, Store};
use ftp_proto::wire::ByteRange;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Sends a local file to a server.
pub(crate) async fn send_local(
    context: &Context,
    (from, to): (&LocalEnd, &mut Server),
    assignment: &Assignment,
    count: &mut Count,
) -> Result<()> {
    let file = from.open_to_send(&assignment.source, assignment.seen.as_deref())?;
    let session = to.session(context).await?;
    session.partials(assignment.continued.partial()).await?;
    forget_restart(session, assignment).await?;
    session.set_type(DataType::Image).await?; // before the data connection (modern-servers 11)
    let stored = assignment.stored.clone();
    let command = match assignment.store {
        Store::Replace => Command::Stor(stored),
        Store::Append => Command::Appe(stored),
    };
    let what = format!("cannot store {}", assignment.target.display());
    let meter = context.meter();
    let (skips, part) = (assignment.skips(), assignment.part().unwrap_or(ByteRange::WHOLE));
    let format = Format { limit: part.length, ..Coding::Image.into() };
    let seen = SeenPeer::new(session);
    let sending = |connection: Data| {
        seen.note(&connection);
        copy::send(file, skips, connection, format, &meter)
    };
    let mut tell = tell_progress(context, assignment.name.clone(), assignment.size, assignment.skips());
    let flow = Transfer::of(session).run((command, part), sending, &meter, &mut tell).await;
    count.bytes = meter.moved();
    count.protection = Some(Protection::of(session.runs_tls()));
    count.facts = seen.facts(session, Side::Destination);
    count.store_reply = StoreReply::of_session(!session.is_over());
    let file = format!("cannot read {}", assignment.source.display());
    let flow = flow?;
    match &flow {
        Flow::Refused(answer) => count.touched = may_be_made(session.blame(answer)),
        Flow::Lost(CopyReport { end: CopyEnd::Whole, .. }, failure) => {
            if assignment.store == Store::Replace
                && assignment.until.is_none()
                && !assignment.needs_final_reply
                && let Some(size) = assignment.size
                && (UnendedFile { path: &assignment.stored, size, was_shorter: false, may_grow: true })
                    .becomes_whole(context, to)
                    .await
                    .unwrap_or(false)
            {
                warn_as_long(context, to.site.to_string(), failure);
                return Ok(());
            }
            return Err(failure.clone());
        }
        Flow::Lost(..) | Flow::Over(..) => {}
    }
    conclude(session, assignment, count, flow, (what, file))
}

/// Whether a server that refuses to store, and blames that, may have made the file first. Some open it, and only then
/// find that there is no room, or that no data connection comes.
const fn may_be_made(blame: Blame) -> bool {
    match blame {
        Blame::Missing | Blame::File | Blame::Login | Blame::Unsupported => false,
        Blame::Space | Blame::Path | Blame::Busy | Blame::Peer => true,
    }
}

/// Receives a file from a server.
pub(crate) async fn receive_local(
    context: &Context,
    from: &mut Server,
    to: &LocalEnd,
    assignment: &Assignment,
    count: &mut Count,
) -> Result<()> {
    let session = from.session(context).await?;
    context.confirm_job().await?;
    forget_restart(session, assignment).await?;
    session.set_type(DataType::Image).await?;
    let command = Command::Retr(assignment.source.clone());
    let what = format!("cannot read {}", assignment.source.display());
    let meter = context.meter();
    let seen = SeenPeer::new(session);
    let receiving = async |connection: Data| {
        seen.note(&connection);
        match open(to, assignment) {
            Ok(file) => copy::receive(connection, file, Coding::Image, &meter).await.0,
            Err(error) => CopyReport { bytes: 0, end: CopyEnd::File(error), digest: None, kept: None },
        }
    };
    let part = assignment.part().unwrap_or(ByteRange::WHOLE);
    let mut report = tell_progress(context, assignment.name.clone(), assignment.size, assignment.skips());
    let most = assignment.most();
    let mut moving = |moved, time| {
        report(moved, time);
        if moved > most {
            meter.stop();
        }
    };
    let flow = Transfer::of(session).run((command, part), receiving, &meter, &mut moving).await;
    count.bytes = meter.moved();
    count.protection = Some(Protection::of(session.runs_tls()));
    count.facts = seen.facts(session, Side::Source);
    if count.bytes > most {
        return Err(files::sends_too_much(session, assignment.size.unwrap_or(0)).during(what));
    }
    let file = format!("cannot write {}", assignment.target.display());
    let flow = flow?;
    if let Flow::Lost(CopyReport { end: CopyEnd::Whole, .. }, failure) = &flow
        && assignment.to_move() == Some(count.bytes)
    {
        warn_as_long(context, THIS_HOST, failure);
        return Ok(());
    }
    conclude(session, assignment, count, flow, (what, file))
}

/// The address of a server at its data connection with this host, if the socket shows it.
#[derive(Debug)]
struct SeenPeer {
    /// Whether no proxy and no relay is between.
    is_direct: bool,
    at: OnceLock<SocketAddr>,
}

impl SeenPeer {
    fn new(session: &Session) -> Self {
        Self { is_direct: session.sees_its_peer(), at: OnceLock::new() }
    }

    /// The data connection is open.
    fn note(&self, connection: &Data) {
        if let Some(at) = connection.peer().filter(|_| self.is_direct) {
            let _ = self.at.set(at);
        }
    }

    /// What is known of the transfer; the server is at that side.
    fn facts(&self, session: &Session, side: Side) -> TransferFacts {
        let (mut addresses, mut control, mut data) = ([None; 2], [None, None], [None, None]);
        *side.of(addresses.each_mut()) = self.at.get().copied();
        *side.of(control.each_mut()) = Some(session.control_protection());
        *side.of(data.each_mut()) = Some(session.data_protection());
        let path = PathFacts { control, data, why: Some(ONE_PLACE_IS_HERE.to_owned()) };
        TransferFacts { addresses, path: Some(Arc::new(path)), ..TransferFacts::default() }
    }
}

/// Why a file moves between this host and a server.
const ONE_PLACE_IS_HERE: &str = "one of the two places is this host";

/// Opens the local file to write, at the position of the first byte.
fn open(end: &LocalEnd, assignment: &Assignment) -> io::Result<File> {
    let skips = assignment.skips();
    let writing = match (assignment.store, assignment.until) {
        (Store::Append, _) => Writing::Append,
        (Store::Replace, Some(_)) => Writing::Range,
        (Store::Replace, None) if skips > 0 => Writing::Continue,
        (Store::Replace, None) => Writing::Anew,
    };
    let mut file = end.open_to_write(&assignment.stored, writing)?;
    if skips > 0 {
        file.seek(SeekFrom::Start(skips))?;
    }
    Ok(file)
}

async fn forget_restart(session: &mut Session, assignment: &Assignment) -> Result<()> {
    if assignment.part().is_none() { session.forget_restart().await } else { Ok(()) }
}

/// Tells how much of a file has moved, of which so much was there `before`.
pub(crate) fn tell_progress(
    context: &Context,
    source: String,
    total: Option<u64>,
    before: u64,
) -> impl FnMut(u64, Duration) + Send + use<> {
    let events = context.run.events.clone();
    move |moved, time| {
        let bytes = before + moved;
        events.say(Event::Progress(FileProgress { source: source.clone(), bytes, total, before, time }));
    }
}

/// Succeeds if both ends have ended well (H16). `what` and `file` say what failed if the server or this host
/// did.
fn conclude(
    session: &Session,
    assignment: &Assignment,
    count: &mut Count,
    flow: Flow<CopyReport>,
    (what, file): (String, String),
) -> Result<()> {
    let (moved, answer) = match flow {
        Flow::Refused(answer) => {
            count.refused = matches!(answer.verb, Verb::Rest | Verb::Rang)
                || assignment.may_refuse_to_go_on(session.blame(&answer));
            return Err(refusal(session, assignment, &answer, what));
        }
        Flow::Over(moved, answer) => (moved, answer),
        Flow::Lost(_, failure) => return Err(failure),
    };
    match moved.end {
        CopyEnd::File(error) => Err(Failure::of_this_host(file, &error).not_missing()),
        _ if !answer.is_done() => Err(refusal(session, assignment, &answer, what)),
        CopyEnd::Whole => Ok(()),
        CopyEnd::Broken(error) => Err(data_connection_broke(&what, &error)),
        CopyEnd::Stopped => Err(Failure::interrupted()),
    }
}

fn refusal(session: &Session, assignment: &Assignment, answer: &Answer, what: String) -> Failure {
    let failure = session.refusal(what, answer);
    if session.blame(answer) == Blame::Path {
        // There is only one path to this host. It may work the next time.
        return failure.as_kind(Kind::Temporary);
    }
    if assignment.store == Store::Append { failure.not_missing() } else { failure }
}
