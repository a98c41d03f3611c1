//! `mv`: names change on one host.

use super::outcome::Outcome;
use super::targets::{asked, host_of, missing, targets};
use crate::context::Context;
use crate::endpoint::{self, Host, Pools};
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::place::{self, Location};
use crate::session::Facts;
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// What `mv` is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rename {
    /// What gets another name.
    pub sources: Vec<Location>,
    /// The new name, or a directory that receives them.
    pub destination: Location,
    /// Whether only a plan is asked for.
    pub dry_run: bool,
}

/// Renames files and directories on one host.
pub async fn rename(context: &Context, asked: &Rename) -> Status {
    let mut outcome = Outcome::new(context, "mv", asked.dry_run);
    let pools = Pools::default();
    if let Err(failure) = all(context, &pools, asked, &mut outcome).await {
        outcome.failed(asked.destination.to_string(), failure);
    }
    if !context.run.cancel.is_cancelled() {
        pools.quit().await;
    }
    outcome.end()
}

async fn all(
    context: &Context,
    pools: &Pools,
    Rename { sources, destination, .. }: &Rename,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let mut host = host_of(destination, pools);
    if let Some(other) = sources.iter().find(|source| !host.is_also(source)) {
        let what = format!("mv renames on one host, and {other} and {destination} are on two");
        return Err(Failure::usage(what).hint("ftp-user move crosses servers"));
    }
    let found = asked(context, &mut host, async |host| host.facts(context, &destination.path).await).await?;
    let is_directory = found.as_ref().is_some_and(|facts| facts.kind == listing::Kind::Directory);
    if !is_directory && (destination.contents || found.is_some()) {
        return Err(match found {
            Some(_) => taken(&destination.to_string()),
            None => missing(&destination.to_string()),
        });
    }
    let targets = targets(context, pools, sources, outcome).await;
    if targets.len() > 1 && !is_directory {
        let what = format!("several sources need a directory, and {destination} does not exist");
        return Err(Failure::usage(what).hint("make it with mkdir"));
    }
    for source in targets {
        let to = match (is_directory, place::base_name(&source.path)) {
            (false, _) => destination.path.clone(),
            (true, Some(name)) => place::join(Some(&destination.path), &name),
            (true, None) => {
                let failure = Failure::usage(format!("{source} does not name what is renamed"));
                outcome
                    .failed(source.to_string(), failure.hint("write its path without . and .. at the end"));
                continue;
            }
        };
        if let Err(failure) = one(context, &mut host, (&source, &to), (is_directory, outcome)).await {
            outcome.failed(source.to_string(), failure);
        }
        if outcome.was_interrupted() {
            break;
        }
    }
    host.release();
    Ok(())
}

async fn one(
    context: &Context,
    host: &mut Host,
    (source, to): (&Location, &PathName),
    (looks, outcome): (bool, &mut Outcome),
) -> Result<(), Failure> {
    let from = &source.path;
    let dest = host.show(to);
    let found = asked(context, host, async |host| endpoint::entry(context, host, from).await).await?;
    let Some(Facts { kind, size, .. }) = found else { return Err(missing(&source.to_string())) };
    if to.is_at_or_below(from) {
        return Err(
            Failure::usage(format!("{source} would be renamed into itself")).hint("choose another name")
        );
    }
    if looks && asked(context, host, async |host| endpoint::entry(context, host, to).await).await?.is_some() {
        return Err(taken(&dest));
    }
    let parent = async |host: &mut Host| match place::parent(to) {
        Some(parent) => match facts(context, host, &parent).await? {
            Some(_) => Ok(()),
            None => Err(missing(&host.show(&parent))),
        },
        None => Ok(()),
    };
    if outcome.is_dry() {
        parent(host).await?;
    } else {
        let mut was_sent = false;
        let renamed = asked(context, host, async |host| {
            let again = std::mem::replace(&mut was_sent, true);
            match endpoint::rename_free(context, host, from, to).await {
                // The reply to the first one may have been lost.
                Err(failure) if again && failure.kind == Kind::Missing => {
                    match endpoint::entry(context, host, to).await? {
                        Some(_) => Ok(()),
                        None => Err(failure),
                    }
                }
                renamed => renamed,
            }
        });
        match renamed.await {
            // Servers say of a name in no directory that they refuse it.
            Err(failure) if matches!(failure.kind, Kind::Missing | Kind::Refused) => {
                parent(host).await?;
                return Err(failure);
            }
            renamed => renamed?,
        }
    }
    outcome.changed(source.to_string(), Some(dest), (kind, size)).await;
    Ok(())
}

/// What is at a path.
async fn facts(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<Facts>, Failure> {
    asked(context, host, async |host| host.facts(context, path).await).await
}

/// The failure if something has the new name.
fn taken(dest: &str) -> Failure {
    Failure::new(Kind::Exists, format!("{dest} exists, and mv replaces nothing"))
        .hint("delete it with ftp-user rm, or choose another name")
}
