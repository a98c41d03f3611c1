//! What is in a directory of a server or of this host.

use super::host::Host;
use super::local::local_path;
use crate::context::Context;
use crate::control::Listing;
use crate::failure::Failure;
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

/// The entries of a directory.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub async fn list(context: &Context, host: &mut Host, path: &PathName) -> Result<Listing, Failure> {
    match host {
        Host::Server(server) => server.session(context).await?.list(Some(path)).await,
        Host::Local => here(path),
    }
}

/// A directory of this host, in the order of names.
fn here(path: &PathName) -> Result<Listing, Failure> {
    let failed =
        |error: std::io::Error| Failure::of_this_host(format!("cannot list {}", path.display()), &error);
    let mut listing = Listing::default();
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
        if kind == Kind::Directory {
            entry.unique = found.metadata().ok().map(|facts| format!("{}-{}", facts.dev(), facts.ino()));
        }
        listing.entries.push(entry);
    }
    listing.entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listing)
}
