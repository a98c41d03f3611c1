//! The directories of a tree, each looked at right before something in it is deleted: a server may show a symbolic link as a
//! directory, and somebody may put one where a directory was.

use super::retry::ask;
use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{Failure, Kind, Result};
use crate::job::removal::{Removal, Scope, against};
use crate::place;
use crate::session::Role;
use ftp_io::lock::Lock;
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Why names of a tree are deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DeletionPurpose {
    /// All of it is deleted.
    Remove,
    /// What was copied of it is deleted.
    Move,
    /// What another tree lacks is deleted. Directories on the way to it may belong to both, so that no link is deleted for
    /// one.
    Sync,
}

/// What was found where a directory was shown. The path is the one below the place; `None` is the place itself.
#[derive(Debug)]
pub(crate) enum CheckedEntry {
    /// A directory of the place, or nothing.
    Directory,
    /// A symbolic link, which was deleted. What it led to stays.
    Link(Option<PathName>),
    /// Nothing in it may be deleted, and why.
    Elsewhere(Option<PathName>, Failure),
}

/// The symbolic links of a place that were deleted where directories were shown. Those who delete there share them.
#[derive(Clone, Debug, Default)]
pub(in crate::job) struct DeletedLinks(Arc<Mutex<HashSet<Option<PathName>>>>);

/// The directories below one place. On this host nothing is asked: what deletes there follows no link.
#[derive(Debug)]
pub(crate) struct CheckedDirectories<'a> {
    context: &'a Context,
    scope: Scope,
    purpose: DeletionPurpose,
    /// The path of the place without symbolic links, once it was asked for.
    real: Option<Option<PathName>>,
    /// The directories that were looked at last: each is in the one before it.
    open: Vec<Option<PathName>>,
    /// The symbolic links that were deleted.
    links: DeletedLinks,
    /// The directories that were listed last by LIST, each in the one before it, and the names that they show as directories.
    shown: Vec<(Option<PathName>, HashSet<PathName>)>,
}

impl<'a> CheckedDirectories<'a> {
    /// Nothing was looked at yet.
    pub(crate) fn new(context: &'a Context, scope: &Scope, purpose: DeletionPurpose) -> Self {
        Self {
            context,
            scope: scope.clone(),
            purpose,
            real: None,
            open: Vec::new(),
            links: DeletedLinks::default(),
            shown: Vec::new(),
        }
    }

    /// Those of a tree that is moved: none was looked at yet. Others have deleted these links.
    pub(in crate::job) fn of_move(context: &'a Context, scope: &Scope, links: &DeletedLinks) -> Self {
        Self { links: links.clone(), ..Self::new(context, scope, DeletionPurpose::Move) }
    }

    /// Looks at a directory and at those above it, except at those that were looked at last.
    pub(crate) async fn enter(&mut self, host: &mut Host, below: Option<&PathName>) -> Result<CheckedEntry> {
        if host.is_local() {
            return Ok(CheckedEntry::Directory);
        }
        let mut chain: Vec<Option<PathName>> = with_directories_above(below.cloned()).collect();
        chain.reverse();
        for (depth, directory) in chain.into_iter().enumerate() {
            if self.links.0.locked().contains(&directory) {
                return Ok(CheckedEntry::Link(directory));
            }
            if self.open.get(depth) == Some(&directory) {
                continue;
            }
            self.open.truncate(depth);
            match self.look(host, directory.as_ref()).await? {
                CheckedEntry::Directory => self.open.push(directory),
                CheckedEntry::Link(link) => {
                    self.links.0.locked().insert(link.clone());
                    return Ok(CheckedEntry::Link(link));
                }
                CheckedEntry::Elsewhere(path, failure) => return Ok(CheckedEntry::Elsewhere(path, failure)),
            }
        }
        Ok(CheckedEntry::Directory)
    }

    /// Whether a directory is still one of the place. If it was a symbolic link, the link is deleted, and what it leads to stays.
    ///
    /// # Errors
    ///
    /// What is in it stays, and why.
    pub(crate) async fn is_within(&mut self, host: &mut Host, below: Option<&PathName>) -> Result<bool> {
        match self.enter(host, below).await? {
            CheckedEntry::Directory => Ok(true),
            CheckedEntry::Link(_) => Ok(false),
            CheckedEntry::Elsewhere(_, failure) => Err(failure),
        }
    }

