//! Names of the destination that differ from new ones of the source only in upper and lower case, or in the Unicode form of a
//! letter. A destination that takes both for one would lose the new file with the old name.

use crate::context::{Cancel, Context};
use crate::endpoint::{self, Host};
use crate::failure::Failure;
use crate::job::retrying::outage::asked;
use crate::job::sorted_names::{StopCheck, TreeEntry};
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
    /// Whether the destination has taken names for one that differ in form only. That it has not says nothing of others:
    /// one of both may have gone, or be on another file system.
    forms_are_one: bool,
    /// The same of names that differ in case.
    cases_are_one: bool,
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
    /// The names cannot be kept on the disk, or somebody has asked the program to stop.
    pub(super) fn of(surplus: &mut Spool<TreeEntry>, cancel: &Cancel) -> io::Result<Self> {
        let mut stop = StopCheck::new(cancel);
        let mut twins = Self::default();
        for _ in 0..surplus.len() {
            stop.count()?;
            let Some(entry) = surplus.pop()? else { break };
            if !entry.is_left() {
                twins.note(&entry.path);
            }
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
        let are_one = *self.are_one(difference) || {
            let path = place::join(Some(root), path);
            asked(context, host, async |host| endpoint::entry(context, host, &path).await).await?.is_some()
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

    const fn are_one(&mut self, difference: Difference) -> &mut bool {
        match difference {
            Difference::Form => &mut self.forms_are_one,
            Difference::Case => &mut self.cases_are_one,
        }
    }

    fn learn(&mut self, path: &PathName, difference: Difference, are_one: bool) {
        if are_one {
            *self.are_one(difference) = true;
            let hash = self.hash(path);
            self.spared.insert(hash);
        }
    }

    /// Whether a name of the destination stays, because it is that of a new file.
    pub(super) fn spares(&self, path: &PathName) -> bool {
        (self.forms_are_one || self.cases_are_one) && self.spared.contains(self.hash(path))
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
    use crate::context::Cancel;
    use crate::endpoint::LocalEnd;
    use std::os::unix::ffi::OsStrExt;

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

    #[tokio::test]
    async fn a_name_that_is_not_there_says_nothing_of_the_next_one() {
        // "A.TXT" has a new name since it was listed, so it is not there.
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("README"), "").unwrap();
        let root = PathName::from_user(home.path().as_os_str().as_bytes()).unwrap();
        let context = Context::for_tests(Cancel::never());
        let (mut host, mut twins) = (Host::Local(LocalEnd::Typed), Twins::default());
        let path = |text: &str| PathName::from_user(text).unwrap();
        for surplus in ["a.txt", "readme"] {
            twins.note(&path(surplus));
        }
        for new in ["A.TXT", "README"] {
            twins.look(&context, (&mut host, &root), &path(new)).await.unwrap();
        }
        let spared = ["a.txt", "readme"].map(|name| twins.spares(&path(name)));
        assert_eq!(spared, [false, true]);
    }
}
