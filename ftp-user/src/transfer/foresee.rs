//! What would be done: the way that would be tried first, and why.

use super::mover::{no_way, one_family, why};
use super::{Deed, Ends, Host, Options};
use crate::app::App;
use crate::ladder::{self, Rung};
use crate::problem::Problem;
use crate::report::Event;

/// The rung that would be tried first; who wants an explanation gets it.
pub(super) async fn foresee(app: &App, ends: &mut Ends, options: Options) -> Result<Rung, Problem> {
    let (rung, why, considered) = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(from), Host::Server(to)) => {
            let (source, destination) = tokio::try_join!(from.session(app), to.session(app))?;
            let (one, two) = (source.party(), destination.party());
            let proven = one.capabilities.rndz && two.capabilities.rndz;
            let ways = ladder::ways(&one, &two, options.allowed);
            let way = ways
                .into_iter()
                .next()
                .ok_or_else(|| no_way(options.allowed, &[], one_family(&one, &two)))?;
            (way.rung(), why(way, proven, &[]), ladder::considered(&one, &two, options.allowed))
        }
        (Host::Server(_) | Host::Here, Host::Server(_) | Host::Here) => {
            (Rung::Local, "one end is this host".to_owned(), Vec::new())
        }
    };
    if options.deed == Deed::Explain {
        app.events.say(Event::Path { rung, why, considered });
    }
    Ok(rung)
}
