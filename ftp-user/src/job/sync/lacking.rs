//! Names that only the destination shows: right before one is deleted, the source is asked whether it surely lacks it. Servers
//! hide names (vsftpd those that begin with a dot), some cut their listings without a word, and a disk may fail.

use super::listed::cannot_keep;
use crate::context::Context;
use crate::endpoint::{self, Host};
use crate::failure::{Failure, Kind};
use crate::job::retrying::outage::asked;
use crate::job::sorted_names::TreeEntry;
use crate::job::spool::Spool;
use crate::job::summary::tally::Tally;
use crate::place;
use crate::report::several;
use crate::session::Lack;
use ftp_proto::deletion::{Learnt, ReasonToKeep, SessionId};
use ftp_proto::wire::PathName;
use std::collections::{BTreeMap, VecDeque};

/// What the source is asked for. The questions for some names are asked together, before the first of them is needed.
#[derive(Debug)]
pub(super) struct LackingNames {
    /// Where the source is.
    root: PathName,
    /// The next names, with what the source has said. `None` is not asked for.
    ahead: VecDeque<(TreeEntry, Option<Learnt<Lack>>)>,
    /// The last directory that was asked for, with what the source has said of it: it holds for all that is in it.
    last: Option<(PathName, Learnt<Lack>)>,
    /// Names that stay, by the reason, and by whether a name of the path begins with a dot: many servers hide such names.
    stay: BTreeMap<(ReasonToKeep, bool), Staying>,
}

/// Names that stay for one reason.
#[derive(Debug)]
struct Staying {
    count: u64,
    first: PathName,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Ahead(usize),
    Last,
}

impl LackingNames {
    /// Nothing was asked for yet.
    pub(super) const fn at(root: PathName) -> Self {
        Self { root, ahead: VecDeque::new(), last: None, stay: BTreeMap::new() }
    }

