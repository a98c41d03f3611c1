//! Names that only the destination shows: right before one is deleted, the source is asked whether it surely lacks it. Servers
//! hide names (vsftpd those that begin with a dot), some cut their listings without a word, and a disk may fail. And what a name is
//! at the destination then: servers look through a symbolic link when they are asked for one name, so a link is looked for in
//! the listing of its directory.

use super::plan::cannot_keep;
use crate::context::Context;
use crate::endpoint::Host;
use crate::endpoint::files::{self, Lack};
use crate::failure::Result;
use crate::job::checked_directories::answer_if_any;
use crate::job::removal::ReachedName;
use crate::job::retry::ask;
use crate::job::spool::{Spool, TreeEntry};
use crate::place;
use crate::session::Facts;
use ftp_proto::deletion::{Learnt, SessionId};
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use std::collections::{BTreeMap, HashSet, VecDeque};

/// What the source is asked for. The questions for some names are asked together, before the first of them is needed.
#[derive(Debug)]
pub(super) struct LackingNames {
    /// Where the source is.
    root: PathName,
    /// The next names.
    ahead: VecDeque<QueuedName>,
    /// The last directory that was asked for, with what the source has said of it: it holds for all that is in it.
    last: Option<(PathName, Learnt<Lack>)>,
}

/// A name that comes next.
#[derive(Debug)]
struct QueuedName {
    entry: TreeEntry,
    /// Whether the source is asked about it.
    is_asked: bool,
    /// What the source has said.
    answer: Option<Learnt<Lack>>,
}

/// The names of one directory of the source that are to be asked for, each with its place in the queue; `None` is the last
/// directory.
type Questions = Vec<(Option<usize>, PathName)>;

impl LackingNames {
    /// Nothing was asked for yet.
    pub(super) const fn at(root: PathName) -> Self {
        Self { root, ahead: VecDeque::new(), last: None }
    }

    /// How many of these names were not returned yet, and `need` an answer.
    pub(super) fn left(&self, mut surplus: Spool<TreeEntry>, needs: impl Fn(&TreeEntry) -> bool) -> u64 {
        let ahead = self.ahead.iter().filter(|next| next.is_asked).count() as u64;
        let rest = std::iter::from_fn(|| surplus.pop().ok().flatten());
        ahead + rest.filter(needs).count() as u64
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
    ) -> Result<Option<(TreeEntry, Option<Learnt<Lack>>)>> {
        if self.ahead.is_empty() {
            while self.ahead.len() < MOST_NAMES {
                let Some(entry) = surplus.pop().map_err(|error| cannot_keep(&error))? else { break };
                self.ahead.push_back(QueuedName { is_asked: needs(&entry), entry, answer: None });
            }
            self.ask(context, host).await?;
        }
        if self.ahead.front().is_some_and(|next| next.is_asked) {
            let now = open_session(context, host).await;
            // What was said in another session does not count any more.
            let answer = self.ahead.front().and_then(|next| self.above(&next.entry.path).or(next.answer));
            if answer.map(|answer| answer.session()) != now {
                self.ask(context, host).await?;
            }
        }
        let Some(QueuedName { entry, is_asked, answer }) = self.ahead.pop_front() else { return Ok(None) };
        if !is_asked {
            return Ok(Some((entry, None)));
        }
        let above = self.above(&entry.path);
        let answer = above.or(answer);
        if let (None, Some(answer), true) = (above, answer, entry.is_directory()) {
            self.last = Some((entry.path.clone(), answer));
        }
        Ok(Some((entry, Some(answer.unwrap_or(Learnt::new(Lack::UNKNOWN, SessionId::HERE))))))
    }

    /// What the source has said of the directory that contains this name.
    fn above(&self, path: &PathName) -> Option<Learnt<Lack>> {
        self.last.as_ref().filter(|(directory, _)| path.is_below(directory)).map(|(_, answer)| *answer)
    }

    /// Asks for all names of the queue, directory by directory.
    async fn ask(&mut self, context: &Context, host: &mut Host) -> Result<()> {
        for (directory, questions) in self.questions() {
            let names = questions.iter().map(|(_, name)| name.clone()).collect();
            let answers = self.lack(context, host, directory, names).await?;
            for ((place, _), answer) in questions.into_iter().zip(answers) {
                match place.map(|place| self.ahead.get_mut(place)) {
                    Some(next) => next.into_iter().for_each(|next| next.answer = Some(answer)),
                    None => self.last.iter_mut().for_each(|(_, last)| *last = answer),
                }
            }
        }
        Ok(())
    }

