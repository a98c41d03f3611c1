//! What killed runs of a job have left: parts, old files and sources with another name. A resumed run removes what it has not come
//! to, and a job that is given up leaves nothing but what it has finished.

use super::unattended;
use crate::context::Context;
use crate::endpoint::{Host, Pools, files};
use crate::failure::{Failure, Kind, Result};
use crate::id::JobId;
use crate::job::claims::{lifetime, names};
use crate::job::moving::{SourceNames, name_back, put_back};
use crate::job::part::publish::OldFiles;
use crate::job::part::{self, Part};
use crate::job::request::job::{Job, Links, Work};
use crate::job::retry::{ask, facts};
use crate::job::summary::Tally;
use crate::job::tree::{FailedVisit, Visit, WalkRules, walk};
use crate::journal::{ItemEnd, ItemParts, ItemRecord, ItemState, JobState, Place, RunEnd};
use crate::outcome::Verified;
use crate::place::{self, Location, RemotePath, Site, url_of_journal};
use crate::session::Role;
use crate::world::LocalName;
use ftp_io::quoting::for_shell;
use ftp_proto::listing::{self, Entry};
use ftp_proto::wire::PathName;
use std::collections::HashMap;

/// Gives up `job`, which the journal has.
///
/// # Errors
///
/// The journal cannot be used, another process runs the job, or something could not be removed. Then the job stays
/// interrupted.
pub async fn cancel(job: Job, context: &Context) -> Result<()> {
    let mut context = context.clone();
    if !matches!(job.work, Work::Copy { .. } | Work::CopyEach { .. } | Work::Sync { .. }) {
        return Err(Failure::usage("only a copy can be cancelled"));
    }
    lifetime::start(&mut context, &job).await?;
    let open = context.run.job_journal.open_files().await;
    let pools = Pools::default();
    let Job { work, options, .. } = job;
    let destinations: Vec<Location> = work.destinations().cloned().collect();
    let mut hosts = Destinations::of(destinations.iter(), &pools);
    // A job whose transfer goes on has one source.
    let mut source = match &work {
        Work::Copy { sources, .. } => sources.first().map(|source| Host::at(source, Role::Source, &pools)),
        Work::CopyEach { .. }
        | Work::Sync { .. }
        | Work::Output { .. }
        | Work::Input { .. }
        | Work::Append { .. } => None,
    };
    let mut removed = Ok(());
    for at in work.into_sources().filter(|_| options.deletes_sources()) {
        let is_back = match at {
            Ok(at) => put_all_back(&context, &pools, &at, options.links).await,
            Err(unread) => Err(unread),
        };
        removed = removed.and(is_back);
    }
    for item in &open {
        if removed.is_ok() {
            removed = give_up(&context, source.as_mut(), &mut hosts, item).await;
        }
        if removed.is_ok() {
            context.run.job_journal.about(item.key, None).ended(ItemEnd::Unbegun);
        }
    }
    delete_undeleted(&context, &mut hosts).await;
    hosts.release();
    if let Some(source) = source {
        source.release();
    }
    part::settle(&context, &pools).await;
    pools.quit().await;
    let end = if removed.is_ok() { RunEnd::Cancelled } else { RunEnd::Interrupted };
    context.run.job_journal.finish(end, None).await;
    removed
}

/// Gives all sources below `at` their names back that a killed run of a move had another name for, before the job is given up.
async fn put_all_back(context: &Context, pools: &Pools, at: &Location, links: Links) -> Result<()> {
    let mut host = Host::at(at, Role::Source, pools);
    if at.glob().is_some() {
        let failures = put_matches_back(context, &mut host, at).await?;
        host.release();
        return failures.into_iter().next().map_or(Ok(()), Err);
    }
    let is_file = put_back(context, &mut host, &at.path).await?
        || facts(context, &mut host, &at.path)
            .await?
            .is_none_or(|facts| facts.kind != listing::Kind::Directory);
    if is_file {
        host.release();
        return Ok(());
    }
    let mut names = SourceNames::of(context).await;
    let tree = Host::at(at, Role::Source, pools);
    let rules = WalkRules { links, ..WalkRules::default() };
    let mut visits = walk(context.clone(), tree, at.path.clone(), None, rules);
    while let Some(visit) = visits.next().await {
        let below = match visit {
            Visit::File(below, _) | Visit::Link(below, _) => below,
            Visit::Failed(FailedVisit { path: below, failure, .. }) => {
                let place = host.show(&place::at_or_below(&at.path, below.as_ref()));
                context.run.events.warn(format!(
                    "{place} is not looked at: a source may have the name of a part there ({failure})"
                ));
                continue;
            }
            Visit::Directory(..) | Visit::Skipped(..) => continue,
        };
        let aside = place::join(Some(&at.path), &below);
        if Part::is_name(&below)
            && let Some(source) = names.called(&aside)
        {
            name_back(context, &mut host, &aside, &source).await?;
        }
    }
    host.release();
    Ok(())
}

