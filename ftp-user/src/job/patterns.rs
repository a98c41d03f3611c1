//! Sources that are patterns: what they stand for.

use crate::check::usable;
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools, list};
use crate::failure::{self, Failure};
use crate::job::retrying::outage::Question;
use crate::place::{self, Location, Place, Remote, RemotePath};
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;

/// What a source stands for.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// The names in the directory of a pattern; `None` is the source itself.
    pub(crate) names: Vec<Option<PathName>>,
    /// Those among them that are symbolic links, as far as the listing tells.
    pub(crate) links: Vec<PathName>,
    /// What cannot be known of the directory.
    pub(crate) gaps: Vec<Failure>,
}

/// What a source stands for: itself, or, if it is a pattern, the names that it matches, in their order.
pub(crate) async fn matches(context: &Context, pools: &Pools, source: &Location) -> Result<Matches, Failure> {
    let Some(glob) = source.glob() else { return Ok(Matches { names: vec![None], ..Matches::default() }) };
    let directory = place::parent(&source.path).map_or_else(|| RemotePath::default().or_here(), Ok)?;
    let mut host = Host::at(source, Role::Source, pools);
    let mut question = Question::new(context);
    let listing = loop {
        question.connect(&mut host).await?;
        match list(context, &mut host, &directory).await {
            Ok(listing) => break listing,
            Err(failure) => question.again(failure).await?,
        }
    };
    host.release();
    let gaps = listing.gaps();
    let fits = |entry: &Entry| glob.matches(entry.name.as_bytes()) && usable(&entry.name).is_ok();
    let mut fitting: Vec<Entry> = listing.entries.into_iter().filter(fits).collect();
    fitting.sort_by(|one, other| one.name.cmp(&other.name));
    let links = fitting.iter().filter(|entry| entry.kind == Kind::Link);
    let links = links.map(|entry| entry.name.clone()).collect();
    let names: Vec<_> = fitting.into_iter().map(|entry| Some(entry.name)).collect();
    if names.is_empty() && gaps.is_empty() {
        return Err(Failure::new(failure::Kind::Missing, format!("nothing matches {source}"))
            .hint("write * as %2A, ? as %3F and [ as %5B in the name of a file"));
    }
    Ok(Matches { names, links, gaps })
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
