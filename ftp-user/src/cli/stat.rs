//! `stat`: what a server says about one place.

use super::Exit;
use super::common::{look, on_a_server, spots};
use crate::app::App;
use crate::control::Role;
use crate::problem::Problem;
use crate::report::{Event, Form, Listed};
use crate::transfer::Host;
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
pub(super) async fn run(app: App, args: StatArgs) -> Result<Exit, Problem> {
    let spots = spots(&args.places)?;
    for spot in &spots {
        on_a_server(spot, "stat")?;
    }
    for spot in spots {
        let mut host = spot.host(Role::Server);
        // Retries are its; after it there is a session.
        look(&app, &mut host, &spot.path).await?;
        let Host::Server(server) = &mut host else { continue };
        let Some(entry) = server.session(&app).await?.entry(&spot.path).await? else {
            return Err(Problem::new(Exit::Missing, format!("{} does not exist", spot.place))
                .advice("check the path"));
        };
        app.events.say(Event::Listed(Listed { place: spot.place.to_string(), entry, form: Form::Facts }));
        host.quit().await;
    }
    Ok(Exit::Done)
}
