//! What a dry run reports: the candidate that would be tried first, and why.

use super::situation::Situation;
use crate::account::RouteAccount;
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::Failure;
use crate::ladder::{Allowed, Memory, Rung};
use crate::outcome::Protection;
use crate::report::Event;
use ftp_proto::transfer::race::Manner;

/// Returns the rung that would be tried first, and reports it with its reason. With `explain`, the report has all candidates.
///
/// # Errors
///
/// Fails if there is no session with a server, or no candidate between two servers.
pub(crate) async fn first_rung(
    context: &Context,
    source: &mut Host,
    destination: &mut Host,
    allowed: Allowed,
    explain: bool,
) -> Result<Rung, Failure> {
    let (rung, relay, protection, why, account) = match (source, destination) {
        (Host::Server(from), Host::Server(to)) => {
            let situation = Situation::of(context, from, to).await?;
            let mut memory = Memory::default();
            situation.recall(context, &mut memory, allowed);
            let manner = if context.settings.race { Manner::Beside } else { Manner::Turns };
            let (ascent, _) = memory.ascend(situation.candidates(allowed), manner, context.world.clock.now());
            let candidate = ascent.candidates().first().copied().ok_or_else(|| {
                let limitation: Vec<String> = situation.limitation(allowed).into_iter().collect();
                situation.no_path(allowed, &limitation, None)
            })?;
            // What is explained is what would be tried, and who carries it.
            let explained = if explain { ascent.candidates() } else { std::slice::from_ref(&candidate) };
            situation.recognize(context, explained).await;
            let description = situation.describe(candidate);
            let relay = description.relay.map(str::to_owned);
            let mut why = description.why(&[]);
            if let Some(memory) = memory.says(candidate) {
                why = format!("{why}; {memory}");
            }
            let account = explain.then(|| RouteAccount {
                tried: situation.considered(allowed, &ascent, &memory),
                picture: Some(Box::new(situation.picture(candidate))),
                ..RouteAccount::default()
            });
            (description.rung, relay, description.protection, why, account)
        }
        (source, destination) => {
            let private = source.is_secured(context).await? && destination.is_secured(context).await?;
            let account = explain.then(RouteAccount::default);
            (Rung::Local, None, Protection::of(private), "one end is this host".to_owned(), account)
        }
    };
    context
        .run
        .events
        .deliver(Event::Path { rung, relay, protection, why, account: account.map(Box::new) })
        .await;
    Ok(rung)
}
