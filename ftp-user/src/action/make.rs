//! `mkdir`: directories are made.

use super::outcome::Outcome;
use super::targets::{asked, host_of};
use crate::context::Context;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::place::{self, Location};
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// What `mkdir` is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MakeDirectories {
    /// The directories to make.
    pub places: Vec<Location>,
    /// Whether those above them are made too, and one that is there is no failure.
    pub parents: bool,
    /// Whether only a plan is asked for.
    pub dry_run: bool,
}

/// Makes directories, and reports each.
pub async fn make_directories(context: &Context, asked: &MakeDirectories) -> Status {
    let mut outcome = Outcome::new(context, "mkdir", asked.dry_run);
    let pools = Pools::default();
    for place in &asked.places {
        let mut host = host_of(place, &pools);
        let made = match asked.parents {
            true => with_parents(context, &mut host, &place.path, &mut outcome).await,
            false => one(context, &mut host, &place.path, &mut outcome).await,
        };
        host.release();
        if let Err(failure) = made {
            outcome.failed(place.to_string(), failure);
        }
        if outcome.was_interrupted() {
            break;
        }
    }
    if !context.run.cancel.is_cancelled() {
        pools.quit().await;
    }
    outcome.end()
}

/// Makes a directory that must not be there.
async fn one(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    if kind(context, host, path).await?.is_some() {
        return Err(exists(host, path).hint("mkdir -p accepts an existing directory"));
    }
    let missing = async |host: &mut Host| match place::parent(path) {
        Some(parent) if kind(context, host, &parent).await?.is_none() => {
            let what = format!("{} does not exist", host.show(&parent));
            Err(Failure::new(Kind::Missing, what).hint("mkdir -p makes it too"))
        }
        Some(_) | None => Ok(()),
    };
    if outcome.is_dry() {
        missing(host).await?;
    }
    match make(context, host, path, outcome).await {
        // Servers say of a directory without a parent that they refuse it.
        Err(failure) if matches!(failure.kind, Kind::Missing | Kind::Refused) => {
            missing(host).await?;
            Err(failure)
        }
        made => made,
    }
}

/// Makes a directory, and those above it that are missing.
async fn with_parents(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let (mut directory, mut missing) = (Some(path.clone()), Vec::new());
    while let Some(path) = directory {
        match kind(context, host, &path).await? {
            Some(listing::Kind::Directory | listing::Kind::Current | listing::Kind::Parent) => break,
            // It may lead to one.
            Some(listing::Kind::Link) => break,
            Some(listing::Kind::File | listing::Kind::Other) => {
                let what = format!("{} exists and is not a directory", host.show(&path));
                return Err(Failure::new(Kind::Exists, what).hint("choose another name"));
            }
            None => {}
        }
        directory = place::parent(&path);
        missing.push(path);
    }
    while let Some(path) = missing.pop() {
        make(context, host, &path, outcome).await?;
    }
    Ok(())
}

async fn make(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    if !outcome.is_dry() {
        asked(context, host, async |host| host.make_directory(context, path).await).await?;
    }
    outcome.changed(host.show(path), None, (listing::Kind::Directory, None)).await;
    Ok(())
}

async fn kind(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<listing::Kind>, Failure> {
    let found = asked(context, host, async |host| host.facts(context, path).await).await?;
    Ok(found.map(|facts| facts.kind))
}

fn exists(host: &Host, path: &PathName) -> Failure {
    Failure::new(Kind::Exists, format!("{} exists", host.show(path)))
}
