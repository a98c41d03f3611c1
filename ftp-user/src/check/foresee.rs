//! What would be done: the candidate that would be tried first, and why.

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::Failure;
use crate::ladder::{self, Allowed, Rung};
use crate::report::{Event, Protection};
use crate::route::{Description, Ends, data, nearby, no_path, one_family};

/// The rung that would be tried first; who wants an explanation gets it.
pub(crate) async fn foresee(
    context: &Context,
    ends: &mut Ends,
    allowed: Allowed,
    explain: bool,
) -> Result<Rung, Failure> {
    let (rung, relay, protection, why, considered) = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(from), Host::Server(to)) => {
            let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
            let (one, two) = (source.party(), destination.party());
            let data = data(context, &from.site, &to.site);
            let relays = nearby(context, (&from.site, &one), (&to.site, &two));
            let hindrance: Vec<String> = data.hindrance(allowed).map(str::to_owned).into_iter().collect();
            let candidates = ladder::candidates(&one, &two, allowed, &relays, data);
            let candidate = candidates
                .into_iter()
                .next()
                .ok_or_else(|| no_path(allowed, &hindrance, one_family(&one, &two)))?;
            let description = Description::new(candidate, &relays, (&from.site, &one), (&to.site, &two));
            let considered = ladder::considered(&one, &two, allowed, &relays, data);
            (
                candidate.rung(),
                description.relay.map(str::to_owned),
                description.protection,
                description.why(&[]),
                considered,
            )
        }
        (Host::Server(_) | Host::Local, Host::Server(_) | Host::Local) => {
            let private = ends.source.is_secured() && ends.destination.is_secured();
            (Rung::Local, None, Protection::of(private), "one end is this host".to_owned(), Vec::new())
        }
    };
    if explain {
        context.events.say(Event::Path { rung, relay, protection, why, considered });
    }
    Ok(rung)
}
