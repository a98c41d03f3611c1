//! Sources that are patterns: what they stand for.

use crate::check::usable;
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools, list};
use crate::failure::{self, Failure};
use crate::job::retrying::outage::Question;
use crate::place::{self, Location, Place, Remote, RemotePath};
use ftp_proto::listing::Entry;
use ftp_proto::wire::PathName;

/// What a source stands for.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// The names in the directory of a pattern; `None` is the source itself.
    pub(crate) names: Vec<Option<PathName>>,
    /// What cannot be known of the directory.
    pub(crate) gaps: Vec<Failure>,
}

/// What a pattern stands for.
#[derive(Debug, Default)]
pub(super) struct Matching {
    /// What it matches, in the order of the names.
    pub(super) entries: Vec<Entry>,
    /// What cannot be known of the directory.
    pub(super) gaps: Vec<Failure>,
}

/// What a source stands for: itself, or, if it is a pattern, the names that it matches, in their order.
pub(crate) async fn matches(context: &Context, pools: &Pools, source: &Location) -> Result<Matches, Failure> {
    if source.glob().is_none() {
        return Ok(Matches { names: vec![None], ..Matches::default() });
    }
    let mut host = Host::at(source, Role::Source, pools);
    let Matching { entries, gaps } = matching(context, &mut host, source).await?;
    host.release();
    Ok(Matches { names: entries.into_iter().map(|entry| Some(entry.name)).collect(), gaps })
}

/// What a pattern matches. A source that is none matches nothing.
pub(super) async fn matching(
    context: &Context,
    host: &mut Host,
    source: &Location,
) -> Result<Matching, Failure> {
    let Some(glob) = source.glob() else { return Ok(Matching::default()) };
    let directory = place::parent(&source.path).map_or_else(|| RemotePath::default().or_here(), Ok)?;
    let mut question = Question::new(context);
    let listing = loop {
        question.connect(host).await?;
        match list(context, host, &directory).await {
            Ok(listing) => break listing,
            Err(failure) => question.again(failure).await?,
        }
    };
    let gaps = listing.gaps();
    let fits = |entry: &Entry| glob.matches(entry.name.as_bytes()) && usable(&entry.name).is_ok();
    let mut entries: Vec<Entry> = listing.entries.into_iter().filter(fits).collect();
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    if entries.is_empty() && gaps.is_empty() {
        return Err(Failure::new(failure::Kind::Missing, format!("nothing matches {source}"))
            .hint("write * as %2A, ? as %3F and [ as %5B in the name of a file"));
    }
    Ok(Matching { entries, gaps })
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