/// Gives the sources in the directory of a pattern their names back that a killed run of a move had another name for: the pattern
/// does not match them by that name. Returns why some have not got theirs.
///
/// # Errors
///
/// The directory cannot be listed.
pub(super) async fn put_matches_back(
    context: &Context,
    host: &mut Host,
    pattern: &Location,
) -> Result<Vec<Failure>> {
    let directory = place::parent_or_here(&pattern.path);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    ask!(context, host, async {
        found.clear();
        let mut take = |entry: Entry| {
            if Part::is_name(&entry.name) {
                found.push(place::sibling(&pattern.path, &entry.name));
            }
        };
        files::list_each(context, host, &directory, &mut take).await
    })?;
    if found.is_empty() {
        return Ok(failures);
    }
    let mut names = SourceNames::of(context).await;
    for aside in found {
        if let Some(source) = names.called(&aside) {
            failures.extend(name_back(context, host, &aside, &source).await.err());
        }
    }
    Ok(failures)
}

/// Ends what still moves of a file, and removes what is stored of it.
async fn give_up(
    context: &Context,
    source: Option<&mut Host>,
    hosts: &mut Destinations<'_>,
    item: &ItemRecord,
) -> Result<()> {
    let host = hosts.find(&item.place.site).ok_or_else(|| {
        let what = format!("the list of the job has no destination at {} any more", item.place.site);
        Failure::new(Kind::Other, what).hint("write its line into the list again")
    })?;
    if let Some(transfer) = &item.parts.detached {
        unattended::end(context, source, host, transfer).await?;
    }
    remove(context, host, item).await
}

/// The hosts of the destinations of a job, each of them as soon as it is needed.
#[derive(Debug)]
pub(super) struct Destinations<'a> {
    places: HashMap<String, &'a Location>,
    hosts: HashMap<String, Host>,
    pools: &'a Pools,
}

impl<'a> Destinations<'a> {
    pub(super) fn of(places: impl Iterator<Item = &'a Location>, pools: &'a Pools) -> Self {
        let places = places.map(|place| (names::site_of(&Host::at(place, Role::Destination, pools)), place));
        Self { places: places.collect(), hosts: HashMap::new(), pools }
    }

    /// The host that the journal calls `site`.
    pub(super) fn find(&mut self, site: &str) -> Option<&mut Host> {
        let place = *self.places.get(site)?;
        let host = || Host::at(place, Role::Destination, self.pools);
        Some(self.hosts.entry(site.to_owned()).or_insert_with(host))
    }

    pub(super) fn release(self) {
        self.hosts.into_values().for_each(Host::release);
    }
}

/// Deletes what earlier runs of the job have not seen deleted of files that have ended. If no file of this run has failed, removes
/// also what they have left of files that it has not come to, because their sources are gone. `destinations` are all of the job.
///
/// # Errors
///
/// Something could not be removed. The journal still has it.
pub(in crate::job) async fn remove_left(
    context: &Context,
    destinations: &[Location],
    pools: &Pools,
    tally: &Tally,
    moves: bool,
) -> Result<()> {
    if !context.run.job_journal.is_resumed() || context.run.cancel.is_cancelled() {
        return Ok(());
    }
    let mut hosts = Destinations::of(destinations.iter(), pools);
    delete_undeleted(context, &mut hosts).await;
    if tally.has_failed() {
        hosts.release();
        return Ok(());
    }
    // What moves without this program is not left: another run comes to it.
    let open = context.run.job_journal.open_files().await.into_iter();
    let mut removed = Ok(());
    for item in open.filter(|item| item.parts.detached.is_none()) {
        // What is at a server that the list does not name any more is left to whoever changed it.
        let Some(host) = hosts.find(&item.place.site) else { continue };
        removed = match has_its_name(host, &item) {
            true => remove(context, host, &item).await,
            false => remove_parts(context, host, &item).await.map(drop),
        };
        if removed.is_err() {
            break;
        }
        let journal = context.run.job_journal.about(item.key, None);
        if moves && item.copy.verified != Verified::None {
            // Its source is gone, and the run that doubted its copy was killed: the next one looks for it.
            let why = format!(
                "{}: an earlier run has stored it, and nobody knows whether it is there",
                item.place.source
            );
            journal.ended(ItemEnd::Lost { why: why.clone(), began: None });
            removed = Err(Failure::new(Kind::Unverified, why).hint("retry the job, which looks for it"));
            break;
        }
        journal.ended(ItemEnd::Unbegun);
    }
    if let ([destination], Some(here)) = (destinations, hosts.find("")) {
        let directory = names::directory_at(here, &destination.path);
        for item in context.run.job_journal.finished_under_two_names(directory).await {
            if !has_its_name(here, &item) {
                context.run.job_journal.about(item.key, None).ended(ItemEnd::Unbegun);
            }
        }
    }
    hosts.release();
    removed
}

