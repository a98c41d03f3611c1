//! What is in a directory of a server or of this host.

use super::host::Host;
use super::local_end::LocalEnd;
use crate::context::Context;
use crate::endpoint::files::{self, Each, Listing};
use crate::failure::Result;
use crate::place;
use crate::session::Facts;
use ftp_proto::deletion::{Learnt, SessionId};
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::manners::{CertainRows, is_certain_directory};
use ftp_proto::wire::PathName;
use std::collections::HashSet;

/// The entries of a directory.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub async fn list(context: &Context, host: &mut Host, path: &PathName) -> Result<Listing> {
    let mut entries = Vec::new();
    let listing = list_each(context, host, path, &mut |entry| entries.push(entry)).await?;
    Ok(Listing { entries, ..listing })
}

/// The entries of a directory, with the session that has told them.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub(crate) async fn learn_listing(
    context: &Context,
    host: &mut Host,
    path: &PathName,
) -> Result<Learnt<Listing>> {
    let listing = list(context, host, path).await?;
    Ok(Learnt::new(listing, host.evidence_session().unwrap_or(SessionId::HERE)))
}

/// Hands over the entries of a directory, as they come where that can be. What is returned has none. If this fails, some
/// may have been handed over.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub async fn list_each(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    each: Each<'_>,
) -> Result<Listing> {
    match host {
        Host::Server(server) => files::list_each(server.session(context).await?, Some(path), each).await,
        Host::Local(end) => here(end, path, each),
    }
}

/// Adds the names of which a row of a server's listing shows a symbolic link; `None` is the login directory. This host is
/// not asked: it tells what a name is.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub(crate) async fn list_links(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
    names: &mut HashSet<PathName>,
) -> Result<()> {
    let Host::Server(server) = host else { return Ok(()) };
    let mut note = |entry: Entry| {
        if entry.kind == Kind::Link {
            names.insert(entry.name);
        }
    };
    files::list_each(server.session(context).await?, directory, &mut note).await.map(drop)
}

/// The names in a directory of a server that are symbolic links for certain; `None` is the login directory.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub(crate) async fn list_certain_links(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
) -> Result<HashSet<PathName>> {
    let Host::Server(server) = host else { return Ok(HashSet::new()) };
    let mut rows = CertainRows::default();
    let mut note = |entry: Entry| rows.note(entry.name, entry.kind == Kind::Link);
    let listing = files::list_each(server.session(context).await?, directory, &mut note).await?;
    Ok(rows.certain(listing.is_incomplete()))
}

/// The names in a directory of a server that LIST shows as directories for certain, with their rights, and so not as
/// symbolic links; `None` is the login directory. MLSD may look through links.
///
/// # Errors
/// Fails if the directory cannot be listed so.
pub(crate) async fn list_real_directories(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
) -> Result<HashSet<PathName>> {
    let Host::Server(server) = host else { return Ok(HashSet::new()) };
    let mut listing = files::list_text(server.session(context).await?, directory).await?;
    let mut rows = CertainRows::default();
    for entry in listing.entries.drain(..) {
        rows.note(entry.name.clone(), is_certain_directory(&entry));
    }
    Ok(rows.certain(listing.is_incomplete()))
}

/// The path of a file that is not there under the name that a listing has shown, because the listing drops leading
/// blanks; `None` if that is not the reason.
///
/// # Errors
/// Fails if the session with the server is lost.
pub async fn with_blanks(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<PathName>> {
    let (Host::Server(server), Some(name)) = (host, place::base_name(path)) else { return Ok(None) };
    let directory = place::parent(path);
    let session = server.session(context).await?;
    let found = files::name_with_blanks(session, directory.as_ref(), &name).await?;
    Ok(found.map(|name| place::join(directory.as_ref(), &name)))
}

/// A directory of this host, in the order of names unless it is large.
fn here(end: &LocalEnd, path: &PathName, each: Each<'_>) -> Result<Listing> {
    let (mut listing, mut sorted) = (Listing::default(), Vec::new());
    let listed = end.list(path, |file_name, facts| {
        // A name with a line feed.
        let Ok(name) = PathName::from_wire(file_name) else { return listing.leave_out(file_name) };
        sorted.push(entry(name, facts));
        if sorted.len() > MOST_SORTED {
            sorted.drain(..).for_each(&mut *each);
        }
    });
    listed.map_err(|error| end.failed(format!("cannot list {}", path.display()), &error))?;
    sorted.sort_by(|a: &Entry, b: &Entry| a.name.cmp(&b.name));
    sorted.into_iter().for_each(each);
    Ok(listing)
}

/// The entry of a name that looks like this.
fn entry(name: PathName, facts: Facts) -> Entry {
    let mut entry = Entry::new(name, facts.kind);
    if matches!(facts.kind, Kind::File | Kind::Directory) {
        (entry.size, entry.modified) = (facts.size, facts.modified);
        (entry.unique, entry.mode) = (facts.unique, facts.mode);
    }
    entry
}

/// A directory with more entries is read a piece at a time, in no order.
const MOST_SORTED: usize = 10_000;
