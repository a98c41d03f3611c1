//! `cat`: files to standard output.

use super::passwords::Passwords;
use super::places::EachPlace;
use super::relays::RelayArgs;
use super::site_limits;
use super::transfer::rate;
use crate::action::{Printed, read};
use crate::context::{Context, RateLimit};
use crate::control::Role;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind};
use crate::job::{Question, Status};
use crate::place::Location;
use clap::Args;
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
    #[arg(long, value_name = "RATE", value_parser = rate)]
    limit: Option<NonZeroU64>,
    #[command(flatten)]
    relays: RelayArgs,
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: CatArgs,
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    args.relays.apply(&mut context).await?;
    context.limit = args.limit.map(|rate| RateLimit::new(rate, rate, context.clock));
    let limit = site_limits::rate(places.iter(), args.limit);
    context.limit = limit.map(|rate| RateLimit::new(rate, rate, context.clock));
    let pools = Pools::default();
    let mut each = EachPlace::of(&places);
    for location in each.places(&context, &pools, places).await? {
        let mut host = Host::at(&location, Role::Server, &pools);
        let printed = file(&context, &mut host, &location).await;
        host.quit().await;
        match printed {
            Ok(Printed::All(_)) => each.ended(&context, &location, Ok(Status::Done))?,
            Ok(Printed::ReaderGone) => return Ok(each.status()),
            Ok(Printed::NotWritten(error)) => return Err(not_written(&error)),
            Err(failure) => each.ended(&context, &location, Err(failure))?,
        }
    }
    Ok(each.status())
}

/// Prints a file.
async fn file(context: &Context, host: &mut Host, location: &Location) -> Result<Printed, Failure> {
    let mut question = Question::new(context);
    loop {
        question.connect(host).await?;
        let mut moved = 0;
        let out = std::io::stdout().as_fd().try_clone_to_owned().map_err(|error| not_written(&error))?;
        match read(context, host, &location.path, File::from(out), &mut moved).await {
            // What was printed cannot be taken back.
            Err(failure) if moved == 0 => question.again(failure).await?,
            Err(failure) if failure.kind == Kind::Unverified => {
                return Err(failure.hint("what was printed cannot be taken back: copy the file"));
            }
            printed => return printed,
        }
    }
}

fn not_written(error: &std::io::Error) -> Failure {
    Failure::of_this_host("cannot write to standard output", error)
}
