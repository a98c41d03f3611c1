//! `ls`: what a directory on a server holds.

use super::common::{look, on_a_server, spots};
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools};
use crate::failure::{self, Failure};
use crate::job::Status;
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

/// Runs it.
pub(super) async fn run(context: Context, args: LsArgs) -> Result<Status, Failure> {
    let spots = spots(&args.places)?;
    let form = if args.long { Form::Long } else { Form::Name };
    for spot in &spots {
        on_a_server(spot, "ls")?;
    }
    let pools = Pools::default();
    for spot in spots {
        let mut host = spot.host(Role::Server, &pools);
        let facts = look(&context, &mut host, &spot.path).await?;
        let Some(facts) = facts else {
            return Err(Failure::new(failure::Kind::Missing, format!("{} does not exist", spot.place))
                .hint("check the path"));
        };
        let Host::Server(server) = &mut host else { continue };
        let session = server.session(&context).await?;
        let mut entries = match facts.kind {
            Kind::Directory | Kind::Current | Kind::Parent => {
                let directory = Some(&spot.path).filter(|path| path.as_bytes() != b".");
                let listing = session.list(directory).await?;
                for refused in &listing.refused {
                    context.events.warn(refused.clone());
                }
                if listing.unread > 0 {
                    context.events.warn(format!("{} lines of the listing cannot be read", listing.unread));
                }
                listing.entries
            }
            Kind::File | Kind::Link | Kind::Other => vec![Entry {
                size: facts.size,
                modified: facts.modified,
                unique: facts.unique,
                ..Entry::new(spot.path.clone(), facts.kind)
            }],
        };
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in entries {
            context.events.say(Event::Listed(Listed { place: spot.place.to_string(), entry, form }));
        }
        host.quit().await;
    }
    Ok(Status::Done)
}
