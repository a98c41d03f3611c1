//! `hash`: digests of files, by the servers that have them where that can be.

use super::called::Called;
use super::outcome::Outcome;
use super::read::{Printed, read};
use super::targets::{asked, host_of, missing, targets};
use crate::context::Context;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::place::Location;
use crate::report::{Event, Hashed, Label, Topic};
use ftp_io::copy::Meter;
use ftp_io::hash::digest_of;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::ffi::OsStr;
use std::fs::File;

/// Tells the digests of files. `here` is where the shell is, as the command line reads it.
pub async fn hash(
    context: &Context,
    places: &[Location],
    algorithm: Algorithm,
    here: Option<&OsStr>,
) -> Status {
    let called = Called::new(here, &context.settings.named.names, places);
    let mut outcome = Outcome::new(context, "hash", false);
    let pools = Pools::default();
    for place in targets(context, &pools, places, &mut outcome).await {
        let mut host = host_of(&place, &pools);
        match one(context, &mut host, (&place, called.label(&place)), algorithm).await {
            Ok(hashed) => {
                outcome.count(listing::Kind::File, hashed.size);
                context.run.events.deliver(Event::Hashed(hashed)).await;
            }
            Err(failure) => outcome.failed(place.to_string(), failure),
        }
        host.release();
        if outcome.was_interrupted() {
            break;
        }
    }
    if !context.run.cancel.is_cancelled() {
        pools.quit().await;
    }
    outcome.end()
}

async fn one(
    context: &Context,
    host: &mut Host,
    (place, label): (&Location, Label),
    algorithm: Algorithm,
) -> Result<Hashed, Failure> {
    let path = &place.path;
    let found = asked(context, host, async |host| host.behind(context, path).await).await?;
    let found = found.ok_or_else(|| missing(&place.to_string()))?;
    match found.kind {
        listing::Kind::File => {}
        listing::Kind::Directory | listing::Kind::Current | listing::Kind::Parent => {
            return Err(Failure::usage(format!("{place} is a directory"))
                .hint(format!("hash takes files: {}", place.everything_in_it())));
        }
        listing::Kind::Link | listing::Kind::Other => {
            return Err(Failure::new(Kind::Refused, format!("{place} is not a regular file")));
        }
    }
    let told = asked(context, host, async |host| {
        if !host.algorithms(context).await?.contains(&algorithm) {
            return Ok(Err(None));
        }
        Ok(host.digest(context, algorithm, path, found.size.unwrap_or(0)).await?.map_err(Some))
    });
    let (digest, size, was_read) = match told.await? {
        Ok(digest) => (digest, found.size, false),
        Err(why) => {
            tell(context, host, algorithm, why);
            let (digest, bytes) =
                asked(context, host, async |host| by_reading(context, host, path, algorithm).await).await?;
            (digest, Some(bytes), true)
        }
    };
    Ok(Hashed { place: place.to_string(), path: path.clone(), label, digest, size, was_read })
}

/// Tells once for each server that its files are read.
fn tell(context: &Context, host: &Host, algorithm: Algorithm, why: Option<Failure>) {
    let site = host.name();
    let why = why.map_or_else(
        || format!("{site} does not compute {}", algorithm.name()),
        |failure| failure.to_string(),
    );
    let message = format!("{why}: its files are read and hashed here");
    context.run.events.warn_of(Topic::Read, site, message);
}

/// Reads a file and hashes what comes.
async fn by_reading(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    algorithm: Algorithm,
) -> Result<(Digest, u64), Failure> {
    let what = || format!("cannot hash {}", path.display());
    let (reader, writer) =
        std::io::pipe().map_err(|error| Failure::of_this_host("cannot make a pipe", &error))?;
    let (reader, writer) =
        (File::from(std::os::fd::OwnedFd::from(reader)), File::from(std::os::fd::OwnedFd::from(writer)));
    let meter = Meter::default();
    let mut moved = 0;
    // The pipe ends for the reader when nobody can write to it any more.
    let (read, hashed) = tokio::join!(
        read(context, host, path, writer, &mut moved),
        digest_of(algorithm, reader, u64::MAX, &meter)
    );
    let read = read?;
    let (hex, bytes) = hashed.map_err(|error| Failure::of_this_host(what(), &error))?;
    match read {
        Printed::All(moved) if moved == bytes => Ok((Digest { algorithm, hex }, bytes)),
        Printed::All(_) | Printed::ReaderGone => {
            Err(Failure::new(Kind::Other, format!("{}: not all of it was hashed", what())))
        }
        Printed::NotWritten(error) => Err(Failure::of_this_host(what(), &error)),
    }
}
