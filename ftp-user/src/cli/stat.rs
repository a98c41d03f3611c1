//! `stat`: what a server says about one place.

use super::places::{locations, on_servers};
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind};
use crate::job::{Status, facts};
use crate::report::{Event, Form, Listed};
use clap::Args;
use std::ffi::OsString;

/// Show the facts of files and directories on servers
#[derive(Args, Debug)]
pub(super) struct StatArgs {
    /// Files or directories
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
}

/// Runs the verb.
pub(super) async fn run(context: Context, args: StatArgs) -> Result<Status, Failure> {
    let places = locations(&args.places)?;
    on_servers(&places, "stat")?;
    let pools = Pools::default();
    for location in places {
        let mut host = Host::at(&location, Role::Server, &pools);
        // Retries are its; after it there is a session.
        facts(&context, &mut host, &location.path).await?;
        let Host::Server(server) = &mut host else { continue };
        let Some(entry) = server.session(&context).await?.entry(&location.path).await? else {
            return Err(
                Failure::new(Kind::Missing, format!("{} does not exist", location)).hint("check the path")
            );
        };
        context.events.say(Event::Listed(Listed { place: location.to_string(), entry, form: Form::Facts }));
        host.quit().await;
    }
    Ok(Status::Done)
}
