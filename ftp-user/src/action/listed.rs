//! The listings by which `rm` deletes: a name goes only if a whole listing of its directory shows it in the session that
//! deletes. What was found before somebody was asked is a plan, and no evidence.

use crate::context::Context;
use crate::endpoint::{self, Host};
use crate::failure::Failure;
use crate::job::asked;
use crate::place;
use ftp_proto::deletion::{Learnt, ListedEntry, ReasonToKeep, SessionId};
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use std::collections::HashMap;

/// The directories that were listed last.
#[derive(Debug, Default)]
pub(super) struct ListedDirectories {
    last: Vec<ListedDirectory>,
}

#[derive(Debug)]
struct ListedDirectory {
    path: Option<PathName>,
    /// What each name is, and whether the listing is whole.
    entries: Learnt<(HashMap<PathName, Kind>, bool)>,
}

impl ListedDirectories {
    /// What the listing of its directory shows at `path` in the session that is open now.
    ///
    /// # Errors
    ///
    /// The directory cannot be listed. The second failure says that the listing does not show it: then it is gone, or nobody can
    /// tell.
    pub(super) async fn entry(
        &mut self,
        context: &Context,
        host: &mut Host,
        path: &PathName,
    ) -> Result<Result<Learnt<ListedEntry>, ReasonToKeep>, Failure> {
        let Some(name) = place::base_name(path) else { return Ok(Err(ReasonToKeep::Outside)) };
        let directory = place::parent(path);
        let now = host.evidence_session();
        let is_known = |listed: &ListedDirectory| {
            listed.path == directory && now.is_some_and(|now| listed.entries.in_session(now).is_ok())
        };
        if !self.last.iter().any(is_known) {
            let listed =
                asked(context, host, async |host| list(context, host, directory.as_ref()).await).await?;
            self.keep(ListedDirectory { path: directory.clone(), entries: listed });
        }
        let Some(listed) = self.last.iter().find(|listed| listed.path == directory) else {
            return Ok(Err(ReasonToKeep::NotListed));
        };
        let by = listed.entries.session();
        let (entries, is_listing_whole) = listed.entries.told();
        let kind = entries.get(&name).copied();
        Ok(kind
            .map(|kind| Learnt::new(ListedEntry { kind, is_listing_whole: *is_listing_whole }, by))
            .ok_or(ReasonToKeep::NotListed))
    }

    /// Remembers a listing. Those of directories above it stay, as far as there is room.
    fn keep(&mut self, listed: ListedDirectory) {
        let is_above = |known: &ListedDirectory| match (&known.path, &listed.path) {
            (Some(above), Some(path)) => path.is_below(above),
            (None, path) => path.is_some(),
            (Some(_), None) => false,
        };
        self.last.retain(is_above);
        self.last.push(listed);
        let names = |last: &[ListedDirectory]| -> usize {
            last.iter().map(|known| known.entries.told().0.len() + 1).sum()
        };
        while self.last.len() > 1 && names(&self.last) > MOST_NAMES {
            self.last.remove(0);
        }
    }
}

/// Lists a directory in the session that is open; `None` is the login directory.
async fn list(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
) -> Result<Learnt<(HashMap<PathName, Kind>, bool)>, Failure> {
    let here = match directory {
        Some(directory) => directory.clone(),
        None => PathName::from_user(".").map_err(|bad| Failure::usage(bad.to_string()))?,
    };
    let mut entries = HashMap::new();
    let listing = endpoint::list_each(context, host, &here, &mut |entry| {
        entries.insert(entry.name, entry.kind);
    })
    .await?;
    let by = host.evidence_session().unwrap_or(SessionId::HERE);
    Ok(Learnt::new((entries, !listing.is_incomplete()), by))
}

/// The number of names of all listings that are kept. The one that is needed is always kept.
const MOST_NAMES: usize = 100_000;
