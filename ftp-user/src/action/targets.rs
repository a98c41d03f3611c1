//! What the places of a verb stand for: themselves, or the names that a pattern matches.

use super::outcome::Outcome;
use crate::context::Context;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind};
pub(super) use crate::job::asked;
use crate::job::{Matches, matches, named};
use crate::place::Location;
use crate::session::Role;

/// Every place that the places stand for, in their order. A pattern that cannot be matched is a failure of its own.
pub(super) async fn targets(
    context: &Context,
    pools: &Pools,
    places: &[Location],
    outcome: &mut Outcome,
) -> Vec<Location> {
    let mut targets = Vec::with_capacity(places.len());
    for place in places {
        let Matches { names, gaps, .. } = match matches(context, pools, place).await {
            Ok(found) => found,
            Err(failure) => {
                outcome.failed(place.to_string(), failure);
                if outcome.was_interrupted() {
                    return Vec::new();
                }
                continue;
            }
        };
        for gap in gaps {
            outcome.failed(place.to_string(), gap.during(place));
        }
        targets.extend(names.into_iter().map(|name| match name {
            Some(name) => named(place, name),
            None => place.clone(),
        }));
    }
    targets
}

/// The host of a place, where only questions are asked and names are changed.
pub(super) fn host_of(location: &Location, pools: &Pools) -> Host {
    Host::at(location, Role::Server, pools)
}

/// The failure if nothing is at a place.
pub(super) fn missing(place: &str) -> Failure {
    Failure::new(Kind::Missing, format!("{place} does not exist")).hint("check the path")
}
