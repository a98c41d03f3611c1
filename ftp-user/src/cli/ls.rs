//! `ls`: what a directory holds.

use super::passwords::Passwords;
use super::places::{EachPlace, missing};
use super::relays::RelayArgs;
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools, list};
use crate::failure::Failure;
use crate::job::{Question, Status};
use crate::place::Location;
use crate::report::{Event, Form, Listed};
use clap::Args;
use ftp_proto::listing::{Entry, Kind};
use std::ffi::OsString;

/// List directories on servers and on this host, one name per line
#[derive(Args, Debug)]
pub(super) struct LsArgs {
    /// Directories or files
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    /// With type, mode, size and date (UTC)
    #[arg(short)]
    long: bool,
    /// Names that begin with a dot, too: they are always listed
    #[arg(short, hide = true)]
    all: bool,
    #[command(flatten)]
    relays: RelayArgs,
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: LsArgs,
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    let form = if args.long { Form::Long } else { Form::Name };
    args.relays.apply(&mut context).await?;
    let pools = Pools::default();
    let mut each = EachPlace::of(&places);
    for location in each.places(&context, &pools, places).await? {
        let mut host = Host::at(&location, Role::Server, &pools);
        let listed = tell(&context, &mut host, &location, form).await;
        host.release();
        each.ended(&context, &location, listed)?;
    }
    pools.quit().await;
    Ok(each.status())
}

/// Tells what is at a place.
async fn tell(
    context: &Context,
    host: &mut Host,
    location: &Location,
    form: Form,
) -> Result<Status, Failure> {
    let mut question = Question::new(context);
    let Found { mut entries, gaps, is_incomplete } = loop {
        question.connect(host).await?;
        match look(context, host, location).await {
            Ok(found) => break found,
            Err(failure) => question.again(failure).await?,
        }
    };
    for gap in gaps {
        context.events.warn(format!("{location}: {gap}"));
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries {
        context.events.deliver(Event::Listed(Listed { place: location.to_string(), entry, form })).await;
    }
    Ok(if is_incomplete { Status::Partly } else { Status::Done })
}

/// What is at a place.
struct Found {
    entries: Vec<Entry>,
    /// Why entries are missing.
    gaps: Vec<Failure>,
    is_incomplete: bool,
}

/// Asks once what is at `location`.
async fn look(context: &Context, host: &mut Host, location: &Location) -> Result<Found, Failure> {
    let facts = host.facts(context, &location.path).await?;
    let facts = facts.ok_or_else(|| missing(location))?;
    Ok(match facts.kind {
        Kind::Directory | Kind::Current | Kind::Parent => {
            let directory = Some(&location.path).filter(|path| path.as_bytes() != b".");
            let listing = match host {
                Host::Server(server) => server.session(context).await?.list(directory).await?,
                Host::Local(_) => list(context, host, &location.path).await?,
            };
            let is_incomplete = listing.is_incomplete();
            context.listed.note(&location.to_string(), None, &listing.entries, is_incomplete);
            Found { gaps: listing.gaps(), is_incomplete, entries: listing.entries }
        }
        Kind::File | Kind::Link | Kind::Other => {
            let entry = Entry {
                size: facts.size,
                modified: facts.modified,
                unique: facts.unique,
                ..Entry::new(location.path.clone(), facts.kind)
            };
            Found { entries: vec![entry], gaps: Vec::new(), is_incomplete: false }
        }
    })
}
