//! A source that is a directory.

use super::flow::Flow;
use super::target::{attributes, leaves_root};
use crate::failure::Failure;
use crate::job::claims::given::GivenNames;
use crate::job::moving::MovedDirectories;
use crate::job::request::filter::Filter;
use crate::job::tree::{Found, Rules, Tree};
use crate::place::Location;
use crate::session::Facts;
use ftp_proto::wire::PathName;

/// Copies a directory with everything in it. On this host it stays open meanwhile, and what is in it is read from there.
///
/// # Errors
///
/// The directory was replaced since it was looked at, or cannot be opened.
pub(super) async fn copy(
    (flow, places): (&mut Flow<'_>, &mut GivenNames),
    filter: &Filter,
    (source, known): (&Location, Option<Facts>),
    target: PathName,
) -> Result<(), Failure> {
    let typed = flow.stream.ends().source.beside();
    let walker = match &known {
        Some(seen) => typed.reading(&source.path, seen, flow.options.links.followed())?,
        None => typed.beside(),
    };
    flow.found(flow.context.run.finding.tree());
    let rules = Rules { filter: filter.clone(), links: flow.options.links, ..Rules::default() };
    let moved = flow.moves().then(|| MovedDirectories::new(&source.path, &target, leaves_root(source)));
    // Other workers would hold the session that the walk needs.
    flow.stream.shrink();
    if typed.is_local() {
        flow.stream.read_from(&walker);
    }
    let tree = Tree {
        source: source.path.clone(),
        attributes: attributes(known.as_ref()),
        unique: known.and_then(|facts| facts.unique),
        destination: target,
        options: flow.options,
        rules,
        moved,
        backup: None,
    };
    let notes = (places, &mut *flow.tally);
    Box::pin(tree.copy(flow.context, &mut flow.stream, Found::By(walker), notes)).await;
    if typed.is_local() {
        flow.stream.read_from(&typed);
    }
    Ok(())
}