/// Deletes what earlier runs have not seen deleted of files that have ended: old files now, parts when the run ends.
async fn delete_undeleted(context: &Context, hosts: &mut Destinations<'_>) {
    for item in context.run.job_journal.files_with_undeleted().await {
        let (Some(host), Ok(target)) = (hosts.find(&item.place.site), target(&item)) else { continue };
        let mut old = OldFiles::default();
        let mut parts = item.parts.undeleted.iter().filter_map(|id| Part::new(*id, &target).ok());
        let are_sought = parts.all(|part| old.may_be_aside_for(&part).is_ok());
        if are_sought && old.look(context, host, &target).await.is_ok() {
            let size = files::size(context, host, &target).await.ok().flatten();
            let is_whole = item.state == ItemState::Done && size.is_some() && size == item.copy.size;
            old.end(context, host, &target, is_whole).await;
        }
        if let Host::Server(server) = host {
            part::delete_at_end(server, &target, &item.parts.undeleted);
        }
    }
}

/// Whether the journal's name of a file is still its name. If one of its directories was renamed meanwhile, and a symbolic link
/// leads there, this run has copied the file by its present name.
fn has_its_name(host: &Host, item: &ItemRecord) -> bool {
    target(item).is_ok_and(|target| names::path_at(host, &target) == item.place.path)
}

/// The job that runs on this host and stores a file under this name, if one does: the name is that of a part, which has a random
/// number.
pub(crate) fn storing(context: &Context, path: &PathName) -> Option<JobId> {
    if !Part::is_name(path) {
        return None;
    }
    let (journal, name) = (&context.store.journal, place::base_name(path));
    let running = journal
        .known_jobs()
        .unwrap_or_default()
        .readable
        .into_iter()
        .filter(|job| job.state == JobState::Running);
    let is_stored = |item: &ItemRecord| {
        let Ok(target) = PathName::from_wire(item.place.path.clone()) else { return false };
        let parts = item.parts.names.iter().filter_map(|id| Part::new(*id, &target).ok());
        parts.map(|part| place::base_name(&part.stored)).any(|part| part == name)
    };
    let mut running = running.map(|job| job.id);
    running.find(|job| journal.items(*job, ItemState::Open).unwrap_or_default().iter().any(is_stored))
}

/// The names of what a file may have left, as they are typed: a path of this host, `SITE:path` if its server is one of these sites
/// and no other, else a URL.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LeftNames {
    /// The final name.
    pub target: String,
    /// Those of what is stored of its copy.
    pub stored: Vec<String>,
    /// Those that the old file may have, which a server renames to no name that is taken.
    pub old: Vec<String>,
}

/// What a file may have left.
pub fn left_of<'a>(place: &Place, parts: &ItemParts, sites: impl IntoIterator<Item = &'a Site>) -> LeftNames {
    let Ok(target) = PathName::from_wire(place.path.clone()) else { return LeftNames::default() };
    // Two sites of one name in the journal are two servers if they are reached through different proxies.
    let mut known = sites.into_iter().filter(|site| names::name_in_journal(site) == place.site);
    let first = known.next();
    let site = first.filter(|first| known.all(|other| other == *first));
    let show = |path: PathName| {
        if place.site.is_empty() {
            return for_shell(path.display());
        }
        let path = RemotePath { name: Some(path), contents: false, glob: None };
        for_shell(
            site.map_or_else(|| format!("{}{path}", url_of_journal(&place.site)), |site| site.show(&path)),
        )
    };
    let ids = parts.undeleted.iter().chain(&parts.names);
    let all: Vec<Part> = ids.filter_map(|id| Part::new(*id, &target).ok()).collect();
    // This host replaces files.
    let old = all.iter().filter(|_| !place.site.is_empty()).filter_map(|part| part.aside().ok());
    let old = old.map(&show).collect();
    let in_place = parts.in_place.map(|_| target.clone());
    let stored = all.into_iter().map(|part| part.stored).chain(in_place).map(&show).collect();
    LeftNames { target: show(target), stored, old }
}

