//! `ls`: what a directory on a server holds.

use super::places::{locations, on_servers};
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools};
use crate::failure::{self, Failure};
use crate::job::{Status, facts};
use crate::report::{Event, Form, Listed};
use clap::Args;
use ftp_proto::listing::{Entry, Kind};
use std::ffi::OsString;

/// List directories on servers, one name per line
#[derive(Args, Debug)]
pub(super) struct LsArgs {
    /// Directories or files
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    /// With type, mode, size and date (UTC)
    #[arg(short)]
    long: bool,
}

/// Runs the verb.
pub(super) async fn run(context: Context, args: LsArgs) -> Result<Status, Failure> {
    let places = locations(&args.places)?;
    let form = if args.long { Form::Long } else { Form::Name };
    on_servers(&places, "ls")?;
    let pools = Pools::default();
    let mut status = Status::Done;
    for location in places {
        let mut host = Host::at(&location, Role::Server, &pools);
        let facts = facts(&context, &mut host, &location.path).await?;
        let Some(facts) = facts else {
            return Err(Failure::new(failure::Kind::Missing, format!("{} does not exist", location))
                .hint("check the path"));
        };
        let Host::Server(server) = &mut host else { continue };
        let session = server.session(&context).await?;
        let mut entries = match facts.kind {
            Kind::Directory | Kind::Current | Kind::Parent => {
                let directory = Some(&location.path).filter(|path| path.as_bytes() != b".");
                let listing = session.list(directory).await?;
                for gap in listing.gaps() {
                    context.events.warn(format!("{location}: {gap}"));
                }
                if listing.is_incomplete() {
                    status = Status::Partly;
                }
                listing.entries
            }
            Kind::File | Kind::Link | Kind::Other => vec![Entry {
                size: facts.size,
                modified: facts.modified,
                unique: facts.unique,
                ..Entry::new(location.path.clone(), facts.kind)
            }],
        };
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in entries {
            context.events.say(Event::Listed(Listed { place: location.to_string(), entry, form }));
        }
        host.quit().await;
    }
    Ok(status)
}
