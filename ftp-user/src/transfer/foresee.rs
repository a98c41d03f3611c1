//! What would be done: the way that would be tried first, and why.

use super::words::{Said, data, nearby, no_way, one_family};
use super::{Deed, Ends, Host, Options};
use crate::app::App;
use crate::ladder::{self, Rung};
use crate::problem::Problem;
use crate::report::{Event, Protection};

/// The rung that would be tried first; who wants an explanation gets it.
pub(super) async fn foresee(app: &App, ends: &mut Ends, options: Options) -> Result<Rung, Problem> {
    let (rung, relay, protection, why, considered) = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(from), Host::Server(to)) => {
            let (source, destination) = tokio::try_join!(from.session(app), to.session(app))?;
            let (one, two) = (source.party(), destination.party());
            let data = data(app, &from.site, &to.site);
            let relays = nearby(app, (&from.site, &one), (&to.site, &two));
            let hindrance: Vec<String> =
                data.hindrance(options.allowed).map(str::to_owned).into_iter().collect();
            let ways = ladder::ways(&one, &two, options.allowed, &relays, data);
            let way = ways
                .into_iter()
                .next()
                .ok_or_else(|| no_way(options.allowed, &hindrance, one_family(&one, &two)))?;
            let said = Said::new(way, &relays, (&from.site, &one), (&to.site, &two));
            let considered = ladder::considered(&one, &two, options.allowed, &relays, data);
            (way.rung(), said.relay.map(str::to_owned), said.protection, said.why(&[]), considered)
        }
        (Host::Server(_) | Host::Here, Host::Server(_) | Host::Here) => {
            let private = ends.source.is_secured() && ends.destination.is_secured();
            (Rung::Local, None, Protection::of(private), "one end is this host".to_owned(), Vec::new())
        }
    };
    if options.deed == Deed::Explain {
        app.events.say(Event::Path { rung, relay, protection, why, considered });
    }
    Ok(rung)
}
