//! Gives up a job that was interrupted: what it has stored is removed, and old files get their names back.

use crate::context::Context;
use crate::endpoint::{Host, Pools, local_path};
use crate::failure::{Failure, Kind};
use crate::job::claims::{lifetime, names};
use crate::job::detached;
use crate::job::remains::old::OldFiles;
use crate::job::remains::part::{self, Part};
use crate::job::request::job::{Job, Work};
use crate::journal::{End, Ended, ItemRecord};
use crate::place::Location;
use crate::session::Role;
use ftp_proto::wire::PathName;
use std::collections::HashMap;
use std::io;

/// Gives up `job`, which the journal has. Returns how many files were under way.
///
/// # Errors
///
/// The journal cannot be used, another process runs the job, or something could not be removed. Then the job stays
/// interrupted.
pub async fn cancel(job: Job, context: &Context) -> Result<usize, Failure> {
    let source = match &job.work {
        Work::Copy { sources, .. } => sources.first(),
        Work::CopyEach { .. } | Work::Sync { .. } => None,
        Work::Output { .. } | Work::Input { .. } | Work::Append { .. } => {
            return Err(Failure::usage("only a copy can be cancelled"));
        }
    };
    let mut context = context.clone();
    lifetime::start(&mut context, &job).await?;
    let open = context.run.job_journal.open_files().await;
    let pools = Pools::default();
    let mut hosts = Destinations::of(job.work.destinations(), &pools);
    // A job whose transfer goes on has one source.
    let mut source = source.map(|source| Host::at(source, Role::Source, &pools));
    let mut removed = Ok(());
    for item in &open {
        removed = give_up(&context, source.as_mut(), &mut hosts, item).await;
        if removed.is_err() {
            break;
        }
        context.run.job_journal.about(item.key, None).ended(Ended::Unbegun);
    }
    hosts.release();
    if let Some(source) = source {
        source.release();
    }
    pools.quit().await;
    let end = if removed.is_ok() { End::Cancelled } else { End::Interrupted };
    context.run.job_journal.finish(end, None).await;
    removed.map(|()| open.len())
}

/// Ends what still moves of a file, and removes what is stored of it.
async fn give_up(
    context: &Context,
    source: Option<&mut Host>,
    hosts: &mut Destinations<'_>,
    item: &ItemRecord,
) -> Result<(), Failure> {
    let host = hosts.find(&item.place.site).ok_or_else(|| {
        let what = format!("the list of the job has no destination at {} any more", item.place.site);
        Failure::new(Kind::Other, what).hint("write its line into the list again")
    })?;
    if let Some(transfer) = &item.detached {
        detached::end(context, (source, host), transfer).await?;
    }
    remove(context, host, item).await
}

/// The hosts of the destinations of a job, each of them as soon as it is needed.
#[derive(Debug)]
struct Destinations<'a> {
    places: HashMap<String, &'a Location>,
    hosts: HashMap<String, Host>,
    pools: &'a Pools,
}

impl<'a> Destinations<'a> {
    fn of(places: impl Iterator<Item = &'a Location>, pools: &'a Pools) -> Self {
        let places = places.map(|place| (names::site_of(&Host::at(place, Role::Destination, pools)), place));
        Self { places: places.collect(), hosts: HashMap::new(), pools }
    }

    /// The host that the journal calls `site`.
    fn find(&mut self, site: &str) -> Option<&mut Host> {
        let place = *self.places.get(site)?;
        let host = || Host::at(place, Role::Destination, self.pools);
        Some(self.hosts.entry(site.to_owned()).or_insert_with(host))
    }

    fn release(self) {
        self.hosts.into_values().for_each(Host::release);
    }
}

/// Removes what earlier runs of the job have left of files that this run has not come to: their sources are gone.
/// `destinations` are all of the job.
///
/// # Errors
///
/// Something could not be removed. The journal still has it.
pub(in crate::job) async fn remove_left(
    context: &Context,
    destinations: &[Location],
    pools: &Pools,
) -> Result<(), Failure> {
    if !context.run.job_journal.is_resumed() {
        return Ok(());
    }
    let mut hosts = Destinations::of(destinations.iter(), pools);
    // What moves without this program is not left: another run comes to it.
    let open = context.run.job_journal.open_files().await.into_iter();
    let mut removed = Ok(());
    for item in open.filter(|item| item.detached.is_none()) {
        // What is at a server that the list does not name any more is left to whoever changed it.
        let Some(host) = hosts.find(&item.place.site) else { continue };
        removed = remove(context, host, &item).await;
        if removed.is_err() {
            break;
        }
        context.run.job_journal.about(item.key, None).ended(Ended::Unbegun);
    }
    hosts.release();
    removed
}

/// What a file that has not ended may have left, for people: `ann@two.example:21: copy/.00000000000000ab.ftp-user.part`.
pub fn left_of(item: &ItemRecord) -> Vec<String> {
    let Ok(target) = PathName::from_wire(item.place.path.clone()) else { return Vec::new() };
    let host = if item.place.site.is_empty() { String::new() } else { format!("{}: ", item.place.site) };
    let parts = item.parts.iter().filter_map(|id| Part::new(*id, &target).ok()).map(|part| part.stored);
    let in_place = item.in_place.then(|| target.clone());
    parts.chain(in_place).map(|path| format!("{host}{}", path.display())).collect()
}

/// Removes what is stored of a file.
async fn remove(context: &Context, host: &mut Host, item: &ItemRecord) -> Result<(), Failure> {
    let target = PathName::from_wire(item.place.path.clone())
        .map_err(|bad| Failure::new(Kind::Other, format!("the journal has a bad path: {bad}")))?;
    if item.in_place && host.facts(context, &target).await?.is_some() {
        let name = host.show(&target);
        context.run.events.warn(format!(
            "{name} may be a part of a copy, since its server cannot rename: delete it if it is not needed"
        ));
    }
    let (mut has_part, mut old) = (false, OldFiles::default());
    for id in &item.parts {
        let part = Part::new(*id, &target)?;
        old.may_be_aside_for(&part)?;
        old.look(context, host, &target).await?;
        has_part |= part::delete(context, host, &part.stored).await?;
    }
    old.leave(context, host, &target);
    if !has_part && host.is_local() && is_directory_gone(&target) {
        for name in left_of(item) {
            context.run.events.warn(format!(
                "nobody has removed {name}, since its directory is gone: if that has another name now, delete the file there"
            ));
        }
    } else if !has_part {
        tell_if_published(context, host, &target, item).await?;
    }
    Ok(())
}

/// Whether the directory of a file of this host is not there: somebody has deleted it with what was in it, or renamed it.
fn is_directory_gone(target: &PathName) -> bool {
    let directory = local_path(target).parent().map(std::fs::symlink_metadata);
    directory.is_some_and(|looked| looked.is_err_and(|error| error.kind() == io::ErrorKind::NotFound))
}

/// Tells that the copy may have its final name: a run that was killed between the renaming and its note in the journal has
/// left no part. The file is whole then, and stays, as each file that the journal has as finished.
async fn tell_if_published(
    context: &Context,
    host: &mut Host,
    target: &PathName,
    item: &ItemRecord,
) -> Result<(), Failure> {
    let size = item.seen.as_ref().and_then(|source| source.size);
    if item.in_place || item.parts.is_empty() || size.is_none() {
        return Ok(());
    }
    if host.facts(context, target).await?.is_some_and(|facts| facts.size == size) {
        let name = host.show(target);
        context.run.events.warn(format!(
            "{name} has the size of its source and stays: the run may have finished this copy just before it ended; delete it if it is not needed"
        ));
    }
    Ok(())
}
