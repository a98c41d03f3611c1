//! One file between a server and standard input or output.
//!
//! Input is read once, and what was written to output cannot be taken back. So nothing that has begun to move is tried
//! again, and nothing can be resumed.

use crate::context::Context;
use crate::endpoint::Host;
use crate::endpoint::files::{self, FinalName, WantedFile};
use crate::failure::{Failure, Kind, Result, words};
use crate::job::check::{Overwrite, Proof, Verify, readable, replaceable};
use crate::job::part::Part;
use crate::job::part::publish::OldFiles;
use crate::job::request::job::{NAME, NULL, Options, Sink, both_are_here};
use crate::job::retry::{Question, ask, connect};
use crate::ladder::Rung;
use crate::outcome::{FileCopy, Protection, Verified};
use crate::place::{self, Location};
use crate::report::Event;
use crate::route::{StoreReply, tell_progress};
use crate::session::{Flow, Session, Transfer, data_connection_broke};
use ftp_io::copy::{self, CopyEnd, Pieces};
use ftp_io::hash::Digester;
use ftp_io::program::output::{input_file, output_file};
use ftp_proto::command::{Command, DataType, Partial};
use ftp_proto::digest::{Algorithm, best_common};
use ftp_proto::listing;
use ftp_proto::wire::{ByteRange, PathName, counted};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Opens what the file is written to.
fn open(sink: Sink) -> io::Result<File> {
    match sink {
        Sink::Output => output_file(),
        Sink::Null => File::options().write(true).open(NULL),
    }
}

/// Writes the file at `source` to standard output, or nowhere.
///
/// # Errors
///
/// Nothing was written, or what was written is not the file.
pub(in crate::job) async fn to_output(
    context: &Context,
    host: &mut Host,
    source: &PathName,
    sink: Sink,
    options: Options,
) -> Result<FileCopy> {
    let mut question = Question::new(context);
    let mut copy = StreamCopy { context, host, options };
    loop {
        connect(context, copy.host).await?;
        let mut moved = 0;
        match copy.output(source, sink, &mut moved).await {
            Ok(done) => return Ok(done),
            Err(failure) if moved > 0 && sink == Sink::Output => {
                let what = format!("{} of it was written to standard output", counted(moved, "byte"));
                return Err(failure.hint(format!("{what}, and cannot be taken back: copy it again")));
            }
            Err(failure) => question.again(failure).await?,
        }
    }
}

/// A file on its way between a server and a stream of this host.
struct StreamCopy<'a> {
    context: &'a Context,
    host: &'a mut Host,
    options: Options,
}

