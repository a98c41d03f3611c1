//! `sites`: what is known of servers.

use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::place::{Place, Remote};
use crate::report::{Event, Forgotten};
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Forget what is known of servers (named sites are not built in yet)
#[derive(Args, Debug)]
pub(super) struct SitesArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Forget the certificates of servers, and that they have offered TLS
    Forget {
        /// Servers, such as ftp://host:port/; the path and the user do not matter
        #[arg(required = true, value_name = "PLACE")]
        places: Vec<OsString>,
    },
    /// What belongs to named sites.
    #[command(external_subcommand)]
    Later(Vec<OsString>),
}

/// Runs the verb.
pub(super) fn run(context: &Context, args: SitesArgs) -> Result<Status, Failure> {
    let places = match args.what {
        What::Forget { places } => places,
        What::Later(words) => return Err(later(&words)),
    };
    let sites = places.iter().map(|text| match Place::parse_with(text.as_bytes(), &context.named.names)? {
        Place::Remote(Remote { site, .. }) => Ok(site),
        Place::Local(_) => {
            Err(Failure::usage("sites forget names servers").hint("name one with ftp://host:port/"))
        }
    });
    for site in sites.collect::<Result<Vec<_>, Failure>>()? {
        let known = context
            .sites
            .forget(&site.key())
            .map_err(|why| Failure::new(Kind::Other, why).hint("check the state directory (--state)"))?;
        context.events.say(Event::Forgotten(Forgotten { site: site.key(), known }));
    }
    Ok(Status::Done)
}

/// What this build lacks, and what is a mistake.
fn later(words: &[OsString]) -> Failure {
    let word = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    if LATER.contains(&word.as_str()) {
        return Failure::usage(format!("sites {word} is not built in yet"))
            .hint("URLs name servers; sites forget PLACE forgets what is known of one");
    }
    Failure::usage("sites has no such subcommand").hint("there is sites forget PLACE")
}

/// Subcommands of the contract that are not built in.
const LATER: [&str; 6] = ["list", "show", "add", "edit", "remove", "test"];
