//! `sites forget`: what is known of servers is forgotten.

use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::place::{Place, Remote};
use crate::report::{Event, Forgotten};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Runs the verb.
pub(super) fn run(context: &Context, places: &[OsString]) -> Result<Status, Failure> {
    let sites =
        places.iter().map(|text| match Place::parse_with(text.as_bytes(), &context.settings.named.names)? {
            Place::Remote(Remote { site, .. }) => Ok(site),
            Place::Local(_) => Err(Failure::usage("sites forget names servers")
                .hint("name one with ftp://host:port/, or with NAME: if it is a site of the settings")),
        });
    for site in sites.collect::<Result<Vec<_>, Failure>>()? {
        let known = context
            .store
            .sites
            .forget(&site.key())
            .map_err(|why| Failure::new(Kind::Other, why).hint("check the state directory (--state)"))?;
        context.run.events.say(Event::Forgotten(Forgotten { site: site.key(), known }));
    }
    Ok(Status::Done)
}