    /// Whether it was a symbolic link, which was deleted.
    pub(crate) fn was_link(&self, below: &PathName) -> bool {
        self.links.0.locked().contains(&Some(below.clone()))
    }

    async fn look(&mut self, host: &mut Host, below: Option<&PathName>) -> Result<CheckedEntry> {
        let context = self.context;
        // What was named as the source of a move, or as the destination of a sync, was read by that name.
        if self.purpose != DeletionPurpose::Remove && below.is_none() {
            return Ok(CheckedEntry::Directory);
        }
        let stays = |failure| Ok(CheckedEntry::Elsewhere(below.cloned(), failure));
        let deleted = match self.purpose {
            DeletionPurpose::Remove | DeletionPurpose::Move => self.delete_link(host, below).await,
            DeletionPurpose::Sync => Ok(false),
        };
        match deleted {
            Ok(true) => return Ok(CheckedEntry::Link(below.cloned())),
            Err(failure) if failure.ends_the_work() => return Err(failure),
            Err(failure) if matches!(failure.kind, Kind::Temporary | Kind::Unverified) => {
                return stays(failure);
            }
            Ok(false) | Err(_) => {}
        }
        if ask!(context, host, files::shows_links(context, host))? {
            return Ok(CheckedEntry::Directory);
        }
        if let Some(failure) = self.compare(host, below).await? {
            return stays(failure);
        }
        let Some(below) = below.filter(|_| self.purpose == DeletionPurpose::Sync) else {
            return Ok(CheckedEntry::Directory);
        };
        let path = self.scope.path(Some(below));
        let why = if !self.is_shown(host, below).await? {
            "LIST does not show it as a directory"
        } else if !ask!(context, host, files::mlst_shows_directory(context, host, &path))? {
            "MLST does not show it as a directory"
        } else {
            return Ok(CheckedEntry::Directory);
        };
        stays(may_be_link(host, &path).hint(format!("{why}; nothing in it was deleted")))
    }

    /// Whether LIST shows a directory as one, and not as a symbolic link. Servers tell by PWD what they were asked for, and
    /// by MLSD where a link leads (pyftpdlib).
    async fn is_shown(&mut self, host: &mut Host, below: &PathName) -> Result<bool> {
        let context = self.context;
        let path = self.scope.path(Some(below));
        let (Some(name), above) = (place::base_name(&path), place::parent(&path)) else { return Ok(false) };
        // Each directory on the way is asked for again for each that is in it.
        while let Some((directory, names)) = self.shown.last() {
            if *directory == above {
                return Ok(names.contains(&name));
            }
            if directory.as_ref().is_none_or(|directory| path.is_at_or_below(directory)) {
                break;
            }
            self.shown.pop();
        }
        let listed = ask!(context, host, files::list_real_directories(context, host, above.as_ref()));
        let names = answer_if_any(listed)?.unwrap_or_default();
        let is_shown = names.contains(&name);
        self.shown.push((above, names));
        let held = |shown: &[(Option<PathName>, HashSet<PathName>)]| -> usize {
            shown.iter().map(|(_, names)| names.len() + 1).sum()
        };
        while self.shown.len() > 1 && held(&self.shown) > MOST_SHOWN {
            self.shown.remove(0);
        }
        Ok(is_shown)
    }

    /// Deletes a symbolic link: DELE refuses a directory. `Ok(false)` if nothing is there.
    async fn delete_link(&self, host: &mut Host, below: Option<&PathName>) -> Result<bool> {
        let context = self.context;
        let link = Removal::link(&self.scope, below)?;
        if self.purpose == DeletionPurpose::Move {
            // A file that has got the name meanwhile was not copied.
            let entry = ask!(context, host, files::facts_of_name(context, host, link.path()))?;
            match entry.map(|entry| entry.kind) {
                None => return Ok(false),
                Some(listing::Kind::Directory) => {}
                Some(_) => {
                    let what = format!("{} is no longer a directory", host.show(link.path()));
                    return Err(Failure::new(Kind::Unverified, what).hint("nothing of it was deleted"));
                }
            }
        }
        ask!(context, host, link.carry_out(context, host))
    }