impl StreamCopy<'_> {
    async fn output(&mut self, path: &PathName, sink: Sink, moved: &mut u64) -> Result<FileCopy> {
        let Self { context, host, options } = self;
        let name = host.show(path);
        let facts = readable(files::facts(context, host, path).await?, &name)?;
        let algorithm = best_common(&host.algorithms(context).await?, &Algorithm::ALL);
        let means = options.verify.with(algorithm, facts.size)?;
        self.tell_plan(name.clone(), sink.name().to_owned(), facts.size, means).await;
        if self.options.mode.is_dry() {
            return Ok(done(facts.size, None, means));
        }
        let Self { context, host, .. } = self;
        let Host::Server(server) = host else { return Err(both_are_here()) };
        let session = server.session(context).await?;
        session.forget_restart().await?;
        let out = open(sink).map_err(|error| unwritten(&error))?;
        let what = format!("cannot read {name}");
        let wanted = WantedFile { path, what, size: facts.size, digest: means.algorithm() };
        let tell = tell_progress(context, name, facts.size, 0);
        let received = files::receive(session, &wanted, out, tell, moved).await;
        let protection = Protection::of(session.runs_tls());
        let digest = received?.map_err(|error| {
            let has_no_reader = error.kind() == io::ErrorKind::BrokenPipe;
            if has_no_reader {
                Failure::new(Kind::Other, "the reader of standard output has gone")
            } else {
                unwritten(&error)
            }
        })?;
        let sent = MovedBytes { bytes: *moved, digest };
        if facts.size.is_some_and(|size| size != sent.bytes) && means != Verified::None {
            let what = format!("{} came, and the source has another size", counted(sent.bytes, "byte"));
            return Err(Failure::new(Kind::Unverified, what));
        }
        let verified = self.compare(path, means, &sent).await?;
        Ok(done(Some(sent.bytes), Some(protection), verified))
    }

    /// Checks everything that can be checked before the first byte is read, and makes missing directories above the file.
    async fn ready(&mut self, destination: &Location) -> Result<InputPlan> {
        let Self { context, host, options } = self;
        let name = host.show(&destination.path);
        let found = files::facts(context, host, &destination.path).await?;
        let is_directory = found.as_ref().is_some_and(|facts| facts.kind == listing::Kind::Directory);
        if is_directory || destination.contents {
            return Err(Failure::of_command(format!(
                "{name} is a directory, and standard input has no name"
            ))
            .hint("name the file that receives it"));
        }
        replaceable(found.as_ref(), &name)?;
        match (&found, options.overwrite) {
            (Some(_), Overwrite::Never) => {
                return Err(Failure::not_replaced(format!("{name} exists")));
            }
            (Some(_), Overwrite::Newer) => {
                return Err(Failure::of_command(
                    "standard input has no time, so --overwrite newer cannot be decided",
                )
                .hint("--overwrite always replaces the file"));
            }
            (Some(_), Overwrite::Always | Overwrite::Different) | (None, _) => {}
        }
        let algorithm = best_common(&host.algorithms(context).await?, &Algorithm::ALL);
        // The size is known when all of it was read.
        let means = options.verify.with(algorithm, Some(0))?;
        if found.is_none() && !options.mode.is_dry() && place::parent(&destination.path).is_some() {
            files::make_parents(context, host, &destination.path).await?;
        }
        Ok(InputPlan { means, is_taken: found.is_some() })
    }

    /// Verifies the part and gives it its name. Returns what has verified it.
    async fn publish(&mut self, part: &Part, ready: InputPlan, sent: MovedBytes) -> Result<Verified> {
        let InputPlan { means, is_taken } = ready;
        if means != Verified::None {
            match files::size(self.context, self.host, &part.stored).await? {
                Some(size) if size != sent.bytes => {
                    let what = format!(
                        "{} were read, and {} are stored",
                        counted(sent.bytes, "byte"),
                        counted(size, "byte")
                    );
                    return Err(Failure::new(Kind::Unverified, what));
                }
                None if self.options.verify == Verify::Size => {
                    return Err(Failure::new(
                        Kind::Unverified,
                        "the server does not tell the size of the copy",
                    ));
                }
                Some(_) | None => {}
            }
        }
        let verified = self.compare(&part.stored, means, &sent).await?;
        let Self { context, host, options } = self;
        if options.overwrite == Overwrite::Never {
            part.replaces_nothing(context, host).await?;
        }
        let size = Some(sent.bytes).filter(|_| verified != Verified::None);
        let digest = Proof { by: verified, digest: sent.digest }.as_digest();
        let before = if is_taken { FinalName::Taken(digest) } else { FinalName::Free };
        let mut old = OldFiles::default();
        let named = old.publish(context, host, part, before, size).await;
        match &named {
            Ok(()) => old.end(context, host, &part.target, true).await,
            Err(_) => drop(old.settle(context, host, &part.target, false).await),
        }
        named.map(|()| verified)
    }

    /// Compares the digest of what has moved with that of the server's file.
    async fn compare(&mut self, path: &PathName, means: Verified, sent: &MovedBytes) -> Result<Verified> {
        let (Some(algorithm), Some(hex)) = (means.algorithm(), &sent.digest) else { return Ok(means) };
        match files::digest(self.context, self.host, algorithm, path, sent.bytes).await? {
            Ok(digest) if digest.hex.eq_ignore_ascii_case(hex) => Ok(means),
            Ok(digest) => {
                let name = algorithm.name();
                Err(Failure::new(Kind::Unverified, "the copy is not the same as its source").said(format!(
                    "{name} of what has passed is {hex}, of the file at the server {}",
                    digest.hex
                )))
            }
            Err(why) if self.options.verify == Verify::Hash => Err(why.as_kind(Kind::Unverified)),
            Err(why) => {
                self.context.run.events.warn(format!("{why}; only the size is verified"));
                Ok(Verified::Size)
            }
        }
    }

    /// Tells what is to be done.
    async fn tell_plan(&mut self, source: String, dest: String, size: Option<u64>, verify: Verified) {
        let dry_run = self.options.mode.is_dry();
        let told = Event::Plan { verb: "copy", source, dest, size, verify, dry_run };
        self.context.run.events.plan(told, dry_run).await;
    }
}

/// What has moved between a server and this program.
#[derive(Debug)]
struct MovedBytes {
    bytes: u64,
    /// The digest of the bytes, if it was wanted.
    digest: Option<String>,
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::new(Kind::Other, format!("cannot write to standard output: {}", words(error)))
}