    /// The next name of `surplus`, and what the source says of it, if it `needs` an answer. Directories come right before what
    /// is in them. The answer is of the session that is open now.
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
    ) -> Result<Option<(TreeEntry, Option<Learnt<Lack>>)>, Failure> {
        if self.ahead.is_empty() {
            self.take_ahead(surplus)?;
            self.ask(context, host, &needs).await?;
        }
        if self.ahead.front().is_some_and(|(entry, _)| needs(entry)) {
            let now = session(context, host).await;
            if self.is_stale(now) {
                self.ask(context, host, &needs).await?;
            }
        }
        let Some((entry, said)) = self.ahead.pop_front() else { return Ok(None) };
        if !needs(&entry) {
            return Ok(Some((entry, None)));
        }
        let said = self.known(&entry.path).or(said);
        if let Some(said) = said
            && entry.is_directory()
            && self.known(&entry.path).is_none()
        {
            self.last = Some((entry.path.clone(), said));
        }
        Ok(Some((entry, Some(said.unwrap_or(Learnt::new(Lack::UNKNOWN, SessionId::HERE))))))
    }

    /// Takes some names.
    fn take_ahead(&mut self, surplus: &mut Spool<TreeEntry>) -> Result<(), Failure> {
        while self.ahead.len() < MOST_NAMES {
            let Some(entry) = surplus.pop().map_err(|error| cannot_keep(&error))? else { break };
            self.ahead.push_back((entry, None));
        }
        Ok(())
    }

    /// Whether what was said of the next name was said in another session than `now`.
    fn is_stale(&self, now: Option<SessionId>) -> bool {
        let Some((entry, said)) = self.ahead.front() else { return false };
        let said = self.known(&entry.path).or(*said);
        said.map(|said| said.session()) != now
    }

    /// Asks for all names that were taken, directory by directory.
    async fn ask(
        &mut self,
        context: &Context,
        host: &mut Host,
        needs: impl Fn(&TreeEntry) -> bool,
    ) -> Result<(), Failure> {
        for (directory, wanted) in self.wanted(needs) {
            let names: Vec<PathName> = wanted.iter().map(|(_, name)| name.clone()).collect();
            let said = self.lack(context, host, (directory, names)).await?;
            for ((slot, _), lack) in wanted.into_iter().zip(said) {
                match slot {
                    Slot::Ahead(index) => {
                        if let Some((_, told)) = self.ahead.get_mut(index) {
                            *told = Some(lack);
                        }
                    }
                    Slot::Last => self.last.iter_mut().for_each(|(_, told)| *told = lack),
                }
            }
        }
        Ok(())
    }

    /// Asks for names of one directory. Where the source does not list the directory, it may lack that, or one above it: the
    /// topmost one that it lacks answers for all that is in it.
    async fn lack(
        &self,
        context: &Context,
        host: &mut Host,
        (mut directory, mut names): (Option<PathName>, Vec<PathName>),
    ) -> Result<Vec<Learnt<Lack>>, Failure> {
        let count = names.len();
        loop {
            let said = asked(context, host, async |host| {
                endpoint::lack(context, host, directory.as_ref(), &names).await
            });
            let said: Vec<Learnt<Lack>> = match said.await {
                Ok(said) => said.each().collect(),
                Err(failure) if failure.ends_the_work() => return Err(failure),
                Err(_) => return Ok(Vec::new()),
            };
            let is_listed = said.iter().all(|said| said.told().is_listed_whole);
            let above = directory.as_ref().filter(|directory| !is_listed && directory.is_below(&self.root));
            let Some((path, name)) = above.and_then(|path| Some((path, place::base_name(path)?))) else {
                let one = said.first().copied();
                return Ok(if said.len() == count {
                    said
                } else {
                    one.into_iter().cycle().take(count).collect()
                });
            };
            (directory, names) = (place::parent(path), vec![name]);
        }
    }

    /// What is to be asked for in which directory of the source. A directory that is asked for answers for all that is in it.
    fn wanted(
        &self,
        needs: impl Fn(&TreeEntry) -> bool,
    ) -> BTreeMap<Option<PathName>, Vec<(Slot, PathName)>> {
        let mut wanted: BTreeMap<Option<PathName>, Vec<(Slot, PathName)>> = BTreeMap::new();
        let mut want = |slot, below: &PathName| {
            let path = place::join(Some(&self.root), below);
            if let Some(name) = place::base_name(&path) {
                wanted.entry(place::parent(&path)).or_default().push((slot, name));
            }
        };
        let mut directory = self.last.as_ref().map(|(directory, _)| directory);
        let begins_inside =
            directory.zip(self.ahead.front()).is_some_and(|(last, (next, _))| next.path.is_below(last));
        if let Some(last) = directory.filter(|_| begins_inside) {
            want(Slot::Last, last);
        }
        for (index, (entry, _)) in self.ahead.iter().enumerate() {
            let is_known = directory.is_some_and(|directory| entry.path.is_below(directory));
            if needs(entry) && !is_known {
                want(Slot::Ahead(index), &entry.path);
                if entry.is_directory() {
                    directory = Some(&entry.path);
                }
            }
        }
        wanted
    }

    /// Notes that a name stays.
    pub(super) fn stays(&mut self, path: &PathName, why: ReasonToKeep) {
        let begins_with_dot = path.as_bytes().split(|byte| *byte == b'/').any(|name| name.starts_with(b"."));
        let staying = self
            .stay
            .entry((why, begins_with_dot))
            .or_insert_with(|| Staying { count: 0, first: path.clone() });
        staying.count += 1;
    }

    /// Tells which names stay. That the source hides names that begin with a dot is no failure: each night would be the same. Any
    /// other name that its listing lacks is one, and so is one of which nobody can tell.
    pub(super) fn tell(&self, context: &Context, (source, destination): (&Host, String), tally: &mut Tally) {
        for ((why, begins_with_dot), Staying { count, first }) in &self.stay {
            let first = source.show(&place::join(Some(&self.root), first));
            let names = several(*count, "name");
            if *why == ReasonToKeep::There && *begins_with_dot {
                context.run.events.warn(format!(
                    "not deleted: {names} that no listing of the source shows, but that the source has when it is asked; the first is {first}; its server may hide names or cut its listings"
                ));
                continue;
            }
            let what = format!("not deleted: {names}, because {why}; the first is {first}");
            let failure = Failure::new(Kind::Refused, what)
                .hint("look at the source: its disk or its server may have failed; the next sync asks again");
            tally.failed(first, destination.clone(), failure);
        }
    }

    fn known(&self, path: &PathName) -> Option<Learnt<Lack>> {
        let (directory, said) = self.last.as_ref()?;
        path.is_below(directory).then_some(*said)
    }
}

/// The number of the open session; none if it was lost.
pub(super) async fn session(context: &Context, host: &mut Host) -> Option<SessionId> {
    if let Host::Server(server) = host
        && !server.is_connected(context).await
    {
        return None;
    }
    host.evidence_session()
}

/// The largest number of names that are asked for together.
const MOST_NAMES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::endpoint::LocalEnd;
    use crate::session::Facts;
    use ftp_proto::deletion::Presence;
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
        let many: Vec<String> = (0..1500).map(|number| format!("gone/{number:04}")).collect();
        let mut names = vec!["gone/"];
        names.extend(many.iter().map(String::as_str));
        names.extend(["hidden", "kept/", "kept/a", "kept/b", "not-asked", "old"]);
        for name in &names {
            let kind = if name.ends_with('/') { Kind::Directory } else { Kind::File };
            let facts = Facts::of_kind(kind);
            let path = PathName::from_user(name.trim_end_matches('/')).unwrap();
            surplus.push(TreeEntry { path, facts }).unwrap();
        }
        let mut lacking = LackingNames::at(root);
        let needs = |entry: &TreeEntry| entry.path.as_bytes() != b"not-asked";
        let (mut found, mut stay) = (0, Vec::new());
        while let Some((entry, lack)) = lacking.next(&context, &mut host, &mut surplus, needs).await.unwrap()
        {
            found += 1;
            assert_eq!(lack.is_none(), entry.path.as_bytes() == b"not-asked");
            if lack
                .is_some_and(|lack| lack.in_session(SessionId::HERE).unwrap().presence != Presence::Missing)
            {
                stay.push(entry.path.display());
            }
        }
        assert_eq!(
            (found, stay.as_slice()),
            (names.len(), ["hidden", "kept", "kept/a", "kept/b"].map(str::to_owned).as_slice())
        );
    }
}
