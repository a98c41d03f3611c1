//! Names of the destination that differ from new ones of the source only in upper and lower case, or in the Unicode form of a
//! letter. A destination that takes both for one would lose the new file with the old name.

use super::tree_entry::TreeEntry;
use crate::context::Context;
use crate::endpoint::{self, Host};
use crate::failure::Failure;
use crate::job::retrying::outage::asked;
use crate::job::spool::Spool;
use crate::job::tree::{Hashes, folded, one_form};
use crate::place;
use ftp_proto::wire::PathName;
use std::hash::{BuildHasher, RandomState};
use std::io;

/// What only the destination has, by hashes of its paths.
#[derive(Debug, Default)]
pub(super) struct Twins {
    hasher: RandomState,
    /// Paths without their case and in one form.
    surplus: Hashes,
    /// Paths in one form.
    forms: Hashes,
    /// Whether the destination takes names for one that differ in form only, once that is known.
    forms_are_one: Option<bool>,
    /// The same of names that differ in case.
    cases_are_one: Option<bool>,
    /// The names that are not deleted.
    spared: Hashes,
}

/// In what two names differ: their form only, or their case as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Difference {
    Form,
    Case,
}

impl Twins {
    /// No new name was looked at yet.
    ///
    /// # Errors
    ///
    /// The names cannot be kept on the disk.
    pub(super) fn of(surplus: &mut Spool<TreeEntry>) -> io::Result<Self> {
        let mut twins = Self::default();
        for _ in 0..surplus.len() {
            let Some(entry) = surplus.pop()? else { break };
            twins.note(&entry.path);
            surplus.push(entry)?;
        }
        Ok(twins)
    }

    fn note(&mut self, path: &PathName) {
        let (hash, form) = (self.hash(path), self.form(path));
        self.surplus.insert(hash);
        self.forms.insert(form);
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
        let Some(difference) = self.difference(path) else { return Ok(()) };
        let are_one = match *self.are_one(difference) {
            Some(known) => known,
            None => {
                let path = place::join(Some(root), path);
                asked(context, host, async |host| endpoint::entry(context, host, &path).await)
                    .await?
                    .is_some()
            }
        };
        self.learn(path, difference, are_one);
        Ok(())
    }

    /// In what a new name differs from one that only the destination has, if there is one.
    fn difference(&self, path: &PathName) -> Option<Difference> {
        if !self.surplus.contains(self.hash(path)) {
            return None;
        }
        Some(if self.forms.contains(self.form(path)) { Difference::Form } else { Difference::Case })
    }

    const fn are_one(&mut self, difference: Difference) -> &mut Option<bool> {
        match difference {
            Difference::Form => &mut self.forms_are_one,
            Difference::Case => &mut self.cases_are_one,
        }
    }

    fn learn(&mut self, path: &PathName, difference: Difference, are_one: bool) {
        *self.are_one(difference) = Some(are_one);
        if are_one {
            let hash = self.hash(path);
            self.spared.insert(hash);
        }
    }

    /// Whether a name of the destination stays, because it is that of a new file.
    pub(super) fn spares(&self, path: &PathName) -> bool {
        let has_any = [self.forms_are_one, self.cases_are_one].contains(&Some(true));
        has_any && self.spared.contains(self.hash(path))
    }

    fn hash(&self, path: &PathName) -> u64 {
        self.hasher.hash_one(folded(path.as_bytes()))
    }

    fn form(&self, path: &PathName) -> u64 {
        self.hasher.hash_one(one_form(path.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_if_the_destination_takes_a_new_one_for_it() {
        let path = |text: &str| PathName::from_user(text).unwrap();
        let mut twins = Twins::default();
        for surplus in ["d/README", "caf\u{e9}", "other"] {
            twins.note(&path(surplus));
        }
        assert_eq!(twins.difference(&path("d/readme")), Some(Difference::Case));
        assert_eq!(twins.difference(&path("cafe\u{301}")), Some(Difference::Form));
        assert_eq!(twins.difference(&path("CAFE\u{301}")), Some(Difference::Case));
        assert_eq!(twins.difference(&path("d/new")), None);
        // A destination may take forms for one and not cases.
        twins.learn(&path("d/readme"), Difference::Case, false);
        twins.learn(&path("cafe\u{301}"), Difference::Form, true);
        let spared = ["d/README", "caf\u{e9}", "other"].map(|name| twins.spares(&path(name)));
        assert_eq!(spared, [false, true, false]);
    }
}
