//! Whether a file can be copied at all.

use crate::endpoint::Host;
use crate::failure::{self, Failure};
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;

/// The facts of a source that can be read. `name` is how reports call it.
pub(crate) fn readable(facts: Option<Facts>, name: &str) -> Result<Facts, Failure> {
    let Some(facts) = facts else {
        return Err(
            Failure::new(failure::Kind::Missing, format!("{name} does not exist")).hint("check the path")
        );
    };
    match facts.kind {
        Kind::File => Ok(facts),
        Kind::Directory | Kind::Current | Kind::Parent => {
            Err(Failure::usage(format!("{name} is a directory")).hint("name a file; copy -r copies trees"))
        }
        Kind::Link | Kind::Other => {
            Err(Failure::new(failure::Kind::Other, format!("{name} is not a regular file")))
        }
    }
}

/// One file at both ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownFile<'a> {
    /// The path of the file.
    pub(crate) path: &'a PathName,
    /// What is known of it; `None` if it does not exist.
    pub(crate) facts: Option<&'a Facts>,
}

/// Refuses to copy a file to itself (H32).
pub(crate) fn refuse_itself(
    ends: &Ends,
    source: KnownFile<'_>,
    target: KnownFile<'_>,
) -> Result<(), Failure> {
    let one_host = match (&ends.source, &ends.destination) {
        (Host::Server(source), Host::Server(destination)) => source.site.is_same(&destination.site),
        (Host::Local(_), Host::Local(_)) => true,
        (Host::Server(_), Host::Local(_)) | (Host::Local(_), Host::Server(_)) => false,
    };
    let unique = |known: KnownFile<'_>| known.facts.and_then(|facts| facts.unique.clone());
    let one_file = match (unique(source), unique(target)) {
        (Some(source), Some(target)) => source == target,
        (Some(_) | None, Some(_) | None) => false,
    };
    if one_host && (one_file || source.path == target.path) {
        return Err(Failure::usage(format!("{} is source and destination", ends.source.show(source.path)))
            .hint("choose another destination"));
    }
    Ok(())
}
