//! Sources that are patterns: what they stand for.

use crate::context::Context;
use crate::endpoint::{Host, Pools, files};
use crate::failure::{self, Failure, Result};
use crate::job::check::usable;
use crate::job::retry::ask;
use crate::job::spool::{self, SortedNames, Sorter, TreeEntry};
use crate::place::{self, Location, Place, Remote, RemotePath};
use crate::session::{Facts, Role};
use ftp_proto::listing::Entry;
use ftp_proto::wire::PathName;
use std::io;

/// What a source stands for.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// The names in the directory of a pattern; `None` is the source itself.
    pub(crate) names: Vec<Option<PathName>>,
    /// What cannot be known of the directory.
    pub(crate) gaps: Vec<Failure>,
}

/// What a pattern matches, in the order of the names: an iterator. Little of it is in memory.
#[derive(Debug, Default)]
pub(super) struct SortedMatches {
    names: SortedNames,
    /// How many names they are.
    pub(super) number: usize,
    /// What cannot be known of the directory.
    pub(super) gaps: Vec<Failure>,
}

impl Iterator for SortedMatches {
    type Item = Result<TreeEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.names.next().map_err(|error| cannot_keep(&error)).transpose()
    }
}

/// What a source stands for: itself, or, if it is a pattern, the names that it matches, in their order.
pub(crate) async fn matches(context: &Context, pools: &Pools, source: &Location) -> Result<Matches> {
    if source.glob().is_none() {
        return Ok(Matches { names: vec![None], ..Matches::default() });
    }
    let mut host = Host::at(source, Role::Source, pools);
    let mut matching = matching(context, &mut host, source, |_| true).await?;
    host.release();
    let gaps = std::mem::take(&mut matching.gaps);
    let names = matching.map(|entry| Ok(Some(entry?.path))).collect::<Result<_>>()?;
    Ok(Matches { names, gaps })
}

/// What a pattern matches of that which `takes` says. A source that is no pattern matches nothing.
///
/// # Errors
///
/// The pattern matches nothing, whatever `takes` says; or the directory cannot be listed.
pub(super) async fn matching(
    context: &Context,
    host: &mut Host,
    source: &Location,
    takes: impl Fn(&Entry) -> bool + Send + Sync,
) -> Result<SortedMatches> {
    let Some(glob) = source.glob() else { return Ok(SortedMatches::default()) };
    let directory = place::parent_or_here(&source.path);
    let (mut matched, mut taken, mut kept) = (0, 0, Ok(()));
    let mut sorter = Sorter::new(context.run.cancel.clone());
    let listing = ask!(context, host, async {
        (matched, taken, kept, sorter) = (0, 0, Ok(()), Sorter::new(context.run.cancel.clone()));
        let mut take = |entry: Entry| {
            if glob.matches(entry.name.as_bytes()) && usable(&entry.name).is_ok() {
                matched += 1;
                if takes(&entry) && kept.is_ok() {
                    taken += 1;
                    let (path, facts) = (entry.name.clone(), Facts::from(&entry));
                    kept = sorter.push(TreeEntry { path, facts });
                }
            }
        };
        files::list_each(context, host, &directory, &mut take).await
    })?;
    let gaps = listing.gaps();
    if matched == 0 && gaps.is_empty() {
        return Err(Failure::new(failure::Kind::Missing, format!("nothing matches {source}"))
            .hint("write * as %2A, ? as %3F and [ as %5B in the name of a file"));
    }
    let names = kept.and_then(|()| sorter.finish()).map_err(|error| cannot_keep(&error))?;
    Ok(SortedMatches { names, number: taken, gaps })
}

fn cannot_keep(error: &io::Error) -> Failure {
    spool::cannot_keep("the names that a pattern matches", error)
}

/// The place of a name that the pattern of `source` matches.
pub(crate) fn named(source: &Location, name: PathName) -> Location {
    let path = place::sibling(&source.path, &name);
    let place = match &source.place {
        Place::Remote(Remote { site, .. }) => Place::Remote(Remote {
            site: site.clone(),
            path: RemotePath { name: Some(path.clone()), contents: source.contents, glob: None },
        }),
        Place::Local(local) => Place::Local(local.clone()),
    };
    Location { place, path, contents: source.contents }
}
