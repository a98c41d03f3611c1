//! What `rm` would delete at one place: everything is found before anything is deleted. What cannot be listed stays, with the
//! directories above it.

use super::looks::Looks;
use super::targets::{asked, host_of};
use crate::check::Scope;
use crate::context::Context;
use crate::endpoint::{self, Pools};
use crate::failure::{Failure, Kind};
use crate::job::{Fields, Record, Rules, Spool, Visit, Visits, WalkPurpose, put_bytes, put_number, walk};
use crate::place::Location;
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// Everything that would be deleted at one place.
#[derive(Debug)]
pub(super) struct Plan {
    /// The place that was named.
    pub(super) place: Location,
    /// Where it may be.
    pub(super) scope: Scope,
    /// Each name: a directory before what is in it.
    pub(super) names: Spool<Planned>,
    /// How many there are.
    pub(super) totals: Totals,
    /// What could not be looked at or listed: it and what is in it stay. `None` is the place itself.
    pub(super) unlisted: Vec<Option<PathName>>,
    /// The bytes of the paths of the directories.
    paths: usize,
}

/// How much would be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Totals {
    /// The number of files, links among them.
    pub(super) files: u64,
    /// The number of directories.
    pub(super) directories: u64,
    /// The bytes of the files, as far as they are known.
    pub(super) bytes: u64,
}

/// One name that would be deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Planned {
    /// Its path below the place; `None` is the place itself.
    pub(super) below: Option<PathName>,
    /// Whether it is a directory, as its host shows it.
    pub(super) is_directory: bool,
    /// The size of a file in bytes, if it is known.
    pub(super) size: Option<u64>,
}

impl Record for Planned {
    fn write(&self, out: &mut Vec<u8>) {
        let Self { below, is_directory, size } = self;
        put_bytes(out, below.as_ref().map_or(&[], PathName::as_bytes));
        put_number(out, u64::from(*is_directory));
        put_number(out, u64::from(size.is_some()));
        put_number(out, size.unwrap_or(0));
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        // No path is empty.
        let below = Some(fields.bytes()?).filter(|below| !below.is_empty());
        let below = below.map(PathName::from_wire).transpose().ok()?;
        let is_directory = fields.number()? > 0;
        let has_size = fields.number()? > 0;
        let size = Some(fields.number()?).filter(|_| has_size);
        Some(Self { below, is_directory, size })
    }
}

impl Plan {
    fn new(place: &Location, scope: Scope) -> Self {
        Self {
            place: place.clone(),
            scope,
            names: Spool::new(IN_MEMORY),
            totals: Totals::default(),
            unlisted: Vec::new(),
            paths: 0,
        }
    }

    fn add(&mut self, planned: Planned) -> Result<(), Failure> {
        let Totals { files, directories, bytes } = &mut self.totals;
        match planned.is_directory {
            true => *directories += 1,
            false => *files += 1,
        }
        if planned.is_directory {
            self.paths += planned.below.as_ref().map_or(0, |below| below.as_bytes().len());
        }
        if self.paths > MOST_BYTES {
            let what = format!(
                "the paths of the directories in {} take more than {} MiB",
                self.place,
                MOST_BYTES >> 20
            );
            return Err(Failure::new(Kind::Other, what).hint("delete it in parts"));
        }
        *bytes = bytes.saturating_add(planned.size.unwrap_or(0));
        if *files > MOST_FILES || *directories > MOST_DIRECTORIES {
            let what =
                format!("{} has more than {MOST_FILES} files or {MOST_DIRECTORIES} directories", self.place);
            return Err(Failure::new(Kind::Other, what).hint("delete it in parts"));
        }
        let cannot = |error| Failure::of_temporary_files("the names of the tree", &error);
        self.names.push(planned).map_err(cannot)
    }
}

