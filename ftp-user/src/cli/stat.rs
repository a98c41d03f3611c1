//! `stat`: what a server says about one place.

use super::passwords::Passwords;
use super::places::{missing, on_servers};
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools};
use crate::failure::Failure;
use crate::job::{Question, Status};
use crate::report::{Event, Form, Listed};
use clap::Args;
use ftp_proto::listing::Entry;
use ftp_proto::wire::PathName;
use std::ffi::OsString;

/// Show the facts of files and directories on servers
#[derive(Args, Debug)]
pub(super) struct StatArgs {
    /// Files or directories
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: StatArgs,
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    on_servers(&places, "stat")?;
    let pools = Pools::default();
    for location in places {
        let mut host = Host::at(&location, Role::Server, &pools);
        let mut question = Question::new(&context);
        let entry = loop {
            question.connect(&mut host).await?;
            match entry(&context, &mut host, &location.path).await {
                Ok(entry) => break entry.ok_or_else(|| missing(&location))?,
                Err(failure) => question.again(failure).await?,
            }
        };
        context.events.say(Event::Listed(Listed { place: location.to_string(), entry, form: Form::Facts }));
        host.quit().await;
    }
    Ok(Status::Done)
}

/// Asks once for the facts of `path`; `None` if nothing is there.
async fn entry(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<Entry>, Failure> {
    match host {
        Host::Server(server) => server.session(context).await?.entry(path).await,
        Host::Local(_) => Ok(None),
    }
}