    /// What is to be asked for in which directory of the source. A directory that is asked for answers for all that is in it.
    fn questions(&self) -> BTreeMap<Option<PathName>, Questions> {
        let mut questions: BTreeMap<Option<PathName>, Questions> = BTreeMap::new();
        let mut add = |place, below: &PathName| {
            let path = place::join(Some(&self.root), below);
            if let Some(name) = place::base_name(&path) {
                questions.entry(place::parent(&path)).or_default().push((place, name));
            }
        };
        let mut directory = self.last.as_ref().map(|(directory, _)| directory);
        let first = self.ahead.front().map(|next| &next.entry.path);
        if let (Some(last), Some(first)) = (directory, first)
            && first.is_below(last)
        {
            add(None, last);
        }
        for (place, QueuedName { entry, is_asked, .. }) in self.ahead.iter().enumerate() {
            let is_answered = directory.is_some_and(|directory| entry.path.is_below(directory));
            if *is_asked && !is_answered {
                add(Some(place), &entry.path);
                if entry.is_directory() {
                    directory = Some(&entry.path);
                }
            }
        }
        questions
    }

    /// Asks for names of one directory. Where the source does not list the directory, it may lack that, or one above it: the
    /// topmost one that it lacks answers for all that is in it.
    async fn lack(
        &self,
        context: &Context,
        host: &mut Host,
        mut directory: Option<PathName>,
        mut names: Vec<PathName>,
    ) -> Result<Vec<Learnt<Lack>>> {
        let count = names.len();
        loop {
            let said = ask!(context, host, files::lack(context, host, directory.as_ref(), &names));
            let Some(said) = answer_if_any(said)? else { return Ok(Vec::new()) };
            let said: Vec<Learnt<Lack>> = said.each().collect();
            let is_listed = said.iter().all(|said| said.told().is_listed_whole);
            let above = directory.as_ref().filter(|directory| !is_listed && directory.is_below(&self.root));
            let Some((path, name)) = above.and_then(|path| Some((path, place::base_name(path)?))) else {
                let one = said.first().copied();
                let for_all = || one.into_iter().cycle().take(count).collect();
                return Ok(if said.len() == count { said } else { for_all() });
            };
            (directory, names) = (place::parent(path), vec![name]);
        }
    }
}

/// The number of the open session; none if it was lost.
pub(super) async fn open_session(context: &Context, host: &mut Host) -> Option<SessionId> {
    if let Host::Server(server) = host
        && !server.is_connected(context).await
    {
        return None;
    }
    host.evidence_session()
}

/// The symbolic links of the directory of a server that was listed last.
#[derive(Debug, Default)]
pub(super) struct ListedLinks {
    last: Option<LinkListing>,
}

/// A directory that was listed.
#[derive(Debug)]
struct LinkListing {
    path: Option<PathName>,
    links: HashSet<PathName>,
    /// How often it was asked: somebody may have put a file in the place of a link meanwhile.
    asked: usize,
}

impl ListedLinks {
    /// What has the name now that its listing has shown as `seen`; `None` if that is nothing.
    pub(super) async fn now(
        &mut self,
        context: &Context,
        host: &mut Host,
        reached: &ReachedName,
        seen: &Facts,
    ) -> Result<Option<Facts>> {
        if seen.kind == Kind::Link && !host.is_local() && self.has(context, host, &reached.path).await? {
            return Ok(Some(Facts { kind: Kind::Link, ..seen.clone() }));
        }
        ask!(context, host, reached.facts(context, host))
    }

    /// Whether the listing of its directory shows a symbolic link at `path`, and nothing else.
    async fn has(&mut self, context: &Context, host: &mut Host, path: &PathName) -> Result<bool> {
        let Some(name) = place::base_name(path) else { return Ok(false) };
        let directory = place::parent(path);
        let is_known = |last: &&mut LinkListing| last.path == directory && last.asked < MOST_ASKED;
        if let Some(last) = self.last.as_mut().filter(is_known) {
            last.asked += 1;
            return Ok(last.links.contains(&name));
        }
        let links = ask!(context, host, files::list_certain_links(context, host, directory.as_ref()))?;
        let is_there = links.contains(&name);
        self.last = Some(LinkListing { path: directory, links, asked: 1 });
        Ok(is_there)
    }
}

/// The number of names that are looked for in one listing.
const MOST_ASKED: usize = 100;
/// The largest number of names that are asked for together.
const MOST_NAMES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::endpoint::LocalEnd;
    use crate::place::tests::path;
    use ftp_proto::deletion::Presence;

    #[tokio::test]
    async fn what_the_source_has_is_not_lacking_and_a_directory_answers_for_what_is_in_it() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("kept")).unwrap();
        std::fs::write(home.path().join("hidden"), "").unwrap();
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
            surplus.push(TreeEntry { path: path(name.trim_end_matches('/')), facts }).unwrap();
        }
        let mut lacking = LackingNames::at(path(home.path()));
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
