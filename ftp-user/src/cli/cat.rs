//! `cat`: files to standard output.

use super::passwords::Passwords;
use super::places::{EachPlace, no_directory};
use super::transfer::{RelayArgs, rate_limit};
use crate::action::{ReadEnd, read};
use crate::context::{Context, RateLimit};
use crate::endpoint::files;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind, Result};
use crate::job::{Question, Status};
use crate::place::Location;
use crate::session::Role;
use clap::Args;
use ftp_io::program::size;
use ftp_proto::listing;
use std::ffi::OsString;
use std::fs::File;
use std::num::NonZeroU64;
use std::os::fd::AsFd;

/// Print files on servers and on this host to standard output
#[derive(Args, Debug)]
pub(super) struct CatArgs {
    /// Files to print
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    /// Read no more bytes per second, of all files together: 500KB, 2MiB
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    limit: Option<NonZeroU64>,
    #[command(flatten)]
    relays: RelayArgs,
}

/// Runs the verb.
pub(super) async fn run(mut context: Context, passwords: &Passwords, args: CatArgs) -> Result<Status> {
    let places = passwords.locations(&mut context, &args.places).await?;
    args.relays.apply(&mut context).await?;
    let limit = rate_limit(places.iter(), args.limit);
    context.settings.limit = limit.map(|rate| RateLimit::new(rate, rate, context.world.clock));
    let pools = Pools::new(context.world.files);
    let mut each = EachPlace::new();
    for location in each.places(&context, &pools, places).await? {
        let mut host = Host::at(&location, Role::Server, &pools);
        let printed = file(&context, &mut host, &location).await;
        host.quit().await;
        match printed {
            Ok(ReadEnd::All(_)) => each.ended(&context, &location, Ok(Status::Done))?,
            Ok(ReadEnd::ReaderGone) => return Ok(each.status()),
            Ok(ReadEnd::NotWritten(error)) => return Err(not_written(&error)),
            Err(failure) => each.ended(&context, &location, Err(failure))?,
        }
    }
    Ok(each.status())
}

/// Prints a file.
async fn file(context: &Context, host: &mut Host, location: &Location) -> Result<ReadEnd> {
    let mut question = Question::new(context);
    loop {
        question.connect(host).await?;
        if location.contents {
            refuse_slash(context, host, location).await?;
        }
        let mut moved = 0;
        let out = std::io::stdout().as_fd().try_clone_to_owned().map_err(|error| not_written(&error))?;
        match read(context, host, &location.path, File::from(out), &mut moved).await {
            // What was printed cannot be taken back.
            Err(failure) if moved == 0 => {
                refuse_directory(context, host, location, &failure).await?;
                question.again(failure).await?;
            }
            Err(failure) if failure.kind == Kind::Unverified => {
                return Err(failure.hint("what was printed cannot be taken back: copy the file"));
            }
            printed => return printed,
        }
    }
}

/// A `/` at the end of a place says that it is a directory.
///
/// # Errors
///
/// It is something else.
async fn refuse_slash(context: &Context, host: &mut Host, location: &Location) -> Result<()> {
    match files::facts(context, host, &location.path).await? {
        Some(facts) if facts.kind == listing::Kind::File => Err(no_directory(location)),
        Some(_) | None => Ok(()),
    }
}

/// Asks what a place is that was refused: servers say that in words of their own.
///
/// # Errors
///
/// It is a directory.
async fn refuse_directory(
    context: &Context,
    host: &mut Host,
    location: &Location,
    failure: &Failure,
) -> Result<()> {
    if !matches!(failure.kind, Kind::Refused | Kind::Missing | Kind::Other) {
        return Ok(());
    }
    let Ok(Some(facts)) = files::facts(context, host, &location.path).await else { return Ok(()) };
    match facts.kind {
        listing::Kind::Directory | listing::Kind::Current | listing::Kind::Parent => {
            Err(Failure::usage(format!("{location} is a directory"))
                .hint("cat takes files; ls lists directories, and copy -r copies them"))
        }
        listing::Kind::File | listing::Kind::Link | listing::Kind::Other => Ok(()),
    }
}

fn not_written(error: &std::io::Error) -> Failure {
    Failure::of_this_host("cannot write to standard output", error)
}