/// Finds what would be deleted at a place.
///
/// # Errors
///
/// Why nothing of it may be deleted. `others` gets what else is not known of it.
pub(super) async fn plan(
    context: &Context,
    pools: &Pools,
    place: &Location,
    recursive: bool,
    (looks, others): (&mut Looks, &mut Vec<(String, Failure)>),
) -> Result<Plan, Failure> {
    let mut host = host_of(place, pools);
    let seen = looks.at(context, &mut host, place, recursive).await?;
    if seen.kind != listing::Kind::Directory {
        if place.contents {
            let what =
                if seen.kind == listing::Kind::Link { "is a symbolic link" } else { "is not a directory" };
            return Err(Failure::usage(format!("{place} {what}")).hint("leave out the / at its end"));
        }
        let scope = Scope::of_entry(place)?;
        let held = looks.hold(&host, scope.root(), &seen)?;
        host.release();
        let mut plan = Plan::new(place, scope.held(held));
        plan.add(Planned { below: None, is_directory: false, size: seen.size })?;
        return Ok(plan);
    }
    if !recursive {
        return Err(Failure::usage(format!("{place} is a directory"))
            .hint("rm -r deletes directories with everything in them"));
    }
    let login =
        asked(context, &mut host, async |host| endpoint::login_directory(context, host).await).await?;
    let scope = Scope::of_tree(place, login.as_ref(), &context.run.own_files)?;
    let held = looks.hold(&host, scope.root(), &seen)?;
    let mut plan = Plan::new(place, scope.held(held));
    plan.add(Planned { below: None, is_directory: true, size: None })?;
    // A server may permit one session.
    let walker = host.beside();
    host.release();
    let rules = Rules { purpose: WalkPurpose::Deleted, ..Rules::default() };
    let visits = walk(context.clone(), walker, (plan.scope.root().clone(), seen.unique), rules);
    take(context, visits, &mut plan, others).await?;
    Ok(plan)
}

/// Takes everything that a walk finds.
async fn take(
    context: &Context,
    mut visits: Visits,
    plan: &mut Plan,
    others: &mut Vec<(String, Failure)>,
) -> Result<(), Failure> {
    while let Some(visit) = tokio::select! {
        visit = visits.next() => visit,
        () = context.run.cancel.cancelled() => return Err(Failure::interrupted()),
    } {
        match visit {
            Visit::Directory(path, _) => {
                plan.add(Planned { below: Some(path), is_directory: true, size: None })?;
            }
            Visit::File(path, facts) => {
                let size = facts.and_then(|facts| facts.size);
                plan.add(Planned { below: Some(path), is_directory: false, size })?;
            }
            Visit::Skipped(path, why) => {
                note(others, plan, Some(path), Failure::new(Kind::Other, why))?;
            }
            Visit::Failed(path, failure) => {
                note(others, plan, path, failure)?;
            }
        }
    }
    if context.run.cancel.is_cancelled() {
        return Err(Failure::interrupted());
    }
    Ok(())
}

/// Notes what is not known.
///
/// # Errors
///
/// So much is not known that nothing of the place is deleted.
fn note(
    others: &mut Vec<(String, Failure)>,
    plan: &mut Plan,
    below: Option<PathName>,
    failure: Failure,
) -> Result<(), Failure> {
    if plan.unlisted.len() >= MOST_TOLD {
        let what = format!("{} was not deleted, because too much of it cannot be listed", plan.place);
        return Err(Failure::new(failure.kind, what).hint("delete what you know in it by its name"));
    }
    let name = match &below {
        Some(below) => format!("{} in {}", below.display(), plan.place),
        None => plan.place.to_string(),
    };
    others.push((
        name.clone(),
        failure.during_unless_interrupted(format!(
            "{name} stays, with what is in it, because its listing is incomplete"
        )),
    ));
    plan.unlisted.push(below);
    Ok(())
}

/// The names of a plan that are in memory. The others wait in a temporary file.
const IN_MEMORY: usize = 1024;
/// The largest number of files of a plan.
const MOST_FILES: u64 = 10_000_000;
/// The largest number of directories of a plan.
const MOST_DIRECTORIES: u64 = 1_000_000;
/// The largest number of bytes of the paths of its directories, which are in memory while they are deleted.
const MOST_BYTES: usize = 128 << 20;
/// The largest number of paths of a plan that cannot be listed.
const MOST_TOLD: usize = 1000;
