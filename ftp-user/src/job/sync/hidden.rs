//! Names that only the destination shows: before one is deleted, the source is asked whether it has it all the same. Servers
//! hide names (vsftpd those that begin with a dot), and some cut their listings without a word.

use super::listed::cannot_keep;
use crate::context::Context;
use crate::endpoint::{self, Host};
use crate::failure::Failure;
use crate::job::retrying::outage::asked;
use crate::job::sorting::tree_entry::TreeEntry;
use crate::job::spool::Spool;
use crate::job::tree::is_below;
use crate::place;
use crate::report::several;
use ftp_proto::wire::PathName;
use std::collections::VecDeque;

/// What the source is asked for. The questions for some names are sent together, before the first of them is needed.
#[derive(Debug)]
pub(super) struct Hidden {
    /// Where the source is.
    root: PathName,
    /// The next names, with what the source has said: whether it lacks them. `None` is not asked for.
    ahead: VecDeque<(TreeEntry, Option<bool>)>,
    /// The last directory that was asked for, and whether the source lacks it, with all that is in it.
    last: Option<(PathName, bool)>,
    /// The number of names that stay.
    stay: u64,
    /// The first of them.
    first: Option<PathName>,
}

impl Hidden {
    /// Nothing was asked for yet.
    pub(super) const fn at(root: PathName) -> Self {
        Self { root, ahead: VecDeque::new(), last: None, stay: 0, first: None }
    }

    /// The next name of `surplus`, and whether the source lacks it, as far as it `needs` an answer. Directories come right
    /// before what is in them.
    ///
    /// # Errors
    ///
    /// The source was given up, somebody has asked the program to stop, or the names cannot be read again.
    pub(super) async fn next(
        &mut self,
        context: &Context,
        host: &mut Host,
        surplus: &mut Spool<TreeEntry>,
        needs: impl Fn(&TreeEntry) -> bool,
    ) -> Result<Option<(TreeEntry, bool)>, Failure> {
        if self.ahead.is_empty() {
            self.ask_ahead(context, host, surplus, &needs).await?;
        }
        let Some((entry, said)) = self.ahead.pop_front() else { return Ok(None) };
        if !needs(&entry) {
            return Ok(Some((entry, true)));
        }
        // Whoever has said nothing may have it.
        let lacks = self.known(&entry.path).or(said).unwrap_or(false);
        self.learn(&entry, lacks);
        Ok(Some((entry, lacks)))
    }

    /// Takes some names and asks for all of them.
    async fn ask_ahead(
        &mut self,
        context: &Context,
        host: &mut Host,
        surplus: &mut Spool<TreeEntry>,
        needs: impl Fn(&TreeEntry) -> bool,
    ) -> Result<(), Failure> {
        let (mut asked_for, mut bytes) = (Vec::new(), 0);
        let mut directory = self.last.as_ref().map(|(directory, _)| directory.clone());
        while self.ahead.len() < MOST_NAMES && asked_for.len() < MOST_QUESTIONS && bytes < MOST_BYTES {
            let Some(entry) = surplus.pop().map_err(|error| cannot_keep(&error))? else { break };
            let is_known = directory.as_ref().is_some_and(|directory| is_below(directory, &entry.path));
            bytes += entry.path.as_bytes().len();
            if needs(&entry) && !is_known {
                asked_for.push((self.ahead.len(), place::join(Some(&self.root), &entry.path)));
                if entry.is_directory() {
                    directory = Some(entry.path.clone());
                }
            }
            self.ahead.push_back((entry, None));
        }
        if asked_for.is_empty() {
            return Ok(());
        }
        let paths: Vec<PathName> = asked_for.iter().map(|(_, path)| path.clone()).collect();
        let said = asked(context, host, async |host| endpoint::have(context, host, &paths).await);
        let said = match said.await {
            Ok(said) => said,
            Err(failure) if failure.ends_the_work() => return Err(failure),
            Err(_) => Vec::new(),
        };
        for ((index, _), has) in asked_for.into_iter().zip(said) {
            if let Some((_, lacks)) = self.ahead.get_mut(index) {
                *lacks = has.map(|has| !has);
            }
        }
        Ok(())
    }

    /// Tells that names stay.
    pub(super) fn tell(&self, context: &Context, host: &Host) {
        let Some(first) = &self.first else { return };
        let first = host.show(&place::join(Some(&self.root), first));
        let names = several(self.stay, "name");
        context.events.warn(format!(
            "not deleted: {names} that no listing of the source shows, but that the source has when it is asked, or does not say that it lacks; the first is {first}; its server may hide names or cut its listings"
        ));
    }

    fn known(&self, path: &PathName) -> Option<bool> {
        let (directory, lacks) = self.last.as_ref()?;
        is_below(directory, path).then_some(*lacks)
    }

    fn learn(&mut self, entry: &TreeEntry, lacks: bool) {
        if entry.is_directory() && self.known(&entry.path).is_none() {
            self.last = Some((entry.path.clone(), lacks));
        }
        if !lacks {
            self.stay += 1;
            self.first.get_or_insert_with(|| entry.path.clone());
        }
    }
}

/// The largest number of names that are taken ahead.
const MOST_NAMES: usize = 1024;
/// The largest number of questions that are sent together. `ftp-server` keeps 64 commands.
const MOST_QUESTIONS: usize = 32;
/// No more names are taken ahead if their paths have so many bytes. `ftp-server` keeps 16 KiB of commands.
const MOST_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::control::Facts;
    use crate::endpoint::LocalEnd;
    use ftp_proto::listing::Kind;
    use std::os::unix::ffi::OsStrExt;

    #[tokio::test]
    async fn what_the_source_has_is_not_lacking_and_a_directory_answers_for_what_is_in_it() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("kept")).unwrap();
        std::fs::write(home.path().join("hidden"), "").unwrap();
        let root = PathName::from_user(home.path().as_os_str().as_bytes()).unwrap();
        let context = Context::for_tests(Cancel::never());
        let mut host = Host::Local(LocalEnd::Typed);
        let mut surplus = Spool::new(10);
        let many: Vec<String> = (0..100).map(|number| format!("gone/{number:03}")).collect();
        let mut names = vec!["gone/"];
        names.extend(many.iter().map(String::as_str));
        names.extend(["hidden", "kept/", "kept/a", "kept/b", "not-asked", "old"]);
        for name in &names {
            let kind = if name.ends_with('/') { Kind::Directory } else { Kind::File };
            let facts = Facts { kind, size: None, modified: None, unique: None, mode: None };
            let path = PathName::from_user(name.trim_end_matches('/')).unwrap();
            surplus.push(TreeEntry { path, facts }).unwrap();
        }
        let mut hidden = Hidden::at(root);
        let needs = |entry: &TreeEntry| entry.path.as_bytes() != b"not-asked";
        let (mut found, mut stay) = (0, Vec::new());
        while let Some((entry, lacks)) = hidden.next(&context, &mut host, &mut surplus, needs).await.unwrap()
        {
            found += 1;
            if !lacks {
                stay.push(entry.path.display());
            }
        }
        assert_eq!(
            (found, stay.as_slice()),
            (names.len(), ["hidden", "kept", "kept/a", "kept/b"].map(str::to_owned).as_slice())
        );
        assert_eq!(hidden.stay, 4);
    }
}
