//! `stat`: what a server says about one place.

use super::common::{look, on_a_server, spots};
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind};
use crate::job::Status;
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

/// Runs it.
pub(super) async fn run(context: Context, args: StatArgs) -> Result<Status, Failure> {
    let spots = spots(&args.places)?;
    for spot in &spots {
        on_a_server(spot, "stat")?;
    }
    let pools = Pools::default();
    for spot in spots {
        let mut host = spot.host(Role::Server, &pools);
        // Retries are its; after it there is a session.
        look(&context, &mut host, &spot.path).await?;
        let Host::Server(server) = &mut host else { continue };
        let Some(entry) = server.session(&context).await?.entry(&spot.path).await? else {
            return Err(
                Failure::new(Kind::Missing, format!("{} does not exist", spot.place)).hint("check the path")
            );
        };
        context.events.say(Event::Listed(Listed { place: spot.place.to_string(), entry, form: Form::Facts }));
        host.quit().await;
    }
    Ok(Status::Done)
}
