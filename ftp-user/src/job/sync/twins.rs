//! Names of the destination that differ from new ones of the source only in upper and lower case. A destination that takes
//! both for one would lose the new file with the old name.

use super::named::Named;
use crate::context::Context;
use crate::endpoint::{self, Host};
use crate::failure::Failure;
use crate::job::retrying::outage::asked;
use crate::job::spool::Spool;
use crate::job::tree::folded;
use crate::place;
use ftp_proto::wire::PathName;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io;

/// What only the destination has, by hashes of its paths without their case.
#[derive(Debug, Default)]
pub(super) struct Twins {
    hasher: RandomState,
    surplus: HashSet<u64>,
    /// Whether the destination takes both for one, once that is known.
    are_one: Option<bool>,
    /// The names that are not deleted.
    spared: HashSet<u64>,
}

impl Twins {
    /// No new name was looked at yet.
    ///
    /// # Errors
    ///
    /// The names cannot be kept on the disk.
    pub(super) fn of(surplus: &mut Spool<Named>) -> io::Result<Self> {
        let mut twins = Self::default();
        for _ in 0..surplus.len() {
            let Some(named) = surplus.pop()? else { break };
            twins.surplus.insert(twins.hash(&named.path));
            surplus.push(named)?;
        }
        Ok(twins)
    }

    /// Looks at a name that only the source has, as the listings show it, before anything of it is made at `root`. If it is
    /// there all the same, the destination has it under another name.
    ///
    /// # Errors
    ///
    /// The destination does not answer.
    pub(super) async fn look(
        &mut self,
        context: &Context,
        (host, root): (&mut Host, &PathName),
        path: &PathName,
    ) -> Result<(), Failure> {
        let hash = self.hash(path);
        if !self.surplus.contains(&hash) || self.are_one == Some(false) {
            return Ok(());
        }
        if self.are_one.is_none() {
            let path = place::join(Some(root), path);
            let found =
                asked(context, host, async |host| endpoint::entry(context, host, &path).await).await?;
            self.are_one = Some(found.is_some());
        }
        if self.are_one == Some(true) {
            self.spared.insert(hash);
        }
        Ok(())
    }

    /// Whether a name of the destination stays, because it is that of a new file.
    pub(super) fn spares(&self, path: &PathName) -> bool {
        !self.spared.is_empty() && self.spared.contains(&self.hash(path))
    }

    fn hash(&self, path: &PathName) -> u64 {
        self.hasher.hash_one(folded(path.as_bytes()))
    }
}