    /// Compares the path that the server tells of a directory with its name. Returns why nothing in it may be deleted.
    async fn compare(&mut self, host: &mut Host, below: Option<&PathName>) -> Result<Option<Failure>> {
        let context = self.context;
        let root = self.scope.root.clone();
        let path = self.scope.path(below);
        let place = match &self.real {
            Some(real) => real.clone(),
            None => real(context, host, &root).await?,
        };
        self.real = Some(place.clone());
        let own = match below {
            Some(_) => real(context, host, &path).await?,
            None => place.clone(),
        };
        let (Some(place), Some(own)) = (place, own) else {
            let entry = ask!(context, host, files::facts_of_name(context, host, &path))?;
            let failure = may_be_link(host, &path);
            let hint = "its server does not tell its path; nothing in it was deleted";
            return Ok(entry.map(|_| failure.hint(hint)));
        };
        let against = match below {
            Some(below) if own.relative_to(&place).as_ref() == Some(below) => None,
            Some(_) => Some(format!("is a symbolic link to {}", own.display())),
            None => {
                let login = ask!(context, host, files::login_directory(context, host))?;
                let above = match place::parent(&root) {
                    Some(above) => real(context, host, &above).await?,
                    None => login.clone(),
                };
                against(&root, (above.as_ref(), login.as_ref()), &own)
            }
        };
        Ok(against.map(|against| {
            Failure::new(Kind::Refused, format!("{} {against}", host.show(&path)))
                .hint("nothing was deleted there; a link is deleted by whoever owns it")
        }))
    }
}

/// The permit to remove a directory whose listing shows that it is empty now; `None` if it is not. The listing counts in its own
/// session, so a question may be asked again only as a whole.
pub(in crate::job) async fn removal_if_empty(
    context: &Context,
    host: &mut Host,
    scope: &Scope,
    below: Option<&PathName>,
    role: Role,
) -> Result<Option<Removal>> {
    let listing = files::learn_listing(context, host, &scope.path(below)).await?;
    let lost = || Failure::new(Kind::Temporary, format!("a session with the {} was lost", role.name()));
    let now = host.evidence_session().ok_or_else(lost)?;
    Removal::emptied(scope, below, listing, now)
}

/// The answer to a question, if there is one. A failure after which nothing more can be asked is an error; any other says that
/// nobody can tell.
pub(crate) fn answer_if_any<T>(asked: Result<T>) -> Result<Option<T>> {
    match asked {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.ends_the_work() => Err(failure),
        Err(_) => Ok(None),
    }
}

/// The number of names of all listings that are kept. The one that is needed is always kept.
const MOST_SHOWN: usize = 100_000;

/// The path of a directory without symbolic links, if its server tells it.
pub(in crate::job) async fn real(
    context: &Context,
    host: &mut Host,
    path: &PathName,
) -> Result<Option<PathName>> {
    ask!(context, host, files::real_directory(context, host, path))
}

/// The failure if nothing in a directory is deleted, because it may be a symbolic link.
fn may_be_link(host: &Host, path: &PathName) -> Failure {
    Failure::new(Kind::Refused, format!("nobody can tell whether {} is a symbolic link", host.show(path)))
}

/// A path below a place, and the directories above it up to the place itself, which is `None`.
pub(crate) fn with_directories_above(below: Option<PathName>) -> impl Iterator<Item = Option<PathName>> {
    std::iter::successors(Some(below), |path| path.as_ref().map(place::parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directories_above_a_path_end_at_its_place() {
        let check = |below: Option<&str>, expect: &[&str]| {
            let below = below.map(|below| PathName::from_user(below).unwrap());
            let chain: Vec<Option<PathName>> = with_directories_above(below).collect();
            let found: Vec<String> = chain.iter().flatten().map(PathName::display).collect();
            assert_eq!(found, expect);
            assert_eq!((chain.len(), chain.last()), (expect.len() + 1, Some(&None)));
        };
        check(None, &[]);
        check(Some("a"), &["a"]);
        check(Some("a/b/c"), &["a/b/c", "a/b", "a"]);
    }
}
