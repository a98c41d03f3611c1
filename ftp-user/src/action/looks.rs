//! What `rm` sees at the places that it was given, and what keeps them the same until they are deleted.

use super::targets::{asked, missing};
use crate::check::Scope;
use crate::context::Context;
use crate::endpoint::{self, Held, HeldDirectories, Host};
use crate::failure::Failure;
use crate::place::{self, Location};
use crate::session::Facts;
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::HashSet;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Looks {
    directories: HeldDirectories,
    /// The directory of a server that was listed last. The places of a pattern are in one.
    last: Option<Links>,
}

/// The symbolic links of a directory.
#[derive(Debug)]
struct Links {
    host: String,
    directory: Option<PathName>,
    names: HashSet<PathName>,
}

impl Looks {
    /// What a place is, where a symbolic link is one. Servers look through links when they are asked for one name; where
    /// it matters, because the place `may_be_tree`, the listing of its directory tells.
    ///
    /// # Errors
    ///
    /// Nothing is there, or it cannot be determined.
    pub(super) async fn at(
        &mut self,
        context: &Context,
        host: &mut Host,
        place: &Location,
        may_be_tree: bool,
    ) -> Result<Facts, Failure> {
        // With a slash at its end, a link would be followed.
        let scope = Scope::of_entry(place);
        let path = scope.as_ref().map_or(&place.path, Scope::root);
        let found = asked(context, host, async |host| endpoint::entry(context, host, path).await).await?;
        let mut seen = found.ok_or_else(|| missing(&place.to_string()))?;
        if may_be_tree && seen.kind == listing::Kind::Directory && self.is_link(context, host, path).await? {
            seen.kind = listing::Kind::Link;
        }
        Ok(seen)
    }

    /// Keeps a place of this host what it was when it looked like `seen`.
    ///
    /// # Errors
    ///
    /// See [`HeldDirectories::place`].
    pub(super) fn hold(
        &mut self,
        host: &Host,
        root: &PathName,
        seen: &Facts,
    ) -> Result<Option<Held>, Failure> {
        self.directories.place(host, root, seen)
    }

    /// Whether a server shows in its directory that this is a symbolic link. A server that does not list the directory is
    /// believed: what is in a link is looked at again before it is deleted.
    async fn is_link(
        &mut self,
        context: &Context,
        host: &mut Host,
        path: &PathName,
    ) -> Result<bool, Failure> {
        if host.is_local() {
            return Ok(false);
        }
        let Some(name) = place::base_name(path) else { return Ok(false) };
        let (directory, server) = (place::parent(path), host.name());
        let is_known = |last: &&Links| last.host == server && last.directory == directory;
        if let Some(last) = self.last.as_ref().filter(is_known) {
            return Ok(last.names.contains(&name));
        }
        let listed = asked(context, host, async |host| {
            let mut names = HashSet::new();
            endpoint::list_links(context, host, directory.as_ref(), &mut names).await?;
            Ok(names)
        });
        match listed.await {
            Ok(names) => {
                let is_link = names.contains(&name);
                self.last = Some(Links { host: server, directory, names });
                Ok(is_link)
            }
            Err(failure) if failure.ends_the_work() => Err(failure),
            Err(_) => Ok(false),
        }
    }
}
