//! `cat`: files on servers to standard output.

use super::passwords::Passwords;
use super::places::{EachPlace, on_servers};
use super::transfer::rate;
use crate::context::{Context, RateLimit};
use crate::control::{Flow, Role, Session, most};
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind};
use crate::job::{Question, Status};
use crate::place::Location;
use clap::Args;
use ftp_io::copy::{self, Coding, Ended};
use ftp_proto::command::{Command, DataType};
use ftp_proto::wire::{PathName, counted};
use std::ffi::OsString;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::AsFd;

/// Print files on servers to standard output
#[derive(Args, Debug)]
pub(super) struct CatArgs {
    /// Files to print
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    /// Read no more bytes per second, of all files together: 500KB, 2MiB
    #[arg(long, value_name = "RATE", value_parser = rate)]
    limit: Option<NonZeroU64>,
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: CatArgs,
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    on_servers(&places, "cat")?;
    context.limit = args.limit.map(|rate| RateLimit::new(rate, rate, context.clock));
    let pools = Pools::default();
    let mut each = EachPlace::of(&places);
    for location in places {
        let mut host = Host::at(&location, Role::Server, &pools);
        let printed = file(&context, &mut host, &location).await;
        host.quit().await;
        match printed {
            Ok(Printed::All) => each.ended(&context, &location, Ok(Status::Done))?,
            Ok(Printed::ReaderGone) => return Ok(each.status()),
            Ok(Printed::NotWritten(failure)) => return Err(failure),
            Err(failure) => each.ended(&context, &location, Err(failure))?,
        }
    }
    Ok(each.status())
}

enum Printed {
    All,
    /// `ftp-user cat ... | head` has seen enough.
    ReaderGone,
    /// Standard output takes nothing more.
    NotWritten(Failure),
}

/// Prints a file.
async fn file(context: &Context, host: &mut Host, location: &Location) -> Result<Printed, Failure> {
    let mut question = Question::new(context);
    loop {
        question.connect(host).await?;
        let mut moved = 0;
        match print(context, host, &location.path, &mut moved).await {
            // What was printed cannot be taken back.
            Err(failure) if moved == 0 => question.again(failure).await?,
            printed => return printed,
        }
    }
}

async fn print(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    moved: &mut u64,
) -> Result<Printed, Failure> {
    let Host::Server(server) = host else { return Ok(Printed::All) };
    let session = server.session(context).await?;
    session.set_type(DataType::Image).await?;
    let announced = session.size(path).await?;
    let command = Command::Retr(path.clone());
    let what = || format!("cannot read {}", path.display());
    let failed = |error: io::Error| Failure::of_this_host("cannot write to standard output", &error);
    let out = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned().map_err(failed)?);
    let (meter, most) = (session.meter(), most(announced));
    let copying = async |connection| copy::receive(connection, out, Coding::Image, &meter).await.0;
    let mut moving = |moved, _| {
        if moved > most {
            meter.stop();
        }
    };
    let flow = session.transfer((command, 0), copying, &meter, &mut moving).await;
    *moved = meter.moved();
    if *moved > most {
        return Err(session.sends_too_much(announced.unwrap_or(0)).during(what()));
    }
    match flow? {
        Flow::Refused(answer) => Err(session.refusal(what(), &answer)),
        Flow::Over(copied, answer) => match copied.end {
            Ended::File(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Printed::ReaderGone),
            Ended::File(error) => Ok(Printed::NotWritten(failed(error))),
            _ if !answer.is_done() => Err(session.refusal(what(), &answer)),
            Ended::Whole => check(session, path, announced, *moved).await.map(|()| Printed::All),
            Ended::Broken(error) => Err(Failure::new(Kind::Temporary, what())
                .said(format!("the data connection broke: {error}"))
                .hint("try again later")),
            Ended::Stopped => Err(Failure::interrupted()),
        },
    }
}

/// Whether the file was printed whole. A file that grows while it is read has another size afterwards.
async fn check(
    session: &mut Session,
    path: &PathName,
    announced: Option<u64>,
    moved: u64,
) -> Result<(), Failure> {
    let Some(announced) = announced.filter(|announced| *announced != moved) else { return Ok(()) };
    if session.size(path).await? == Some(moved) {
        return Ok(());
    }
    let (came, size) = (counted(moved, "byte"), counted(announced, "byte"));
    let what = format!("{} was not printed whole", path.display());
    Err(Failure::new(Kind::Unverified, what)
        .said(format!("the {} {} announced {size} and sent {came}", session.role.name(), session.title))
        .hint("what was printed cannot be taken back: copy the file"))
}
