//! `probe`: every path between two servers, without moving a file.

use super::passwords::Passwords;
use super::transfer::PathArgs;
use crate::context::Context;
use crate::failure::{Failure, Kind, Result};
use crate::job::{self, Status};
use crate::report::Event;
use clap::Args;
use std::ffi::OsString;

/// Try every path between two servers without moving a file, and draw the best one
///
/// Files would go from SOURCE to DEST. Between two servers that know PROB nothing is read or stored.
/// Other paths are tried with an empty temporary file, which is deleted again at both ends.
#[derive(Args, Debug)]
pub(super) struct ProbeArgs {
    /// A file or directory of the server that would send
    source: OsString,
    /// A file or directory of the server that would receive
    dest: OsString,
    #[command(flatten)]
    paths: PathArgs,
}

/// Runs the verb.
pub(super) async fn run(mut context: Context, passwords: &Passwords, args: ProbeArgs) -> Result<Status> {
    let places = passwords.locations(&mut context, &[args.source, args.dest]).await?;
    let [source, destination] = &places[..] else {
        return Err(Failure::usage("probe needs a SOURCE and a DEST"));
    };
    if let Some(local) = places.iter().find(|place| place.is_local()) {
        return Err(Failure::usage(format!("{local} is on this host, and probe needs two servers"))
            .hint("name servers with ftp://host/path"));
    }
    args.paths.apply(&mut context, || places.iter()).await?;
    let found = job::survey(&context, source, destination, args.paths.path).await?;
    let works = found.best().is_some();
    context.run.events.say(Event::Surveyed(found));
    Ok(if works { Status::Done } else { Status::Failed(Kind::NoPath) })
}
