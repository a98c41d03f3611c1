//! `stat`: what is known of one place.

use super::passwords::Passwords;
use super::places::{EachPlace, missing};
use super::relays::RelayArgs;
use crate::context::Context;
use crate::endpoint::{Host, Pools};
use crate::failure::Failure;
use crate::job::{Question, Status};
use crate::place::Location;
use crate::remote;
use crate::report::{Event, Form, Label, Listed};
use crate::session::Role;
use clap::Args;
use ftp_proto::listing::Entry;
use ftp_proto::wire::PathName;
use std::ffi::OsString;

/// Show the facts of files and directories on servers and on this host
#[derive(Args, Debug)]
pub(super) struct StatArgs {
    /// Files or directories
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    #[command(flatten)]
    relays: RelayArgs,
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: StatArgs,
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    args.relays.apply(&mut context).await?;
    let pools = Pools::default();
    let mut each = EachPlace::new();
    for location in each.places(&context, &pools, places).await? {
        let mut host = Host::at(&location, Role::Server, &pools);
        let told = tell(&context, &mut host, &location).await;
        host.release();
        each.ended(&context, &location, told)?;
    }
    pools.quit().await;
    Ok(each.status())
}

/// Tells what is at a place.
async fn tell(context: &Context, host: &mut Host, location: &Location) -> Result<Status, Failure> {
    let mut question = Question::new(context);
    let entry = loop {
        question.connect(host).await?;
        match entry(context, host, &location.path).await {
            Ok(entry) => break entry.ok_or_else(|| missing(location))?,
            Err(failure) => question.again(failure).await?,
        }
    };
    let listed = Listed { place: location.to_string(), entry, form: Form::Facts, label: Label::Name };
    context.run.events.deliver(Event::Listed(listed)).await;
    Ok(Status::Done)
}

/// Asks once for the facts of `path`; `None` if nothing is there.
async fn entry(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<Entry>, Failure> {
    match host {
        Host::Server(server) => remote::entry(server.session(context).await?, path).await,
        Host::Local(_) => {
            let facts = host.facts(context, path).await?;
            Ok(facts.map(|facts| Entry {
                size: facts.size,
                modified: facts.modified,
                mode: facts.mode,
                unique: facts.unique,
                ..Entry::new(path.clone(), facts.kind)
            }))
        }
    }
}