/// Removes what is stored of a file, and tells what may be left.
async fn remove(context: &Context, host: &mut Host, item: &ItemRecord) -> Result<()> {
    let target = target(item)?;
    if item.parts.in_place.is_some() && files::facts(context, host, &target).await?.is_some() {
        let name = for_shell(host.show(&target));
        context.run.events.warn(format!(
            "{name} may be a part of a copy, since its server cannot rename: delete it if it is not needed"
        ));
    }
    let has_part = remove_parts(context, host, item).await?;
    if !has_part && is_directory_gone(host, &target) {
        for name in left_of(&item.place, &item.parts, host.site()).stored {
            context.run.events.warn(format!(
                "nobody has removed {name}, since its directory is gone: if that has another name now, delete the file there"
            ));
        }
        return Ok(());
    }
    // A run that was killed between the renaming and its note in the journal has left no part. The file is whole then, and
    // stays, as each file that the journal has as finished.
    let size = item.seen.as_ref().and_then(|source| source.size);
    let may_be_published = !has_part && item.parts.in_place.is_none() && !item.parts.names.is_empty();
    if may_be_published
        && size.is_some()
        && files::facts(context, host, &target).await?.is_some_and(|facts| facts.size == size)
    {
        let name = for_shell(host.show(&target));
        context.run.events.warn(format!(
            "{name} has the size of its source and stays: the run may have finished this copy just before it ended; delete it if it is not needed"
        ));
    }
    Ok(())
}

/// The final name of a file.
pub(super) fn target(item: &ItemRecord) -> Result<PathName> {
    let path = PathName::from_wire(item.place.path.clone());
    path.map_err(|bad| Failure::new(Kind::Other, format!("the journal has a bad path: {bad}")))
}

/// Removes the parts of a file, and gives an old one its name back. Returns whether there was a part.
async fn remove_parts(context: &Context, host: &mut Host, item: &ItemRecord) -> Result<bool> {
    let (target, mut has_part, mut old) = (target(item)?, false, OldFiles::default());
    for id in item.parts.undeleted.iter().chain(&item.parts.names) {
        let part = Part::new(*id, &target)?;
        old.may_be_aside_for(&part)?;
        old.look(context, host, &target).await?;
        has_part |= files::delete_own(context, host, &part.stored).await?;
    }
    old.leave(context, host, &target);
    Ok(has_part)
}

/// Whether the directory of a file of this host is not there: somebody has deleted it with what was in it, or renamed it.
fn is_directory_gone(host: &Host, target: &PathName) -> bool {
    let (Host::Local(_), Some(directory)) = (host, place::parent(target)) else { return false };
    LocalName::typed(&directory).entry().is_ok_and(|found| found.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::PartId;

    #[test]
    fn what_is_left_has_the_name_of_its_site_only_if_no_other_site_may_be_meant() {
        let settings = "[sites.aa]\nurl = \"ftp://ann@h:2121/\"\nproxy = \"socks5://p:1\"\n\
                        [sites.bb]\nurl = \"ftp://ann@h:2121/\"\nproxy = \"socks5://p:2\"\n";
        let known = crate::config::parse(settings, std::path::Path::new("config.toml"), None).unwrap().sites;
        let [aa, bb] = ["aa", "bb"].map(|name| known.find(name).unwrap().site.clone());
        let path = b"a;rm b/c".to_vec();
        let place = Place { source: String::new(), site: names::name_in_journal(&bb), path };
        let parts = ItemParts { names: vec![PartId(0xab)], ..ItemParts::default() };
        let name = |sites: &[Site]| left_of(&place, &parts, sites).stored;
        let part = ".00000000000000ab.ftp-user.part'";
        assert_eq!(name(std::slice::from_ref(&bb)), [format!("'bb:a;rm%20b/{part}")]);
        let all = left_of(&place, &parts, [&bb]);
        let old = "'bb:a;rm%20b/.00000000000000ab.ftp-user.old'".to_owned();
        assert_eq!((all.target.as_str(), all.old), ("'bb:a;rm%20b/c'", vec![old]));
        assert_eq!(name(&[bb.clone(), bb.clone()]), [format!("'bb:a;rm%20b/{part}")]);
        for sites in [&[] as &[Site], &[aa, bb]] {
            assert_eq!(name(sites), [format!("'ftp://ann@h:2121/a;rm%20b/{part}")]);
        }
    }
}
