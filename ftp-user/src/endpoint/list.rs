//! What is in a directory of a server or of this host.

use super::host::Host;
use super::local::local_path;
use crate::context::Context;
use crate::control::{Each, Listing};
use crate::failure::Failure;
use crate::place;
use ftp_proto::listing::{Entry, Kind, When};
use ftp_proto::wire::PathName;
use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

/// The entries of a directory.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub async fn list(context: &Context, host: &mut Host, path: &PathName) -> Result<Listing, Failure> {
    match host {
        Host::Server(server) => server.session(context).await?.list(Some(path)).await,
        Host::Local(_) => {
            let mut entries = Vec::new();
            let listing = here(path, &mut |entry| entries.push(entry))?;
            Ok(Listing { entries, ..listing })
        }
    }
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
) -> Result<Listing, Failure> {
    match host {
        Host::Server(server) => server.session(context).await?.list_each(Some(path), each).await,
        Host::Local(_) => here(path, each),
    }
}

/// Adds the names of the symbolic links that a listing of a server shows; `None` is the login directory. This host is not
/// asked: it tells what a name is.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub(crate) async fn list_links(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
    names: &mut HashSet<PathName>,
) -> Result<(), Failure> {
    let Host::Server(server) = host else { return Ok(()) };
    let mut note = |entry: Entry| {
        if entry.kind == Kind::Link {
            names.insert(entry.name);
        }
    };
    server.session(context).await?.list_each(directory, &mut note).await.map(drop)
}

/// The names in a directory of a server that LIST shows as directories, with their rights, and so not as symbolic links;
/// `None` is the login directory. MLSD may look through links.
///
/// # Errors
/// Fails if the directory cannot be listed so.
pub(crate) async fn list_real_directories(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
) -> Result<HashSet<PathName>, Failure> {
    let Host::Server(server) = host else { return Ok(HashSet::new()) };
    let entries = server.session(context).await?.list_text(directory).await?.entries.into_iter();
    let is_real = |entry: &Entry| entry.kind == Kind::Directory && entry.mode.is_some();
    Ok(entries.filter(is_real).map(|entry| entry.name).collect())
}

/// The path of a file that is not there under the name that a listing has shown, because the listing drops leading
/// blanks; `None` if that is not the reason.
///
/// # Errors
/// Fails if the session with the server is lost.
pub async fn with_blanks(
    context: &Context,
    host: &mut Host,
    path: &PathName,
) -> Result<Option<PathName>, Failure> {
    let (Host::Server(server), Some(name)) = (host, place::base_name(path)) else { return Ok(None) };
    let directory = place::parent(path);
    let session = server.session(context).await?;
    let found = session.name_with_blanks(directory.as_ref(), &name).await?;
    Ok(found.map(|name| place::join(directory.as_ref(), &name)))
}

/// A directory of this host, in the order of names unless it is large.
fn here(path: &PathName, each: Each<'_>) -> Result<Listing, Failure> {
    let failed =
        |error: std::io::Error| Failure::of_this_host(format!("cannot list {}", path.display()), &error);
    let (mut listing, mut sorted) = (Listing::default(), Vec::new());
    for found in std::fs::read_dir(local_path(path)).map_err(failed)? {
        let found = found.map_err(failed)?;
        let kind = found.file_type().map_err(failed)?;
        let kind = if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Directory
        } else if kind.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        };
        // A name with a line feed.
        let Ok(name) = PathName::from_wire(found.file_name().as_bytes()) else {
            listing.omitted += 1;
            continue;
        };
        let mut entry = Entry::new(name, kind);
        if matches!(kind, Kind::File | Kind::Directory)
            && let Ok(facts) = found.metadata()
        {
            (entry.modified, entry.mode) = (Some(When(facts.mtime())), Some(facts.mode() & 0o7777));
            entry.unique = Some(format!("{}-{}", facts.dev(), facts.ino()));
            entry.size = (kind == Kind::File).then_some(facts.len());
        }
        sorted.push(entry);
        if sorted.len() > MOST_SORTED {
            sorted.drain(..).for_each(&mut *each);
        }
    }
    sorted.sort_by(|a: &Entry, b: &Entry| a.name.cmp(&b.name));
    sorted.into_iter().for_each(each);
    Ok(listing)
}

/// A directory with more entries is read a piece at a time, in no order.
const MOST_SORTED: usize = 10_000;