/// Stores standard input at `destination`.
///
/// # Errors
///
/// It was not stored. Nothing of it is left at the server.
pub(in crate::job) async fn from_input(
    context: &Context,
    host: &mut Host,
    destination: &Location,
    options: Options,
) -> Result<FileCopy> {
    let name = host.show(&destination.path);
    let mut copy = StreamCopy { context, host, options };
    let ready = ask!(context, copy.host, copy.ready(destination))?;
    copy.tell_plan(NAME.to_owned(), name.clone(), None, ready.means).await;
    if options.mode.is_dry() {
        return Ok(done(None, None, ready.means));
    }
    let part = Part::random(&destination.path)?;
    let Host::Server(server) = &mut *copy.host else { return Err(both_are_here()) };
    let session = server.session(context).await?;
    let stored = Box::pin(send(session, &part.stored, ready.means.algorithm(), context)).await;
    let protection = Protection::of(session.runs_tls());
    let published = match stored {
        Ok(sent) => {
            let bytes = sent.bytes;
            let verified = Box::pin(copy.publish(&part, ready, sent)).await;
            verified.map(|verified| done(Some(bytes), Some(protection), verified))
        }
        Err(failure) => Err(failure),
    };
    match published {
        Ok(done) => Ok(done),
        Err(failure) => {
            part.discard(context, copy.host, StoreReply::Received).await;
            let failure = failure.during_unless_interrupted(format_args!("cannot store {name}"));
            Err(failure.hint(
                "standard input can be read only once, so this copy cannot be retried or resumed: start it again",
            ))
        }
    }
}

/// What is known before standard input is read.
#[derive(Clone, Copy)]
struct InputPlan {
    /// What will verify the file.
    means: Verified,
    /// Whether something has its name.
    is_taken: bool,
}

/// Sends standard input to the part.
async fn send(
    session: &mut Session,
    stored: &PathName,
    digest: Option<Algorithm>,
    context: &Context,
) -> Result<MovedBytes> {
    session.partials(Partial::Discard).await?;
    session.forget_restart().await?;
    session.set_type(DataType::Image).await?;
    let failed = |error: io::Error| Failure::of_this_host("cannot read standard input".to_owned(), &error);
    let file = input_file().map_err(failed)?;
    let waits = Arc::new(AtomicBool::new(false));
    let input = Input { file, digester: digest.map(Digester::new), waits: Arc::clone(&waits) };
    let meter = session.context.meter();
    let sending = |connection| copy::send_pieces(input, connection, false, &meter);
    let command = (Command::Stor(stored.clone()), ByteRange::WHOLE);
    let mut report = tell_progress(context, NAME.to_owned(), None, 0);
    let flow = Transfer::of(session).run(command, sending, &meter, &mut report).await;
    let flow = flow.map_err(|failure| {
        if failure.kind == Kind::Temporary && waits.load(Ordering::Relaxed) {
            return Failure::new(Kind::Temporary, "standard input sent nothing for too long");
        }
        failure
    });
    let (moved, input, answer) = match flow? {
        Flow::Lost(_, failure) => return Err(failure),
        Flow::Refused(answer) => return Err(session.refusal("the server refuses the file", &answer)),
        Flow::Over((moved, input), answer) => (moved, input, answer),
    };
    match moved.end {
        CopyEnd::File(error) => Err(failed(error)),
        _ if !answer.is_done() => Err(session.refusal("the server refuses the file", &answer)),
        CopyEnd::Whole => Ok(MovedBytes { bytes: moved.bytes, digest: input.digester.map(Digester::hex) }),
        CopyEnd::Broken(error) => Err(data_connection_broke("it was not sent", &error)),
        CopyEnd::Stopped => Err(Failure::interrupted()),
    }
}

/// Standard input, as it comes.
struct Input {
    file: File,
    digester: Option<Digester>,
    /// Whether it is what the transfer waits for.
    waits: Arc<AtomicBool>,
}

impl Pieces for Input {
    fn next(&mut self, room: &mut Vec<u8>) -> io::Result<ControlFlow<()>> {
        let mut polled = [PollFd::new(&self.file, PollFlags::IN)];
        let is_ready = poll(&mut polled, Some(&LOOK))? > 0;
        self.waits.store(!is_ready, Ordering::Relaxed);
        if !is_ready {
            return Ok(ControlFlow::Continue(()));
        }
        room.resize(PIECE, 0);
        let read = self.file.read(room)?;
        room.truncate(read);
        if let Some(digester) = &mut self.digester {
            digester.update(room);
        }
        Ok(if read == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

fn done(size: Option<u64>, protection: Option<Protection>, verified: Verified) -> FileCopy {
    FileCopy { protection, ..FileCopy::moved(size, Rung::Local, verified) }
}

/// Bytes that are read at once.
const PIECE: usize = 256 * 1024;
/// How long standard input is waited for before the transfer is asked whether it goes on.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
